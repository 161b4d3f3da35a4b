#include "study/rounds.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "core/format.hpp"
#include "records/shape.hpp"

namespace scalelaw::inline study {
namespace {

/// The runs of one shape and what has been added to them.
struct ShapeRuns {
  std::vector<PlannedRun> runs;
  std::map<std::pair<std::int64_t, SweepStatus>, std::int64_t> extensions;  ///< (tokens, edge) -> rates added
  std::set<std::string> no_sweep;                                           ///< ids that take no part in a sweep
  bool swept = false;                                                       ///< needs no other rate
  bool checked = false;
};

struct Builder {
  const StudyConfig& config;
  const RecordSet& records;
  StudyRuns out;
  std::set<std::string> ids;

  bool finished(const ShapeRuns& shape) const {
    return std::ranges::all_of(shape.runs, [&](const PlannedRun& run) { return records.finished(run_id(run.spec)); });
  }

  std::vector<LrSweep> sweeps(const ShapeRuns& shape) const {
    std::vector<RunRecord> own;
    for (const PlannedRun& run : shape.runs) {
      const std::string id = run_id(run.spec);
      if (!shape.no_sweep.contains(id)) own.push_back(records.records.at(id));
    }
    return select_observations(own, {.convention = config.design.convention, .min_steps = 0}).sweeps;
  }

  /// A run of the shape at a token budget of one of its sweeps.
  static PlannedRun first_at(const ShapeRuns& shape, std::int64_t tokens) {
    return *std::ranges::find(shape.runs, tokens, [](const PlannedRun& run) { return run.spec.data.tokens; });
  }

  /// Adds copies of `like` with this rate and each of the seeds.
  void add(ShapeRuns& shape, PlannedRun like, double lr, const std::vector<std::int64_t>& seeds, AdditionKind kind,
           std::string reason) {
    Addition addition{shape_name(like.spec.model), like.spec.data.tokens, lr, kind, std::move(reason), 0};
    like.spec.optimizer.lr = lr;
    for (const std::int64_t seed : seeds) {
      like.spec.seed = seed;
      const std::string id = run_id(like.spec);
      if (addition.kind == AdditionKind::branch_check) shape.no_sweep.insert(id);
      if (!ids.insert(id).second) continue;
      shape.runs.push_back(like);
      out.runs.push_back(like);
      ++addition.runs;
    }
    if (addition.runs > 0) out.added.push_back(std::move(addition));
  }

  /// One more rate at every point of the shape with an edge that may move. @return false if there was none
  bool extend(ShapeRuns& shape) {
    bool added = false;
    for (const LrSweep& sweep : sweeps(shape)) {
      if (!sweep.on_edge()) continue;
      const auto tokens = static_cast<std::int64_t>(sweep.tokens);
      const bool low = sweep.status == SweepStatus::edge_low;
      std::int64_t& count = shape.extensions[{tokens, sweep.status}];
      if (!low && sweep.diverged_lr > 0) continue;
      if (count == config.design.lr_extend) continue;
      ++count;
      added = true;
      add(shape, first_at(shape, tokens), low ? sweep.best_lr / 2 : sweep.best_lr * 2, config.design.seeds,
          AdditionKind::edge,
          fmt::format("the best rate, {}, was the {}", exact_number(sweep.best_lr), low ? "lowest" : "highest"));
    }
    return added;
  }

  void note_edges(const ShapeRuns& shape) {
    if (config.design.lr_extend == 0) return;
    for (const LrSweep& sweep : sweeps(shape)) {
      if (!sweep.on_edge()) continue;
      const bool low = sweep.status == SweepStatus::edge_low;
      out.notes.push_back(fmt::format("{}: the best rate, {}, is still the {} tried: {}", describe_point(sweep),
                                      exact_number(sweep.best_lr), low ? "lowest" : "highest",
                                      !low && sweep.diverged_lr > 0
                                          ? fmt::format("runs at {} diverged", exact_number(sweep.diverged_lr))
                                          : fmt::format("lr_extend = {} rates were added", config.design.lr_extend)));
    }
  }

