"""The phases of run.sh; see there. Each has a time limit, goes on after a failure and leaves what it found so far."""

import argparse
import contextlib
import json
import math
import os
import platform
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from context import BIN, NAMES, Context
from losses import compare_losses, read_rows
from measure import HERE, Clock, OutOfTime, ceilings, gtest_results, last_line, run, tool
from speed import speed, start_pytorch

SANITIZER_FOUND = 86  # exit code that compute-sanitizer is asked for where it finds an error


def device(context, found, clock):
    fields = ["name", "driver_version", "compute_cap", "memory.total", "memory.used", "clocks.max.sm", "power.limit"]
    ok, listed = tool(["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"], clock, context.log)
    found["gpus"] = [dict(zip(fields, (cell.strip() for cell in line.split(",")))) for line in listed.splitlines()] if ok else []
    cpu = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    found["host"] = {"cpu": cpu[0] if cpu else platform.machine(), "cores": len(os.sched_getaffinity(0)), "kernel": platform.release(),
                     "glibc": platform.libc_ver()[1], "python": platform.python_version()}
    starts, found["trainer"] = tool([context.trainer, "--version"], clock, context.log)
    asked, out = tool([BIN / "scalelaw", "doctor", "--corpus", context.work, "--json", "-"], clock, context.log, well=(0, 4))  # 4: the corpus comes later
    found["doctor"] = json.loads(out) if asked else []
    name = found["gpus"][0]["name"] if found["gpus"] else context.device
    line = f"{name}, driver {found['gpus'][0]['driver_version'] if found['gpus'] else 'none'}, {found['trainer']}"
    found["failed"] = not (starts and asked)
    if context.device == "cpu":
        return line
    missing = [check["detail"] for check in found["doctor"] if check["name"] == "CUDA device" and not check["ok"]]
    found["failed"] = found["failed"] or bool(missing)
    found["measured"] = rates = ceilings(context.python, clock, context.log) if not missing else {"error": "no device"}
    if missing:
        return f"{line}; CUDA device: {missing[0]}"
    if "error" in rates:
        return f"{line}; PyTorch measured nothing: {rates['error']}"
    return f"{line}, copies {rates['copy_bytes_per_s'] / 1e12:.2f} TB/s, bf16 products {rates['bf16_flops_per_s'] / 1e12:.0f} TFLOP/s"


def run_tests(context, clock, name, before):
    report = context.work / "tests.json"
    report.unlink(missing_ok=True)
    code, out, err = run([*before, BIN / name, f"--gtest_output=json:{report}"], clock, context.log)
    entry = {"program": f"{'compute-sanitizer ' if before else ''}{name}", "exit": code}
    return entry | (gtest_results(report, out) if report.exists() else {"error": "out of time" if code is None else last_line(err or out)})


def tests(context, found, clock):
    found["programs"] = []
    if "speed" in context.wanted:
        start_pytorch(context, clock)
    for name in ("test_cuda_device_kernels", "test_cuda_device"):
        found["programs"].append(run_tests(context, clock, name, []))
    bad = [entry["program"] for entry in found["programs"] if entry["exit"] != 0]
    sanitizer = shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path="/usr/local/cuda/bin")
    note = "no compute-sanitizer here"
    if sanitizer and context.device == "cuda":
        entry = run_tests(context, clock, "test_cuda_device_kernels", [sanitizer, "--error-exitcode", str(SANITIZER_FOUND)])
        found["programs"].append(entry)
        note = "nothing found by compute-sanitizer" if entry["exit"] == 0 else f"compute-sanitizer did not finish: {entry.get('error', entry['exit'])}"
        if entry["exit"] == SANITIZER_FOUND or entry.get("failed"):
            bad.append(entry["program"])
            note = "compute-sanitizer found errors; see log.txt"
    ran = [entry for entry in found["programs"] if "tests" in entry]
    failed, skipped = (sum(entry[key] for entry in ran) for key in ("failed", "skipped"))
    passed = sum(entry["tests"] for entry in ran) - failed - skipped
    found["failed"] = context.device == "cuda" and (bool(bad) or skipped > 0)  # without a device all are skipped
    return f"{passed} passed, {failed} failed, {skipped} skipped{'; not well: ' + ', '.join(bad) if bad else ''}; {note}"


def agreement(context, found, clock):
    command = [context.bench, "agreement", context.device, context.bench_corpus(clock)]
    code, out, err = run(command, clock, context.log)
    found["rows"] = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    if code not in (0, 1):
        found["error"] = "out of time" if code is None else last_line(err)
    bad = [f"{row['shape']} {row['precision']} {row['what']}" for row in found["rows"] if not row["ok"]]
    found["failed"] = code != 0 or bool(bad)
    if not found["rows"]:
        return found.get("error", "it said nothing")
    steps = [row for row in found["rows"] if row["what"] == "step"]
    worst = {p: max((row["gradient_distance"] or float("inf") for row in steps if row["precision"] == p), default=float("nan")) for p in ("fp32", "bf16")}
    return (f"{len(found['rows']) - len(bad)} of {len(found['rows'])} rows within their limits; gradients apart by at most {worst['fp32']:.1e} (fp32), "
            f"{worst['bf16']:.1e} (bf16){'; not: ' + ', '.join(bad) if bad else ''}{'; ' + found['error'] if 'error' in found else ''}")


