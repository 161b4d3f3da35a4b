#include "report/first_screen.hpp"

#include <algorithm>
#include <cctype>

#include "analysis/answer.hpp"
#include "analysis/doubts.hpp"
#include "analysis/text.hpp"
#include "core/format.hpp"
#include "report/escape.hpp"
#include "report/html_parts.hpp"

namespace scalelaw::inline report {
namespace {

std::string number_tile(std::string_view label, const std::string& value, std::string_view unit,
                        const std::string& interval) {
  return fmt::format(
      "<div class=\"answer\"><div class=\"label\">{}</div><div class=\"value\">{}</div><div class=\"note\">{}</div>"
      "<div class=\"note\">{}</div></div>\n",
      label, value, unit, interval.empty() ? "no interval" : interval);
}

std::string numbers_html(const Allocation& a) {
  const auto interval = [&](const char* name, const auto& text) {
    const Interval* ci = find_interval(a.ci95, name);
    return ci == nullptr ? std::string() : fmt::format("{} to {}", text(ci->low), text(ci->high));
  };
  const auto loss = [](double x) { return fmt::format("{:.3f}", x); };
  return fmt::format("<h2>Best use of {} FLOPs, with 95 % intervals</h2>\n<div class=\"answers\">\n",
                     power_text(a.flops)) +
         number_tile("N*, model size", short_count(a.params), "parameters", interval("params", short_count)) +
         number_tile("D*, training data", short_count(a.tokens), "tokens", interval("tokens", short_count)) +
         number_tile("L*, loss", loss(a.loss_nats), "nats per token", interval("loss", loss)) + "</div>\n";
}

/// "N^alpha" with the exponent raised.
std::string html_powers(const std::string& html) {
  std::string out;
  for (std::size_t at = 0; at < html.size(); ++at) {
    if (html[at] != '^') {
      out += html[at];
      continue;
    }
    out += "<sup>";
    while (at + 1 < html.size() && std::isalnum(static_cast<unsigned char>(html[at + 1])) != 0) out += html[++at];
    out += "</sup>";
  }
  return out;
}

}  // namespace

std::string first_screen(const Analysis& analysis, const std::vector<Figure>& figures) {
  std::string out = fmt::format("<p class=\"sentence\">{}</p>\n<div class=\"split\">\n",
                                html_powers(html_prose(answer_sentence(analysis))));
  const auto drawn = std::ranges::find_if(figures, [](const Figure& f) { return f.kind == FigureKind::answer; });
  if (drawn != figures.end()) {
    out += fmt::format("<figure>\n<div class=\"plot\" id=\"plot_{}\"></div>\n<p class=\"caption\">{}</p>\n</figure>\n",
                       drawn->id, html_prose(drawn->caption));
  }
  out += "<div>\n";
  if (const Allocation* a = headline_allocation(analysis)) out += numbers_html(*a);
  out += "<div class=\"doubts\" role=\"note\"><h2>What not to trust</h2>\n" + html_list(doubts(analysis));
  if (const auto notes = std::ssize(analysis.warnings); notes > 0) {
    out += fmt::format("<a href=\"#notes\">{} in full</a>\n", counted(notes, "note"));
  }
  out += "</div>\n";
  out += "</div>\n</div>\n";
  const auto line = [](const char* head, const std::string& html) {
    return fmt::format("<p class=\"foot\"><strong>{}.</strong> {}</p>\n", head, html);
  };
  if (const std::string text = forecast_sentence(analysis); !text.empty()) out += line("Check", html_prose(text));
  out += line("Cost", html_prose(cost_sentence(analysis)));
  if (!analysis.repeat.empty()) {
    out += line("Repeat it", fmt::format("<code>{}</code>", html_escape(analysis.repeat)));
  }
  return out;
}

}  // namespace scalelaw::inline report
