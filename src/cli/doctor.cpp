// scalelaw doctor: what this machine and this checkout can do.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "cli/cli.hpp"
#include "core/build_info.hpp"
#include "core/format.hpp"
#include "core/names.hpp"
#include "corpus/corpus.hpp"
#include "design/config.hpp"
#include "exec/backend.hpp"
#include "exec/device_check.hpp"
#include "os/command.hpp"
#include "os/cpu.hpp"

namespace scalelaw::cli {
namespace {

struct Check {
  std::string name;
  bool ok = false;
  std::string detail;  ///< what was found
  std::string advice;  ///< what to do where it is missing; empty where the detail says it
};

std::string first_line(const CommandOutput& output) { return output.lines.empty() ? "" : output.lines.front(); }

/// A trainer starts, which loads LibTorch.
Check trainer_check(const std::string& name, const std::filesystem::path& program, const char* advice) {
  Check check{name, false, "not beside this program", advice};
  if (program.empty() && !build_info().training) check.detail = "not part of this light build, which does not train";
  if (program.empty()) return check;
  const CommandOutput output = run_command(shell_quoted(program) + " --version");
  check.ok = output.status == 0;
  check.detail = check.ok ? first_line(output) : fmt::format("does not start: {}", first_line(output));
  return check;
}

Check corpus_check(const std::string& folder) {
  Check check{
      "corpus", false, fmt::format("none in {}", folder),
      "scripts/get_corpus.sh gets one, 'scalelaw corpus build --input FILES --out data/NAME' makes one of your own "
      "text (--corpus data/NAME checks it)"};
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::path(folder) / "manifest.json", error)) return check;
  try {
    const Corpus corpus = load_corpus(folder);
    check.ok = true;
    check.detail = fmt::format("{}: {} training tokens", folder,
                               short_count(static_cast<double>(corpus.manifest.splits.train.tokens)));
  } catch (const Error& e) {
    check.detail = e.what();
  }
  return check;
}

Check disk_check() {
  constexpr double kEnough = 1024.0 * 1024 * 1024;
  std::error_code error;
  const auto space = std::filesystem::space(".", error);
  const double free = error ? 0 : static_cast<double>(space.available);
  return {"disk", free >= kEnough, short_bytes(free) + " free here",
          "free at least 1 GiB, or use --out on another disk"};
}

/// What the first device is, what training on it would use, and whether the CUDA trainer, where it is built, can.
Check cuda_check(const Environment& environment) {
  Check check{"CUDA device", environment.cuda_devices > 0, "none found",
              "only for GPUs: nvidia-smi must list one; without it, train on the CPU (--backend train --device cpu)"};
  if (!check.ok) return check;
  if (!environment.cuda_trainer.empty()) {
    const DeviceCheck device = check_cuda_device(environment.cuda_trainer);
    if (!device.usable) {
      return {check.name, false, fmt::format("{} found, but {}", environment.cuda_devices, device.detail), ""};
    }
  }
  const CommandOutput device = run_command("nvidia-smi --query-gpu=name,compute_cap --format=csv,noheader");
  const std::string line = first_line(device);
  const std::size_t comma = line.rfind(", ");
  check.detail = fmt::format("{} found", environment.cuda_devices);
  if (device.status != 0 || comma == std::string::npos) return check;
  const std::string name = line.substr(0, comma), capability = line.substr(comma + 2);
  constexpr double kOldest = 8;  // what the kernels are compiled for
  check.ok = std::strtod(capability.c_str(), nullptr) >= kOldest;
  check.advice = "the kernels need compute capability 8.0 (Ampere) or newer; train on the CPU (--device cpu)";
  check.detail += fmt::format(
      ", the first {} of compute capability {}: torch engine, training.precision fp32 or bf16, steps in CUDA graphs "
      "unless training.graph is off; checked on an H100 and an H200 (docs/CUDA.md)",
      name, capability);
  return check;
}

