"""Fits L = E + A/N^alpha + B/D^beta with SciPy, for the comparison with scalelaw fit.

usage: scipy_check.py POINTS.csv (log-huber|log-mse|mse|mean) START
START: five comma-separated numbers ln E, ln A, ln B, alpha, beta to start from. Prints the optimum as JSON. With mean,
L-BFGS-B minimises the mean of log-huber at its default tolerances and finite differences, as published scripts do.
Ends with 77 where SciPy is not installed.
"""

import json
import sys

try:
    import numpy as np
    from scipy.optimize import least_squares, minimize
except ImportError:
    sys.exit(77)


def main(path, objective, start):
    table = np.genfromtxt(path, delimiter=",", names=True, dtype=None, encoding="utf-8")
    x, y, loss = np.log(table["params"]), np.log(table["tokens"]), table["loss"]

    def terms(theta):
        e, a, b, alpha, beta = theta
        return np.exp(e), np.exp(a - alpha * x), np.exp(b - beta * y)

    def residuals(theta):
        predicted = sum(terms(theta))
        return predicted - loss if objective == "mse" else np.log(predicted) - np.log(loss)

    def jacobian(theta):
        t0, t1, t2 = terms(theta)
        scale = 1 if objective == "mse" else t0 + t1 + t2
        return (np.column_stack([np.full_like(t1, t0), t1, t2, -x * t1, -y * t2]).T / scale).T

    delta = 1e-3

    def value(theta):
        r = residuals(theta)
        if objective != "log-huber":
            return np.sum(r * r)
        size = np.abs(r)
        return np.sum(np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta)))

    def gradient(theta):
        r = residuals(theta)
        psi = np.clip(r, -delta, delta) if objective == "log-huber" else 2 * r
        return jacobian(theta).T @ psi

    if objective == "mean":
        objective = "log-huber"
        found = minimize(lambda t: value(t) / len(x), start, method="L-BFGS-B")
        alpha, beta = found.x[3:]
        print(json.dumps({"success": bool(found.success), "a": float(beta / (alpha + beta))}))
        return

    theta = least_squares(
        residuals, start, jac=jacobian, x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=2000
    ).x
    if objective == "log-huber":
        # From least squares down to the small delta in steps, the last ones by BFGS on the scaled objective.
        final = delta
        for delta in [final * 4.0**k for k in range(5, -1, -1)]:
            for _ in range(3):
                scale = max(value(theta), 1e-300)
                found = minimize(
                    lambda t: value(t) / scale,
                    theta,
                    jac=lambda t: gradient(t) / scale,
                    method="BFGS",
                    options={"gtol": 1e-12, "maxiter": 5000},
                )
                theta = found.x
    e, a, b, alpha, beta = theta
    print(
        json.dumps(
            {
                "objective": float(value(theta)),
                "E": float(np.exp(e)),
                "A": float(np.exp(a)),
                "B": float(np.exp(b)),
                "alpha": float(alpha),
                "beta": float(beta),
            }
        )
    )


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], [float(v) for v in sys.argv[3].split(",")])
