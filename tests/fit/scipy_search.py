"""Writes random studies for every law and the least objective that a wide search finds, for scalelaw fit to meet.

usage: scipy_search.py FOLDER STUDIES [LAW ...]
Each study gets FOLDER/<law>-<number>.csv and a line in FOLDER/<law>.json: {file, law, offset, objective, best}. The
search descends from 500 random starts at once (damped reweighted least squares in NumPy); the twelve best ends that
differ are finished by SciPy's L-BFGS-B, from where they are and by way of larger deltas. Parameters stay in the ranges of
docs/METHODS.md. Ends with 77 where SciPy is not installed.
"""

import json
import os
import sys
import zlib

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
try:
    import numpy as np
    from scipy.optimize import minimize
except ImportError:
    sys.exit(77)

DELTA = 1e-3
STARTS = 500
LAWS = [
    "chinchilla",
    "kaplan",
    "power-n",
    "power-d",
    "power-c",
    "kaplan-steps",
    "data-constrained",
    "data-overfitting",
    "overtraining",
    "outer",
    "farseer",
]


def surface(theta, x, y):
    """E + A/X^alpha + B/Y^beta; theta: ln E, ln A', ln B', alpha, beta, each of shape (starts, 1)."""
    e, a, b, alpha, beta = theta
    return np.exp(e) + np.exp(a - alpha * x) + np.exp(b - beta * y)


def log_of_sum(u, v):
    """ln(e^u + e^v), also of complex numbers."""
    top = np.maximum(u.real, v.real)
    return top + np.log(np.exp(u - top) + np.exp(v - top))


