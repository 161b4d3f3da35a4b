"""The Python half of the GPU bundle: what it says of results that are wrong, and what it does when programs fail."""

import contextlib
import io
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
from pathlib import Path
from types import SimpleNamespace

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path[:0] = [str(SCRIPTS), str(SCRIPTS / "gpu")]
sys.dont_write_bytecode = True

import context as gpu_context  # noqa: E402
import gpu_results  # noqa: E402
import losses as gpu_losses  # noqa: E402
import measure as gpu_measure  # noqa: E402
import phases as gpu_phases  # noqa: E402
import speed as gpu_speed  # noqa: E402


def speed_row(**changes):
    row = {"shape": "L2C64T64B32D16", "n_layer": 2, "d_model": 64, "d_head": 16, "context": 64, "vocab": 128, "params": 114688, "members": 1,
           "batch_tokens": 2048, "precision": "bf16", "graph": "auto", "flops_per_step": 1.5e9, "step_s": 1e-3, "tokens_per_s": 2.048e6,
           "repetition": "16 steps per CUDA graph, equal to single steps to the last bit", "commands_per_step": 100}
    return row | changes


def good_results():
    """As run.sh would write them where all is well."""
    phases = {
        "device": {"gpus": [{"name": "NVIDIA H100 80GB HBM3", "driver_version": "580.1"}], "host": {"cpu": "a processor", "cores": 16},
                   "measured": {"copy_bytes_per_s": 3e12, "bf16_flops_per_s": 8e14, "fp32_flops_per_s": 5e13}},
        "tests": {"programs": [{"program": "test_cuda_device", "exit": 0, "tests": 10, "failed": 0, "skipped": 0, "failures": []}]},
        "agreement": {"rows": [{"what": "step", "shape": "d16 L2T12V20", "members": 3, "precision": "fp32", "loss_distance": 1e-7, "gradient_distance": 1e-6,
                                "worst_slice": "head", "loss_limit": 1e-5, "gradient_limit": 1e-4, "ok": True},
                               {"what": "graph", "shape": "L2C64T64B4D16", "precision": "fp32", "equal": True, "repetition": "16 steps", "ok": True}]},
        "speed": {"rows": [speed_row(), speed_row(members=16, bytes_predicted=3e9, bytes_taken=2e9)],
                  "pytorch": [{"shape": "L2C64T64B32D16", "precision": "bf16", "mode": "eager", "tokens_per_s": 5e5}],
                  "shared": [{"shape": "L2C64T64B32D16", "members": 4, "precision": "bf16", "jobs": 2, "tokens_per_s": 4e6}]},
        "quick": {"compared": 114, "only_here": 0, "only_there": 0, "rms": 0.001, "worst": 0.004, "noise": 0.005, "within_noise": True,
                  "seconds": 30.0, "predicted_s": 28.0},
        "ladder": {"runs": [{"params": 1e6, "tokens": 1e8, "flops": 6e14, "lr": 0.002, "loss": 1.2, "tokens_per_s": 1e6, "status": "completed"}],
                   "seconds": 100.0}}
    for name, phase in phases.items():
        phase |= {"failed": False, "took_s": 1.0, "line": f"{name} was well"}
    return {"schema": "scalelaw.gpu_results/1", "bundle": {"torch": "2.11.0", "git": "abc"}, "on": "cuda", "started": "2026-01-02T03:04:05Z", "phases": phases}


def loaded(all_results):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "results.json").write_text(json.dumps(all_results))
        return gpu_results.Results(folder)


