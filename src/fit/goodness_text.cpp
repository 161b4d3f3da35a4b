#include "fit/goodness_text.hpp"

#include <cmath>

#include <fmt/ranges.h>

#include "core/format.hpp"
#include "fit/log_errors.hpp"

namespace scalelaw::inline fit {
namespace {

const char* quantity(const FitResult& fit) { return law_form(fit.law).predicts_size ? "ln N*" : "ln loss"; }

std::string value_text(const FitResult& fit, double x) {
  return law_form(fit.law).predicts_size ? short_count(x) : fmt::format("{:.4g}{}", x, fit.unit_text());
}

std::string row_text(const FitResult& fit, const Residual& r) {
  return fmt::format("{}: {} where the law says {} ({:+.3g} in {}, {:+.1f} times the scatter)", residual_name(r),
                     value_text(fit, r.observed), value_text(fit, r.predicted), r.residual, quantity(fit),
                     r.standardised);
}

std::string outlier_caution(const FitResult& fit) {
  const Goodness& g = fit.parametric().goodness;
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(g.outliers, 5); ++i) {
    const Residual& r = g.residuals[static_cast<std::size_t>(i)];
    names.push_back(fmt::format("{} ({} where the law says {}, {:+.0f} times the scatter)", residual_name(r),
                                value_text(fit, r.observed), value_text(fit, r.predicted), r.standardised));
  }
  if (g.outliers > 5) names.push_back(fmt::format("and {} more", g.outliers - 5));
  std::string text = fmt::format("{}: {}", g.outliers == 1 ? "an outlier" : fmt::format("{} outliers", g.outliers),
                                 fmt::join(names, ", "));
  std::vector<std::string> changes;
  const LawForm& form = law_form(fit.law);
  std::vector<std::string> told = {"a"};
  for (const std::size_t k : form.of_role(Role::offset)) told.push_back(form.parameters[k]);
  for (const std::string& name : told) {
    const auto it = g.without_outliers.find(name);
    if (it == g.without_outliers.end()) continue;
    double now = 0;
    if (fit.derived.contains(name)) now = fit.derived.at(name);
    for (std::size_t k = 0; k < form.parameters.size(); ++k) {
      if (form.parameters[k] == name) now = fit.fitted.values[k];
    }
    changes.push_back(fmt::format("{} {:.4g} instead of {:.4g}{}", name, it->second, now,
                                  is_offset(form, name) ? fit.unit_text() : ""));
  }
  if (!changes.empty()) {
    text += fmt::format("; without {} the fit has {}", g.outliers == 1 ? "it" : "them", fmt::join(changes, ", "));
  }
  return text + "; look at what went wrong there, and leave such rows out of the file";
}

Json residual_json(const Residual& r) {
  return {{"row", r.row},
          {"run", r.run},
          {"params", r.params},
          {"tokens", r.tokens},
          {"flops", r.flops},
          {"observed", r.observed},
          {"predicted", r.predicted},
          {"residual", r.residual},
          {"standardised", r.standardised}};
}

}  // namespace

std::string residual_name(const Residual& r) {
  if (!r.run.empty()) return r.run;
  return fmt::format("row {} (N {}, D {})", r.row, short_count(r.params), short_count(r.tokens));
}

std::vector<std::string> goodness_cautions(const FitResult& fit, bool held) {
  const Goodness& g = fit.parametric().goodness;
  std::vector<std::string> out;
  if (g.n == 0) return out;
  // A law worth extrapolating explains nearly all that its runs differ by.
  constexpr double kExplained = 0.9;
  if (g.r_squared < kExplained && g.n >= 8 && g.outliers == 0) {  // else those are the cause
    out.push_back(fmt::format(
        "the law leaves {:.0f} % of the variation of {} unexplained (rms residual {:.3g}): {}; fit --residuals lists "
        "every run",
        100 * std::min(1.0, 1 - g.r_squared), quantity(fit), g.rms,
        held ? "the parameters that are held do not suit these runs, or some of the runs do not follow the law"
             : "some of these runs do not follow it, or they differ by little more than noise"));
  }
  if (g.few_outliers()) {
    out.push_back(outlier_caution(fit));
  } else if (g.outliers > 0) {
    out.push_back(
        fmt::format("{} of {} rows lie more than {:.1f} times the scatter of the others off the law: the losses are of "
                    "two kinds; fit --residuals lists every run",
                    g.outliers, g.n, g.limit));
  }
  if (g.series_stands_out) {
    const SeriesResidual& s = *g.worst_series;
    out.push_back(
        fmt::format("the {} points of {} {} lie together off the law: mean residual {:+.3g} of {} ({:+.1f} times its "
                    "scatter); check how its N, D and losses were counted",
                    s.points, s.by, s.name, s.mean, quantity(fit), s.standardised));
  }
  if (g.lack_of_fit && g.lack_of_fit->p < kGoodnessLevel) {
    const LackOfFit& l = *g.lack_of_fit;
    out.push_back(
        fmt::format("the form {} is rejected by its own residuals: quadratic terms in the logarithms of N and D take "
                    "{:.0f} % of their squares (F {:.3g} with {:.0f} and {:.0f} degrees of freedom, p {:.2g}); its "
                    "parameters and extrapolations hold only as far as the form does",
                    law_form(fit.law).name, 100 * l.explained, l.f, l.freedom, l.rest, l.p));
  }
  return out;
}

