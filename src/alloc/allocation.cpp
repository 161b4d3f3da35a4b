#include "alloc/allocation.hpp"

#include <cmath>

#include "core/format.hpp"
#include "fit/fit_json.hpp"

namespace scalelaw::inline alloc {
namespace {

std::string given_text(const AllocationRequest& r) {
  if (r.flops) return fmt::format("C = {}", power_text(*r.flops, 4));
  if (r.params) return fmt::format("N = {}", short_count(*r.params));
  if (r.tokens) return fmt::format("D = {}", short_count(*r.tokens));
  return fmt::format("L = {:.4f}", r.loss.value_or(std::nan("")));
}

/// "1.2M [1.1M, 1.4M]"
std::string with_interval(double value, const Allocation& a, const std::string& name, std::string (*text)(double)) {
  const auto it = a.ci95.find(name);
  if (it == a.ci95.end()) return text(value);
  const auto end = [&](double x) { return std::isfinite(x) ? text(x) : std::string("no bound"); };
  return fmt::format("{} [{}, {}]", text(value), end(it->second.low), end(it->second.high));
}

std::string loss_text(double x) { return std::isfinite(x) ? fmt::format("{:.4f}", x) : std::string("-"); }
std::string ratio_text(double x) { return fmt::format("{:.3g}", x); }
std::string flops_text(double x) { return power_text(x); }

}  // namespace

Json to_json(const Allocation& a) {
  Json given = Json::object();
  if (a.given.flops) given["flops"] = *a.given.flops;
  if (a.given.params) given["params"] = *a.given.params;
  if (a.given.tokens) given["tokens"] = *a.given.tokens;
  if (a.given.loss) given["loss"] = *a.given.loss;
  if (a.given.inference_tokens) given["inference_tokens"] = *a.given.inference_tokens;
  if (a.given.unique_tokens) given["unique_tokens"] = *a.given.unique_tokens;
  Json ci95 = Json::object();
  for (const auto& [name, interval] : a.ci95) ci95[name] = interval_json(interval);
  Json shape = to_json_fields(a.shape);
  shape["params"] = a.shape_params;
  Json value = {{"schema", "scalelaw.allocation/1"},
                {"law", a.law},
                {"given", given},
                {"convention", a.convention},
                {"params", finite_or_null(a.params)},
                {"tokens", finite_or_null(a.tokens)},
                {"flops", finite_or_null(a.flops)},
                {"tokens_per_param", finite_or_null(a.tokens_per_param)},
                {"loss", finite_or_null(a.loss_nats)},
                {"ci95", ci95},
                {"draws", a.draws},
                {"unreachable_draws", a.unreachable},
                {"extrapolation_factor", a.extrapolation_factor > 0 ? Json(a.extrapolation_factor) : Json(nullptr)},
                {"outside", to_json(a.outside)},
                {"measured_below", nullptr},
                {"shape", shape}};
  if (a.measured_below) {
    value["measured_below"] = {{"flops", a.measured_below->flops}, {"loss", a.measured_below->loss_nats}};
  }
  if (a.given.inference_tokens) {
    value["inference_flops"] = finite_or_null(a.inference_flops);
    value["inference_saving"] = finite_or_null(a.inference_saving);
  }
  if (!a.caution.empty()) value["caution"] = a.caution;
  if (a.loss_unit != LossUnit::nats) value["loss_unit"] = name_of(a.loss_unit);
  if (a.given.unique_tokens) value["epochs"] = finite_or_null(a.tokens / *a.given.unique_tokens);
  return value;
}

std::vector<std::string> warnings(const Allocation& a) {
  std::vector<std::string> lines;
  if (!a.outside.empty()) {
    lines.push_back(fmt::format(
        "for {} the answer lies outside the runs behind {}: {}; {}", given_text(a.given),
        a.fitted ? "the fit" : "the law", describe(a.outside),
        a.ci95.empty() ? "nothing there was measured" : "the intervals say nothing about a law that bends there"));
  }
  if (a.unreachable > 0) {
    lines.push_back(fmt::format(
        "for {}, {} of {} bootstrap draws reach it with no compute: {}", given_text(a.given), a.unreachable, a.draws,
        a.ci95.contains("flops") || a.ci95.contains("params") ? "they count as endless compute in every interval"
                                                              : "too many for an interval"));
  }
  if (a.measured_below) {
    lines.push_back(fmt::format(
        "for {}, a run of {} FLOPs measured {:.4f} {}, less than the {:.4f} predicted for the best model of this "
        "budget: the law does not describe the best runs; try another law (--law) or look at the residuals",
        given_text(a.given), power_text(a.measured_below->flops), a.measured_below->loss_nats,
        a.loss_unit == LossUnit::nats ? "nats" : loss_unit_text(a.loss_unit), a.loss_nats));
  }
  return lines;
}

Json to_json(const std::vector<Allocation>& allocations) {
  Json list = Json::array();
  for (const Allocation& a : allocations) list.push_back(to_json(a));
  return {{"allocations", list}};
}

std::string describe(const std::vector<Allocation>& allocations) {
  if (allocations.empty()) return "no allocation was asked for\n";
  const AllocationRequest& request = allocations.front().given;
  std::vector<std::string> header = {"given", "N", "D", "D/N", "training FLOPs", "loss (nats)", "shape", "shape N"};
  if (const LossUnit unit = allocations.front().loss_unit; unit != LossUnit::nats) {
    header[5] = fmt::format("loss ({})", loss_unit_text(unit));
  }
  if (request.inference_tokens) {
    header.emplace_back("inference FLOPs");
    header.emplace_back("saving");
  }
  if (request.unique_tokens) header.emplace_back("epochs");
  std::vector<std::vector<std::string>> rows;
  bool intervals = false;
  for (const Allocation& a : allocations) {
    std::vector<std::string> row = {given_text(a.given),
                                    with_interval(a.params, a, "params", short_count),
                                    with_interval(a.tokens, a, "tokens", short_count),
                                    with_interval(a.tokens_per_param, a, "tokens_per_param", ratio_text),
                                    with_interval(a.flops, a, "flops", flops_text),
                                    with_interval(a.loss_nats, a, "loss", loss_text),
                                    fmt::format("d_model {} x {} layers", a.shape.d_model, a.shape.n_layer),
                                    short_count(static_cast<double>(a.shape_params))};
    if (request.inference_tokens) {
      row.push_back(flops_text(a.inference_flops));
      row.push_back(fmt::format("{:.1f} %", 100 * a.inference_saving));
    }
    if (request.unique_tokens) row.push_back(ratio_text(a.tokens / a.given.unique_tokens.value_or(1)));
    rows.push_back(row);
    intervals = intervals || !a.ci95.empty();
  }
  std::string text = fmt::format("Compute-optimal allocation under {} (N: {} parameters{})\n", allocations.front().law,
                                 allocations.front().convention, intervals ? "; [95 % interval of the bootstrap]" : "");
  text += text_table(header, rows);
  if (request.inference_tokens) {
    text += "saving: against the compute-optimal model of the same loss, training and inference together\n";
  }
  if (const std::string& caution = allocations.front().caution; !caution.empty()) {
    text += fmt::format("caution: the fit is of few points: {}\n", caution);
  }
  for (const Allocation& a : allocations) {
    for (const std::string& line : warnings(a)) text += fmt::format("warning: {}\n", line);
  }
  return text;
}

}  // namespace scalelaw::inline alloc
