"""The phase speed: how fast this program trains on the device, how fast PyTorch does, and how several jobs share it."""

import contextlib

from context import BIN
from measure import HERE, Clock, OutOfTime, Server, run

# About 1e5, 1e6 and 1e7 parameters; contexts 64 to 512; 2,048 or 4,096 tokens a step and member.
SHAPES = ["L2C64T64B32D16", "L4C128T256B16D32", "L6C384T512B8D64"]
CPU_SHAPE = "L2C64T64B4D16"
MEMBERS = [1, 16, 4, 64]
MEMORY_AT = 16  # members of the rows that also measure the memory of a whole job


def speed_asks(context):
    """Most telling first. 64 members of the largest would not fit 80 GB, and take a minute."""
    if context.device == "cpu":
        return [{"shape": CPU_SHAPE, "members": k, "precision": p, "graph": "off", "seconds": 0.2, "memory": False} for k in (1, 4) for p in ("fp32", "bf16")]
    return [{"shape": shape, "members": k, "precision": p, "graph": g, "seconds": 0.6, "memory": k == MEMORY_AT and g == "auto"}
            for k in MEMBERS for shape in SHAPES for p in ("bf16", "fp32") for g in ("auto", "off") if not (k == 64 and shape == SHAPES[-1])]


def start_pytorch(context, clock):
    """The plain decoder in PyTorch, every way at once: to compile takes a minute, which passes while other phases run."""
    try:
        start_every_way(context, clock)
    except OutOfTime:
        context.pytorch_skipped = "out of time before it was started"
    except RuntimeError as error:
        context.pytorch_skipped = str(error)


def start_every_way(context, clock):
    code, _, _ = run([context.python, "-c", "import torch, numpy"], clock, context.log)
    if code is None:
        raise OutOfTime
    if code != 0:
        raise RuntimeError(f"{context.python} cannot import torch and numpy")
    folder = context.bench_corpus(clock)
    for shape in SHAPES if context.device == "cuda" else [CPU_SHAPE]:
        with Server([BIN / "bench_train", "contender", shape, "torch", "fp32", folder], context.log) as exporter:
            exporter.answer(clock)
            exporter.ask("export 200", clock)
        for row in ({"shape": shape, "mode": mode, "precision": dtype} for dtype in ("fp32", "bf16") for mode in ("eager", "compile")):
            command = [context.python, HERE / "plain_decoder.py", shape, row["mode"], folder, "--device", context.device, "--dtype", row["precision"]]
            few = {"TORCHINDUCTOR_COMPILE_THREADS": "2"}  # else each of them starts a process for every core
            context.pytorch.append((row, context.started.enter_context(Server(command, context.log, few))))


def pytorch_rows(context, found, clock, folder, servers):
    """Each by itself, eager ones first; they end here, so that the device is ours. One slow to compile costs its row only."""
    if not context.pytorch and not context.pytorch_skipped:
        start_pytorch(context, clock)
    if context.pytorch_skipped:
        found["pytorch_skipped"] = context.pytorch_skipped
    context.pytorch.sort(key=lambda pair: pair[0]["mode"] != "eager")
    found["pytorch"] += [row for row, _ in context.pytorch]
    waiting = Clock(0.6 * clock.left())
    try:
        for row, server in context.pytorch:
            try:
                row |= server.answer(waiting)
            except (RuntimeError, OutOfTime) as error:
                row["error"] = str(error) or f"not ready after {waiting.taken():.0f} s of waiting"
        for row, server in context.pytorch:
            if "error" in row:
                continue
            try:
                server.ask("measure 0.2", clock)
                measured = server.ask("measure 1.0" if context.device == "cuda" else "measure 0.3", clock)
                row["tokens_per_s"] = measured["tokens"] / measured["seconds"]
            except (RuntimeError, OutOfTime) as error:
                row["error"] = str(error) or "out of time"
    finally:
        context.started.close()


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
                found.setdefault("errors", []).append(f"{part.__name__}: out of time")
            except RuntimeError as error:
                found.setdefault("errors", []).append(f"{part.__name__}: {error}")
    asked = len(speed_asks(context))
    good = {kind: [row for row in found[kind] if "tokens_per_s" in row] for kind in ("rows", "pytorch", "shared")}
    found["failed"] = len(good["rows"]) < asked or not good["shared"] or "errors" in found or bool(found["pytorch"] and not good["pytorch"])
    best = max(good["rows"], key=lambda row: row["flops_per_step"] / row["step_s"], default=None)
    return (f"{len(good['rows'])} of {asked} rows, {len(good['pytorch'])} of PyTorch, {len(good['shared'])} of shared devices"
            + (f"; most: {best['flops_per_step'] / best['step_s'] / 1e12:.3g} TFLOP/s at {best['shape']} x {best['members']} {best['precision']}" if best else "")
            + (f"; {'; '.join(found['errors'])}" if "errors" in found else "")
            + (f"; PyTorch left out: {found['pytorch_skipped']}" if "pytorch_skipped" in found else ""))