class Problems(unittest.TestCase):
    def of(self, change):
        results = good_results()
        change(results["phases"])
        return "\n".join(gpu_results.problems(loaded(results)))

    def test_none_where_all_is_well(self):
        self.assertEqual(self.of(lambda phases: None), "")

    def test_each_kind_is_named(self):
        def failed_phase(p): p["ladder"] |= {"failed": True, "line": "out of time"}
        def failed_test(p): p["tests"]["programs"][0]["failures"] = ["OnADevice.Repeats: not equal\nmore"]
        def no_start(p): p["tests"]["programs"][0]["error"] = "libcublas.so.13 is missing"
        def wrong_step(p): p["agreement"]["rows"][0] |= {"ok": False, "gradient_distance": 0.2}
        def wrong_graph(p): p["agreement"]["rows"][1] |= {"ok": False}
        def too_little_memory(p): p["speed"]["rows"][1]["bytes_predicted"] = 1.9e9
        def too_much_memory(p): p["speed"]["rows"][1]["bytes_predicted"] = 4.1e9
        def no_row(p): p["speed"]["rows"][0] = {"shape": "S", "members": 1, "precision": "fp32", "graph": "off", "error": "CUDA: out of memory"}
        def no_graph(p): p["speed"]["rows"][0]["repetition"] = "single steps: recording failed"
        def slower(p): p["speed"]["pytorch"][0]["tokens_per_s"] = 3e6
        def no_compile(p): p["speed"]["pytorch"][0] = {"shape": "L2C64T64B32D16", "precision": "bf16", "mode": "compile", "error": "ended with 1"}
        def other_losses(p): p["quick"] |= {"within_noise": False, "worst": 0.1}
        def other_runs(p): p["quick"]["only_there"] = 3
        def slow_study(p): p["quick"]["seconds"] = 60.0
        for change, words in [(failed_phase, "phase ladder failed: out of time"), (failed_test, "OnADevice.Repeats: not equal"), (no_start, "libcublas.so.13"),
                              (wrong_step, "gradients of head by 0.2"), (wrong_graph, "graphs are not single steps"), (too_little_memory, "(0.95 times)"),
                              (too_much_memory, "(2.05 times)"), (no_row, "CUDA: out of memory"), (no_graph, "no graph: single steps: recording failed"),
                              (slower, "PyTorch eager at 3M"), (no_compile, "PyTorch compile bf16"), (other_losses, "at most 0.1000"),
                              (other_runs, "3 runs of the CPU's were not made"), (slow_study, "time predicted 28 s, took 60 s")]:
            with self.subTest(change.__name__):
                said = self.of(change)
                self.assertIn(words, said)
                self.assertEqual(len(said.splitlines()), 1, said)


class Tables(unittest.TestCase):
    @staticmethod
    def write(folder):
        return subprocess.run([sys.executable, "-B", SCRIPTS / "gpu_results.py", folder, "--write", "--root", folder], capture_output=True, text=True)

    def test_a_device_has_a_page_and_a_table_of_its_own(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "speeds.json").write_text('{"rows": []}\n')
            for device in ("NVIDIA H100 80GB HBM3", "NVIDIA H200", "NVIDIA H200"):  # the second time replaces its own page
                results = good_results()
                results["phases"]["device"]["gpus"][0]["name"] = device
                (folder / "results.json").write_text(json.dumps(results))
                said = self.write(folder)
                self.assertEqual(said.returncode, 0, said.stderr)
            self.assertEqual(sorted(str(path.relative_to(folder)) for path in folder.glob("*/*/*")),
                             ["data/speeds/h100_80gb_hbm3.json", "data/speeds/h200.json", "docs/devices/h100_80gb_hbm3.md", "docs/devices/h200.md"])
            self.assertEqual((folder / "data/speeds/h200.json").read_text(), '{"rows": []}\n')
            text = (folder / "docs/devices/h100_80gb_hbm3.md").read_text()
            self.assertTrue(text.startswith("# NVIDIA H100 80GB HBM3\n\nDriver 580.1, LibTorch 2.11.0, "), text)
            self.assertIn("| L2C64T64B32D16 | 1 | bf16 | auto | 2.05M | 1 | 1.5 | 0.15 | 100 |", text)  # 1.5 of 989 TFLOP/s
            self.assertIn("| L2C64T64B32D16 | bf16 | eager | 500k | 2.05M | 4.10 |", text)
            self.assertIn("| L2C64T64B32D16 | 16 | bf16 | 2.79 | 1.86 | 1.50 |", text)
            self.assertLess(max(len(line) for line in text.splitlines() if not line.startswith("|")), 101)

    def test_files_that_are_not_results_are_one_line_and_change_nothing(self):
        def cpu(r): r["on"] = "cpu"
        def no_gpu(r): r["phases"]["device"]["gpus"] = []
        def no_phases(r): del r["phases"]
        def nothing_taken(r): r["phases"]["speed"]["rows"][1]["bytes_taken"] = 0
        def no_time(r): r["phases"]["speed"]["rows"][0]["step_s"] = None
        def no_line(r): del r["phases"]["quick"]["line"]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            texts = ["", "{", "[]", "{}"]
            for change in (cpu, no_gpu, no_phases, nothing_taken, no_time, no_line):
                change(results := good_results())
                texts.append(json.dumps(results))
            for text in texts:
                (folder / "results.json").write_text(text)
                said = self.write(folder)
                self.assertEqual((said.returncode, len(said.stderr.splitlines())), (1, 1), text + said.stderr)
                self.assertTrue(said.stderr.startswith("error: gpu_results.py: "), said.stderr)
            self.assertEqual([path.name for path in folder.iterdir()], ["results.json"])

    def test_partial_results_still_make_tables(self):
        without = good_results()
        without["phases"]["device"]["measured"] = {"error": "python3 ended with 1: no module named torch"}
        self.assertNotIn("Measured by PyTorch", gpu_results.speeds(loaded(without)))
        for name in good_results()["phases"]:
            results = good_results()
            results["phases"] = {name: results["phases"][name]}
            found = loaded(results)
            self.assertIn(name, gpu_results.correctness(found))
            self.assertIn("tokens/s", gpu_results.speeds(found))


