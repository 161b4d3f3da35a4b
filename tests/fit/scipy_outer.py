"""Fits L = E + (A/N^alpha + B/D^beta)^k with SciPy, for the comparison with scalelaw fit --law outer.

usage: scipy_outer.py POINTS.csv (log-huber|log-mse|mse)
Prints {objective, E, alpha, beta, k} as JSON. The search: over a grid of k, E, alpha and beta the two amplitudes by
nonnegative least squares (variable projection); from the best of these cells and from random starts down as
scipy_search.py does, with L-BFGS-B at the end; then from the best end alone least_squares (of squares), Nelder-Mead and
Newton's method in a trust region, in turn, until none of them finds less. Ends with 77 where SciPy is not installed.
"""

import itertools
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from scipy_search import DELTA, Fit, search_all  # noqa: E402 (ends with 77 without SciPy)

import numpy as np  # noqa: E402
from scipy.optimize import least_squares, minimize  # noqa: E402

CELLS = 60


def projected(fit):
    """The best cells of the grid, as (ln E, p, q, alpha', beta', ln k)."""
    x, y = fit.x - fit.center[0], fit.y - fit.center[1]
    falls = np.geomspace(0.03, 2.5, 16)
    cells = []
    for k, share in itertools.product(np.geomspace(0.1, 2.5, 12), [0.001, 0.3, 0.5, 0.65, 0.8, 0.9, 0.96]):
        offset = share * fit.loss.min()
        above = fit.loss - offset
        weight = above / fit.loss / k  # of a relative error of above^(1/k), as one of the loss
        with np.errstate(all="ignore"):
            f = np.exp(-falls[:, None] / k * x - np.log(above) / k) * weight
            g = np.exp(-falls[:, None] / k * y - np.log(above) / k) * weight
        ff, gg, fg = (f * f).sum(1)[:, None], (g * g).sum(1)[None, :], f @ g.T
        fr, gr, rr = (f @ weight)[:, None], (g @ weight)[None, :], weight @ weight
        with np.errstate(all="ignore"):
            det = ff * gg - fg * fg
            a, b = (fr * gg - gr * fg) / det, (gr * ff - fr * fg) / det
            value = rr - a * fr - b * gr
        value = np.where((a > 0) & (b > 0) & np.isfinite(value), value, np.inf)
        for i, j in zip(*np.unravel_index(np.argsort(value, axis=None)[:3], value.shape)):
            if np.isfinite(value[i, j]):
                p, q = k * np.log(a[i, j]), k * np.log(b[i, j])
                cells.append((value[i, j], [np.log(offset), p, q, falls[i], falls[j], np.log(k)]))
    cells.sort(key=lambda cell: cell[0])
    return np.clip([at for _, at in cells[:CELLS]], fit.low, fit.high)


def polished(fit, theta):
    def value(t):
        with np.errstate(all="ignore"):
            v = fit.values(np.clip(t, fit.low, fit.high)[None, :])[0]
        return v if np.isfinite(v) else np.inf

    def gradient(t):
        return fit.value_and_gradient(t, DELTA)[1]

    def hessian(t):
        h = 1e-6
        columns = [(gradient(t + h * e) - gradient(t - h * e)) / (2 * h) for e in np.eye(len(t))]
        return (np.array(columns) + np.array(columns).T) / 2

    best, at = value(theta), theta
    for _ in range(6):
        before = best
        tries = []
        scale = max(best, 1e-300)
        if fit.objective != "log-huber":
            inside = np.clip(at, fit.low + 1e-12, fit.high - 1e-12)
            tries.append(
                least_squares(
                    lambda t: fit.residuals(t[None, :])[0],
                    inside,
                    jac=lambda t: fit.jacobian(t[None, :])[0],
                    bounds=(fit.low, fit.high),
                    x_scale="jac",
                    xtol=1e-15,
                    ftol=1e-15,
                    gtol=1e-15,
                    max_nfev=500,
                ).x
            )
        tries.append(
            minimize(
                lambda t: value(t) / scale,
                at,
                method="Nelder-Mead",
                options={"xatol": 1e-10, "fatol": 1e-15, "maxfev": 3000, "adaptive": True},
            ).x
        )
        for start in [at, *tries]:
            with np.errstate(all="ignore"):
                found = minimize(
                    lambda t: value(t) / scale,
                    start,
                    jac=lambda t: gradient(t) / scale,
                    hess=lambda t: hessian(t) / scale,
                    method="trust-exact",
                    options={"gtol": 1e-13, "maxiter": 300, "initial_trust_radius": 1e-2},
                )
            tries.append(found.x)
        for t in tries:
            t = np.clip(t, fit.low, fit.high)
            if value(t) < best:
                best, at = value(t), t
        if best > before * (1 - 1e-13):
            break
    return best, at


def main(path, objective):
    table = np.genfromtxt(path, delimiter=",", names=True, dtype=None, encoding="utf-8")
    study = {name: np.asarray(table[name], float) for name in ("params", "tokens", "loss")}
    fit = Fit("outer", False, objective, study)
    _, at = search_all(fit, np.random.default_rng(1), projected(fit))
    best, at = polished(fit, at)
    k = float(np.exp(at[5]))
    print(
        json.dumps(
            {
                "objective": float(best),
                "E": float(np.exp(at[0])),
                "alpha": float(at[3] / k),
                "beta": float(at[4] / k),
                "k": k,
            }
        )
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