class Fit:
    """A law on a study: ln of the predictions for many parameter sets, and the box of the parameters."""

    def __init__(self, law, offset, objective, study):
        self.law, self.offset, self.objective = law, offset, objective
        self.loss = study["loss"]
        n, d = study["params"], study["tokens"]
        self.x, self.y = np.log(n), np.log(d)
        if law == "kaplan-steps":
            self.y = np.log(study["steps"])
        if law == "power-d":
            self.x = self.y
        if law == "power-c":
            self.x = np.log(6) + self.x + self.y
        self.center = (self.x.mean(), self.y.mean())
        self.unique = np.log(study.get("unique_tokens", d))
        least, most = np.log(self.loss.min()), np.log(self.loss.max())
        term, offset_range, exponent = (least - 12, most + 1), (least - 12, most), (1e-4, 5)
        self.start = [(least - 2, most), (least - 3, most), (least - 3, most), (0.02, 1.5), (0.02, 1.5)]
        self.box = [offset_range, term, term, exponent, exponent]
        if law.startswith("power"):
            keep = [0, 1, 3] if offset else [1, 3]
            self.box, self.start = [self.box[k] for k in keep], [self.start[k] for k in keep]
        elif law == "kaplan-steps":
            self.box, self.start = self.box[1:], self.start[1:]
        elif law == "overtraining":
            self.box, self.start = self.box[:4], self.start[:4]
        elif law == "kaplan":
            self.box = [(-200, 400), (-200, 400), exponent, exponent]
            self.start = [
                (self.x.min() - 5, self.x.max() + 60),
                (self.y.min() - 5, self.y.max() + 60),
                (0.02, 1.5),
                (0.02, 1.5),
            ]
        elif law == "outer":
            self.box += [(np.log(0.1), np.log(10))]
            self.start += [(np.log(0.1), np.log(2.5))]
        elif law == "data-constrained":
            self.box += [(np.log(1e-3), np.log(1e6))] * 2
            self.start += [(np.log(0.5), np.log(600))] * 2
        elif law == "data-overfitting":
            self.box += [(-200, 400), exponent, exponent]
            self.start += [(np.log(1e-4), 0), (0.1, 2), (0.1, 1.5)]
        elif law == "farseer":
            power = (-1, 1)
            self.box = [(-3, 3), power, (np.log(1e-4), np.log(5)), (-60, 60), power, (-200, 400), (-5, 5), power, term]
            slope, level = (-0.4, 0.4), (least - 3, most)
            self.start = [slope, slope, (np.log(0.03), 0), slope, slope, level, slope, slope, level]
        self.low, self.high = np.array(self.box).T

    def predicted(self, theta):
        """theta (starts, m), maybe complex -> predictions (starts, points)."""
        t = [theta[:, k : k + 1] for k in range(theta.shape[1])]
        x, y = self.x - self.center[0], self.y - self.center[1]
        if self.law == "chinchilla":
            return surface(t, x, y)
        if self.law.startswith("power"):
            power = np.exp(t[-2] - t[-1] * x)
            return power + np.exp(t[0]) if self.offset else power
        if self.law == "kaplan-steps":
            return np.exp(t[0] - t[2] * x) + np.exp(t[1] - t[3] * y)
        if self.law == "overtraining":
            return np.exp(t[0]) + np.exp(t[1] - 2 * t[3] * x) + np.exp(t[2] - 2 * t[3] * y)
        if self.law == "kaplan":
            return np.exp(t[3] * log_of_sum((t[0] - self.x) * t[2] / t[3], t[1] - self.y + 0 * t[0]))
        if self.law == "outer":  # each term by its loss alone, p and q in logarithms, and the slope of that
            e, p, q, of_n, of_d, log_k = t
            k = np.exp(log_k)
            return np.exp(e) + np.exp(k * log_of_sum((p - of_n * x) / k, (q - of_d * y) / k))
            u, v = (t[0] - self.x) * t[2] / t[3], t[1] - self.y + 0 * t[0]
            top = np.maximum(u.real, v.real)
            return np.exp(t[3] * (top + np.log(np.exp(u - top) + np.exp(v - top))))
        if self.law == "data-overfitting":
            repeats = np.maximum(np.exp(self.y - self.unique) - 1, 1e-300)
            penalty = np.exp(t[5] + t[6] * np.log(repeats) + t[7] * (self.x - self.unique))
            return surface(t[:5], x, y) + np.where(repeats > 1e-12, penalty, 0)
        if self.law == "farseer":
            return self.stretched(t, x)
        return self.constrained(t)

    def stretched(self, t, x):
        """Slope, power and level at the centre of the logarithms of D's exponent, of the term of D at its own centre,
        and of the loss without it."""

        def at(slope, power, level):
            z = power * x
            small = np.abs(z) < 1e-5  # (e^z - 1)/z
            divided = np.where(small, 1 + z / 2 + z * z / 6, (np.exp(z) - 1) / np.where(small, 1, z))
            return slope * x * divided + level

        falls, along = np.exp(t[2]) * self.center[1], t[0] * np.exp(t[2]) * self.center[1]
        exponent = np.exp(at(t[0], t[1], t[2]))
        return np.exp(at(t[3] + along, t[4], t[5] + falls) - exponent * self.y) + np.exp(at(t[6], t[7], t[8]))

    def constrained(self, t):
        e, a, b, alpha, beta, log_rd, log_rn = t
        a, b = a + alpha * self.center[0], b + beta * self.center[1]
        r_d, r_n = np.exp(log_rd), np.exp(log_rn)

        def effective(log_total, log_unique, decay):
            repeats = np.exp(log_total - log_unique) - 1
            return log_unique + np.log(1 - decay * (np.exp(-repeats / decay) - 1))

        fed = (np.log(alpha) + a - np.log(beta) - b + beta * self.unique) / alpha
        fed = np.where(fed.real < self.x, fed, self.x)
        n, d = effective(self.x, fed, r_n), effective(self.y, self.unique, r_d)
        return np.exp(e) + np.exp(a - alpha * n) + np.exp(b - beta * d)

    def residuals(self, theta):
        p = self.predicted(theta)
        return p - self.loss if self.objective == "mse" else np.log(p) - np.log(self.loss)

    def jacobian(self, theta):
        """Complex steps: exact to round-off. (starts, points, m)"""
        columns = []
        for k in range(theta.shape[1]):
            moved = theta.astype(complex)
            moved[:, k] += 1e-30j
            columns.append(self.residuals(moved).imag / 1e-30)
        return np.stack(columns, axis=2)

    def rho(self, r, delta):
        if self.objective != "log-huber":
            return r * r
        size = np.abs(r)
        return np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))

    def values(self, theta, delta=DELTA):
        with np.errstate(all="ignore"):
            v = self.rho(self.residuals(theta), delta).sum(axis=1)
        return np.where(np.isfinite(v), v, np.inf)

    def value_and_gradient(self, theta, delta):
        r = self.residuals(theta[None, :])[0]
        psi = np.clip(r, -delta, delta) if self.objective == "log-huber" else 2 * r
        return self.rho(r, delta).sum(), self.jacobian(theta[None, :])[0].T @ psi