Check cores_check(const Environment& environment) {
  InstructionSet best = InstructionSet::baseline;
  for (const InstructionSet set : all_of<InstructionSet>()) {
    if (may_use(set)) best = set;
  }
  const char* limit = std::getenv("SCALELAW_MAX_ISA");
  return {"cores", true,
          fmt::format("{}, kernels for {}{}: training.precision {}", environment.cores, best,
                      limit == nullptr || *limit == '\0' ? "" : fmt::format(" (SCALELAW_MAX_ISA={})", limit),
                      environment.amx_bf16 ? "fp32 or bf16" : "fp32; bf16 needs AMX"),
          ""};
}

std::vector<Check> all_checks(const std::string& corpus) {
  const Environment environment = probe_environment();
  std::vector<Check> checks;
  const BuildInfo info = build_info();
  checks.push_back({"scalelaw", true, fmt::format("{} {} {}", info.version, info.compiler, info.type), ""});
  checks.push_back(cores_check(environment));
  checks.push_back(trainer_check("CPU trainer", environment.cpu_trainer,
                                 "scripts/setup.sh, then cmake --preset release and cmake --build --preset release"));
  checks.push_back(trainer_check(
      "CUDA trainer", environment.cuda_trainer,
      "only for GPUs: scripts/setup.sh --cuda, then cmake --preset cuda and cmake --build --preset cuda"));
  checks.push_back(cuda_check(environment));
  checks.push_back(corpus_check(corpus));
  const CommandOutput gnuplot = run_command("gnuplot --version");
  checks.push_back({"gnuplot", gnuplot.status == 0, gnuplot.status == 0 ? first_line(gnuplot) : "not found",
                    "only for static plots: apt-get install gnuplot-nox"});
  checks.push_back(disk_check());
  return checks;
}

bool found(const std::vector<Check>& checks, const char* name) {
  return std::ranges::any_of(checks, [&](const Check& check) { return check.name == name && check.ok; });
}

/// Why nothing can be trained here, and what to do; empty where something can, or where this is a light build without a
/// trainer beside it: that was chosen.
std::string no_training(const std::vector<Check>& checks) {
  const Environment environment = probe_environment();
  const bool chosen = !build_info().training && environment.cpu_trainer.empty() && environment.cuda_trainer.empty();
  if (chosen) return "";
  const bool trainer = found(checks, "CPU trainer") || (found(checks, "CUDA trainer") && found(checks, "CUDA device"));
  const bool corpus = found(checks, "corpus");
  if (trainer && corpus) return "";
  return fmt::format("training is not possible here: {}{}{}; simulating, fitting and reports are",
                     trainer ? "" : "no trainer that works (build it: see above)", trainer || corpus ? "" : " and ",
                     corpus ? "" : "no corpus (scripts/get_corpus.sh)");
}

ExitCode check_all(const Globals& globals, const std::string& corpus) {
  const std::vector<Check> checks = all_checks(corpus);
  Json value = Json::array();
  for (const Check& check : checks) {
    print(globals, fmt::format("{:<8}{:<13} {}{}\n", check.ok ? "ok" : "missing", check.name, check.detail,
                               check.ok || check.advice.empty() ? "" : fmt::format("; {}", check.advice)));
    value.push_back(
        {{"name", check.name}, {"ok", check.ok}, {"detail", check.detail}, {"advice", check.ok ? "" : check.advice}});
  }
  emit_json(globals, value);
  const std::string problem = no_training(checks);
  if (problem.empty()) {
    if (!found(checks, "CPU trainer") && !found(checks, "CUDA trainer"))
      print(globals, "this light build simulates, fits and reports; to train as well, build the trainer (see above)\n");
    return ExitCode::ok;
  }
  print(globals, problem + "\n");
  return ExitCode::device;
}

}  // namespace

void add_doctor(CLI::App& app, const Globals& globals, Action& action) {
  struct Options {
    bool config_keys = false;
    std::string corpus = CorpusConfig().path;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("doctor", "check programs, devices, corpus and disk, and say what to do");
  command->add_option("--corpus", options->corpus, "corpus folder to check");
  command->add_flag("--config-keys", options->config_keys, "print the table of docs/CONFIG.md")->group("");
  command->callback([options, &globals, &action] {
    action = [options, &globals] {
      if (options->config_keys) {
        print(globals, config_reference());
        return ExitCode::ok;
      }
      return check_all(globals, options->corpus);
    };
  });
}

}  // namespace scalelaw::cli
