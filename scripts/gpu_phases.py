"""The phases of run.sh; see there. Each has a time limit, goes on after a failure and leaves what it found so far."""

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from gpu_losses import compare_losses, read_rows
from gpu_measure import HERE, Clock, OutOfTime, Server, ceilings, gtest_results, run, tool

BIN = HERE / "bin"
# About 1e5, 1e6 and 1e7 parameters; contexts 64 to 512; 2,048 or 4,096 tokens a step and member.
SHAPES = ["L2C64T64B32D16", "L4C128T256B16D32", "L6C384T512B8D64"]
MEMBERS = [1, 16, 4, 64]
CPU_SHAPE = "L2C64T64B4D16"
MEMORY_AT = 16  # members of the rows that also measure the memory of a whole job


class Log:
    def __init__(self, path):
        self.path = path
        path.write_text("")

    def __call__(self, text):
        with open(self.path, "a") as file:
            file.write(text)


class Context:
    """What all phases share."""

    def __init__(self, options, out, work, wanted, started):
        self.device = "cpu" if options.cpu else "cuda"
        self.out, self.work = out, work
        self.log = Log(out / "log.txt")
        self.python = os.environ.get("PYTHON", "python3")
        self.trainer = BIN / ("scalelaw-trainer" if options.cpu else "scalelaw-trainer-cuda")
        self.bench = BIN / ("bench_train" if options.cpu else "bench_train-cuda")
        self.device_name = ""
        self.wanted, self.started = wanted, started
        self.pytorch, self.pytorch_skipped = [], ""
        self.results = {"schema": "scalelaw.gpu_results/1", "bundle": json.loads((HERE / "bundle.json").read_text()),
                        "on": self.device, "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "phases": {}}

    def save(self):
        """Whole files only: what is being written when time ends must not spoil what was there."""
        for name, value in (("results.json", self.results), ("speeds.json", self.speeds())):
            new = self.out / (name + ".new")
            new.write_text(json.dumps(value, indent=1) + "\n")
            new.replace(self.out / name)

    def speeds(self):
        """The table that 'scalelaw plan --speeds' reads."""
        keys = ["n_layer", "d_model", "d_head", "context", "vocab", "members", "batch_tokens", "precision", "graph", "flops_per_step", "step_s"]
        rows = self.results["phases"].get("speed", {}).get("rows", [])
        return {"schema": "scalelaw.device_speeds/1", "device": self.device_name or self.device, "torch": self.results["bundle"]["torch"],
                "rows": [{key: row[key] for key in keys} for row in rows if "step_s" in row]}

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


def device(context, found, clock):
    fields = ["name", "driver_version", "compute_cap", "memory.total", "memory.used", "clocks.max.sm", "power.limit"]
    listed = tool(["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"], clock, context.log).splitlines()
    found["gpus"] = [dict(zip(fields, (cell.strip() for cell in line.split(",")))) for line in listed]
    cpu = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    found["host"] = {"cpu": cpu[0] if cpu else platform.machine(), "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
                     "glibc": platform.libc_ver()[1], "python": platform.python_version()}
    found["trainer"] = tool([context.trainer, "--version"], clock, context.log) or "does not start; see log.txt"
    code, out, _ = run([BIN / "scalelaw", "doctor", "--corpus", context.work, "--json", "-"], clock, context.log)
    found["doctor"] = json.loads(out) if code == 0 else []
    if context.device == "cuda":
        found["measured"] = ceilings(context.python, clock, context.log)
    context.device_name = found["gpus"][0]["name"] if found["gpus"] else context.device
    rates = found.get("measured", {})
    measured = f", copies {rates['copy_bytes_per_s'] / 1e12:.2f} TB/s, bf16 products {rates['bf16_flops_per_s'] / 1e12:.0f} TFLOP/s" if rates else ""
    found["failed"] = "does not start" in found["trainer"] or (context.device == "cuda" and not found["gpus"])
    return f"{context.device_name}, driver {found['gpus'][0]['driver_version'] if found['gpus'] else 'none'}, {found['trainer']}{measured}"


def tests(context, found, clock):
    found["programs"] = []
    if "speed" in context.wanted:
        start_pytorch(context, clock)
    sanitizer = shutil.which("compute-sanitizer") if context.device == "cuda" else None
    asked = [("test_cuda_device_kernels", []), ("test_cuda_device", [])]
    if sanitizer:
        asked.append(("test_cuda_device_kernels", [sanitizer, "--error-exitcode", "86"]))
    for name, before in asked:
        report = context.work / "tests.json"
        report.unlink(missing_ok=True)
        code, out, err = run([*before, BIN / name, f"--gtest_output=json:{report}"], clock, context.log)
        entry = {"program": f"{'compute-sanitizer ' if before else ''}{name}", "exit": code}
        if report.exists():
            entry |= gtest_results(report)
        else:
            lines = (err or out).strip().splitlines()
            entry["error"] = "out of time" if code is None else lines[-1] if lines else "it said nothing"
        found["programs"].append(entry)
    ran = [entry for entry in found["programs"] if "tests" in entry]
    passed = sum(entry["tests"] - entry["failed"] - entry["skipped"] for entry in ran)
    bad = [entry["program"] for entry in found["programs"] if entry["exit"] != 0]
    skipped = sum(entry["skipped"] for entry in ran)
    found["failed"] = context.device == "cuda" and (bool(bad) or skipped > 0)  # without a device all are skipped
    return (f"{passed} passed, {sum(e['failed'] for e in ran)} failed, {skipped} skipped"
            f"{'; not well: ' + ', '.join(bad) if bad else ''}{'' if sanitizer else '; no compute-sanitizer here'}")


def agreement(context, found, clock):
    command = [context.bench, "agreement", context.device, context.bench_corpus(clock)]
    code, out, err = run(command, clock, context.log)
    found["rows"] = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    if code not in (0, 1):
        found["error"] = "out of time" if code is None else err.strip().splitlines()[-1] if err.strip() else f"exit {code}"
    bad = [f"{row['shape']} {row['precision']} {row['what']}" for row in found["rows"] if not row["ok"]]
    found["failed"] = code != 0 or bool(bad)
    if not found["rows"]:
        return found.get("error", "it said nothing")
    steps = [row for row in found["rows"] if row["what"] == "step"]
    worst = {p: max((row["gradient_distance"] or float("inf") for row in steps if row["precision"] == p), default=float("nan")) for p in ("fp32", "bf16")}
    return (f"{len(found['rows']) - len(bad)} of {len(found['rows'])} rows within their limits; gradients apart by at most {worst['fp32']:.1e} (fp32), "
            f"{worst['bf16']:.1e} (bf16){'; not: ' + ', '.join(bad) if bad else ''}{'; ' + found['error'] if 'error' in found else ''}")


def speed_asks(context):
    if context.device == "cpu":
        return [{"shape": CPU_SHAPE, "members": k, "precision": p, "graph": "off", "seconds": 0.2, "memory": False}
                for k in (1, 4) for p in ("fp32", "bf16")]
    return [{"shape": shape, "members": k, "precision": p, "graph": g, "seconds": 0.6, "memory": k == MEMORY_AT and g == "auto"}
            for k in MEMBERS for shape in SHAPES for p in ("bf16", "fp32") for g in ("auto", "off")]


def start_pytorch(context, clock):
    """The plain decoder in PyTorch, every way at once: to compile takes a minute, which passes while other phases run."""
    try:
        start_every_way(context, clock)
    except (RuntimeError, OutOfTime) as error:
        context.pytorch_skipped = str(error) or "out of time"


def start_every_way(context, clock):
    if run([context.python, "-c", "import torch, numpy"], clock, context.log)[0] != 0:
        context.pytorch_skipped = f"{context.python} cannot import torch and numpy"
        return
    folder = context.bench_corpus(clock)
    for shape in SHAPES if context.device == "cuda" else [CPU_SHAPE]:
        with Server([BIN / "bench_train", "contender", shape, "torch", "fp32", folder], context.log) as exporter:
            exporter.answer(clock)
            exporter.ask("export 200", clock)
        for row in ({"shape": shape, "mode": mode, "precision": dtype} for dtype in ("fp32", "bf16") for mode in ("eager", "compile")):
            command = [context.python, HERE / "plain_decoder.py", shape, row["mode"], folder, "--device", context.device, "--dtype", row["precision"]]
            context.pytorch.append((row, context.started.enter_context(Server(command, context.log))))


def pytorch_rows(context, found, clock, folder, servers):
    """Each of them measured by itself, once all have compiled; they end here, so that the device is ours."""
    if not context.pytorch and not context.pytorch_skipped:
        start_pytorch(context, clock)
    if context.pytorch_skipped:
        found["pytorch_skipped"] = context.pytorch_skipped
    try:
        for ask in (None, "measure 0.2", "measure 1.0" if context.device == "cuda" else "measure 0.3"):
            for row, server in context.pytorch:
                if "error" in row:
                    continue
                try:
                    row |= server.ask(ask, clock) if ask else server.answer(clock)
                except (RuntimeError, OutOfTime) as error:
                    row["error"] = str(error) or "out of time"
    finally:
        context.started.close()
    for row, _ in context.pytorch:
        if "error" not in row:
            row["tokens_per_s"] = row["tokens"] / row["seconds"]
        found["pytorch"].append(row)


def own_rows(context, found, clock, folder, servers):
    """One process for all rows, a new one where it ended."""
    server = None
    for ask in speed_asks(context):
        clock.check(2)
        if server is None:  # one that does not even start ends the part
            server = servers.enter_context(Server([context.bench, "sweep", context.device, folder], context.log))
            server.answer(clock)
        try:
            found["rows"].append(server.ask(ask, clock))
        except RuntimeError as error:
            found["rows"].append({**ask, "error": str(error)})
            server = None
        context.save()


def shared_rows(context, found, clock, folder, servers):
    """Several processes on one device at once."""
    cuda = context.device == "cuda"
    counts = [1, 2, 4] if cuda else [1, 2]
    asks = [{"shape": shape, "members": 4, "precision": "bf16", "graph": "auto", "seconds": 1.5} for shape in SHAPES[:2]]
    if not cuda:
        asks = [{"shape": CPU_SHAPE, "members": 1, "precision": "fp32", "graph": "off", "seconds": 0.3}]
    started = [servers.enter_context(Server([context.bench, "sweep", context.device, folder], context.log)) for _ in range(counts[-1])]
    for server in started:
        server.answer(clock)
    for ask in asks:
        for jobs in counts:
            clock.check(3)
            for server in started[:jobs]:
                server.tell(ask)
            rows = [server.answer(clock) for server in started[:jobs]]
            row = {"jobs": jobs, "shape": ask["shape"], "members": ask["members"], "precision": ask["precision"]}
            errors = [r["error"] for r in rows if "error" in r]
            found["shared"].append(row | ({"error": errors[0]} if errors else {"tokens_per_s": sum(r["tokens_per_s"] for r in rows)}))


def speed(context, found, clock):
    found |= {"rows": [], "pytorch": [], "shared": []}
    folder = context.bench_corpus(clock)
    # Each part leaves so many seconds to those after it.
    for part, kept in ((pytorch_rows, 100), (own_rows, 20), (shared_rows, 0)):
        with contextlib.ExitStack() as servers:  # no process outlives its part
            try:
                part(context, found, Clock(clock.left() - kept), folder, servers)
            except OutOfTime:
                found.setdefault("out_of_time", []).append(part.__name__)
            except RuntimeError as error:
                found.setdefault("errors", []).append(f"{part.__name__}: {error}")
    good = [row for row in found["rows"] if "tokens_per_s" in row]
    best = max(good, key=lambda row: row["flops_per_step"] / row["step_s"], default=None)
    found["failed"] = len(good) < len(speed_asks(context)) or not found["shared"]
    return (f"{len(good)} of {len(speed_asks(context))} rows, {sum('tokens_per_s' in r for r in found['pytorch'])} of PyTorch, {len(found['shared'])} of shared devices"
            + (f"; most: {best['flops_per_step'] / best['step_s'] / 1e12:.3g} TFLOP/s at {best['shape']} x {best['members']} {best['precision']}" if best else "")
            + (f"; {'; '.join(found['errors'])}" if "errors" in found else "")
            + (f"; out of time in {', '.join(found['out_of_time'])}" if "out_of_time" in found else "")
            + (f"; PyTorch left out: {found['pytorch_skipped']}" if "pytorch_skipped" in found else ""))


def train_study(context, config, extra, clock, found):
    """Trains a study by the program itself, after asking 'plan' how long it will take. @return its records"""
    folder = context.work / Path(config).stem
    words = [HERE / "configs" / config, "--backend", "train", "--device", context.device, "--set", f"corpus.path={context.corpus(clock)}"]
    for setting in extra:
        words += ["--set", setting]
    table = ["--speeds", context.out / "speeds.json"] if context.speeds()["rows"] and context.device == "cuda" else []
    code, out, _ = run([BIN / "scalelaw", "plan", *words, *table, "--json", "-"], clock, context.log)
    found["predicted_s"] = json.loads(out)["estimate"]["seconds"] if code == 0 else None
    begin = time.monotonic()
    found["exit"], _, err = run([BIN / "scalelaw", "--quiet", "study", *words, "--out", folder], clock, context.log)
    found["seconds"] = time.monotonic() - begin
    if found["exit"] != 0:
        found["error"] = "out of time" if found["exit"] is None else (err.strip().splitlines() or ["it said nothing"])[-1]
    records = [json.loads(path.read_text()) for path in sorted((folder / "runs").glob("*.json"))] if folder.exists() else []
    with open(context.out / "records.jsonl", "a") as file:
        file.writelines(json.dumps({"study": Path(config).stem, **record}) + "\n" for record in records)
    return records


def quick(context, found, clock):
    extra = ["backend.jobs_per_device=5"] if context.device == "cuda" else ["design.budgets=[4e10]", "design.branch_checks=0", "design.lr_extend=0"]
    records = train_study(context, "quick.toml", extra, clock, found)
    found |= compare_losses(records, read_rows(HERE / "data" / "quick.csv"))
    found["graphs"] = sorted({record["context"].get("graph", "") for record in records})
    found["failed"] = found["exit"] != 0 or not found["within_noise"]
    if not found["compared"]:
        return f"no run to compare{'; ' + found['error'] if 'error' in found else ''}"
    return (f"{len(records)} runs in {found['seconds']:.0f} s; {found['compared']} losses beside the CPU's: apart by {found['rms']:.4f} nats (root mean square), "
            f"at most {found['worst']:.4f}; seeds differ by {found['noise']:.4f}{'; ' + found['error'] if 'error' in found else ''}")


def ladder(context, found, clock):
    small = ["design.budgets=[1e10,2e10]", "design.shapes=[{d_model=32,n_layer=2},{d_model=64,n_layer=2}]", "design.batch_tokens=512",
             "design.min_steps=10", "training.precision=fp32", "training.eval_tokens=4096", "training.engine=native"]
    records = train_study(context, "gpu_ladder.toml", [] if context.device == "cuda" else small, clock, found)
    found["runs"] = [{"params": r["params"]["total"], "tokens": r["tokens"], "flops": r["flops"]["6nd_total"], "lr": r["spec"]["optimizer"]["lr"],
                      "loss": r["loss"]["nats"], "tokens_per_s": r["throughput"]["tokens_per_s"], "status": r["outcome"]["status"]} for r in records]
    found["failed"] = found["exit"] != 0
    losses = [run["loss"] for run in found["runs"] if run["loss"] is not None]
    if not losses:
        return f"no run ended{'; ' + found['error'] if 'error' in found else ''}"
    return (f"{len(records)} runs in {found['seconds']:.0f} s, the largest of {max(run['flops'] for run in found['runs']):.2g} FLOPs; "
            f"least loss {min(losses):.4f} nats{'; ' + found['error'] if 'error' in found else ''}")


# The last takes what is left.
PHASES = [(device, 30), (tests, 90), (agreement, 60), (speed, 150), (quick, 120), (ladder, None)]
NAMES = [phase.__name__ for phase, _ in PHASES]


def run_phase(phase, limit, context, whole):
    """One line for the summary."""
    found = context.results["phases"][phase.__name__] = {}
    clock = Clock(min(whole.left(), limit or whole.left()))
    try:
        clock.check(1)
        line = phase(context, found, clock)
    except OutOfTime:
        found["error"] = line = "out of time"
    except Exception as error:  # the next phase may still work
        context.log(traceback.format_exc())
        found["error"] = line = f"{type(error).__name__}: {error}"
    found.setdefault("failed", "error" in found)
    found["took_s"], found["line"] = round(clock.taken(), 1), line
    return f"{'FAILED' if found['failed'] else 'ok':7}{phase.__name__:10}{clock.taken():6.1f} s  {line}"


def main():
    parser = argparse.ArgumentParser(prog="run.sh")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--total", type=float, default=470)
    parser.add_argument("phases", nargs="*", metavar="PHASE", help=f"{' '.join(NAMES)}, or 1 to {len(NAMES)}")
    options = parser.parse_args()
    wanted = [NAMES[int(p) - 1] if p.isdigit() and 1 <= int(p) <= len(NAMES) else p for p in options.phases] or NAMES
    if unknown := [p for p in wanted if p not in NAMES]:
        parser.error(f"unknown phase {unknown[0]}; known: {' '.join(NAMES)}, or 1 to {len(NAMES)}")
    out = Path(os.environ.get("OUT") or "results").resolve()
    out.mkdir(parents=True, exist_ok=True)
    (out / "records.jsonl").unlink(missing_ok=True)
    whole = Clock(options.total)
    failed = False
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))  # as after Ctrl-C, nothing that was started goes on
    with (tempfile.TemporaryDirectory(prefix="scalelaw_gpu_") as work, open(out / "summary.txt", "w") as summary,
          contextlib.ExitStack() as started):
        context = Context(options, out, Path(work), wanted, started)
        for phase, limit in PHASES:
            if phase.__name__ not in wanted:
                continue
            line = run_phase(phase, limit, context, whole)
            failed = failed or line.startswith("FAILED")
            context.save()
            for file in (summary, sys.stdout):
                print(line, file=file, flush=True)
    print(f"results in {out}; scripts/gpu_results.py makes tables of them")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; the phases that ended are in the results")
