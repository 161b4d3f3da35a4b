#include "fit/prepare.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "core/csv.hpp"
#include "core/stats.hpp"
#include "law/critical_batch.hpp"

namespace scalelaw::inline fit {
namespace {

// Of the peak rate; a schedule that ends at a tenth, written with few digits or reached a step later, is meant too.
constexpr double kDecayedShare = 0.1 * 1.01;
constexpr double kCurveSpacing = 0.023025851;  // ln 10 / 100

std::string name_of(const Observation& o, std::size_t i) {
  return o.run.empty() ? fmt::format("observation {}", i + 1) : fmt::format("run {}", o.run);
}

// The decayed end of one run's curve, by rising tokens.
std::vector<Observation> decayed_end(std::vector<Observation> curve) {
  std::ranges::stable_sort(curve, {}, &Observation::tokens);
  const auto peak = std::ranges::max_element(curve, {}, [](const Observation& o) { return *o.lr; });
  std::vector<Observation> kept;
  for (auto it = curve.rbegin(); it != curve.rend() && it->tokens > peak->tokens; ++it) {
    if (*it->lr > kDecayedShare * *peak->lr) break;
    if (!kept.empty() && std::log(kept.back().tokens / it->tokens) < kCurveSpacing) continue;
    kept.push_back(*it);
  }
  std::ranges::reverse(kept);
  return kept;
}

}  // namespace

std::vector<Observation> without_highest(std::vector<Observation> points, std::int64_t k) {
  if (k < 0 || k > static_cast<std::int64_t>(points.size())) {
    fail_config("--drop-highest {}: must be between 0 and the number of points, {}", k, points.size());
  }
  std::vector<std::size_t> order(points.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order,
                           [&](std::size_t a, std::size_t b) { return points[a].loss_nats > points[b].loss_nats; });
  std::vector<bool> drop(points.size(), false);
  for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i) drop[order[i]] = true;
  std::vector<Observation> kept;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!drop[i]) kept.push_back(std::move(points[i]));
  }
  return kept;
}

std::vector<Observation> weighted(std::vector<Observation> points, const FitOptions& options) {
  if (options.weights == Weights::none) return points;
  const bool logs = options.method == Method::parametric && options.objective.kind != ObjectiveKind::mse;
  std::vector<double> precision;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Observation& o = points[i];
    if (!o.loss_stderr || !(*o.loss_stderr > 0) || !std::isfinite(*o.loss_stderr)) {
      fail_data("{}: loss_stderr is {}; --weights stderr needs a positive one for every point", name_of(o, i),
                o.loss_stderr ? fmt::format("{}", *o.loss_stderr) : "missing");
    }
    // The standard error of ln loss is stderr / loss.
    const double error = *o.loss_stderr / (logs ? o.loss_nats : 1.0);
    precision.push_back(1 / (error * error));
  }
  const double scale = 1 / mean(precision);
  for (std::size_t i = 0; i < points.size(); ++i) points[i].weight *= precision[i] * scale;
  return points;
}

std::vector<Observation> with_minimum_steps(std::vector<Observation> points, const CriticalBatch& critical) {
  for (std::size_t i = 0; i < points.size(); ++i) {
    Observation& o = points[i];
    if (!o.steps && o.batch_tokens) o.steps = o.tokens / *o.batch_tokens;
    if (!o.steps || !(*o.steps > 0)) {
      fail_data(
          "{}: the law kaplan-steps needs the optimizer steps of every run; add a column steps (and batch_tokens, "
          "unless the steps are those of a very large batch)",
          name_of(o, i));
    }
    if (!o.batch_tokens) continue;
    o.steps = minimum_steps(*o.steps, *o.batch_tokens, critical_batch_tokens(o.loss_nats, critical));
    o.batch_tokens.reset();
  }
  return points;
}

CurvePoints decayed_points(const std::vector<Observation>& curves) {
  std::vector<std::string> runs;  // in order of appearance
  std::map<std::string, std::vector<Observation>> by_run;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const Observation& o = curves[i];
    if (o.run.empty()) {
      fail_data("{}: --curves needs the column run, which says which rows are one training curve", name_of(o, i));
    }
    auto& rows = by_run[o.counted + '\n' + o.run];
    if (rows.empty()) runs.push_back(o.counted + '\n' + o.run);
    rows.push_back(o);
  }
  CurvePoints out;
  for (const std::string& run : runs) {
    std::vector<Observation> rows = by_run.at(run);
    const bool rates = std::ranges::all_of(rows, [](const Observation& o) { return o.lr.has_value(); });
    if (rows.size() > 1 && !rates) {
      fail_data(
          "run {}: its {} points are a training curve, but not every one has a learning rate (column lr), so decayed "
          "points cannot be told from those of a trunk; add lr, or give final losses alone without --curves",
          rows.front().run, rows.size());
    }
    if (rows.size() > 1) rows = decayed_end(std::move(rows));
    if (rows.empty()) {
      out.excluded.push_back({by_run.at(run).front().run,
                              "its learning rate never falls to a tenth of its peak: an undecayed trunk's losses are "
                              "not those of finished runs"});
      continue;
    }
    for (Observation& o : rows) {
      if (o.group.empty()) o.group = o.run;
    }
    out.finals.push_back(rows.back());
    out.points.insert(out.points.end(), rows.begin(), rows.end());
  }
  return out;
}

std::vector<Observation> curve_observations(const RunRecord& record, const Convention& convention,
                                            const std::filesystem::path& curve) {
  const std::optional<Observation> final = observe(record, convention);
  if (!final) return {};
  // The curve's own columns; its tokens and params make it a file of observations.
  const CsvTable table = read_csv(curve);
  std::vector<double> tokens, loss, lr;
  const auto column = [&](const char* name, std::vector<double>& to) {
    const std::size_t c = table.column(name);
    if (c == CsvTable::npos) fail_data("{}: has no column '{}'", curve.string(), name);
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
      double x = 0;
      const std::string& cell = table.rows[r][c];
      const auto parsed = std::from_chars(cell.data(), cell.data() + cell.size(), x);
      if (parsed.ec != std::errc{} || parsed.ptr != cell.data() + cell.size()) {
        fail_data("{}: row {}: column '{}' is \"{}\", which is not a number", curve.string(), r + 2, name, cell);
      }
      to.push_back(x);
    }
  };
  column("tokens", tokens);
  column("train_loss_nats", loss);
  column("lr", lr);
  if (tokens.empty()) return {};
  std::vector<double> last;
  for (std::size_t i = 0; i < loss.size(); ++i) {
    if (tokens[i] >= 0.98 * tokens.back()) last.push_back(loss[i]);
  }
  std::vector<Observation> out;
  for (std::size_t i = 0; i < loss.size(); ++i) {
    Observation o = *final;
    o.tokens = tokens[i];
    o.flops = final->flops * tokens[i] / final->tokens;
    o.loss_nats = loss[i] + (final->loss_nats - mean(last));
    o.lr = lr[i];
    o.steps.reset();
    if (tokens[i] > 0 && o.loss_nats > 0) out.push_back(std::move(o));
  }
  return out;
}

}  // namespace scalelaw::inline fit