class Losses(unittest.TestCase):
    @staticmethod
    def record(run, loss, lr=0.01, seed=0):
        return {"id": run, "spec": {"model": {"d_model": 16, "n_layer": 2}, "optimizer": {"lr": lr}, "seed": seed, "schedule": {"kind": "trunk_cooldown"}},
                "params": {"total": 100}, "tokens": 5, "trunk": None, "loss": {"nats": loss, "stderr": 0.01}}

    def rows(self, records):
        file = io.StringIO()
        gpu_losses.write_rows(records, file)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "rows.csv").write_text(file.getvalue())
            return gpu_losses.read_rows(Path(folder) / "rows.csv")

    def test_noise_is_that_of_runs_that_differ_in_seed_alone(self):
        rng = random.Random(1)
        records = [self.record(f"{lr}-{seed}", 2 + lr + rng.gauss(0, 0.01), lr, seed) for lr in (0.01, 0.02, 0.04) for seed in range(4)]
        noise, freedom = gpu_losses.seed_noise(self.rows(records))
        squares = 0.0
        for lr in (0.01, 0.02, 0.04):
            losses = [r["loss"]["nats"] for r in records if r["spec"]["optimizer"]["lr"] == lr]
            squares += sum((x - sum(losses) / 4) ** 2 for x in losses)
        self.assertEqual(freedom, 9)
        self.assertAlmostEqual(noise, math.sqrt(squares / 9), 12)

    def test_within_noise_or_not(self):
        there = [self.record(f"r{i}", 2 + 0.01 * i, seed=i) for i in range(5)]
        rows = self.rows(there)
        moved = lambda by: [self.record(r["id"], r["loss"]["nats"] + by, seed=r["spec"]["seed"]) for r in there]
        self.assertTrue(gpu_losses.compare_losses(moved(0.001), rows)["within_noise"])
        self.assertFalse(gpu_losses.compare_losses(moved(0.1), rows)["within_noise"])
        one = moved(0)
        one[2]["loss"]["nats"] += 0.08  # more than four standard deviations (0.0158) at one run only
        found = gpu_losses.compare_losses(one, rows)
        self.assertFalse(found["within_noise"])
        self.assertEqual(found["differences"][0]["run"], "r2")
        one[2]["loss"]["nats"] = None  # it diverged here
        self.assertFalse(gpu_losses.compare_losses(one, rows)["within_noise"])
        self.assertFalse(gpu_losses.compare_losses([self.record("other", 2.0)], rows)["within_noise"])
        self.assertEqual(gpu_losses.compare_losses([self.record("other", 2.0)], rows)["only_there"], 5)


