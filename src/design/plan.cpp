#include "design/plan.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "core/format.hpp"
#include "design/ladder.hpp"
#include "records/shape.hpp"

namespace scalelaw::inline design {
namespace {

struct Point {
  ModelSpec model;
  double params = 0;  ///< under the design's convention
  double budget = 0;
  double wanted = 0;  ///< tokens before they are rounded to steps
  std::int64_t batch = 0;
  std::int64_t steps = 0;
  double epochs = 0;

  [[nodiscard]] std::int64_t tokens() const { return steps * batch; }
};

double flops_of_token(const Convention& convention, const ModelSpec& model) {
  return convention.flops == FlopsCount::exact ? flops_per_token(model) : 6 * counted_params(model, convention.params);
}

Point make_point(const StudyConfig& config, const ShapeConfig& shape, double budget, double tokens) {
  Point point;
  point.model = model_spec(config.model, shape);
  point.params = counted_params(point.model, config.design.convention.params);
  point.budget = budget;
  point.wanted = budget > 0 ? budget / flops_of_token(config.design.convention, point.model) : tokens;
  return point;
}

std::string shape_key(const ModelSpec& model) { return to_json_fields(model).dump(); }

/// Batch and steps of every point. Branches share their trunk's batch, so with one all points of a shape do.
void set_steps(const StudyConfig& config, std::vector<Point>& points) {
  std::map<std::string, std::vector<double>> lengths;
  for (const Point& p : points) lengths[shape_key(p.model)].push_back(p.wanted);
  for (Point& p : points) {
    const bool shared = config.schedule.kind == ScheduleKind::trunk_cooldown;
    p.batch = batch_tokens_for(config.design, config.model.spec.context,
                               shared ? lengths.at(shape_key(p.model)) : std::vector<double>{p.wanted});
    p.steps = std::llround(p.wanted / static_cast<double>(p.batch));
  }
}

std::vector<Point> all_points(const StudyConfig& config) {
  const DesignConfig& design = config.design;
  std::vector<Point> points;
  if (design.kind == DesignKind::grid) {
    std::vector<ShapeConfig> shapes = design.shapes;
    if (shapes.empty()) {
      for (const std::int64_t width : design.widths) {
        for (const std::int64_t depth : design.depths) shapes.push_back({width, depth});
      }
    }
    for (const ShapeConfig& shape : shapes) {
      for (const std::int64_t tokens : design.tokens) {
        points.push_back(make_point(config, shape, 0, static_cast<double>(tokens)));
      }
    }
  } else {
    const bool given = !design.shapes.empty();
    const auto ladder = given ? std::vector<std::vector<ShapeConfig>>() : isoflop_ladder(config);
    for (std::size_t i = 0; i < design.budgets.size(); ++i) {
      for (const ShapeConfig& shape : given ? design.shapes : ladder[i]) {
        points.push_back(make_point(config, shape, design.budgets[i], 0));
      }
    }
  }
  set_steps(config, points);
  std::ranges::stable_sort(points, {}, [](const Point& p) {
    return std::tuple(p.params, p.model.d_model, p.model.n_layer, p.steps, p.budget);
  });
  return points;
}

double scaled_rate(const DesignConfig& design, double listed, double params) {
  if (design.lr_scale_exponent == 0) return listed;
  return rounded_rate(listed * std::pow(params / design.lr_reference_params, -design.lr_scale_exponent));
}

RunSpec run_spec(const StudyConfig& config, const Point& point, const CorpusFacts* corpus) {
  RunSpec spec;
  spec.model = point.model;
  spec.data.corpus_sha256 = corpus != nullptr ? corpus->sha256 : "";
  spec.data.tokens = point.tokens();
  spec.data.batch_tokens = point.batch;
  spec.data.unique_tokens = config.corpus.unique_tokens;
  spec.data.eval_tokens = config.training.eval_tokens;
  spec.optimizer = config.optimizer.spec;
  spec.schedule = config.schedule;
  spec.precision = decided(config.training.precision);
  return spec;
}

/// Sorts out the points that break a limit.
std::vector<Point> usable_points(const StudyConfig& config, const CorpusFacts* corpus, std::vector<LeftOut>& left_out) {
  std::vector<Point> usable;
  for (Point point : all_points(config)) {
    const std::int64_t tokens = point.tokens();
    const auto leave_out = [&](Limit limit, std::string reason) {
      left_out.push_back({shape_name(point.model), point.budget, tokens, std::move(reason), limit});
    };
    if (corpus != nullptr && corpus->train_tokens > 0) {
      const std::int64_t wanted = config.corpus.unique_tokens;
      const std::int64_t available = wanted > 0 ? std::min(wanted, corpus->train_tokens) : corpus->train_tokens;
      point.epochs = static_cast<double>(tokens) / static_cast<double>(available);
    }
    if (point.steps < config.design.min_steps) {
      leave_out(Limit::steps, fmt::format("{} steps, fewer than min_steps = {}", point.steps, config.design.min_steps));
    } else if (point.epochs > config.design.max_epochs) {
      leave_out(Limit::epochs, fmt::format("{} epochs, more than max_epochs = {}", factor_text(point.epochs),
                                           config.design.max_epochs));
    } else {
      usable.push_back(point);
    }
  }
  return usable;
}

void note_unbracketed(const StudyConfig& config, const std::vector<Point>& points, std::vector<std::string>& notes) {
  if (config.design.kind != DesignKind::isoflop) return;
  for (const double budget : config.design.budgets) {
    const double optimum = expected_optimum(config.design, budget);
    bool below = false;
    bool above = false;
    for (const Point& p : points) {
      if (p.budget != budget) continue;
      below = below || p.params < optimum;
      above = above || p.params > optimum;
    }
    if (below && above) continue;
    notes.push_back(
        fmt::format("budget {} FLOPs: no size {} the expected optimum of {} params, so its minimum may lie at "
                    "the edge",
                    power_text(budget),
                    below   ? "above"
                    : above ? "below"
                            : "on either side of",
                    short_count(optimum)));
  }
}

/// No point is left: says which limit excludes them, and what would keep one.
[[noreturn]] void fail_empty(const StudyConfig& config, const CorpusFacts* corpus,
                             const std::vector<LeftOut>& left_out) {
  const DesignConfig& design = config.design;
  const auto epochs = std::ranges::count(left_out, Limit::epochs, &LeftOut::limit);
  const auto all = std::ssize(left_out);
  const char* more = design.kind == DesignKind::isoflop ? "raise design.budgets" : "raise design.tokens";
  const char* less = design.kind == DesignKind::isoflop ? "lower design.budgets" : "lower design.tokens";
  if (epochs == 0) {
    fail_config("design: no run is left: all {} points have fewer than min_steps = {} steps; {}, or lower batch_tokens",
                all, design.min_steps, more);
  }
  const std::string text =
      fmt::format("{}, use more text (corpus.path has {} training tokens{}), or raise design.max_epochs", less,
                  short_count(static_cast<double>(corpus->train_tokens)),
                  config.corpus.unique_tokens > 0 ? ", corpus.unique_tokens allows fewer" : "");
  if (epochs == all) {
    fail_config("design: no run is left: all {} points would see the corpus more than max_epochs = {} times; {}", all,
                design.max_epochs, text);
  }
  fail_config(
      "design: no run is left: {} points would see the corpus more than max_epochs = {} times ({}), and {} have fewer "
      "than min_steps = {} steps ({})",
      epochs, design.max_epochs, text, all - epochs, design.min_steps, more);
}

/// Budgets that are held out of the fit need runs, and so do the others.
void check_held(const DesignConfig& design, const std::vector<Point>& points) {
  const auto held = [&](const Point& p) {
    return std::ranges::any_of(design.hold, [&](double hold) { return same_budget(p.budget, hold); });
  };
  for (const double hold : design.hold) {
    if (std::ranges::none_of(points, [&](const Point& p) { return same_budget(p.budget, hold); })) {
      fail_config(
          "design.hold: no run of the plan has {} FLOPs: the limits of the design leave all of them out; "
          "lower min_steps, raise max_epochs, or hold another budget",
          power_text(hold));
    }
  }
  if (!design.hold.empty() && std::ranges::all_of(points, held)) {
    fail_config("design.hold: every run of the plan is held out, and none is left to fit; hold fewer budgets");
  }
}

/// What a window of `context` tokens and the next one need. Found here, before anything is trained.
void check_windows(const StudyConfig& config, const CorpusFacts& corpus, std::vector<std::string>& notes) {
  constexpr std::int64_t kFew = 8;  // fewer give the mean loss no standard error to speak of
  const std::int64_t context = config.model.spec.context, held_out = corpus.validation_tokens;
  if (held_out > 0 && held_out <= context) {
    fail_config(
        "model.context is {}, but {} holds {} validation tokens, and one window takes {}; lower model.context, or hold "
        "out more text (scalelaw corpus build --validation-fraction)",
        context, config.corpus.path, held_out, context + 1);
  }
  if (corpus.train_tokens > 0 && corpus.train_tokens <= context) {
    fail_config(
        "model.context is {}, but {} holds {} training tokens, and one window takes {}; lower model.context, or "
        "use more text",
        context, config.corpus.path, corpus.train_tokens, context + 1);
  }
  const std::int64_t windows = std::min(std::max<std::int64_t>(1, config.training.eval_tokens / context),
                                        held_out > 0 ? (held_out - 1) / context : kFew);
  if (windows >= kFew) return;
  notes.push_back(fmt::format(
      "each loss is the mean of {} of {} held-out tokens; more held-out text or a larger training.eval_tokens would "
      "make it surer",
      counted(windows, "window"), context));
}

/// Warmup and half-life, bound to the shortest run (in steps) that must share them.
void bind_to_shortest(const StudyConfig& config, const Point& point, std::int64_t shortest, RunSpec& spec) {
  const auto steps = static_cast<double>(shortest);
  spec.optimizer.warmup_fraction = std::round(config.optimizer.warmup * steps) / static_cast<double>(point.steps);
  const double longest = std::round(config.optimizer.beta2_half_life_max * steps * static_cast<double>(point.batch));
  spec.optimizer.beta2_half_life_tokens = std::min(config.optimizer.spec.beta2_half_life_tokens, longest);
}

/// The shapes whose rate comes from the law of the smaller ones.
std::set<std::string> transferred_shapes(const DesignConfig& design, const std::vector<Point>& points) {
  std::set<std::string> checks, transferred;
  if (design.lr_transfer_above == 0) return transferred;
  for (auto point = points.rbegin(); point != points.rend(); ++point) {  // by params, from the largest down
    if (point->params <= design.lr_transfer_above) break;
    const std::string key = shape_key(point->model);
    if (checks.contains(key)) continue;
    (std::ssize(checks) < design.lr_transfer_checks ? checks : transferred).insert(key);
  }
  return transferred;
}

}  // namespace

std::string describe(const LeftOut& p) {
  return fmt::format("{}{}, {} tokens: {}", p.shape,
                     p.budget_flops > 0 ? fmt::format(" at {} FLOPs", power_text(p.budget_flops)) : "",
                     short_count(static_cast<double>(p.tokens)), p.reason);
}

double rounded_rate(double rate) {
  const double unit = std::pow(10.0, std::floor(std::log10(rate)) - 3);
  return std::strtod(fmt::format("{:.3e}", std::round(rate / unit) * unit).c_str(), nullptr);
}

std::int64_t batch_tokens_for(const DesignConfig& design, std::int64_t context, const std::vector<double>& tokens) {
  const std::int64_t fewest = design.batch_tokens;
  if (design.batch_coefficient == 0) return fewest;
  double ln_sum = 0, count = 0, shortest = 0;
  for (const double length : tokens) {
    if (length < static_cast<double>(design.min_steps * fewest)) continue;
    ln_sum += std::log(length);
    count += 1;
    shortest = shortest == 0 ? length : std::min(shortest, length);
  }
  if (count == 0) return fewest;
  const auto windows = [&](double batch) { return static_cast<std::int64_t>(batch / static_cast<double>(context)); };
  const double rule = design.batch_coefficient * std::exp(design.batch_exponent * ln_sum / count);
  const std::int64_t most = std::min(windows(static_cast<double>(design.batch_max_tokens)),
                                     windows(shortest / static_cast<double>(design.min_steps)));
  return std::max(fewest, context * std::min(windows(rule + 0.5 * static_cast<double>(context)), most));
}

Plan make_plan(const StudyConfig& config, const CorpusFacts* corpus) {
  Plan plan;
  if (corpus != nullptr) check_windows(config, *corpus, plan.notes);
  const std::vector<Point> points = usable_points(config, corpus, plan.left_out);
  note_unbracketed(config, points, plan.notes);
  if (points.empty()) fail_empty(config, corpus, plan.left_out);
  check_held(config.design, points);
  std::map<std::string, std::int64_t> shortest;  // steps of the shortest run of each shape: rates and seeds share it
  for (const Point& p : points) {
    const auto [it, fresh] = shortest.try_emplace(shape_key(p.model), p.steps);
    if (!fresh) it->second = std::min(it->second, p.steps);
  }
  std::set<std::string> ids;
  const std::set<std::string> transferred = transferred_shapes(config.design, points);
  for (const Point& point : points) {
    RunSpec spec = run_spec(config, point, corpus);
    const std::string shape = shape_key(point.model);
    const bool has_trunk = spec.schedule.kind == ScheduleKind::trunk_cooldown;
    bind_to_shortest(config, point, has_trunk ? shortest.at(shape) : point.steps, spec);
    const bool transfer = transferred.contains(shape);
    for (const double listed : transfer ? std::vector<double>{0} : config.design.learning_rates) {
      spec.optimizer.lr = transfer ? 0 : scaled_rate(config.design, listed, point.params);
      for (const std::int64_t seed : config.design.seeds) {
        spec.seed = seed;
        if (!ids.insert(run_id(spec)).second) continue;
        (transfer ? plan.transfer : plan.runs).push_back({spec, point.budget, point.epochs});
      }
    }
  }
  if (points.front().params > config.design.lr_transfer_above && !transferred.empty()) {
    fail_config(
        "design.lr_transfer_above is {:g}, and every shape has more params: none is left to fit the law to; raise it",
        config.design.lr_transfer_above);
  }
  if (config.design.lr_transfer_above > 0 && transferred.empty()) {
    plan.notes.push_back(
        "no shape takes its rate from a law: all are swept (design.lr_transfer_above, lr_transfer_checks)");
  }
  return plan;
}

double training_flops(const std::vector<RunSpec>& runs) {
  double flops = 0;
  std::map<std::string, double> trunks;  // trunk -> longest constant part, in FLOPs
  for (const RunSpec& run : runs) {
    const double per_step = 6 * static_cast<double>(count_params(run.model).total * run.data.batch_tokens);
    const std::int64_t cooldown = cooldown_steps(run);
    const std::string trunk = trunk_id(run);
    const std::int64_t own_steps = trunk.empty() ? run_steps(run) : cooldown;
    flops += per_step * static_cast<double>(own_steps);
    if (!trunk.empty()) {
      double& longest = trunks[trunk];
      longest = std::max(longest, per_step * static_cast<double>(run_steps(run) - cooldown));
    }
  }
  for (const auto& [trunk, longest] : trunks) flops += longest;
  return flops;
}

}  // namespace scalelaw::inline design
