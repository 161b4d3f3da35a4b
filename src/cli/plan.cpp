// scalelaw plan CONFIG: what a study would run, without running it.
#include <fmt/ranges.h>

#include <memory>

#include "cli/named_option.hpp"
#include "cli/simulation.hpp"
#include "cli/study_common.hpp"
#include "core/csv.hpp"
#include "core/format.hpp"
#include "exec/estimate.hpp"
#include "exec/precision.hpp"
#include "exec/run.hpp"
#include "records/shape.hpp"
#include "study/study_plan.hpp"

namespace scalelaw::cli {
namespace {

enum class PlanFormat { table, csv, json };
constexpr std::array<std::string_view, 3> names_of(PlanFormat) { return {"table", "csv", "json"}; }

struct PlanOptions {
  ConfigOptions config;
  PlanFormat format = PlanFormat::table;
  bool measure = false;
  std::string speeds;  ///< file of a device's table; empty = none
};

/// Runs that differ in learning rate and seed only.
struct Row {
  const PlannedRun* first = nullptr;
  std::int64_t runs = 0;
};

std::vector<Row> rows_of(const Plan& plan) {
  std::vector<Row> rows;
  for (const PlannedRun& run : plan.runs) {
    const bool same = !rows.empty() && shape_name(rows.back().first->spec.model) == shape_name(run.spec.model) &&
                      rows.back().first->spec.data.tokens == run.spec.data.tokens &&
                      rows.back().first->budget_flops == run.budget_flops;
    if (!same) rows.push_back({&run, 0});
    ++rows.back().runs;
  }
  return rows;
}

std::string table_text(const StudyConfig& config, const Plan& plan) {
  std::vector<std::vector<std::string>> cells;
  for (const Row& row : rows_of(plan)) {
    const RunSpec& spec = row.first->spec;
    const ParamCounts params = count_params(spec.model);
    const auto six_nd = count_flops(spec.model, spec.data.tokens).six_nd_total;
    const double budget = row.first->budget_flops;
    cells.push_back({shape_name(spec.model), short_count(static_cast<double>(params.total)),
                     short_count(static_cast<double>(spec.data.tokens)), power_text(six_nd),
                     budget > 0 ? power_text(budget) : "-",
                     fmt::format("{} x {}", config.design.learning_rates.size(), config.design.seeds.size()),
                     fmt::format("{}", run_steps(spec)), row.first->epochs > 0 ? factor_text(row.first->epochs) : "-"});
  }
  return text_table({"shape", "N", "D", "6ND", "budget", "lrs x seeds", "steps", "epochs"}, cells);
}

Json run_json(const PlannedRun& run) {
  const ParamCounts params = count_params(run.spec.model);
  return {{"id", run_id(run.spec)},
          {"shape", shape_name(run.spec.model)},
          {"d_model", run.spec.model.d_model},
          {"n_layer", run.spec.model.n_layer},
          {"params", params.total},
          {"tokens", run.spec.data.tokens},
          {"flops", count_flops(run.spec.model, run.spec.data.tokens).six_nd_total},
          {"budget", run.budget_flops},
          {"lr", run.spec.optimizer.lr},
          {"seed", run.spec.seed},
          {"steps", run_steps(run.spec)},
          {"warmup_steps", warmup_steps(run.spec)},
          {"epochs", run.epochs}};
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) line += (i > 0 ? "," : "") + csv_cell(cells[i]);
  return line + "\n";
}

std::string csv_text(const Plan& plan) {
  const std::vector<std::string> columns{"id",     "shape", "d_model", "n_layer", "params",       "tokens", "flops",
                                         "budget", "lr",    "seed",    "steps",   "warmup_steps", "epochs"};
  std::string out = csv_line(columns);
  for (const PlannedRun& run : plan.runs) {
    const Json value = run_json(run);
    std::vector<std::string> cells;
    for (const auto& column : columns) {
      const Json& item = value.at(column);
      cells.push_back(item.is_string() ? item.get<std::string>() : canonical_json(item));
    }
    out += csv_line(cells);
  }
  return out;
}

/// The law of the table of --speeds, if there is one.
std::optional<StepLaw> step_law(const PlanOptions& options, const StudyConfig& config, const Environment& environment) {
  if (options.speeds.empty()) return std::nullopt;
  if (training_setup(config, environment).device != DeviceKind::cuda) {
    fail_config("--speeds: the table is of a CUDA device, and this study does not train on one; add --device cuda{}",
                config.backend.kind == BackendKind::simulate || config.backend.kind == BackendKind::command
                    ? " and --backend train"
                    : "");
  }
  const DeviceSpeeds table = read_device_speeds(options.speeds);
  return fit_step_law(table, decided(config.training.precision), config.training.trainer.graph, options.speeds);
}

StudyEstimate estimate(const PlanOptions& options, const StudyConfig& config, const CorpusFacts* corpus,
                       const Plan& plan, const Environment& environment) {
  std::vector<RunSpec> runs;
  for (const PlannedRun& run : plan.runs) runs.push_back(run.spec);
  const std::filesystem::path file = speed_table_file();
  SpeedTable speeds = read_speeds(file);
  StudyEstimate result =
      estimate_study(config, runs, environment, corpus, speeds, step_law(options, config, environment));
  if (!options.measure) return result;
  for (auto& [key, speed] : measure_jobs(config, result, environment)) speeds[key] = speed;
  if (!file.empty()) write_speeds(file, speeds);
  return estimate_study(config, runs, environment, corpus, speeds);
}

Json estimate_json(const StudyEstimate& e) {
  Json value = {{"flops", e.flops},
                {"seconds", e.seconds ? Json(*e.seconds) : Json(nullptr)},
                {"workers", e.workers.workers},
                {"jobs", e.jobs.size()},
                {"jobs_measured", e.measured},
                {"device", e.workers.device},
                {"basis", time_basis(e)},
                {"table", nullptr},
                {"memory_of", e.limit.place.device},
                {"peak_bytes", e.peak_bytes},
                {"limit_bytes", e.limit.bytes > 0 ? Json(e.limit.bytes) : Json(nullptr)}};
  if (e.predicted) {
    const StepLaw& law = e.predicted->law;
    value["table"] = {{"device", law.device},
                      {"torch", law.torch},
                      {"rows", law.rows},
                      {"rms_error", law.rms_error},
                      {"jobs", e.predicted->jobs},
                      {"jobs_below", e.predicted->below},
                      {"jobs_above", e.predicted->above}};
  }
  return value;
}

Json plan_json(const StudyConfig& config, const Plan& plan, const StudyEstimate& e, const BackendChoice& backend) {
  Json runs = Json::array();
  for (const PlannedRun& run : plan.runs) runs.push_back(run_json(run));
  Json left_out = Json::array();
  for (const LeftOut& p : plan.left_out) {
    left_out.push_back({{"shape", p.shape}, {"budget", p.budget_flops}, {"tokens", p.tokens}, {"reason", p.reason}});
  }
  return {{"schema", "scalelaw.plan/1"},
          {"name", config.name},
          {"backend",
           {{"kind", backend.simulate                              ? "simulate"
                     : config.backend.kind == BackendKind::command ? "command"
                                                                   : "train"},
            {"device", backend.simulate ? "" : name_of(backend.device)},
            {"fallback", backend.fallback}}},
          {"runs", runs},
          {"left_out", left_out},
          {"notes", plan.notes},
          {"later",
           {{"lr_extend", config.design.lr_extend},
            {"transfer_runs", plan.transfer.size() * config.design.lr_transfer_factors.size()},
            {"branch_checks", config.design.branch_checks}}},
          {"estimate", estimate_json(e)}};
}

/// What may be added once results are there.
std::string later_text(const StudyConfig& config, const Plan& plan) {
  const DesignConfig& design = config.design;
  std::string out;
  if (design.lr_extend > 0) {
    out += fmt::format(
        "added later, not counted here: up to {} more rate{} on a side where the best one lies on the edge\n",
        design.lr_extend, design.lr_extend == 1 ? "" : "s");
  }
  if (!plan.transfer.empty()) {
    out += fmt::format(
        "added later, not counted here: {} runs of shapes above {} params, at {} times the rate of a law lr(N, D) of "
        "the smaller ones\n",
        plan.transfer.size() * design.lr_transfer_factors.size(), short_count(design.lr_transfer_above),
        fmt::join(design.lr_transfer_factors, ", "));
  }
  if (design.branch_checks > 0) {
    out += fmt::format("added later, not counted here: {} run{} from scratch for each swept shape with two budgets\n",
                       design.branch_checks, design.branch_checks == 1 ? "" : "s");
  }
  return out;
}

std::string table_page(const StudyConfig& config, const Plan& plan, const StudyEstimate& e,
                       const BackendChoice& backend) {
  std::string out = fmt::format("plan of {}: {}, {}\n\n", config.name, counted(std::ssize(plan.runs), "run"),
                                describe(backend, config));
  out += table_text(config, plan);
  out += fmt::format("\nlearning rates {}; seeds {}{}\n", fmt::join(config.design.learning_rates, ", "),
                     fmt::join(config.design.seeds, ", "),
                     config.design.lr_scale_exponent == 0 ? "" : "; rates are scaled with params (lr_scale_exponent)");
  out += later_text(config, plan);
  out += fmt::format("{} in {}, {} FLOPs with shared trunks; ", counted(std::ssize(plan.runs), "run"),
                     counted(std::ssize(e.jobs), "job"), power_text(e.flops));
  if (config.backend.kind == BackendKind::simulate) {
    out += "simulated, nothing is trained\n";
  } else {
    out += fmt::format("{}{}\nmemory: {}\n", backend.simulate ? "simulated here; trained: " : "",
                       describe_time(e, config), describe_memory(e));
  }
  for (const LeftOut& p : plan.left_out) out += fmt::format("left out: {}\n", describe(p));
  for (const auto& note : plan.notes) out += fmt::format("note: {}\n", note);
  return out;
}

/// Errors (environment): the study trains on CUDA and no device is here. (config): nothing that could be measured.
void check_measurable(const StudyConfig& config, const Environment& environment, bool has_corpus) {
  if (config.backend.kind == BackendKind::simulate)
    fail_config("--measure: this study is simulated, nothing is trained");
  if (training_setup(config, environment).device == DeviceKind::cuda && environment.cuda_devices == 0) {
    fail_device(
        "--measure: this study trains on CUDA and no CUDA device is here; run it on the machine with the device, or "
        "measure the CPU with --device cpu");
  }
  if (!has_corpus) fail_config("--measure: there is no corpus to train on; scripts/get_corpus.sh gets one");
}

ExitCode plan_action(const PlanOptions& options, const Globals& globals) {
  StudyConfig config = read_config_options(options.config);
  const Environment environment = probe_environment();
  const BackendChoice backend = planned_backend(config.backend, config.training.threads_per_worker, environment);
  const bool simulate = config.backend.kind == BackendKind::simulate;
  std::string anchored;
  if (backend.simulate) {
    try {
      anchored = settle_study_simulation(config, options.config.config, study_folder(config, backend, ""));
    } catch (const Error& e) {
      anchored = fmt::format("the study cannot be simulated as it is: {}\n", e.what());
    }
  }
  std::string why_precision;
  if (config.training.precision == AskedPrecision::automatic) {
    const PrecisionChoice choice = choose_precision(config, backend, environment, {});
    config.training.precision = asked(choice.precision);
    why_precision = choice.reason;
  }
  std::optional<CorpusFacts> corpus;
  std::error_code error;
  const bool has_corpus = std::filesystem::exists(std::filesystem::path(config.corpus.path) / "manifest.json", error);
  if (options.measure) check_measurable(config, environment, has_corpus);
  if (!simulate && has_corpus) corpus = corpus_facts(config);
  // The time is that of training, also where the runs are simulated for want of a device.
  const Plan timed = study_plan(config, simulate, corpus ? &*corpus : nullptr);
  const StudyEstimate e = estimate(options, config, corpus ? &*corpus : nullptr, timed, environment);
  Plan plan = backend.simulate ? study_plan(config, true, nullptr) : timed;
  if (!anchored.empty()) plan.notes.push_back(anchored.substr(0, anchored.size() - 1));
  if (!why_precision.empty()) plan.notes.push_back(why_precision);
  if (!backend.simulate && !has_corpus) {
    plan.notes.push_back(
        fmt::format("no corpus in {}, so epochs are unknown and run ids are not final; scripts/get_corpus.sh gets one",
                    config.corpus.path));
  }
  const Json value = plan_json(config, plan, e, backend);
  if (options.format == PlanFormat::table) {
    print(globals, backend_note(options.config, config, backend, environment, ""));
    print(globals, table_page(config, plan, e, backend));
  }
  if (options.format == PlanFormat::csv) print(globals, csv_text(plan));
  if (options.format == PlanFormat::json) print(globals, value.dump(1) + "\n");
  emit_json(globals, value);
  return ExitCode::ok;
}

}  // namespace

void add_plan(CLI::App& app, const Globals& globals, Action& action) {
  auto options = std::make_shared<PlanOptions>();
  CLI::App* command = app.add_subcommand("plan", "print the runs of a study, their sizes and an estimate of the time");
  add_config_options(*command, options->config);
  add_named(*command, "--format", options->format, "table, csv or json");
  CLI::Option* measure = command->add_flag(
      "--measure", options->measure,
      "measure how fast this machine trains the study's shapes, about a second each on a CPU, and remember it");
  command->add_option("--speeds", options->speeds, "table of a CUDA device (docs/CUDA.md): the time of the study there")
      ->excludes(measure);
  command->callback(
      [options, &globals, &action] { action = [options, &globals] { return plan_action(*options, globals); }; });
}

}  // namespace scalelaw::cli
