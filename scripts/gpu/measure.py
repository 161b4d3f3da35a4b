"""Programs of the bundle as phases.py uses them: started with a time limit, asked line by line."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


class OutOfTime(Exception):
    pass


class Clock:
    """Time that a phase may take."""

    def __init__(self, seconds):
        self.start, self.end = time.monotonic(), time.monotonic() + seconds

    def left(self):
        return self.end - time.monotonic()

    def taken(self):
        return time.monotonic() - self.start

    def check(self, needed=0.0):
        if self.left() <= needed:
            raise OutOfTime


def end_group(process):
    """Ends a process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run(command, clock, log, limit=None, env=None):
    """Runs a command to its end. @return exit code (None: it ran out of time), standard output, standard error."""
    words = [str(word) for word in command]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               errors="replace", start_new_session=True, env={**os.environ, **(env or {})})
    begin = time.monotonic()
    try:
        out, err = process.communicate(timeout=max(0.1, min(clock.left(), limit or clock.left())))
        code = process.returncode
    except subprocess.TimeoutExpired:
        end_group(process)
        out, err = process.communicate()
        code = None
    except BaseException:  # Ctrl-C: nothing that was started goes on
        end_group(process)
        raise
    log(f"$ {' '.join(words)}\n{out}{err}[exit {'out of time' if code is None else code} after {time.monotonic() - begin:.1f} s]\n")
    return code, out, err


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def tool(command, clock, log, well=(0,)):
    """Whether a program ends well (with one of these codes), and what it prints, or why it does not."""
    try:
        code, out, err = run(command, clock, log)
    except OSError as error:
        return False, f"does not start: {error}"
    if code is None:
        return False, "out of time"
    return code in well, out.strip() if code in well else f"ended with {code}: {last_line(err or out)}"


class Server:
    """A program that answers lines of standard input with lines of JSON. Use it by 'with': it ends with the block."""

    def __init__(self, command, log, env=None):
        self.words, self.log, self.rest = [str(word) for word in command], log, b""
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        start_new_session=True, env={**os.environ, **(env or {})})

    def tell(self, line):
        try:
            self.process.stdin.write((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            raise RuntimeError(self.last_words()) from None

    def answer(self, clock):
        """The next line. Raises OutOfTime, or RuntimeError where the program has ended or says something else."""
        while b"\n" not in self.rest:
            if not select.select([self.process.stdout], [], [], max(0.0, clock.left()))[0]:
                raise OutOfTime
            read = os.read(self.process.stdout.fileno(), 1 << 16)
            if not read:
                raise RuntimeError(self.last_words())
            self.rest += read
        line, self.rest = self.rest.split(b"\n", 1)
        try:
            return json.loads(line)
        except ValueError:
            raise RuntimeError(f"{Path(self.words[0]).name} said {line[:80]!r}, which is no JSON") from None

    def ask(self, line, clock):
        self.tell(line)
        return self.answer(clock)

    def complaints(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace").strip()

    def last_words(self):
        end_group(self.process)
        lines = self.complaints().splitlines()
        return f"{Path(self.words[0]).name} ended with {self.process.returncode}: {lines[-1] if lines else 'it said nothing'}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end_group(self.process)
        self.log(f"$ {' '.join(self.words)}\n{self.complaints()}\n[ended]\n")
        for file in (self.process.stdin, self.process.stdout, self.errors):
            with contextlib.suppress(OSError):  # what was not taken any more
                file.close()


CEILINGS = """
import json, time, torch
def rate(work, amount):
    for _ in range(3): work()
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(10): work()
    torch.cuda.synchronize()
    return 10 * amount / (time.perf_counter() - begin)
found = {"torch": torch.__version__, "device": torch.cuda.get_device_name(0)}
x = torch.empty(1 << 30, dtype=torch.uint8, device="cuda"); y = torch.empty_like(x)
found["copy_bytes_per_s"] = rate(lambda: y.copy_(x), 2 * x.numel())
for name, dtype, n in (("bf16", torch.bfloat16, 8192), ("fp32", torch.float32, 4096)):
    a, b = (torch.randn(n, n, device="cuda").to(dtype) for _ in range(2))
    found[name + "_flops_per_s"] = rate(lambda: a @ b, 2 * n ** 3)
print(json.dumps(found))
"""


def ceilings(python, clock, log):
    """What PyTorch measures of the device: bytes/s of a copy, FLOP/s of large products; or "error"."""
    ok, said = tool([python, "-c", CEILINGS], clock, log)
    return json.loads(last_line(said)) if ok else {"error": said}


def gtest_results(path, output):
    """Counts of a test program's JSON report, what failed with its reason, and the reasons for skipping, which only the
    program's output has."""
    report = json.loads(Path(path).read_text())
    counts = {"tests": report["tests"], "failed": 0, "skipped": 0, "failures": [],
              "skips": sorted(set(re.findall(r": Skipped\n(.*)", output)))}
    for suite in report["testsuites"]:
        for test in suite["testsuite"]:
            if test.get("failures"):
                counts["failed"] += 1
                counts["failures"].append(f"{suite['name']}.{test['name']}: {test['failures'][0]['failure'].strip()[:400]}")
            counts["skipped"] += test.get("result") == "SKIPPED"
    return counts
