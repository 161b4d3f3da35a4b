// scalelaw fit: observations or records in, a fitted law out.
#include "fit/fit.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "cli/cli.hpp"
#include "cli/fit_arguments.hpp"
#include "cli/fit_budgets.hpp"
#include "cli/fit_choice.hpp"
#include "cli/fit_input.hpp"
#include "cli/fit_losses.hpp"
#include "cli/named_option.hpp"
#include "cli/read_options.hpp"
#include "cli/study_common.hpp"
#include "cli/terminal.hpp"
#include "core/format.hpp"
#include "core/json.hpp"
#include "fit/choice_text.hpp"
#include "fit/fit_json.hpp"
#include "fit/fit_text.hpp"
#include "fit/goodness_text.hpp"
#include "fit/optima.hpp"

namespace scalelaw::cli {
namespace {

bool done(const FitResult& result) { return result.usable() || result.convergence.status == FitStatus::at_bound; }

std::string exponent_text(const FitResult& r, const std::string& name) {
  if (!r.derived.contains(name) || !std::isfinite(r.derived.at(name))) return "-";
  std::string text = fmt::format("{:.4f}", r.derived.at(name));
  const auto it = r.bootstrap.derived_ci95.find(name);
  if (it != r.bootstrap.derived_ci95.end()) text += fmt::format(" [{:.3f}, {:.3f}]", it->second.low, it->second.high);
  return text;
}

std::string status_text(const FitResult& r) {
  if (r.convergence.status == FitStatus::at_bound) return "AT A BOUND";
  if (r.of_few_points()) return "FEW POINTS";
  return r.converged() ? "converged" : fmt::format("NOT CONVERGED: {}", r.convergence.status);
}

/// A fit of curves resamples whole curves: points of one are not independent.
FitResult fit_input(const FitInput& input, FitOptions options, bool curves, const std::vector<Observation>& budgeted) {
  if (!options.noise) options.noise = input.noise;
  if (curves && (options.bootstrap.resample == Resample::runs || options.bootstrap.resample == Resample::automatic))
    options.bootstrap.resample = Resample::groups;
  if (options.method == Method::isoflop) return fit_points(isoflop_points(input.points, budgeted), options);
  const std::vector<Observation> points = with_budgets_held(curves ? input.curves : input.points, budgeted, options);
  if (options.method == Method::parametric && law_form(options.law).predicts_size) {
    const bool losses = std::ranges::any_of(points, [](const Observation& o) { return o.loss_nats != 1; });
    const std::string why = not_optima(points, losses);
    if (!why.empty()) {
      fail_data(
          "--law optimal: fits N* and D* of optima, and these points are not all optima: {}; give the best run of each "
          "budget alone, or fit all runs with --method isoflop or --method envelope",
          why);
    }
  }
  return fit_points(points, options);
}

Json result_json(const FitResult& result, const FitInput& input, const FitSources& sources, bool curves) {
  Json json = to_json(result);
  if (!input.notes.empty()) json["notes"] = input.notes;
  if (!input.excluded.empty()) json["excluded"] = excluded_json(input);
  if (!sources.counted.empty()) json["counted"] = sources.counted;
  if (curves) json["curves"] = true;
  const Json read = read_json(sources);
  if (!read.empty()) json["read"] = read;
  return json;
}

/// One fit; or one for each way in which the points say that N and C are counted, since those cannot be pooled.
ExitCode fit_parts(const FitArguments& arguments, const Globals& globals, const std::vector<FitSources>& parts) {
  Json fits = Json::array();
  std::vector<std::vector<std::string>> rows;
  std::vector<FitResult> results;
  std::vector<std::string> counted_of;
  std::string text = read_text(parts), error;
  for (const FitSources& part : parts) {
    const FitInput input = observe_sources(part, arguments.options.convention, arguments.min_steps, arguments.curves);
    const std::vector<Observation> budgeted = budgeted_points(arguments.inputs, part, arguments.min_steps);
    std::optional<LawChoice> choice;
    if (!arguments.laws.empty()) choice = choose_for(input, arguments, budgeted);
    const FitResult result =
        choice ? choice->answer() : fit_input(input, arguments.options, arguments.curves, budgeted);
    explain(globals,
            fmt::format("fit of {} by method {}, law {}, objective {}; {} bootstrap replicates over {}",
                        counted(result.n, "point"), result.method(), law_form(result.law).name,
                        result.parametric().objective.kind, result.bootstrap.replicates, result.bootstrap.resample));
    if (parts.size() > 1) text += fmt::format("== {} ==\n", part.counted.empty() ? "no convention" : part.counted);
    text += describe_selection(input) + (choice ? describe(*choice) + "\n" : "") + describe(result);
    if (!result.of_few_points()) text += units_text(part, result.bootstrap);
    if (arguments.residuals) text += residuals_text(result.parametric().goodness, result.loss_unit);
    rows.push_back({part.counted, exponent_text(result, "a"), exponent_text(result, "b"), std::to_string(result.n),
                    status_text(result)});
    fits.push_back(result_json(result, input, part, arguments.curves));
    if (choice) fits.back()["choice"] = to_json(*choice);
    if (arguments.residuals) fits.back()["residuals"] = residuals_json(result.parametric().goodness, true);
    if (!done(result) && error.empty()) {
      error = fmt::format("error: the fit{} is {}: {}", part.counted.empty() ? "" : " of " + part.counted,
                          result.convergence.status, result.message);
    }
    results.push_back(result);
    counted_of.push_back(part.counted);
  }
  if (arguments.loss.size() > 1) {
    text += losses_text(results, counted_of);
  } else if (parts.size() > 1) {
    text += text_table({"convention", "a: N* ~ C^a", "b: D* ~ C^b", "n", "status"}, rows);
  }
  print(globals, text);
  emit_json(globals, parts.size() > 1 ? Json{{"schema", "scalelaw.fits/1"}, {"fits", fits}} : fits.front());
  if (!error.empty()) complain(globals, error);
  return error.empty() ? ExitCode::ok : ExitCode::data;
}

/// One line of the table of all approaches.
struct Approach {
  const char* name;
  Method method;
  BudgetCurve curve;
  bool curves;
};

/// All three approaches under every convention that the input allows, side by side.
ExitCode fit_all(const FitArguments& arguments, const Globals& globals, const std::vector<FitSources>& parts) {
  std::vector<Approach> approaches = {{"1 envelope", Method::envelope, BudgetCurve::parabola, false},
                                      {"2 isoflop, parabola", Method::isoflop, BudgetCurve::parabola, false},
                                      {"2 isoflop, makima", Method::isoflop, BudgetCurve::makima, false},
                                      {"3 parametric", Method::parametric, BudgetCurve::parabola, false}};
  if (arguments.curves) {
    approaches.insert(approaches.begin() + 1, {"1 envelope, curves", Method::envelope, BudgetCurve::parabola, true});
  }
  Json fits = Json::array();
  std::vector<std::vector<std::string>> rows;
  bool any = false;
  std::string left_out, advice, cautions;
  for (const FitSources& part : parts) {
    std::vector<Convention> conventions = {arguments.options.convention};  // a CSV holds one N and one C
    if (!part.records.empty()) {
      conventions.clear();
      for (const ParamsCount params : all_of<ParamsCount>()) {
        for (const FlopsCount flops : all_of<FlopsCount>()) conventions.push_back({params, flops});
      }
    }
    const std::vector<Observation> budgeted = budgeted_points(arguments.inputs, part, arguments.min_steps);
    for (const Convention& convention : conventions) {
      const FitInput input = observe_sources(part, convention, arguments.min_steps, arguments.curves);
      if (&convention == &conventions.front()) left_out += describe_selection(input);
      for (const Approach& approach : approaches) {
        FitOptions options = arguments.options;
        options.method = approach.method;
        options.curve = approach.curve;
        options.convention = convention;
        const bool law = options.method == Method::parametric;
        const bool envelope = options.method == Method::envelope;  // has no curve to draw losses around
        if (envelope && options.bootstrap.resample == Resample::parametric)
          options.bootstrap.resample = Resample::automatic;
        const FitResult result = fit_input(input, options, approach.curves, budgeted);
        any = any || result.usable();
        rows.push_back({approach.name, part.counted.empty() ? std::string(name_of(convention.params)) : part.counted,
                        std::string(name_of(law ? FlopsCount::six_nd : convention.flops)), exponent_text(result, "a"),
                        exponent_text(result, "b"), std::to_string(result.n), status_text(result)});
        fits.push_back(result_json(result, input, part, approach.curves));
        if (&convention == &conventions.front() && options.method == Method::isoflop &&
            options.curve == BudgetCurve::parabola) {
          for (const std::string& line : result.isoflop().advice) advice += fmt::format("advice: {}\n", line);
        }
        if (&convention == &conventions.front()) {
          for (const std::string& line : result.cautions)
            cautions += fmt::format("caution: {}: {}\n", approach.name, line);
        }
      }
    }
  }
  print(globals, read_text(parts) + left_out +
                     text_table({"approach", "N", "C", "a: N* ~ C^a", "b: D* ~ C^b", "n", "status"}, rows) + advice +
                     cautions);
  emit_json(globals, {{"schema", "scalelaw.fits/1"}, {"fits", fits}});
  if (any) return ExitCode::ok;
  complain(globals, "error: no approach converged on these data; the table names each one's reason");
  return ExitCode::data;
}

std::string laws_with_optional_offset() {
  std::vector<std::string> names;
  for (const LawKind kind : all_of<LawKind>()) {
    if (std::ranges::any_of(law_form(kind).constants, &Constant::optional)) names.push_back(law_form(kind).name);
  }
  const std::string last = names.back();
  names.pop_back();
  return fmt::format("{} and {}", fmt::join(names, ", "), last);
}

/// Options that would be ignored are refused.
void check_together(const FitArguments& arguments, const CLI::App& command) {
  const auto given = [&](const char* name) { return command.count(name) > 0; };
  const FitOptions& options = arguments.options;
  if (!arguments.all && options.method != Method::parametric) {
    for (const char* name : {"--law", "--fix", "--offset", "--starts", "--objective", "--delta", "--allow-few"}) {
      if (given(name)) {
        fail_config("{}: belongs to --method parametric, which fits a law of the loss; {} fits N* and D* against C",
                    name, options.method);
      }
    }
  }
  if (options.offset && std::ranges::none_of(law_form(options.law).constants, &Constant::optional)) {
    fail_config("--offset: belongs to the laws {}; {} has its own terms", laws_with_optional_offset(), options.law);
  }
  if (!arguments.laws.empty()) {
    for (const char* name : {"--law", "--offset", "--starts", "--all"}) {
      if (given(name)) fail_config("{}: cannot go with --laws, which fits several laws and chooses one", name);
    }
    if (options.method != Method::parametric) fail_config("--laws: belongs to --method parametric");
  }
  if (options.rollout && (arguments.all || options.method != Method::parametric)) {
    fail_config("--rollout: belongs to --method parametric, whose law predicts the loss of the runs beyond");
  }
  if (options.rollout && law_form(options.law).predicts_size) {
    fail_config("--rollout: the law {} gives no loss to predict; take a law of the loss", options.law);
  }
  if (given("--curve") && options.method != Method::isoflop) fail_config("--curve: belongs to --method isoflop");
  if (arguments.curves && !arguments.all && options.method != Method::envelope) {
    fail_config("--curves: belongs to --method envelope (or --all); the other approaches fit final losses");
  }
  if (arguments.residuals && (arguments.all || options.method != Method::parametric)) {
    fail_config("--residuals: belongs to --method parametric, whose law says a loss for every run");
  }
  for (const char* name : {"--critical-batch", "--critical-batch-alpha"}) {
    if (given(name) && !law_form(options.law).needs(Quantity::steps))
      fail_config("{}: belongs to --law kaplan-steps", name);
  }
}

/// What cannot be had of the losses asked for.
void check_losses(const ReadOptions& read, const FitArguments& arguments) {
  if (read.losses.empty()) return;
  if (read.columns.contains("loss")) fail_config("--loss: names the loss, and --columns loss=... another; give one");
  const bool bits = std::ranges::any_of(
      read.losses, [](const std::string& loss) { return named_loss(loss) == LossUnit::bits_per_byte; });
  if (bits && law_form(arguments.options.law).needs(Quantity::steps)) {
    fail_config("--loss bits_per_byte: the critical batch of {} is one of the loss in nats per token; fit nats",
                arguments.options.law);
  }
  if (bits && arguments.curves) {
    fail_config("--loss bits_per_byte: training curves (--curves) are in nats per token; fit nats");
  }
}

ExitCode run_fit(FitArguments arguments, const Globals& globals, const CLI::App& command) {
  FitOptions& options = arguments.options;
  take_options(arguments, globals);
  check_together(arguments, command);
  const bool need_loss = !law_form(options.law).predicts_size || options.method != Method::parametric || arguments.all;
  ReadOptions read = read_options(arguments.read);
  read.need_loss = need_loss;
  read.convention = options.convention;
  read.any_sign = options.objective.kind == ObjectiveKind::mse;
  read.losses = arguments.loss = parse_losses(arguments.loss);
  check_losses(read, arguments);
  if (options.method == Method::parametric && !arguments.all) read.needs = law_form(options.law).only_variable();
  const std::vector<FitSources> parts =
      records_by_loss(split_by_counting(read_fit_sources(arguments.inputs, read, arguments.population)), read.losses);
  explain(globals, fmt::format("read {}", fmt::join(arguments.inputs, ", ")));
  if (command.count("--resample") > 0 && options.bootstrap.resample == Resample::groups && !arguments.curves)
    check_groups(parts);
  take_study(arguments, parts, command);
  take_laws(arguments, parts.front(), command);
  if (arguments.all || options.method != Method::parametric) settle_law(arguments, parts.front());
  return arguments.all ? fit_all(arguments, globals, parts) : fit_parts(arguments, globals, parts);
}

void add_fit_options(CLI::App& command, FitArguments& arguments) {
  FitOptions& options = arguments.options;
  add_named(command, "--weights", options.weights,
            "stderr: weight points by 1/loss_stderr^2, the error of the evaluation, which is not the noise of runs");
  add_named(command, "--curve", options.curve, "isoflop: curve of loss against ln N");
  command.add_flag(
      "--curves", arguments.curves,
      "envelope: whole training curves where their rate has decayed (curves/, or rows of one run with lr)");
  command.add_flag("--residuals", arguments.residuals, "parametric: a table of every residual, largest first");
  command.add_flag("--jackknife", options.jackknife, "refit without each isoFLOP budget in turn");
  command.add_flag("--allow-few", options.allow_few,
                   "parametric: fit as few points as parameters, or one more; no interval can be given then");
  add_law_fit_options(command, arguments);
  add_named(command, "--rollout", options.rollout,
            "fit the points up to each level of compute C, model size N or tokens D, and predict the next");
}

}  // namespace

void add_fit(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("fit", "fit a scaling law to observations or run records");
  auto arguments = std::make_shared<FitArguments>();
  FitOptions& options = arguments->options;
  options.bootstrap.replicates = kDefaultReplicates;
  command->add_option("input", arguments->inputs, "tables of runs (CSV, JSON, '-'), study folders, record files")
      ->required();
  add_law_kind(*command, options.law, "law to fit")->default_str(std::string(name_of(options.law)));
  add_laws(*command, arguments->laws, laws_to_choose_from());
  add_named(*command, "--method", options.method, "approach 3, 2 or 1 of Hoffmann et al. 2022");
  add_named(*command, "--objective", options.objective.kind, "what is minimised");
  command->add_option("--delta", options.objective.delta, "where log-huber turns from squares to absolute values")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--drop-highest", options.drop_highest, "leave out the K highest losses")
      ->check(CLI::NonNegativeNumber);
  add_read_options(*command, arguments->read);
  command
      ->add_option("--loss", arguments->loss,
                   "which loss is fitted: nats (default), bits_per_byte or a column of the table, in its own unit; "
                   "several, a,b or repeated, one by one")
      ->allow_extra_args(false);
  add_fit_options(*command, *arguments);
  add_population_options(*command, arguments->population);
  command->add_flag("--all", arguments->all, "all three approaches under every convention, side by side");
  command->callback([arguments, &globals, &action, command] {
    action = [arguments, &globals, command] { return run_fit(*arguments, globals, *command); };
  });
}

}  // namespace scalelaw::cli