def descend(fit, theta, rounds):
    """All starts at once by damped reweighted least squares; delta falls to its value on the way."""
    damping = np.full(len(theta), 1e-2)
    median = np.median(np.abs(fit.residuals(theta)), axis=1)
    for i in range(rounds):
        delta = np.maximum(DELTA, np.where(np.isfinite(median), median, 1) * 0.7**i)[:, None]
        with np.errstate(all="ignore"):
            r, jac = fit.residuals(theta), fit.jacobian(theta)
            w = np.minimum(1, delta / np.maximum(np.abs(r), 1e-300)) if fit.objective == "log-huber" else np.ones_like(r)
            wj = jac * w[:, :, None]
            hessian, gradient = np.swapaxes(wj, 1, 2) @ jac, (wj * r[:, :, None]).sum(axis=1)
            here = fit.rho(r, delta).sum(axis=1)
        good = np.isfinite(hessian).all(axis=(1, 2)) & np.isfinite(gradient).all(axis=1) & np.isfinite(here)
        hessian[~good], gradient[~good] = np.eye(theta.shape[1]), 0
        diagonal = np.einsum("skk->sk", hessian)
        hessian = hessian + np.eye(theta.shape[1]) * (damping[:, None] * diagonal + 1e-14)[:, None, :]
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        to = np.clip(theta - np.clip(step, -2, 2), fit.low, fit.high)
        with np.errstate(all="ignore"):
            there = fit.rho(fit.residuals(to), delta).sum(axis=1)
        better = there < here
        theta = np.where(better[:, None], to, theta)
        damping = np.where(better, np.maximum(damping / 4, 1e-12), np.minimum(damping * 6, 1e8))
    return theta


def finish(fit, theta, path):
    for delta in path:
        for _ in range(3):
            scale = max(fit.value_and_gradient(theta, delta)[0], 1e-300)

            def scaled(t, delta=delta, scale=scale):
                with np.errstate(all="ignore"):
                    v, g = fit.value_and_gradient(t, delta)
                return (v / scale, g / scale) if np.isfinite(v) and np.isfinite(g).all() else (1e30, 0 * t)

            options = {"ftol": 1e-16, "gtol": 1e-13, "maxiter": 1000, "maxcor": 30}
            found = minimize(scaled, theta, jac=True, method="L-BFGS-B", bounds=fit.box, options=options)
            gain = 1 - found.fun
            theta = found.x
            if gain < 1e-9:
                break
    return theta


def search(fit, rng, more=None):
    """The least objective from random starts, and from those of `more`."""
    return search_all(fit, rng, more)[0]


def search_all(fit, rng, more=None):
    low, high = np.array(fit.start).T
    theta = low + (high - low) * rng.uniform(size=(STARTS, len(low)))
    if more is not None:
        theta = np.concatenate([more, theta])
    values = fit.values(theta)
    theta = descend(fit, theta[np.isfinite(values)], 60)
    order = np.argsort(fit.values(theta), kind="stable")
    ends = []
    for i in order:
        if all(np.abs((theta[i] - other) / (1 + np.abs(other))).max() > 3e-3 for other in ends):
            ends.append(theta[i])
        if len(ends) == 12:
            break
    best, at = np.inf, None
    wide = [DELTA * 4.0**k for k in range(3, -1, -1)] if fit.objective == "log-huber" else [DELTA]
    for k, end in enumerate(ends):
        for path in [[DELTA], wide] if k < 4 and len(wide) > 1 else [[DELTA]]:
            found = finish(fit, end, path)
            value = fit.values(found[None, :])[0]
            if value < best:
                best, at = value, found
    return best, at


