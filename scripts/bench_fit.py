#!/usr/bin/env python3
"""Times scalelaw fit against SciPy, and the package chinchilla where it is installed, on the same points in one run.

usage: scripts/bench_fit.py POINTS.csv [--program build/release/scalelaw] [--drop-highest 5] [--starts 24] [--refits 40]

POINTS.csv has the columns params, loss, and tokens or flops (Besiroglu et al. 2024's 245 points are the usual ones). All
run on one core. SciPy's part of the work is a random sample (--starts of the 4,500 of Hoffmann et al. 2022, --refits of
4,000 bootstraps), its time scaled up; scalelaw does all of it, and its time is that of the whole program. The law with an outer
power, E + (A/N^alpha + B/D^beta)^k, is timed the same way; SciPy starts it from that grid with a random k. Times are processor time (user and system), which
other work on the machine disturbs less than the clock. Two threads against one are timed by the clock, so that line means
something on an idle machine alone.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse  # noqa: E402
import itertools  # noqa: E402
import json  # noqa: E402
import resource  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402

import numpy as np  # noqa: E402
from scipy.optimize import least_squares, minimize  # noqa: E402

DELTA = 1e-3
GRID = 4500
BOOTSTRAPS = 4000
FEW_BOOTSTRAPS = 500
OUTER_STARTS = 500


class Points:
    """Logarithms of the sizes and losses, and the objective: the sum of Huber's function of log residuals."""

    def __init__(self, params, tokens, loss):
        self.n, self.d, self.loss = np.log(params), np.log(tokens), np.log(loss)

    def take(self, rows):
        out = type(self).__new__(type(self))
        out.n, out.d, out.loss = self.n[rows], self.d[rows], self.loss[rows]
        return out

    def terms(self, theta):
        a, b, e, alpha, beta = theta
        return np.stack([a - alpha * self.n, b - beta * self.d, np.full_like(self.n, e)])

    def residuals(self, theta):
        return np.logaddexp.reduce(self.terms(theta), axis=0) - self.loss

    def jacobian(self, theta):
        t = self.terms(theta)
        q = np.exp(t - np.logaddexp.reduce(t, axis=0))
        return np.column_stack([q[0], q[1], q[2], -self.n * q[0], -self.d * q[1]])

    def value(self, theta):
        size = np.abs(self.residuals(theta))
        return np.sum(np.where(size <= DELTA, 0.5 * size**2, DELTA * (size - 0.5 * DELTA)))

    def gradient(self, theta):
        return self.jacobian(theta).T @ np.clip(self.residuals(theta), -DELTA, DELTA)


class OuterPoints(Points):
    """The same of E + (A/N^alpha + B/D^beta)^k; theta: (a, b, e, alpha, beta, ln k)."""

    def terms(self, theta):
        a, b, _, alpha, beta, _ = theta
        return np.stack([a - alpha * self.n, b - beta * self.d])

    def residuals(self, theta):
        power = np.exp(theta[5]) * np.logaddexp.reduce(self.terms(theta), axis=0)
        return np.logaddexp(theta[2], power) - self.loss

    def jacobian(self, theta):
        t, k = self.terms(theta), np.exp(theta[5])
        inside = np.logaddexp.reduce(t, axis=0)
        share = 1 / (1 + np.exp(theta[2] - k * inside))  # of the power in the loss
        q = k * share * np.exp(t - inside)
        return np.column_stack([q[0], q[1], 1 - share, -self.n * q[0], -self.d * q[1], k * share * inside])


def load(path, drop):
    table = np.genfromtxt(path, delimiter=",", names=True)
    tokens = table["tokens"] if "tokens" in table.dtype.names else table["flops"] / (6 * table["params"])
    keep = np.argsort(table["loss"], kind="stable")[: len(table) - drop]
    return table["params"][keep], tokens[keep], table["loss"][keep]


def grid():
    """Hoffmann et al. 2022, appendix D.2: (a, b, e, alpha, beta)."""
    steps = np.arange(0, 2.1, 0.5)
    return np.array(list(itertools.product(range(0, 30, 5), range(0, 30, 5), np.arange(-1, 1.1, 0.5), steps, steps)))


def timed(work, items):
    """Seconds per item, and what each item gave."""
    start = time.process_time()
    results = [work(item) for item in items]
    return (time.process_time() - start) / len(results), results


def run_program(program, arguments):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [program, "fit", *arguments, "--json", "-"], stdout=subprocess.PIPE, check=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return seconds, json.loads(done.stdout)


def clock(program, arguments, cores):
    """Seconds of the clock that the program takes on these cores."""
    start = time.perf_counter()
    subprocess.run(
        [program, "fit", *arguments, "--quiet"],
        check=True,
        preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if hasattr(os, "sched_setaffinity") else None,
    )
    return time.perf_counter() - start


