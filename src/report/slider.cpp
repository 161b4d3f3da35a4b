#include "report/slider.hpp"

#include <cmath>

#include "core/format.hpp"
#include "report/escape.hpp"

namespace scalelaw::inline report {
namespace {

Json known(double x) { return x > 0 ? Json(x) : Json(nullptr); }

Json quantity_json(const std::vector<Allocation>& grid, const std::string& name, double Allocation::*value) {
  Json out = {{"value", Json::array()}, {"low", Json::array()}, {"high", Json::array()}};
  for (const Allocation& a : grid) {
    const auto ci = a.ci95.find(name);
    out["value"].push_back(a.*value);
    for (const char* end : {"low", "high"}) {
      out[end].push_back(nullptr);
      if (ci == a.ci95.end()) continue;
      const double x = end[0] == 'l' ? ci->second.low : ci->second.high;
      if (std::isfinite(x) && x > 0) out[end].back() = x;
    }
  }
  return out;
}

}  // namespace

Json slider_json(const FitResult& fit, const std::vector<Allocation>& grid) {
  Json out = {{"law", law_form(fit.law).name},
              {"measured", {fit.flops_range.low, fit.flops_range.high}},
              {"largest", {{"params", known(fit.params_range.high)}, {"tokens", known(fit.tokens_range.high)}}},
              {"flops", Json::array()},
              {"params", quantity_json(grid, "params", &Allocation::params)},
              {"tokens", quantity_json(grid, "tokens", &Allocation::tokens)},
              {"tokens_per_param", quantity_json(grid, "tokens_per_param", &Allocation::tokens_per_param)},
              {"loss", quantity_json(grid, "loss", &Allocation::loss_nats)}};
  for (const Allocation& a : grid) out["flops"].push_back(a.flops);
  return out;
}

std::string slider_html(const FitResult& fit, const std::vector<Allocation>& grid) {
  if (grid.empty()) return "<p>There is no answer to move over the budgets: the law that was fitted gives none.</p>\n";
  return fmt::format(
             "<p>Move the budget over what was measured and a hundredfold beyond: the best model, "
             "its "
             "data and its loss under <code>{}</code>, with 95 % intervals.</p>\n"
             "<div class=\"slider\">\n<label for=\"budget\">Compute budget C = <output id=\"budget_flops\" "
             "for=\"budget\">{} "
             "</output> FLOPs</label>\n"
             "<input type=\"range\" id=\"budget\" min=\"0\" max=\"1000\" step=\"any\" value=\"500\">\n"
             "<p id=\"budget_beyond\" class=\"within\" aria-live=\"polite\"></p>\n",
             html_escape(law_form(fit.law).formula), power_text(fit.flops_range.high)) +
         "<table>\n<thead><tr><th scope=\"col\"></th><th scope=\"col\">best value</th><th scope=\"col\">95 % "
         "interval</th></tr></thead>\n<tbody>\n"
         "<tr><td>N*, parameters</td><td id=\"budget_params\">–</td><td id=\"budget_params_ci\">–</td></tr>\n"
         "<tr><td>D*, training tokens</td><td id=\"budget_tokens\">–</td><td id=\"budget_tokens_ci\">–</td></tr>\n"
         "<tr><td>D*/N*, tokens per parameter</td><td id=\"budget_tokens_per_param\">–</td><td "
         "id=\"budget_tokens_per_param_ci\">–</td></tr>\n"
         "<tr><td>L*, nats per token</td><td id=\"budget_loss\">–</td><td id=\"budget_loss_ci\">–</td></tr>\n"
         "</tbody></table>\n"
         "<noscript><p>The slider needs JavaScript; the table below has the answers at the budgets asked for, and "
         "<code>scalelaw allocate</code> gives any other.</p></noscript>\n</div>\n";
}

std::string_view slider_script() {
  return R"js(
(function () {
  'use strict';
  const place = document.getElementById('budgets');
  const input = document.getElementById('budget');
  if (!place || !input) return;
  const table = JSON.parse(place.textContent);
  const x = table.flops.map(Math.log), first = x[0], last = x[x.length - 1];
  function raised(n) {
    return String(n).split('').map(function (c) { return c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(c)]; }).join('');
  }
  function power(v) {
    let e = Math.floor(Math.log10(v)), m = Number((v / Math.pow(10, e)).toPrecision(3));
    if (m >= 10) { m /= 10; e += 1; }
    return (m === 1 ? '' : m + '×') + '10' + raised(e);
  }
  function count(v) {
    if (v >= 1e15 || v < 1e-3) return power(v);
    const units = [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'k'], [1, '']];
    const rounded = Number(v.toPrecision(3));
    for (const unit of units) if (rounded >= unit[0]) return Number((rounded / unit[0]).toPrecision(3)) + unit[1];
    return String(rounded);
  }
  function at(list, i, t) {
    const a = list[i], b = list[i + 1];
    return a === null || b === null ? null : Math.exp((1 - t) * Math.log(a) + t * Math.log(b));
  }
  function put(id, text) { document.getElementById(id).textContent = text; }
  function show() {
    const ln = first + (last - first) * Number(input.value) / Number(input.max);
    let i = 0;
    while (i < x.length - 2 && x[i + 1] <= ln) i += 1;
    const t = (ln - x[i]) / (x[i + 1] - x[i]);
    put('budget_flops', power(Math.exp(ln)));
    input.setAttribute('aria-valuetext', power(Math.exp(ln)) + ' FLOPs');
    const found = {}, parts = [];
    for (const name of ['params', 'tokens', 'tokens_per_param', 'loss']) {
      const text = name === 'loss' ? function (v) { return v.toFixed(3); } : count;
      const low = at(table[name].low, i, t), high = at(table[name].high, i, t);
      found[name] = at(table[name].value, i, t);
      put('budget_' + name, text(found[name]));
      put('budget_' + name + '_ci', low === null || high === null ? 'no bound' : text(low) + ' to ' + text(high));
    }
    const factor = Math.exp(ln) / table.measured[1], line = document.getElementById('budget_beyond');
    if (factor > 1.01) parts.push('the compute is ' + count(factor) + ' times the largest measured');
    for (const name of ['params', 'tokens']) {
      const times = table.largest[name] ? found[name] / table.largest[name] : 0;
      if (times > 1.01) parts.push((name === 'params' ? 'N* ' : 'D* ') + count(times) + ' times');
    }
    line.className = parts.length ? 'beyond' : 'within';
    line.textContent = parts.length ? 'Beyond what was measured: ' + parts.join(', ') +
      '. The intervals hold only if the law does not bend there.' : 'Within what was measured.';
  }
  input.oninput = show;
  input.value = String(Number(input.max) * (Math.log(table.measured[1]) - first) / (last - first));
  show();
})();
)js";
}

}  // namespace scalelaw::inline report