def truth(law, n, d, unique, steps, rng):
    """Losses of a random law of the kind."""
    x, y = np.log(n) - np.log(n).mean(), np.log(d) - np.log(d).mean()
    e, a, b = rng.uniform(0.3, 2), rng.uniform(0.1, 2), rng.uniform(0.1, 2)
    alpha, beta = rng.uniform(0.1, 0.6, 2)
    if law == "kaplan":
        s = rng.uniform(0.05, 0.4)
        return 3 * (rng.uniform(0.2, 2) * np.exp(-rng.uniform(0.3, 1.2) * x) + rng.uniform(0.2, 2) * np.exp(-y)) ** s
    if law.startswith("power"):
        z = {"power-n": x, "power-d": y, "power-c": x + y}[law]
        return e * rng.integers(0, 2) + 2 * np.exp(-rng.uniform(0.03, 0.4) * z) * np.exp(rng.normal(0, 0.02, len(z)))
    if law == "kaplan-steps":
        z = np.log(steps) - np.log(steps).mean()
        return a * np.exp(-alpha * x) + b * np.exp(-beta * 2 * z)
    if law == "overtraining":
        return e + a * np.exp(-alpha * x) + b * np.exp(-alpha * y)
    if law == "outer":
        k = np.exp(rng.uniform(np.log(0.15), np.log(2)))
        return e + ((a * np.exp(-alpha * x)) ** (1 / k) + (b * np.exp(-beta * y)) ** (1 / k)) ** k
    if law == "data-constrained":
        r_d, repeats = np.exp(rng.uniform(0.5, 4)), d / unique - 1
        y = np.log(unique * (1 - r_d * np.expm1(-repeats / r_d))) - np.log(d).mean()
    if law == "farseer":
        steeper, larger = rng.uniform(-0.1, 0.1, 2)
        return e + a * np.exp(-alpha * x) + b * np.exp(larger * x - beta * np.exp(steeper * x) * y)
    if law == "data-overfitting":
        repeats, u = np.maximum(d / unique - 1, 0), np.log(n / unique) - np.log(n / unique).mean()
        e = e + rng.uniform(0.005, 0.1) * repeats ** rng.uniform(0.3, 1.3) * np.exp(rng.uniform(0.2, 0.8) * u)
    return e + a * np.exp(-alpha * x) + b * np.exp(-beta * y)


def random_study(law, rng):
    low_n, low_d = 10 ** rng.uniform(4, 8), 10 ** rng.uniform(6, 10)
    design = rng.integers(0, 3)
    if design == 0:  # a grid
        rows, columns = rng.integers(3, 8), rng.integers(3, 8)
        n, d = np.meshgrid(low_n * 10 ** np.linspace(0, rng.uniform(1, 3), rows), low_d * 10 ** np.linspace(0, 2, columns))
    elif design == 1:  # isoFLOP curves
        rows, columns = rng.integers(3, 7), rng.integers(4, 9)
        flops, size = np.meshgrid(10 ** np.linspace(0, rng.uniform(1, 4), rows), 10 ** np.linspace(-0.7, 0.7, columns))
        n, d = low_n * np.sqrt(flops) * size, low_d * np.sqrt(flops) / size
    else:
        count = rng.integers(12, 80)
        n, d = low_n * 10 ** rng.uniform(0, 3, count), low_d * 10 ** rng.uniform(0, 3, count)
    n, d = n.ravel(), d.ravel()
    unique = d / np.where(rng.uniform(size=len(d)) < 0.5, 1, rng.uniform(1, 40, len(d)))
    steps = d / 10 ** rng.uniform(3, 4, len(d))
    other = rng.uniform() < 0.3 and not law.startswith("data-")
    loss = truth(rng.choice(["chinchilla", "kaplan"]) if other else law, n, d, unique, steps, rng)
    loss = loss * np.exp(10 ** rng.uniform(-3, -1.5) * rng.normal(size=len(loss)))
    if rng.uniform() < 0.5:  # contaminated
        bad = rng.uniform(size=len(loss)) < rng.uniform(0.05, 0.3)
        loss = np.where(bad, loss * np.exp(rng.choice([-1, 1, 1]) * rng.uniform(0.02, 0.5, len(loss))), loss)
    study = {"params": n, "tokens": d, "loss": loss}
    if law.startswith("data-"):
        study["unique_tokens"] = unique
    if law == "kaplan-steps":
        study["steps"] = steps
    return study


def main(folder, studies, laws):
    for law in laws:
        out = []
        for number in range(studies):
            rng = np.random.default_rng([zlib.crc32(law.encode()), number])
            study = random_study(law, rng)
            offset = bool(law.startswith("power") and rng.uniform() < 0.5)
            objective = str(rng.choice(["log-huber", "log-mse", "mse"], p=[0.8, 0.1, 0.1]))
            name = f"{law}-{number}.csv"
            rows = zip(*study.values(), strict=True)
            with open(os.path.join(folder, name), "w") as file:
                file.write(",".join(study) + "\n")
                file.writelines(",".join(repr(float(v)) for v in row) + "\n" for row in rows)
            best = search(Fit(law, offset, objective, study), rng)
            out.append({"file": name, "law": law, "offset": offset, "objective": objective, "best": float(best)})
            with open(os.path.join(folder, f"{law}.json"), "w") as file:
                json.dump(out, file, indent=0)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:] or LAWS)