class Phases(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        self.context = SimpleNamespace(results={"phases": {}}, log=gpu_context.Log(path / "log.txt"), device="cuda", save=lambda: None, bench=path / "bench", wanted=[])
        self.addCleanup(self.folder.cleanup)

    def fake_bench(self, body):
        self.context.bench.write_text(f"#!{sys.executable}\nimport json, os, sys, time\nprint(json.dumps({{'device': 'fake'}}), flush=True)\n{body}\n")
        self.context.bench.chmod(0o755)

    def line_of(self, phase, limit=5):
        return gpu_phases.run_phase(phase, limit, self.context, gpu_measure.Clock(60))

    def test_a_failure_or_the_end_of_time_is_a_line(self):
        def breaks(context, found, clock): raise ValueError("what went wrong")
        def sleeps(context, found, clock): gpu_measure.run(["sleep", "60"], clock, context.log); clock.check()
        def works(context, found, clock): return "as it should"
        self.assertRegex(self.line_of(breaks), r"^FAILED breaks .*ValueError: what went wrong$")
        self.assertRegex(self.line_of(sleeps, 0.3), r"^FAILED sleeps .*out of time$")
        self.assertRegex(self.line_of(works), r"^ok     works .*as it should$")
        self.assertLess(self.context.results["phases"]["sleeps"]["took_s"], 5)

    def test_device_tests_that_are_skipped_are_a_failure_on_a_gpu_alone(self):
        bin_folder = Path(self.folder.name) / "bin"
        bin_folder.mkdir()
        for name in ("test_cuda_device_kernels", "test_cuda_device"):  # as GoogleTest 1.12 reports a test that is skipped
            (bin_folder / name).write_text(f"""#!{sys.executable}
import json, sys
report = {{"tests": 1, "testsuites": [{{"name": "OnADevice", "testsuite": [{{"name": "Works", "status": "RUN", "result": "SKIPPED"}}]}}]}}
open(sys.argv[1].split(":", 1)[1], "w").write(json.dumps(report))
print("[ RUN      ] OnADevice.Works\\na.cpp:31: Skipped\\nno CUDA device: none\\n\\n[  SKIPPED ] OnADevice.Works (0 ms)")
""")
            (bin_folder / name).chmod(0o755)
        self.context.work = Path(self.folder.name)
        with unittest.mock.patch.object(gpu_phases, "BIN", bin_folder):
            self.assertRegex(self.line_of(gpu_phases.tests), "^FAILED tests .*0 passed, 0 failed, 2 skipped")
            self.context.device = "cpu"
            self.assertRegex(self.line_of(gpu_phases.tests), "^ok     tests .*0 passed, 0 failed, 2 skipped")
        self.assertEqual(self.context.results["phases"]["tests"]["programs"][0]["skips"], ["no CUDA device: none"])

    def test_a_program_that_ends_costs_one_row(self):
        self.fake_bench("""for line in sys.stdin:
    ask = json.loads(line)
    if ask["members"] == 16 and ask["graph"] == "off": sys.exit(print("some words\\nthe last words", file=sys.stderr) or 3)
    print(json.dumps({**ask, "tokens_per_s": 1.0, "flops_per_step": 1.0, "step_s": 1.0}), flush=True)""")
        found = {"rows": []}
        with contextlib.ExitStack() as servers:
            gpu_speed.own_rows(self.context, found, gpu_measure.Clock(60), Path("."), servers)
        self.assertEqual(len(found["rows"]), len(gpu_speed.speed_asks(self.context)))
        bad = [row for row in found["rows"] if "error" in row]
        self.assertEqual({(row["members"], row["graph"]) for row in bad}, {(16, "off")})
        self.assertEqual(bad[0]["error"], "bench ended with 3: the last words")

    def test_a_program_that_says_something_else_costs_one_row_too(self):
        self.fake_bench("""for line in sys.stdin:
    ask = json.loads(line)
    print("CUDA warning" if ask["members"] == 4 else json.dumps({**ask, "tokens_per_s": 1.0}), flush=True)""")
        found = {"rows": []}
        with contextlib.ExitStack() as servers:
            gpu_speed.own_rows(self.context, found, gpu_measure.Clock(60), Path("."), servers)
        self.assertEqual({row["members"] for row in found["rows"] if "error" in row}, {4})
        self.assertIn("which is no JSON", next(row["error"] for row in found["rows"] if "error" in row))

    def test_a_program_that_is_gone_is_a_runtime_error(self):
        self.fake_bench("sys.exit(5)")
        with gpu_measure.Server([self.context.bench], self.context.log) as server:
            server.answer(gpu_measure.Clock(10))
            server.process.wait()
            with self.assertRaisesRegex(RuntimeError, "bench ended with 5: it said nothing"):
                for _ in range(3):  # the first line may still fit the pipe
                    server.ask("a line", gpu_measure.Clock(10))

    def test_pytorch_that_compiles_too_long_costs_its_row_alone(self):
        decoder = Path(self.folder.name) / "decoder"
        decoder.write_text(f"""#!{sys.executable}
import json, sys, time
if sys.argv[1] == "compile": time.sleep(60)
print(json.dumps({{"engine": sys.argv[1]}}), flush=True)
for line in sys.stdin: print(json.dumps({{"tokens": 10, "seconds": 2.0}}), flush=True)
""")
        decoder.chmod(0o755)
        with contextlib.ExitStack() as started:
            self.context.started, self.context.pytorch_skipped, found = started, "", {"pytorch": []}
            self.context.pytorch = [({"shape": "S", "mode": mode, "precision": "fp32"}, started.enter_context(gpu_measure.Server([decoder, mode], self.context.log)))
                                    for mode in ("compile", "eager")]
            gpu_speed.pytorch_rows(self.context, found, gpu_measure.Clock(2), Path("."), None)
        rows = {row["mode"]: row for row in found["pytorch"]}
        self.assertEqual(rows["eager"]["tokens_per_s"], 5.0)
        self.assertIn("not ready", rows["compile"]["error"])

    def test_a_program_that_hangs_ends_the_part(self):
        self.fake_bench("time.sleep(60)")
        with self.assertRaises(gpu_measure.OutOfTime), contextlib.ExitStack() as servers:
            gpu_speed.own_rows(self.context, {"rows": []}, gpu_measure.Clock(3), Path("."), servers)


class WholeRuns(unittest.TestCase):
    """run.sh's Python half as a program, in a folder that looks like a bundle without programs."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bundle = Path(folder.name) / "bundle"
        shutil.copytree(SCRIPTS / "gpu", self.bundle)
        (self.bundle / "bin").mkdir()
        (self.bundle / "bundle.json").write_text('{"schema": "scalelaw.gpu_bundle/1", "torch": "2.11.0", "git": "abc"}')
        self.out = Path(folder.name) / "out"
        self.command = [sys.executable, "-B", self.bundle / "phases.py"]
        self.environment = {**os.environ, "OUT": str(self.out), "PYTHON": "false"}

    def program(self, name, body):
        path = self.bundle / "bin" / name
        path.write_text(f"#!{sys.executable}\n{body}\n")
        path.chmod(0o755)

    def run_phases(self, *words):
        return subprocess.run([*self.command, *words], env=self.environment, capture_output=True, text=True)

    def test_a_phase_run_again_replaces_its_own_results_alone(self):
        self.assertEqual(self.run_phases("--cpu", "device", "agreement").returncode, 1)
        before = json.loads((self.out / "results.json").read_text())
        self.assertEqual(set(before["phases"]), {"device", "agreement"})
        self.program("bench_train", """import json, sys
if sys.argv[1] == "agreement":
    print(json.dumps({"what": "step", "shape": "S", "precision": "fp32", "ok": True, "gradient_distance": 1e-6}))""")
        self.assertEqual(self.run_phases("--cpu", "agreement").returncode, 0)
        after = json.loads((self.out / "results.json").read_text())
        self.assertEqual(after["phases"]["device"], before["phases"]["device"])
        self.assertTrue(after["phases"]["agreement"]["summary"].startswith("ok "))
        self.assertEqual(len((self.out / "summary.txt").read_text().splitlines()), 2)
        (self.bundle / "bundle.json").write_text('{"schema": "scalelaw.gpu_bundle/1", "torch": "2.11.0", "git": "other"}')
        self.run_phases("--cpu", "agreement")  # another bundle's results do not mix with these
        self.assertEqual(set(json.loads((self.out / "results.json").read_text())["phases"]), {"agreement"})

    def test_nothing_outlives_a_run_that_is_stopped(self):
        mark = self.bundle / "child"
        self.program("bench_train", f"""import os, subprocess, sys, time
if sys.argv[1] == "agreement":
    open({str(mark)!r}, "w").write(str(subprocess.Popen(["sleep", "60"]).pid))
    time.sleep(60)""")
        for number, code in ((signal.SIGTERM, 130), (signal.SIGINT, 130)):
            process = subprocess.Popen([*self.command, "--cpu", "agreement", "quick"], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not mark.exists() or not mark.read_text():
                time.sleep(0.05)
            child = int(mark.read_text())
            process.send_signal(number)
            self.assertEqual(process.wait(timeout=20), code)
            mark.unlink()
            state = Path(f"/proc/{child}/stat")
            self.assertTrue(not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z", "a child runs on")
            found = json.loads((self.out / "results.json").read_text())["phases"]
            self.assertEqual((found["agreement"]["line"], "quick" in found), ("interrupted", False))

    def test_bad_words_and_places_are_one_line(self):
        for words, code in ((["--total", "nan"], 2), (["--total", "-1"], 2), (["\u00b2"], 2), (["7"], 2)):
            self.assertEqual(self.run_phases(*words).returncode, code, words)
        self.environment["OUT"] = str(self.bundle / "phases.py" / "out")
        result = self.run_phases("--cpu", "device")
        self.assertEqual((result.returncode, len(result.stderr.splitlines())), (4, 1), result.stderr)


if __name__ == "__main__":
    unittest.main()