def report_threads(program, common, cores, repeats):
    """Least time of each of one and two threads, run in turn."""
    tasks = {f"{GRID} starts": ["--starts", "grid"], f"{10 * BOOTSTRAPS} bootstraps": ["--bootstrap", str(10 * BOOTSTRAPS)]}
    for name, arguments in tasks.items():
        best = {1: float("inf"), 2: float("inf")}
        for _ in range(repeats):
            for threads in best:
                seconds = clock(program, common + arguments + ["--threads", str(threads)], cores)
                best[threads] = min(best[threads], seconds)
        print(
            f"scalelaw, {name}: {best[1]:.3f} s by the clock with one thread, {best[2]:.3f} s with two, "
            f"{best[1] / best[2]:.2f} times as fast"
        )


def chinchilla_package(params, tokens, loss, starts):
    """Seconds per start of the PyPI package on its own objective (the mean of the same function), or why not."""
    try:
        from chinchilla import Chinchilla
        from chinchilla._metrics import log_huber
    except ImportError as e:
        return None, f"not installed ({e.name})"
    with tempfile.TemporaryDirectory() as folder:
        # One value per axis is one start; its grid is a full product.
        first = {"e": [starts[0][2]], "a": [starts[0][0]], "b": [starts[0][1]]}
        cc = Chinchilla(
            folder,
            param_grid={**first, "alpha": [0.5, 1.0], "beta": [0.5, 1.0]},
            loss_fn=lambda y, p: log_huber(y, p, DELTA),
            log_level=40,
        )
        for n, d, value in zip(params, tokens, loss):
            cc.append(N=n, D=d, loss=value)
        cc.visualizer.optim = lambda *_, **__: None  # its plots are not the fit
        begin = time.process_time()
        cc.fit(parallel=False)
        seconds = (time.process_time() - begin) / 4
        theta = [np.log(float(cc.A)), np.log(float(cc.B)), np.log(float(cc.E)), float(cc.alpha), float(cc.beta)]
    return seconds, theta


