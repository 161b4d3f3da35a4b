"""Losses of a study on one device beside those of another: the same runs, by their ids."""

import csv
import math

COLUMNS = ["run", "shape", "params", "tokens", "lr", "seed", "schedule", "trunk", "loss", "loss_stderr"]
# Differences of this many standard deviations of seed noise are expected of one run in 16,000.
LIMIT_SD = 4


def row_of(record):
    """The columns of data/records/quick.csv from a record (docs/RECORDS.md)."""
    spec = record["spec"]
    return {"run": record["id"], "shape": f"d{spec['model']['d_model']} L{spec['model']['n_layer']}", "params": record["params"]["total"],
            "tokens": record["tokens"], "lr": spec["optimizer"]["lr"], "seed": spec["seed"], "schedule": spec["schedule"]["kind"],
            "trunk": record["trunk"] or "", "loss": record["loss"]["nats"], "loss_stderr": record["loss"]["stderr"]}


def read_rows(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for key in ("params", "tokens", "seed"):
            row[key] = int(row[key])
        for key in ("lr", "loss", "loss_stderr"):
            row[key] = float(row[key]) if row[key] else None
    return rows


def write_rows(records, file):
    """All finished runs, in an order of their own."""
    rows = [row_of(record) for record in records if record["loss"]["nats"] is not None]
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: (row["params"], row["tokens"], row["lr"], row["seed"], row["run"])))


def seed_noise(rows):
    """Standard deviation of the loss of runs that differ in nothing but their seed and whether they branched off a trunk,
    pooled over all sets of such runs, and its degrees of freedom."""
    sets = {}
    for row in rows:
        if row["loss"] is not None:
            sets.setdefault((row["shape"], row["tokens"], row["lr"]), []).append(row["loss"])
    squares, freedom = 0.0, 0
    for losses in sets.values():
        mean = sum(losses) / len(losses)
        squares += sum((loss - mean) ** 2 for loss in losses)
        freedom += len(losses) - 1
    return (math.sqrt(squares / freedom) if freedom else math.nan), freedom


def compare_losses(records, expected):
    """How far the losses of the records are from the expected rows of the same run.
    @return compared, only_here, only_there, rms, worst, noise (nats), within_noise, differences (largest first)"""
    noise, freedom = seed_noise(expected)
    known = {row["run"]: row for row in expected}
    differences = []
    for record in records:
        there, here = known.get(record["id"]), record["loss"]["nats"]
        if there is None:
            continue
        apart = None if here is None or there["loss"] is None else here - there["loss"]
        differences.append({**row_of(record), "expected": there["loss"], "difference": apart})
    differences.sort(key=lambda d: -math.inf if d["difference"] is None else -abs(d["difference"]))
    numbers = [d["difference"] for d in differences if d["difference"] is not None]
    worst = max((abs(x) for x in numbers), default=0.0)
    rms = math.sqrt(sum(x * x for x in numbers) / len(numbers)) if numbers else 0.0
    return {"compared": len(differences), "only_here": len(records) - len(differences),
            "only_there": len(known) - len(differences), "rms": rms, "worst": worst, "noise": noise, "noise_freedom": freedom,
            "within_noise": bool(numbers) and len(numbers) == len(differences) and rms <= noise and worst <= LIMIT_SD * noise,
            "differences": differences}
