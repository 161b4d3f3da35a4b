#include "report/html_parts.hpp"

#include "analysis/text.hpp"
#include "core/format.hpp"
#include "report/escape.hpp"

namespace scalelaw::inline report {

std::string html_table(std::string_view kind, const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows) {
  std::string out = fmt::format("<div class=\"scroll\"><table class=\"{}\">\n<thead><tr>", kind);
  for (const auto& cell : header) out += "<th scope=\"col\">" + cell + "</th>";
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (const auto& cell : row) out += "<td>" + cell + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string html_chip(std::string_view kind, std::string_view text) {
  return fmt::format("<span class=\"chip {}\">{}</span>", kind, html_escape(text));
}

std::string status_chip(const FitResult& fit) { return html_chip(fit.converged() ? "good" : "bad", status_text(fit)); }

std::string value_cell(double value, const Interval* interval) {
  std::string out = number_text(value);
  if (interval != nullptr) {
    out += fmt::format("<span class=\"ci\">[{}, {}]</span>", number_text(interval->low), number_text(interval->high));
  }
  return out;
}

std::string count_cell(double value, const Interval* interval) {
  std::string out = short_count(value);
  if (interval != nullptr) {
    out += fmt::format("<span class=\"ci\">[{}, {}]</span>", short_count(interval->low), short_count(interval->high));
  }
  return out;
}

std::string html_list(const std::vector<std::string>& sentences) {
  std::string out = "<ul>\n";
  for (std::string sentence : sentences) {
    if (sentence.empty()) continue;
    if (sentence[0] >= 'a' && sentence[0] <= 'z') sentence[0] = static_cast<char>(sentence[0] - 'a' + 'A');
    out += fmt::format("<li>{}{}</li>\n", html_prose(sentence), sentence.ends_with('.') ? "" : ".");
  }
  return out + "</ul>\n";
}

}  // namespace scalelaw::inline report
