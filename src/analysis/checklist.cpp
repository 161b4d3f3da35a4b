#include "analysis/checklist.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "analysis/answer.hpp"
#include "analysis/sources.hpp"
#include "analysis/text.hpp"
#include "core/build_info.hpp"
#include "core/format.hpp"

namespace scalelaw::inline analysis {
namespace {

using Items = std::vector<ChecklistItem>;

std::string unknown(const Analysis& analysis) {
  return analysis.table.empty() ? "No run says." : fmt::format("Unknown: {} does not say.", analysis.table);
}

/// "14.3k to 229k", or the one value.
std::string range_text(const Interval& range) {
  const std::string low = short_count(range.low), high = short_count(range.high);
  return low == high ? low : fmt::format("{} to {}", low, high);
}

/// Least and greatest of a number of every record.
template <class Number>
std::string range_over(const std::vector<RunRecord>& records, const Number& number) {
  Interval range{INFINITY, 0};
  for (const RunRecord& r : records) {
    range.low = std::min(range.low, static_cast<double>(number(r)));
    range.high = std::max(range.high, static_cast<double>(number(r)));
  }
  return range_text(range);
}

/// The values of a text of every record that differ.
template <class Text>
std::set<std::string> texts_of(const std::vector<RunRecord>& records, const Text& text) {
  std::set<std::string> out;
  for (const RunRecord& r : records) out.insert(text(r));
  out.erase("");
  return out;
}

std::string counting_text(const Convention& c) {
  const char* params = c.params == ParamsCount::total           ? "every trained scalar"
                       : c.params == ParamsCount::non_embedding ? "all but the token, position and output matrices"
                                                                : "all but the token and position matrices";
  return fmt::format("N counts {}; C {}.", params,
                     c.flops == FlopsCount::six_nd ? "is 6ND" : "counts the matrix products of the real graph");
}

void add_form(const Analysis& analysis, Items& out) {
  const FitResult& fit = analysis.parametric;
  const LawForm& form = law_form(fit.law);
  std::string chosen = fmt::format("{}: L = {}.", form.name, form.formula);
  if (analysis.choice) chosen += " " + reason_sentence(*analysis.choice);
  out.push_back({"Form", "Which form is fitted, and why this one?", chosen});
  out.push_back(
      {"Form", "Which quantities does it relate, in which units?",
       "Held-out loss L in nats per token, model size N in parameters, training data D in tokens, compute C in "
       "FLOPs."});
  out.push_back({"Form", "Which constants are fitted?", fmt::format("{}.", fmt::join(form.parameters, ", "))});
  out.push_back({"Form", "What does the form take for granted?",
                 "That more parameters and more data each lower the loss by a power law towards one floor, and that N "
                 "and D do nothing else. The tests of the form above say how far the points bear it out."});
}

void add_models(const Analysis& analysis, Items& out) {
  const FitResult& fit = analysis.parametric;
  std::set<std::string> shapes;
  for (const Observation& p : analysis.selection.observations) {
    shapes.insert(p.shape.empty() ? short_count(p.params) : p.shape);
  }
  const std::string runs =
      analysis.records.empty() ? "" : fmt::format("{}, of which ", counted(std::ssize(analysis.records), "run"));
  out.push_back({"Training", "How many models, of which sizes, on how much data?",
                 fit.n == 0 ? "No point was fitted."
                            : fmt::format("{}{} entered the fit: {} of N {}, D {}, C {} to {} FLOPs.", runs,
                                          counted(fit.n, "point"), counted(std::ssize(shapes), "shape"),
                                          range_text(fit.params_range), range_text(fit.tokens_range),
                                          power_text(fit.flops_range.low), power_text(fit.flops_range.high))});
  out.push_back(
      {"Training", "What counts as a parameter, and as compute?",
       analysis.records.empty()
           ? "As the file counts them; where it lacks one of N, D and C, it follows from C = 6ND."
           : counting_text(analysis.options.convention) + " The report repeats the fits under other counts."});
  out.push_back(
      {"Training", "Which shapes: how do width and depth go together?", fmt::format("{}.", fmt::join(shapes, ", "))});
}

void add_corpus(const Analysis& analysis, Items& out) {
  const auto& records = analysis.records;
  if (records.empty()) {
    out.push_back({"Training", "On which data, in which tokens, and is any repeated?", unknown(analysis)});
    return;
  }
  const auto corpora = texts_of(records, [](const RunRecord& r) { return r.spec.data.corpus_sha256.substr(0, 16); });
  double epochs = 0;
  for (const RunRecord& r : records) {
    const auto unique = static_cast<double>(r.spec.data.unique_tokens);
    if (unique > 0) epochs = std::max(epochs, static_cast<double>(r.tokens) / unique);
  }
  out.push_back(
      {"Training", "On which data, in which tokens, and is any repeated?",
       fmt::format("{} A vocabulary of {} token ids{}. {}",
                   corpora.empty() ? "No text: simulated runs."
                                   : fmt::format("Corpus with the SHA-256 {}.", fmt::join(corpora, ", ")),
                   range_over(records, [](const RunRecord& r) { return r.spec.model.vocab; }),
                   records.front().spec.model.vocab == 256 ? ", one for each byte" : "",
                   epochs > 1 ? fmt::format("At most {:.3g} passes over the tokens that may be used.", epochs)
                              : "Where a run takes more tokens than the training split has, it repeats them.")});
}

void add_training(const Analysis& analysis, Items& out) {
  const auto& records = analysis.records;
  if (records.empty()) {
    out.push_back({"Training", "Which optimiser, schedule and batch?", unknown(analysis)});
    out.push_back({"Training", "On which machines, with which code?", unknown(analysis)});
    return;
  }
  const auto optimisers = texts_of(records, [](const RunRecord& r) {
    const OptimizerSpec& o = r.spec.optimizer;
    return fmt::format("beta1 {:g}, {}, weight decay {:g}, clipping at {:g}", o.beta1,
                       o.beta2_half_life_tokens > 0
                           ? fmt::format("second moment halved in {} tokens", short_count(o.beta2_half_life_tokens))
                           : fmt::format("beta2 {:g}", o.beta2),
                       o.weight_decay, o.clip);
  });
  const auto schedules = texts_of(records, [](const RunRecord& r) {
    return fmt::format("{} with {:.0f} % of the steps in the cooldown", r.spec.schedule.kind,
                       100 * r.spec.schedule.cooldown_fraction);
  });
  out.push_back({"Training", "Which optimiser, schedule and batch?",
                 fmt::format("AdamW: {}. Schedule: {}. {} tokens a step, windows of {}.", fmt::join(optimisers, "; "),
                             fmt::join(schedules, "; "),
                             range_over(records, [](const RunRecord& r) { return r.spec.data.batch_tokens; }),
                             range_over(records, [](const RunRecord& r) { return r.spec.model.context; }))});
  const auto devices = texts_of(records, [](const RunRecord& r) { return r.context.device; });
  const auto versions = texts_of(records, [](const RunRecord& r) { return r.context.version; });
  out.push_back({"Training", "On which machines, with which code?",
                 fmt::format("{}; scalelaw {}, whose source is open. In all: {}",
                             devices.empty() ? "An unknown device" : fmt::format("{}", fmt::join(devices, ", ")),
                             fmt::join(versions, ", "), cost_sentence(analysis))});
}

void add_tuning(const Analysis& analysis, Items& out) {
  const auto& sweeps = analysis.selection.sweeps;
  std::string text = unknown(analysis);
  if (!sweeps.empty()) {
    const auto count = [&](SweepStatus status) { return std::ranges::count(sweeps, status, &LrSweep::status); };
    text = fmt::format(
        "The learning rate, at each size and amount of data: of {} the best is bracketed by others at {}, at the edge "
        "of those tried at {}, the only one tried at {}. ",
        counted(std::ssize(sweeps), "point"), count(SweepStatus::interior),
        count(SweepStatus::edge_low) + count(SweepStatus::edge_high), count(SweepStatus::single));
    text += analysis.lr_law.fitted() ? describe(analysis.lr_law) + "." : "No law of the best rate was fitted.";
  }
  out.push_back({"Training", "How are hyperparameters chosen at each scale?", text});
}

void add_data(const Analysis& analysis, Items& out) {
  const auto& records = analysis.records;
  out.push_back({"Data", "What is measured, and on what?",
                 records.empty()
                     ? "The loss of each row as the file has it."
                     : fmt::format("Mean held-out loss after training, in nats per token, over {} held-out tokens, the "
                                   "same for all runs.",
                                   range_over(records, [](const RunRecord& r) { return r.loss.eval_tokens; }))});
  out.push_back({"Data", "How many points does each run give?",
                 records.empty() ? "Each row counts as one; rows of one run or group are resampled together."
                                 : "One: the loss at its end, after its cooldown. Runs branched from one trunk share a "
                                   "group."});
  out.push_back({"Data", "Is the measured loss changed before the fit?",
                 analysis.selection.sweeps.empty()
                     ? "No."
                     : "Seeds are averaged, and the loss is read at the best learning rate of a parabola in ln rate "
                       "through the best run and its neighbours."});
  const auto seeds = texts_of(records, [](const RunRecord& r) { return std::to_string(r.spec.seed); });
  const std::optional<NoiseModel>& noise = analysis.parametric.noise;
  out.push_back({"Data", "How many seeds, and how much do they differ?",
                 fmt::format("{}{}", seeds.empty() ? "" : counted(std::ssize(seeds), "seed") + "; ",
                             noise ? fmt::format("runs that differ in their seed alone scatter by {:.2f} % of the loss "
                                                 "({} degrees of freedom).",
                                                 100 * noise->sd, noise->freedom)
                                   : "too few runs were repeated to say how much they differ.")});
  const auto& excluded = analysis.selection.excluded;
  out.push_back({"Data", "Which runs were left out, and why?",
                 excluded.empty() ? "None."
                                  : fmt::format("{}: {}.", counted(std::ssize(excluded), "run or row", "runs or rows"),
                                                describe_reasons(excluded))});
  out.push_back({"Data", "Can others have the points?",
                 analysis.table.empty()
                     ? "records.csv beside the report holds the points, runs/ the records they come from; weights are "
                       "not published with it."
                     : "records.csv beside the report holds the points fitted."});
}

std::string starts_text(const Convergence& c) {
  if (c.paths > 0) {
    return fmt::format("{} starts; {} of {} separate ways down end at the best minimum.", c.starts, c.paths_at_best,
                       c.paths);
  }
  if (c.starts == 0) return "No search was made.";
  return fmt::format("{} starts, of which {} end at the best minimum.", c.starts, c.starts_at_best);
}

void add_fit(const Analysis& analysis, Items& out) {
  const FitResult& fit = analysis.parametric;
  const ParametricFit& p = fit.parametric();
  out.push_back(
      {"Fit", "What is minimised?",
       p.objective.kind == ObjectiveKind::log_huber
           ? fmt::format("The sum of Huber's function of ln predicted - ln observed, delta {:g}.", p.objective.delta)
       : p.objective.kind == ObjectiveKind::log_mse ? "The sum of squares of ln predicted - ln observed."
                                                    : "The sum of squares of predicted - observed."});
  out.push_back(
      {"Fit", "By which algorithm, and is it finished?",
       fmt::format("Damped Newton steps with analytic derivatives after least squares far from the minimum; {}, "
                   "scaled gradient {:.1g}, condition number {:.1g}.",
                   status_text(fit), fit.convergence.gradient_norm, fit.convergence.condition)});
  out.push_back({"Fit", "Where does it start?",
                 starts_text(fit.convergence) + " Starts are projections onto the law's linear form."});
  out.push_back({"Fit", "Are all points used, with which weights?",
                 fmt::format("{} used, {} left out for its height; {}. {} off the law.", counted(fit.n, "point"),
                             counted(fit.dropped, "highest loss", "highest losses"),
                             fit.weights == Weights::none ? "all count alike"
                                                          : "they count by the inverse variance of their losses",
                             counted(p.goodness.outliers, "outlier lies", "outliers lie"))});
  out.push_back(
      {"Fit", "Do the same points serve other fits?",
       fmt::format(
           "Yes: approach 2 (isoFLOP){}{}.",
           analysis.choice ? fmt::format(" and {} laws to choose from", analysis.choice->candidates.size()) : "",
           analysis.conventions.empty() ? "" : ", and the same under other counts of N and C")});
  const BootstrapResult& b = fit.bootstrap;
  out.push_back(
      {"Fit", "How is uncertainty estimated?",
       b.empty() ? "It is not: no bootstrap was run."
                 : fmt::format("95 % intervals from {} bootstrap refits over {} ({} failed), seed {}.{}", b.replicates,
                               b.resample, b.failed, b.seed, b.noise.empty() ? "" : " Noise: " + b.noise + ".")});
  std::string valid = fmt::format("{}", fmt::join(form_tests(analysis), " "));
  if (p.goodness.n > 0) valid = fmt::format("Rms residual {:.2f} % of the loss. ", 100 * p.goodness.rms) + valid;
  out.push_back({"Fit", "How is the law checked?", valid.empty() ? "It is not." : valid});
  out.push_back(
      {"Fit", "Which command repeats it?", analysis.repeat.empty() ? "Unknown." : fmt::format("{}", analysis.repeat)});
}

}  // namespace

std::vector<ChecklistItem> checklist(const Analysis& analysis) {
  Items out;
  add_form(analysis, out);
  add_models(analysis, out);
  add_corpus(analysis, out);
  add_training(analysis, out);
  add_tuning(analysis, out);
  add_data(analysis, out);
  add_fit(analysis, out);
  return out;
}

}  // namespace scalelaw::inline analysis