std::string goodness_text(const FitResult& fit, std::size_t rows) {
  const Goodness& g = fit.parametric().goodness;
  if (g.n == 0) return "";
  std::string text = fmt::format("goodness: rms residual of {} {:.3g}", quantity(fit), g.rms);
  if (std::isfinite(g.r_squared)) text += fmt::format(", R^2 {:.5f}", g.r_squared);
  if (g.noise && *g.noise > 0) {
    text += fmt::format("; noise between seeds {:.3g}, so {:.2f} times it", *g.noise, g.rms / *g.noise);
  }
  text += "\n";
  std::size_t shown = 0;
  for (const Residual& r : g.residuals) {
    if (std::abs(r.standardised) < kListedResidual || shown == rows) break;
    text += fmt::format("  worst row: {}\n", row_text(fit, r));
    ++shown;
  }
  if (g.worst_series && std::abs(g.worst_series->standardised) >= kListedResidual) {
    const SeriesResidual& s = *g.worst_series;
    text += fmt::format("  worst series: {} {}: mean residual {:+.3g} over {} points ({:+.1f} times its scatter)\n",
                        s.by, s.name, s.mean, s.points, s.standardised);
  }
  return text;
}

std::string residuals_text(const Goodness& g, LossUnit unit) {
  if (g.n == 0) return "";
  std::vector<std::vector<std::string>> rows;
  for (const Residual& r : g.residuals) {
    rows.push_back({residual_name(r), short_count(r.params), short_count(r.tokens), fmt::format("{:.5g}", r.observed),
                    fmt::format("{:.5g}", r.predicted), fmt::format("{:+.3g}", r.residual),
                    fmt::format("{:+.1f}", r.standardised)});
  }
  const std::string observed = unit == LossUnit::nats ? "observed" : fmt::format("observed, {}", loss_unit_text(unit));
  return text_table({"residuals", "N", "D", observed, "law", "ln observed - ln law", "/ scatter"}, rows);
}

Json residuals_json(const Goodness& g, bool all) {
  Json out = Json::array();
  for (const Residual& r : g.residuals) {
    if (all || std::abs(r.standardised) >= kListedResidual) out.push_back(residual_json(r));
  }
  return out;
}

Json to_json(const Goodness& g) {
  Json out = {{"n", g.n},
              {"rms", g.rms},
              {"r_squared", finite_or_null(g.r_squared)},
              {"scale", g.scale},
              {"limit", g.limit},
              {"noise", g.noise ? Json(*g.noise) : Json(nullptr)},
              {"rms_over_noise", g.noise && *g.noise > 0 ? Json(g.rms / *g.noise) : Json(nullptr)},
              {"worst_rows", residuals_json(g, false)},
              {"outliers", g.outliers}};
  out["worst_series"] = nullptr;
  if (g.worst_series) {
    const SeriesResidual& s = *g.worst_series;
    out["worst_series"] = {{"by", s.by},
                           {"name", s.name},
                           {"points", s.points},
                           {"mean", s.mean},
                           {"standardised", s.standardised},
                           {"stands_out", g.series_stands_out}};
  }
  out["lack_of_fit"] = nullptr;
  if (g.lack_of_fit) {
    const LackOfFit& l = *g.lack_of_fit;
    out["lack_of_fit"] = {{"f", l.f},
                          {"freedom", Json::array({l.freedom, l.rest})},
                          {"p", l.p},
                          {"explained", l.explained},
                          {"rejected", l.p < kGoodnessLevel}};
  }
  if (!g.without_outliers.empty()) {
    for (const auto& [name, x] : g.without_outliers) out["without_outliers"][name] = finite_or_null(x);
  }
  return out;
}

Goodness goodness_from_json(const Json& json) {
  Goodness g;
  g.n = json.at("n").get<std::int64_t>();
  g.rms = json.at("rms").get<double>();
  g.r_squared = number_or_nan(json, "r_squared");
  g.scale = json.at("scale").get<double>();
  g.limit = json.at("limit").get<double>();
  if (json.at("noise").is_number()) g.noise = json.at("noise").get<double>();
  g.outliers = json.at("outliers").get<std::int64_t>();
  for (const Json& r : json.at("worst_rows")) {
    g.residuals.push_back({r.at("row").get<std::size_t>(), r.at("run").get<std::string>(), r.at("params").get<double>(),
                           r.at("tokens").get<double>(), r.at("flops").get<double>(), r.at("observed").get<double>(),
                           r.at("predicted").get<double>(), r.at("residual").get<double>(),
                           r.at("standardised").get<double>()});
  }
  if (const Json& s = json.at("worst_series"); s.is_object()) {
    g.worst_series = SeriesResidual{.by = s.at("by").get<std::string>(),
                                    .name = s.at("name").get<std::string>(),
                                    .points = s.at("points").get<std::int64_t>(),
                                    .mean = s.at("mean").get<double>(),
                                    .standardised = s.at("standardised").get<double>()};
    g.series_stands_out = s.at("stands_out").get<bool>();
  }
  if (const Json& l = json.at("lack_of_fit"); l.is_object()) {
    g.lack_of_fit = LackOfFit{.f = l.at("f").get<double>(),
                              .freedom = l.at("freedom")[0].get<double>(),
                              .rest = l.at("freedom")[1].get<double>(),
                              .p = l.at("p").get<double>(),
                              .explained = l.at("explained").get<double>()};
  }
  if (json.contains("without_outliers")) {
    for (const auto& [name, x] : json.at("without_outliers").items()) {
      g.without_outliers[name] = x.is_number() ? x.get<double>() : std::numeric_limits<double>::quiet_NaN();
    }
  }
  return g;
}

}  // namespace scalelaw::inline fit