  /// Runs from scratch at the middle budget, where there is one beside the shortest.
  void check_branching(ShapeRuns& shape) {
    const std::vector<LrSweep> all = sweeps(shape);  // by tokens: one shape
    if (config.design.branch_checks == 0 || all.size() < 2) return;
    const LrSweep& middle = all[all.size() / 2];
    const double lr = std::ranges::min_element(middle.points, {}, &LrSweep::Point::loss_nats)->lr;
    PlannedRun like = first_at(shape, static_cast<std::int64_t>(middle.tokens));
    const auto steps = static_cast<double>(run_steps(like.spec));
    like.spec.optimizer.warmup_fraction = std::round(config.optimizer.warmup * steps) / steps;
    std::vector<std::int64_t> seeds;
    for (std::int64_t i = 0; i < config.design.branch_checks; ++i) seeds.push_back(config.design.seeds.front() + i);
    add(shape, like, lr, seeds, AdditionKind::branch_check, "from scratch, to check branching");
  }

  /// Everything that a swept shape calls for now. @return whether it is settled
  bool grow(ShapeRuns& shape) {
    while (finished(shape) && !shape.swept) {
      if (extend(shape)) continue;
      note_edges(shape);
      shape.swept = true;
    }
    if (!shape.swept) return false;
    if (!shape.checked) check_branching(shape);
    shape.checked = true;
    return finished(shape);
  }

  void transfer(const Plan& plan, const std::map<std::string, ShapeRuns>& swept) {
    std::vector<LrSweep> optima;
    for (const auto& [key, shape] : swept) {
      const std::vector<LrSweep> own = sweeps(shape);
      optima.insert(optima.end(), own.begin(), own.end());
    }
    const LrLawOptions options = lr_law_options(config);
    const LrLaw law = fit_lr_law(optima, options);
    if (!law.fitted()) {
      out.notes.push_back(
          fmt::format("shapes above lr_transfer_above were not run; {}; sweep more sizes and budgets{}", describe(law),
                      options.params_exponent ? ""
                                              : ", or set model.parametrization = \"completep\", under which one size "
                                                "with 4 budgets is enough"));
      for (const PlannedRun& run : plan.transfer) {
        out.left_out.push_back(
            {shape_name(run.spec.model), run.budget_flops, run.spec.data.tokens, "no law gives its learning rate"});
      }
      return;
    }
    if (const std::string line = caution(law); !line.empty() && config.design.lr_transfer_factors.size() == 1) {
      out.notes.push_back(line);
    }
    ShapeRuns large;
    for (const PlannedRun& run : plan.transfer) {
      const double rate = predict_lr(law, counted_params(run.spec.model, config.design.convention.params),
                                     static_cast<double>(run.spec.data.tokens));
      for (const double factor : config.design.lr_transfer_factors) {
        add(large, run, rounded_rate(factor * rate), {run.spec.seed}, AdditionKind::transfer,
            "from the law of the smaller shapes");
      }
    }
    out.settled = finished(large) && out.settled;
  }
};

}  // namespace

LrLawOptions lr_law_options(const StudyConfig& config) {
  LrLawOptions out;
  if (config.design.lr_transfer_above > 0) out.largest_params = config.design.lr_transfer_above;
  out.params_exponent = promised_params_exponent(config.model.spec.parametrization);
  return out;
}

StudyRuns extend_plan(const StudyConfig& config, const Plan& plan, const RecordSet& records) {
  Builder builder{config, records, {}, {}};
  std::map<std::string, ShapeRuns> shapes;
  std::vector<std::string> order;
  for (const PlannedRun& run : plan.runs) {
    builder.ids.insert(run_id(run.spec));
    const std::string key = shape_name(run.spec.model);
    if (!shapes.contains(key)) order.push_back(key);
    shapes[key].runs.push_back(run);
  }
  builder.out.runs = plan.runs;
  builder.out.settled = true;
  for (const std::string& key : order) builder.out.settled = builder.grow(shapes.at(key)) && builder.out.settled;
  if (!plan.transfer.empty()) {
    if (std::ranges::all_of(shapes, [](const auto& shape) { return shape.second.swept; })) {
      builder.transfer(plan, shapes);
    } else {
      builder.out.settled = false;
    }
  }
  return builder.out;
}

std::string describe(const Addition& a) {
  return fmt::format("{} at {} tokens: lr {} ({})", a.shape, short_count(static_cast<double>(a.tokens)),
                     exact_number(a.lr), a.reason);
}

}  // namespace scalelaw::inline study
