#!/usr/bin/env python3
"""A page of docs/devices from the results of the GPU bundle's run.sh.

usage: scripts/gpu_results.py RESULTS [--write]
       scripts/gpu_results.py --records STUDY > data/records/quick.csv

RESULTS is the folder that run.sh wrote (results.json in it). Prints what fell short or is not as predicted, then the page.
--write writes it to docs/devices/DEVICE.md, and the speeds measured to data/speeds/DEVICE.json.
--records prints every finished run of a study: the losses that later studies are held against.
"""

import argparse
import json
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts" / "gpu"))

from losses import write_rows  # noqa: E402

# Dense peaks by the vendor's datasheets, FLOP/s: bf16 matrix units, fp32 outside them. First match counts.
PEAKS = [("H100 PCIe", 756e12, 51e12), ("H100 NVL", 835e12, 60e12), ("H100", 989e12, 67e12), ("H200", 989e12, 67e12), ("A100", 312e12, 19.5e12)]
MEMORY_WITHIN = 2  # predicted memory may be at most this many times what was taken, and never less
TIME_WITHIN = 1.5  # predicted and taken seconds may differ by this factor


def short(value):
    """1234567 as 1.23M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def prose(text, **indents):
    """Wrapped as the documents are."""
    return textwrap.fill(text, 100, **indents)


def gib(value):
    return f"{value / 2**30:.2f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def peak_of(name, precision):
    for part, bf16, fp32 in PEAKS:
        if part in name:
            return bf16 if precision == "bf16" else fp32
    return None


class Results:
    def __init__(self, folder):
        self.all = json.loads((Path(folder) / "results.json").read_text())
        if not isinstance(self.all, dict) or self.all.get("schema") != "scalelaw.gpu_results/1":
            raise ValueError("it is not of schema scalelaw.gpu_results/1")
        self.phases = self.all["phases"]
        gpus = self.phase("device").get("gpus", [])
        self.name = gpus[0]["name"] if gpus else f"{self.phase('device').get('host', {}).get('cpu', 'unknown')} (no GPU)"
        self.driver = gpus[0]["driver_version"] if gpus else "none"

    def phase(self, name):
        return self.phases.get(name, {})

    def file_name(self):
        """NVIDIA H100 80GB HBM3 as h100_80gb_hbm3."""
        return re.sub(r"[^a-z0-9]+", "_", self.name.lower().removeprefix("nvidia ")).strip("_")

    def where(self):
        host = self.phase("device").get("host", {})
        return (f"Driver {self.driver}, LibTorch {self.all['bundle']['torch']}, {host.get('cores', '?')} cores of {host.get('cpu', '?')}; "
                f"{self.all['started'][:10]}, revision {self.all['bundle']['git']}.")


def speed_problems(results):
    speed = results.phase("speed")
    for row in speed.get("rows", []):
        where = f"{row['shape']}, {row['members']} members, {row['precision']}, graph {row['graph']}"
        if "error" in row:
            yield f"{where}: {row['error']}"
            continue
        if row["graph"] == "auto" and results.all["on"] == "cuda" and "equal to single steps" not in row["repetition"]:
            yield f"{where}: no graph: {row['repetition']}"
        if "bytes_taken" in row:
            ratio = row["bytes_predicted"] / row["bytes_taken"]
            if not 1 <= ratio <= MEMORY_WITHIN:
                yield f"{where}: memory predicted {gib(row['bytes_predicted'])} GiB, taken {gib(row['bytes_taken'])} GiB ({ratio:.2f} times)"
    for row in speed.get("pytorch", []):
        alone = [r for r in speed["rows"] if r["shape"] == row["shape"] and r["members"] == 1 and r["precision"] == row["precision"] and "tokens_per_s" in r]
        best = max((r["tokens_per_s"] for r in alone), default=None)
        if "error" in row:
            yield f"PyTorch {row['mode']} {row['precision']} at {row['shape']}: {row['error']}"
        elif best is not None and best < row["tokens_per_s"]:
            yield f"{row['shape']} {row['precision']}: one model trains at {short(best)} tokens/s, PyTorch {row['mode']} at {short(row['tokens_per_s'])}"


def study_problems(results):
    quick = results.phase("quick")
    if quick.get("compared"):
        if not quick["within_noise"]:
            yield (f"quick study: losses apart from the CPU's by {quick['rms']:.4f} nats (root mean square), at most {quick['worst']:.4f}; seeds differ by "
                   f"{quick['noise']:.4f}")
        if quick["only_there"] and results.all["on"] == "cuda":
            yield (f"quick study: {quick['only_there']} runs of the CPU's were not made, {quick['only_here']} others were (losses decide which rates are "
                   "added and which runs are checked, and near ties fall otherwise)")
    for name in ("quick", "ladder"):
        predicted, took = results.phase(name).get("predicted_s"), results.phase(name).get("seconds")
        if predicted and took and not 1 / TIME_WITHIN <= predicted / took <= TIME_WITHIN:
            yield f"{name}: time predicted {predicted:.0f} s, took {took:.0f} s"


def problems(results):
    """What fell short or is not as predicted, a line each."""
    for name, phase in results.phases.items():
        if phase.get("failed"):
            yield f"phase {name} failed: {phase['line']}"
    for program in results.phase("tests").get("programs", []):
        yield from (f"{program['program']}: {failure.splitlines()[0]}" for failure in program.get("failures", []))
        if "error" in program:
            yield f"{program['program']}: {program['error']}"
    for row in results.phase("agreement").get("rows", []):
        if not row["ok"] and row["what"] == "step":
            yield (f"{row['shape']} {row['precision']}: losses apart by {row['loss_distance']} (limit {row['loss_limit']}), gradients of {row['worst_slice']} "
                   f"by {row['gradient_distance']} (limit {row['gradient_limit']})")
        elif not row["ok"]:
            yield f"{row['shape']} {row['precision']}: graphs are not single steps: {row['repetition']}"
    yield from speed_problems(results)
    yield from study_problems(results)


def correctness(results):
    """Markdown: what fell short, agreement with the CPU, memory, the ladder."""
    parts = []
    found = list(problems(results))
    parts.append("Fell short, or not as predicted:\n\n" + "\n".join(prose(line, initial_indent="- ", subsequent_indent="  ") for line in found) if found else "Nothing fell short, and everything measured is as predicted.")
    parts.append(table(["phase", "seconds", "result"], [[name, p["took_s"], p["line"].replace("|", "/")] for name, p in results.phases.items()]))
    steps = [row for row in results.phase("agreement").get("rows", []) if row["what"] == "step"]
    if steps:
        number = lambda x: "not finite" if x is None else f"{x:.1e}"
        parts.append(prose("A step against the CPU in fp32, relative Euclidean distances; the gradient is that of the worst matrix:") + "\n\n" + table(
            ["shape", "members", "precision", "loss", "limit", "gradient", "limit", "worst matrix"],
            [[r["shape"], r["members"], r["precision"], number(r["loss_distance"]), number(r["loss_limit"]), number(r["gradient_distance"]), number(r["gradient_limit"]),
              r["worst_slice"]] for r in steps]))
    memory = [row for row in results.phase("speed").get("rows", []) if "bytes_taken" in row]
    if memory:
        parts.append("Memory of a job with a branch beside its trunk, GiB; taken is all that the device has in use:\n\n" + table(
            ["shape", "members", "precision", "predicted", "taken", "predicted / taken"],
            [[r["shape"], r["members"], r["precision"], gib(r["bytes_predicted"]), gib(r["bytes_taken"]), f"{r['bytes_predicted'] / r['bytes_taken']:.2f}"] for r in memory]))
    runs = results.phase("ladder").get("runs", [])
    if runs:
        parts.append("The ladder:\n\n" + table(["params", "tokens", "FLOPs", "rate", "loss, nats", "tokens/s"],
                                                [[short(r["params"]), short(r["tokens"]), f"{r['flops']:.2g}", r["lr"],
                                                  "diverged" if r["loss"] is None else f"{r['loss']:.4f}", short(r["tokens_per_s"])]
                                                 for r in sorted(runs, key=lambda r: (r["flops"], r["params"], r["lr"]))]))
    return "\n\n".join(parts)


def speeds(results):
    """Markdown: tokens/s, beside PyTorch, several jobs at once."""
    speed = results.phase("speed")
    parts = []
    measured = results.phase("device").get("measured", {})
    if measured and "error" not in measured:
        parts.append(prose(
            f"Measured by PyTorch: copies {measured['copy_bytes_per_s'] / 1e12:.2f} TB/s (read and written), products of 8192 x 8192 in bf16 "
            f"{measured['bf16_flops_per_s'] / 1e12:.0f} TFLOP/s, of 4096 x 4096 in fp32 {measured['fp32_flops_per_s'] / 1e12:.0f}."))
    rows = []
    for row in sorted(speed.get("rows", []), key=lambda r: (r["shape"], r["precision"], r["members"], r["graph"])):
        if "tokens_per_s" not in row:
            rows.append([row["shape"], row["members"], row["precision"], row["graph"], row["error"], "-", "-", "-", "-"])
            continue
        rate, peak = row["flops_per_step"] / row["step_s"], peak_of(results.name, row["precision"])
        rows.append([row["shape"], row["members"], row["precision"], row["graph"], short(row["tokens_per_s"]), f"{1e3 * row['step_s']:.3g}", f"{rate / 1e12:.3g}",
                     f"{100 * rate / peak:.2g}" if peak else "-", row["commands_per_step"] or "-"])
    parts.append(table(["shape", "members", "precision", "graph", "tokens/s", "ms a step", "TFLOP/s", "MFU, %", "commands a step"], rows))
    one = {(r["shape"], r["precision"], r["graph"]): r["tokens_per_s"] for r in speed.get("rows", []) if r["members"] == 1 and "tokens_per_s" in r}
    beside = []
    for row in speed.get("pytorch", []):
        ours = max((one.get((row["shape"], row["precision"], g), 0) for g in ("auto", "off")), default=0)
        value = row.get("tokens_per_s")
        beside.append([row["shape"], row["precision"], row["mode"], short(value) if value else row["error"], short(ours) if ours else "-",
                       f"{ours / value:.2f}" if value and ours else "-"])
    if beside:
        parts.append("One model, beside scripts/plain_decoder.py on the same device:\n\n" + table(["shape", "precision", "PyTorch", "its tokens/s", "ours", "times"], beside))
    shared = [[r["shape"], r["members"], r["precision"], r["jobs"], short(r["tokens_per_s"]) if "tokens_per_s" in r else r["error"]] for r in speed.get("shared", [])]
    if shared:
        parts.append("Jobs at once on one device, tokens/s of all together:\n\n" + table(["shape", "members", "precision", "jobs", "tokens/s"], shared))
    return "\n\n".join(parts)


def page(results):
    """The whole page of a device."""
    return "\n\n".join([f"# {results.name}", prose(results.where()), correctness(results), "## Speed", speeds(results)]) + "\n"


def write(results, folder, root):
    """The page, and the table for 'scalelaw plan --speeds' where the phase speed left one: of this repository's folders."""
    files = {root / "docs" / "devices" / f"{results.file_name()}.md": page(results)}
    measured = Path(folder) / "speeds.json"
    if measured.exists():
        files[root / "data" / "speeds" / f"{results.file_name()}.json"] = measured.read_text()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(f"written: {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="?")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder with docs and data (this repository)")
    parser.add_argument("--records", metavar="STUDY", type=Path)
    options = parser.parse_args()
    if options.records:
        write_rows([json.loads(path.read_text()) for path in (options.records / "runs").glob("*.json")], sys.stdout)
        return
    if not options.results or not (Path(options.results) / "results.json").exists():
        parser.error("name the folder that run.sh wrote, with results.json in it")
    try:
        results = Results(options.results)
        found = list(problems(results))
        text = page(results)
    except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
        sys.exit(f"error: gpu_results.py: {options.results}/results.json is not as run.sh writes it: {type(error).__name__}: {error}")
    print("\n".join(f"not as it should be: {line}" for line in found) or "everything measured is as predicted")
    if not options.write:
        print("\n" + text)
    elif results.all["on"] != "cuda" or not results.phase("device").get("gpus"):
        sys.exit("error: gpu_results.py: --write: these results are not of a GPU, and docs/devices tells of GPUs")
    else:
        write(results, options.results, options.root)


if __name__ == "__main__":
    main()
