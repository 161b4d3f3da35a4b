"""What all phases share: where things lie, what was found so far, what is written when."""

import json
import os
import sys
import time

from measure import HERE, run

BIN = HERE / "bin"
SCHEMA = "scalelaw.gpu_results/1"
# In the order in which they run.
NAMES = ["device", "tests", "agreement", "speed", "quick", "ladder"]


class Log:
    """log.txt: what every program said."""

    def __init__(self, path):
        self.path = path
        path.write_text("")

    def __call__(self, text):
        try:
            with open(self.path, "a") as file:
                file.write(text)
        except OSError as error:  # a full disk: the phases go on
            print(f"error: {self.path}: {error}", file=sys.stderr)


def earlier_results(path, fresh):
    """What is there from the same bundle on the same kind of device, so that a phase can be repeated by itself."""
    try:
        old = json.loads(path.read_text())
        same = all(old[key] == fresh[key] for key in ("schema", "bundle", "on")) and isinstance(old["phases"], dict)
    except (OSError, ValueError, KeyError, TypeError):
        return fresh
    return old if same else fresh


class Context:
    """started: an ExitStack of what runs beside the phases."""

    def __init__(self, cpu, out, work, wanted, started):
        self.device = "cpu" if cpu else "cuda"
        self.out, self.work, self.wanted, self.started = out, work, wanted, started
        self.python = os.environ.get("PYTHON", "python3")
        self.trainer = BIN / ("scalelaw-trainer" if cpu else "scalelaw-trainer-cuda")
        self.bench = BIN / ("bench_train" if cpu else "bench_train-cuda")
        self.pytorch, self.pytorch_skipped = [], ""
        fresh = {"schema": SCHEMA, "bundle": json.loads((HERE / "bundle.json").read_text()), "on": self.device,
                 "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "phases": {}}
        self.log = Log(out / "log.txt")
        self.results = earlier_results(out / "results.json", fresh)

    def save(self):
        """Whole files only: what is being written when time ends must not spoil what was there."""
        summary = "".join(phase["summary"] + "\n" for name in NAMES if "summary" in (phase := self.results["phases"].get(name, {})))
        texts = {"results.json": json.dumps(self.results, indent=1) + "\n", "speeds.json": json.dumps(self.speeds(), indent=1) + "\n",
                 "summary.txt": summary}
        for name, text in texts.items():
            new = self.out / (name + ".new")
            try:
                new.write_text(text)
                new.replace(self.out / name)
            except OSError as error:
                print(f"error: {new}: {error}", file=sys.stderr)

    def device_name(self):
        gpus = self.results["phases"].get("device", {}).get("gpus")
        return gpus[0]["name"] if gpus else self.device

    def speeds(self):
        """The table that 'scalelaw plan --speeds' reads. A row whose graph was not used is no row of graphs."""
        keys = ["n_layer", "d_model", "d_head", "context", "vocab", "members", "batch_tokens", "precision", "graph", "flops_per_step", "step_s"]
        rows = self.results["phases"].get("speed", {}).get("rows", [])
        kept = [row for row in rows if "step_s" in row and (row["graph"] == "off" or row["commands_per_step"] > 0)]
        return {"schema": "scalelaw.device_speeds/1", "device": self.device_name(), "torch": self.results["bundle"]["torch"],
                "rows": [{key: row[key] for key in keys} for row in kept]}

    def add_records(self, study, records):
        """records.jsonl holds the newest records of each study."""
        path = self.out / "records.jsonl"
        old = path.read_text().splitlines() if path.exists() else []
        lines = [line for line in old if json.loads(line)["study"] != study] + [json.dumps({"study": study, **record}) for record in records]
        path.write_text("".join(line + "\n" for line in lines))

    def bench_corpus(self, clock):
        """128 symbols of a Markov chain, for steps whose losses do not matter."""
        folder = self.work / "bench"
        if not folder.exists() and run([BIN / "bench_train", "corpus", folder], clock, self.log)[0] != 0:
            raise RuntimeError("bench_train corpus failed; see log.txt")
        return folder

    def corpus(self, clock):
        """The corpus of the quick study, built from its text."""
        folder = self.work / "webster1913"
        if not folder.exists():
            code, _, err = run([BIN / "scalelaw", "corpus", "build", "--input", HERE / "data" / "webster1913.txt.zst", "--documents", "entry",
                                "--name", "webster1913", "--out", folder], clock, self.log)
            if code != 0:
                raise RuntimeError(f"the corpus could not be built: {err.strip() or 'out of time'}")
            found, wanted = (json.loads(path.read_text())["sha256"] for path in (folder / "manifest.json", HERE / "data" / "webster1913.manifest.json"))
            if found != wanted:
                raise RuntimeError(f"the corpus has SHA-256 {found}, the records were made with {wanted}")
        return folder
