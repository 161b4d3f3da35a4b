#!/usr/bin/env python3
"""Whole training steps a second: this program's engines against the same model in plain PyTorch, in one run.

usage: scripts/bench_train.py [--build build/release] [--python PYTHON] [--shapes L2C32T32B8D16 ...] [--rounds 5]
                              [--window 1.0] [--no-compile] [--device cpu|cuda] [--sweep TOKENS [--eager-runs N]] [--json FILE]

Needs bench_train (cmake --preset ci; cmake --build --preset ci --target bench_train) and, as PYTHON, an interpreter with a
complete `pip install torch` of the version the trainer is built with (scripts/setup.sh installs it without the packages
that only Python needs: typing_extensions, sympy, networkx, jinja2, filelock, fsspec, numpy and the CUDA libraries) and a C++
compiler for torch.compile. scripts/plain_decoder.py is the plain model.

Protocol P1, for each shape: every contender is a process of one thread on core 0; they start from the same parameters and
see the same tokens, so their losses in the first --check-steps steps must agree (1e-3 nats in fp32, 5e-3 in bf16): one whose
losses do not is marked, in its row and in the JSON, and the script ends with 1. Then --rounds rounds
of one window each, in turn; windows in which other processes took more than 2 % of the machine are marked, and dropped where
an undisturbed one is left. GFLOP/s counts the matrix products of the graph (records/shape.hpp) for every contender. Two workers:
the fastest contender of this program on cores 0 and 1 at once against one alone, interleaved. A step is everything: windows,
loss, gradients, clipping, AdamW. With --device cuda every contender trains on the device, in fp32 and in bf16, this
program's by bench_train-cuda (cmake --preset cuda), and speeds are not related to the peak of a core.

Protocol P2 (--sweep): 4 learning rates x 4 seeds x the shapes, TOKENS tokens each, by `scalelaw run` with a worker a core,
start-up, evaluation and records included, against PyTorch eager training them one after another (training alone). With
--eager-runs N only N of the 16 runs of a shape are trained in PyTorch, and their time is scaled up: all 16 do the same work.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHAPES = ["L2C32T32B8D16", "L4C64T64B12D16", "L4C128T64B12D32", "L4C256T128B8D64"]
HERE = Path(__file__).resolve().parent
FOREIGN_LIMIT = 0.02


class Contender:
    """A process that trains one model; see tests/bench/train_bench.cpp for its commands."""

    def __init__(self, name, command, core=0):
        self.name, self.windows = name, []
        environment = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        self.about = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"error: {self.name} stopped; see its message above")
        return json.loads(line)

    def tell(self, command, amount):
        self.process.stdin.write(f"{command} {amount}\n")
        self.process.stdin.flush()

    def ask(self, command, amount):
        self.tell(command, amount)
        return self.answer()

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def best(self):
        return max(self.kept())

    def median(self):
        return statistics.median(self.kept())

    def kept(self):
        clean = [speed for speed, foreign in self.windows if foreign <= FOREIGN_LIMIT]
        return clean or [speed for speed, _ in self.windows]


def busy_seconds():
    """Of all cores, everybody's, stolen time included."""
    fields = [int(x) for x in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def measure(contenders, seconds):
    """One window of each at once; tokens/s of each. Adds the windows and the share of others."""
    busy, own = busy_seconds(), sum(c.cpu_seconds() for c in contenders)
    begin = time.perf_counter()
    for c in contenders:
        c.tell("measure", seconds)
    answers = [c.answer() for c in contenders]
    elapsed = time.perf_counter() - begin
    others = busy_seconds() - busy - (sum(c.cpu_seconds() for c in contenders) - own)
    foreign = max(0.0, others) / (elapsed * os.cpu_count())
    speeds = [a["tokens"] / a["seconds"] for a in answers]
    return speeds, foreign


def contenders_of(shape, options, folder, sets):
    cuda = options.device == "cuda"
    bench = options.build / ("bench_train-cuda" if cuda else "bench_train")
    ours = lambda name, engine, precision: Contender(name, [bench, "contender", shape, engine, precision, folder, options.device])
    fp32 = [s for s in sets if not s.startswith("amx")]
    found = [ours("this program fp32", "torch", "fp32") if cuda else ours(f"native {fp32[0]} fp32", f"native-{fp32[0]}", "fp32")]
    found[0].ask("export", 2000)
    if cuda:
        found.append(ours("this program bf16", "torch", "bf16"))
    else:
        found += [ours(f"native {s} fp32", f"native-{s}", "fp32") for s in fp32[1:] if s != "baseline"]
        if "amx" in sets:
            found.append(ours("native amx bf16", "native-amx", "bf16"))
        found.append(ours("this program's torch engine", "torch", "fp32"))
    for dtype in ["fp32", "bf16"] if cuda else ["fp32"]:
        plain = lambda mode: [options.python, HERE / "plain_decoder.py", shape, mode, folder, "--device", options.device, "--dtype", dtype]
        suffix = " bf16" if dtype == "bf16" else ""
        found.append(Contender("PyTorch eager" + suffix, plain("eager")))
        if not options.no_compile:
            found.append(Contender("torch.compile" + suffix, plain("compile")))
    return found


def check_losses(contenders, steps):
    """The last loss of each contender and how far its losses are from PyTorch eager's at most; the loss of step 1."""
    losses = {c.name: c.ask("train", steps)["losses"] for c in contenders}
    reference = losses["PyTorch eager"]
    checked = {}
    for name, found in losses.items():
        worst = max(abs(a - b) for a, b in zip(found, reference, strict=True))
        limit = 5e-3 if "bf16" in name else 1e-3
        checked[name] = {"loss": found[-1], "loss_difference": worst, "loss_limit": limit, "agrees": worst <= limit}
    return checked, reference[0]


def run_shape(shape, options, folder, peak):
    contenders = contenders_of(shape, options, folder, peak["instruction_sets"])
    checked, first = check_losses(contenders, options.check_steps)
    for _ in range(options.rounds):
        for c in contenders:
            speeds, foreign = measure([c], options.window)
            c.windows.append((speeds[0], foreign))
    flops = contenders[0].about["flops_per_token"]
    eager = next(c for c in contenders if c.name == "PyTorch eager")
    compiled = next((c for c in contenders if c.name == "torch.compile"), None)
    print(f"\n{shape}: {contenders[0].about['params']} parameters, {flops / 1e3:.1f} kFLOP a token; loss {first:.4f} at step 1")
    print(f"{'':28}{'best':>9}{'median':>9}{'GFLOP/s':>9}{'% peak':>7}{'x eager':>8}{'x comp.':>8}  loss at step {options.check_steps}")
    rows = []
    for c in contenders:
        dirty = sum(foreign > FOREIGN_LIMIT for _, foreign in c.windows)
        row = {"shape": shape, "contender": c.name, "about": c.about, "best": c.best(), "median": c.median(),
               "gflops": c.best() * flops / 1e9,
               "of_peak": c.best() * flops / 1e9 / peak["fp32_gflops"] if peak["fp32_gflops"] else None,
               "times_eager": c.best() / eager.best(), "times_compile": c.best() / compiled.best() if compiled else None,
               "median_times_eager": c.median() / eager.median(), "disturbed": dirty, **checked[c.name]}
        rows.append(row)
        ratio = f"{row['times_compile']:8.2f}" if compiled else f"{'-':>8}"
        of_peak = f"{100 * row['of_peak']:7.0f}" if row["of_peak"] is not None else f"{'-':>7}"
        print(f"{c.name:28}{row['best']:9.0f}{row['median']:9.0f}{row['gflops']:9.1f}{of_peak}"
              f"{row['times_eager']:8.2f}{ratio}  {row['loss']:.5f}" + (f"  ({dirty} of {options.rounds} windows disturbed)" if dirty else "")
              + ("" if row["agrees"] else f"  LOSSES DIFFER by {row['loss_difference']:.4f} nats, limit {row['loss_limit']:g}"))
    if compiled:
        print(f"torch.compile: {compiled.about['first_step_s']:.0f} s before its second step")
    for c in contenders[1:]:
        c.close()
    if os.cpu_count() > 1 and options.device == "cpu":
        bench = options.build / "bench_train"
        engine = "native-" + peak["instruction_sets"][0]
        precision = "bf16" if engine == "native-amx" else "fp32"
        pair = [Contender("worker", [bench, "contender", shape, engine, precision, folder], core) for core in (0, 1)]
        alone, together = [], []
        for _ in range(options.rounds):
            alone.append(measure(pair[:1], options.window)[0][0])
            together.append(sum(measure(pair, options.window)[0]))
        for c in pair:
            c.close()
        rows.append({"shape": shape, "two_workers_best": max(together) / max(alone),
                     "two_workers_median": statistics.median(together) / statistics.median(alone)})
        print(f"two workers: {max(together):.0f} tokens/s, {max(together) / max(alone):.2f} times one ({statistics.median(together) / statistics.median(alone):.2f} by medians)")
    contenders[0].close()
    return rows


def numbers_of(shape):
    """Layers, width, context, windows of a step, d_head."""
    return map(int, re.fullmatch(r"L(\d+)C(\d+)T(\d+)B(\d+)D(\d+)", shape).groups())


def tokens_per_step(shape):
    _, _, context, windows, _ = numbers_of(shape)
    return context * windows


def config_of(shape, tokens, folder):
    layers, width, context, _, d_head = numbers_of(shape)
    batch = tokens_per_step(shape)
    return f"""[corpus]
path = "{folder}"
[model]
context = {context}
d_head = {d_head}
vocab = 128
[design]
kind = "grid"
widths = [{width}]
depths = [{layers}]
tokens = [{tokens // batch * batch}]
learning_rates = [0.0005, 0.001, 0.002, 0.004]
seeds = [0, 1, 2, 3]
batch_tokens = {batch}
min_steps = 1
[training]
eval_tokens = 4096
[backend]
kind = "train"
device = "cpu"
"""


def run_sweep(options, folder):
    begin = time.perf_counter()
    for shape in options.shapes:
        config = Path(folder) / f"{shape}.toml"
        config.write_text(config_of(shape, options.sweep, folder))
        subprocess.run([options.build / "scalelaw", "--quiet", "run", config, "--out", Path(folder) / f"study_{shape}"], check=True)
    ours = time.perf_counter() - begin
    runs = 16 * len(options.shapes)
    eager = 0.0
    for shape in options.shapes:
        bench = Contender("native", [options.build / "bench_train", "contender", shape, "auto", "fp32", folder])
        bench.ask("export", 2000)
        bench.close()
        plain = Contender("eager", [options.python, HERE / "plain_decoder.py", shape, "eager", folder])
        begin = time.perf_counter()
        for _ in range(options.eager_runs):
            plain.ask("train", options.sweep // tokens_per_step(shape))
        seconds = (time.perf_counter() - begin) * 16 / options.eager_runs
        print(f"{shape}: PyTorch eager {seconds:.1f} s for 16 runs")
        eager += seconds
        plain.close()
    print(f"\nsweep of {runs} runs, {options.sweep} tokens each: this program {ours:.1f} s ({3600 * runs / ours:.0f} models an hour), "
          f"serial PyTorch eager {eager:.1f} s ({3600 * runs / eager:.0f}): {eager / ours:.2f} times as many")
    return {"sweep_runs": runs, "tokens": options.sweep, "eager_runs_timed": options.eager_runs * len(options.shapes), "seconds": ours, "eager_seconds": eager, "ratio": eager / ours}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=HERE.parent / "build" / "release")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--shapes", nargs="+", default=SHAPES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--window", type=float, default=1.0, help="seconds")
    parser.add_argument("--check-steps", type=int, default=20)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--sweep", type=int, default=0, help="tokens of each of the 16 runs of a shape; instead of P1")
    parser.add_argument("--eager-runs", type=int, default=16, choices=range(1, 17), metavar="N")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.sweep and options.device == "cuda":
        parser.error("--sweep compares CPU workers; leave --device cuda out")
    with tempfile.TemporaryDirectory() as folder:
        ask = lambda *words: json.loads(subprocess.run([options.build / "bench_train", *words], check=True, capture_output=True, text=True).stdout)
        ask("corpus", folder)
        peak = ask("peak")
        cpu = next((x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")), "?")
        print(f"{cpu}, {os.cpu_count()} cores, {', '.join(peak['instruction_sets'])}; peak of one core {peak['fp32_gflops']:.0f} GFLOP/s fp32")
        if options.device == "cuda":
            peak["fp32_gflops"] = None
        results = [run_sweep(options, folder)] if options.sweep else [row for shape in options.shapes for row in run_shape(shape, options, folder, peak)]
        if options.json:
            options.json.write_text(json.dumps({"cpu": cpu, "device": options.device, "peak": peak, "results": results}, indent=1))
    apart = [f"{row['contender']} at {row['shape']}" for row in results if not row.get("agrees", True)]
    if apart:
        sys.exit(f"error: losses further from PyTorch eager's than rounding explains: {'; '.join(apart)}")


if __name__ == "__main__":
    main()