def report_outer(ours, report, points, starts, refits, rng):
    """The law with an outer power: scalelaw's fit, profiles and bootstraps, and SciPy's solvers beside them."""
    fit_seconds, fit = ours(["--law", "outer", "--bootstrap", "0"])
    best, least = fit["params"], fit["objective"]["value"]
    print(
        f"law outer: scalelaw, one fit with profiles {fit_seconds:.3f} s, k {best['k']:.4f}, objective {least:.15f}, "
        f"{fit['convergence']['paths_at_best']} of {fit['convergence']['paths']} separate searches reach it"
    )
    boot_seconds = 0
    for count in (FEW_BOOTSTRAPS, BOOTSTRAPS):
        boot_seconds, boot = ours(["--law", "outer", "--bootstrap", str(count)])
        print(
            f"scalelaw, {count} bootstraps         {boot_seconds:10.3f} s  "
            f"{1e6 * (boot_seconds - fit_seconds) / count:.0f} us each, sd(a) {boot['bootstrap']['derived']['a']['se']:.4f}, "
            f"{boot['bootstrap']['failed']} failed"
        )
    optimum = np.array([np.log(best[name]) for name in "ABE"] + [best["alpha"], best["beta"], np.log(best["k"])])
    starts = np.column_stack([starts, rng.uniform(np.log(0.2), np.log(2), len(starts))])
    solvers = {
        "  L-BFGS-B, finite differences": lambda p, s: minimize(p.value, s, method="L-BFGS-B").x,
        "  BFGS, analytic gradient": lambda p, s: minimize(p.value, s, jac=p.gradient, method="BFGS").x,
        "  least_squares, loss huber": lambda p, s: (
            least_squares(p.residuals, s, jac=p.jacobian, loss="huber", f_scale=DELTA).x
        ),
    }
    print(f"SciPy from the grid with a random k, scaled up to {OUTER_STARTS} starts:")
    for name, solver in solvers.items():
        seconds, thetas = timed(lambda s, solver=solver: solver(points, s), starts)
        report(name, seconds, OUTER_STARTS, fit_seconds, [points.value(t) for t in thetas], least)
    print(f"SciPy from the full fit, scaled up to {BOOTSTRAPS} bootstraps:")
    count = len(points.loss)
    samples = [points.take(rng.integers(0, count, count)) for _ in range(refits)]
    for name, solver in solvers.items():
        seconds, thetas = timed(lambda p, solver=solver: solver(p, optimum), samples)
        a = [t[4] / (t[3] + t[4]) for t in thetas]
        print(
            f"{name:35s}{seconds * BOOTSTRAPS:10.1f} s  sd(a) {np.std(a, ddof=1):.4f} of {len(a)} run; "
            f"{seconds * BOOTSTRAPS / boot_seconds:.0f} times scalelaw"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points")
    parser.add_argument("--program", default="build/release/scalelaw")
    parser.add_argument("--drop-highest", type=int, default=5)
    parser.add_argument("--starts", type=int, default=24, help="starts that SciPy runs")
    parser.add_argument("--refits", type=int, default=40, help="bootstraps that SciPy runs")
    parser.add_argument("--repeats", type=int, default=3, help="runs of scalelaw, of which the fastest counts")
    options = parser.parse_args()
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    if cores:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    warnings.simplefilter("ignore", RuntimeWarning)
    params, tokens, loss = load(options.points, options.drop_highest)
    points = Points(params, tokens, loss)
    rng = np.random.default_rng(1)
    starts = grid()[rng.choice(GRID, options.starts, replace=False)]
    plain = [options.points, "--drop-highest", str(options.drop_highest)]
    common = [*plain, "--threads", "1"]

    def ours(arguments):
        runs = [run_program(options.program, common + arguments) for _ in range(options.repeats)]
        return min(seconds for seconds, _ in runs), runs[0][1]

    print(f"{len(loss)} points, one core, load average {os.getloadavg()[0]:.1f}")
    fit_seconds, fit = ours([])
    grid_seconds, grid_fit = ours(["--starts", "grid"])
    boot_seconds, boot = ours(["--bootstrap", str(BOOTSTRAPS)])
    best = fit["params"]
    optimum = np.array([np.log(best["A"]), np.log(best["B"]), np.log(best["E"]), best["alpha"], best["beta"]])
    least = fit["objective"]["value"]
    print(f"scalelaw, one fit with profiles    {fit_seconds:10.3f} s  objective {least:.15f}")
    print(
        f"scalelaw, {GRID} starts             {grid_seconds:10.3f} s  objective {grid_fit['objective']['value']:.15f}, "
        f"{grid_fit['convergence']['starts_at_best']} of {GRID} starts reach it"
    )
    print(
        f"scalelaw, {BOOTSTRAPS} bootstraps         {boot_seconds:10.3f} s  "
        f"{1e6 * (boot_seconds - fit_seconds) / BOOTSTRAPS:.0f} us each, sd(a) {boot['bootstrap']['derived']['a']['se']:.4f}, "
        f"{boot['bootstrap']['failed']} failed"
    )

    def report(name, seconds, count, reference, values, least=least):
        reached = sum(v <= least * (1 + 1e-3) for v in values)
        print(
            f"{name:35s}{seconds * count:10.1f} s  objective {min(values):.15f}, {reached} of {len(values)} within 0.1 %; "
            f"{len(values)} run; {seconds * count / reference:.0f} times scalelaw"
        )

    if len(cores) != 1:
        report_threads(options.program, plain, cores, options.repeats)
    print(f"SciPy from the grid, scaled up to {GRID} starts:")
    solvers = {
        "  L-BFGS-B, finite differences": lambda s: minimize(points.value, s, method="L-BFGS-B").fun,
        "  BFGS, analytic gradient": lambda s: minimize(points.value, s, jac=points.gradient, method="BFGS").fun,
        "  least_squares, loss huber": lambda s: (
            least_squares(points.residuals, s, jac=points.jacobian, loss="huber", f_scale=DELTA).cost
        ),
    }
    for name, solver in solvers.items():
        seconds, values = timed(solver, starts)
        report(name, seconds, GRID, grid_seconds, values)

    print(f"SciPy from the full fit, scaled up to {BOOTSTRAPS} bootstraps:")
    samples = [points.take(rng.integers(0, len(loss), len(loss))) for _ in range(options.refits)]
    refits = {
        "  BFGS, analytic gradient": lambda p: minimize(p.value, optimum, jac=p.gradient, method="BFGS").x,
        "  L-BFGS-B, finite differences": lambda p: minimize(p.value, optimum, method="L-BFGS-B").x,
        "  least_squares, loss huber": lambda p: (
            least_squares(p.residuals, optimum, jac=p.jacobian, loss="huber", f_scale=DELTA).x
        ),
    }
    for name, refit in refits.items():
        seconds, thetas = timed(refit, samples)
        a = [t[4] / (t[3] + t[4]) for t in thetas]
        print(
            f"{name:35s}{seconds * BOOTSTRAPS:10.1f} s  sd(a) {np.std(a, ddof=1):.4f} of {len(a)} run; "
            f"{seconds * BOOTSTRAPS / boot_seconds:.0f} times scalelaw"
        )

    seconds, what = chinchilla_package(params, tokens, loss, [optimum])
    if seconds is None:
        print(f"package chinchilla: {what}")
    else:
        report("package chinchilla, grid of starts", seconds, GRID, grid_seconds, [points.value(np.array(what))])
    report_outer(ours, report, OuterPoints(params, tokens, loss), starts, options.refits, rng)


if __name__ == "__main__":
    main()