def train_study(context, config, extra, clock, found):
    """Trains a study by the program itself, after asking 'plan' how long it will take. @return its records"""
    folder = context.work / Path(config).stem
    words = [HERE / "configs" / config, "--backend", "train", "--device", context.device, "--set", f"corpus.path={context.corpus(clock)}"]
    for setting in extra:
        words += ["--set", setting]
    table = ["--speeds", context.out / "speeds.json"] if context.speeds()["rows"] and context.device == "cuda" else []
    code, out, _ = run([BIN / "scalelaw", "plan", *words, *table, "--json", "-"], clock, context.log)
    found["predicted_s"] = json.loads(out)["estimate"]["seconds"] if code == 0 else None
    trained = Clock(0)
    found["exit"], _, err = run([BIN / "scalelaw", "--quiet", "study", *words, "--out", folder], clock, context.log)
    found["seconds"] = trained.taken()
    if found["exit"] != 0:
        found["error"] = "out of time" if found["exit"] is None else last_line(err)
    records = [json.loads(path.read_text()) for path in sorted((folder / "runs").glob("*.json"))] if folder.exists() else []
    context.add_records(Path(config).stem, records)
    return records


def quick(context, found, clock):
    extra = ["backend.jobs_per_device=5"] if context.device == "cuda" else ["design.budgets=[4e10]", "design.branch_checks=0", "design.lr_extend=0"]
    expected = read_rows(HERE / "data" / "quick.csv")
    records = train_study(context, "quick.toml", extra, clock, found)
    found |= compare_losses(records, expected)
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
    found["failed"] = found["exit"] not in (0, None)  # what does not end in the time that is left is no fault
    losses = [run["loss"] for run in found["runs"] if run["loss"] is not None]
    if not losses:
        found["failed"] = True
        return f"no run ended{'; ' + found['error'] if 'error' in found else ''}"
    return (f"{len(records)} runs in {found['seconds']:.0f} s, the largest of {max(run['flops'] for run in found['runs']):.2g} FLOPs; "
            f"least loss {min(losses):.4f} nats{'; ' + found['error'] if 'error' in found else ''}")


# The last takes what is left.
PHASES = {device: 60, tests: 90, agreement: 60, speed: 190, quick: 120, ladder: math.inf}


def run_phase(phase, limit, context, whole):
    """Runs it and keeps what it found. @return its line of the summary"""
    name = phase.__name__
    found = context.results["phases"][name] = {}
    clock = Clock(min(whole.left(), limit))
    stopped = None
    try:
        clock.check(1)
        line = phase(context, found, clock)
    except OutOfTime:
        found["error"] = line = "out of time"
    except (KeyboardInterrupt, SystemExit) as stop:
        found["error"] = line = "interrupted"
        stopped = stop
    except Exception as error:  # the next phase may still work
        context.log(traceback.format_exc())
        found["error"] = line = f"{type(error).__name__}: {error}"
    found.setdefault("failed", "error" in found)
    found["took_s"], found["line"] = round(clock.taken(), 1), line
    found["summary"] = f"{'FAILED' if found['failed'] else 'ok':7}{name:10}{clock.taken():6.1f} s  {line}"
    context.save()
    if stopped:
        raise stopped
    return found["summary"]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="run.sh")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--total", type=float, default=470)
    parser.add_argument("phases", nargs="*", metavar="PHASE", help=f"{' '.join(NAMES)}, or 1 to {len(NAMES)}")
    options = parser.parse_args(arguments)
    if not 0 < options.total < math.inf:
        parser.error(f"--total {options.total:g}: give the seconds for all phases, more than 0")
    numbers = {str(i + 1): name for i, name in enumerate(NAMES)}
    options.phases = [numbers.get(phase, phase) for phase in options.phases] or NAMES
    if unknown := [phase for phase in options.phases if phase not in NAMES]:
        parser.error(f"unknown phase {unknown[0]}; known: {' '.join(NAMES)}, or 1 to {len(NAMES)}")
    return options


def main():
    options = parse(sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))  # as after Ctrl-C: nothing that was started goes on
    whole, failed = Clock(options.total), False
    with tempfile.TemporaryDirectory(prefix="scalelaw_gpu_") as work, contextlib.ExitStack() as started:
        out = Path(os.environ.get("OUT") or "results").resolve()
        try:
            out.mkdir(parents=True, exist_ok=True)
            context = Context(options.cpu, out, Path(work), options.phases, started)
        except OSError as error:
            print(f"error: run.sh: results cannot go to {out}: {error}; name another folder in OUT", file=sys.stderr)
            return 4
        for phase, limit in PHASES.items():
            if phase.__name__ in options.phases:
                line = run_phase(phase, limit, context, whole)
                failed = failed or line.startswith("FAILED")
                print(line, flush=True)
    print(f"results in {out}; scripts/gpu_results.py makes tables of them")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted; the phases that ended are in the results", file=sys.stderr)
        sys.exit(130)
