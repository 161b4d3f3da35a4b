#include "report/text.hpp"

#include <cmath>
#include <cstdlib>
#include <regex>

#include "core/format.hpp"

namespace scalelaw {

std::string html_escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string html_prose(std::string_view text) {
  static const std::regex kPower(R"((^|[^\w./])(\d{1,6}(?:\.\d+)?e[+-]?\d{1,3})(?![\w/]))");
  std::string out;
  const std::string from(text);
  std::size_t done = 0;
  for (std::sregex_iterator it(from.begin(), from.end(), kPower), end; it != end; ++it) {
    const auto at = static_cast<std::size_t>(it->position(2));
    out += from.substr(done, at - done) + power_text(std::strtod(it->str(2).c_str(), nullptr));
    done = at + it->str(2).size();
  }
  return html_escape(out + from.substr(done));
}

std::string script_json(const Json& value) {
  // Text from outside (a study's name) may hold bytes that are not UTF-8: replaced, so that the page always comes out.
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

std::string number_text(double x) {
  if (!std::isfinite(x)) return "–";
  std::string text = fmt::format("{:.4g}", x);
  return text.find('e') == std::string::npos ? text : power_text(x, 4);
}

std::string interval_text(double value, const Interval* interval, int digits) {
  if (!std::isfinite(value)) return "–";
  const std::string text = fmt::format("{:.{}f}", value, digits);
  if (interval == nullptr) return text;
  return fmt::format("{} [{:.{}f}, {:.{}f}]", text, interval->low, digits, interval->high, digits);
}

std::string count_interval_text(double value, const Interval* interval) {
  if (!std::isfinite(value)) return "–";
  if (interval == nullptr) return short_count(value);
  return fmt::format("{} [{}, {}]", short_count(value), short_count(interval->low), short_count(interval->high));
}

const Interval* find_interval(const std::map<std::string, Interval>& intervals, const std::string& name) {
  const auto it = intervals.find(name);
  return it == intervals.end() ? nullptr : &it->second;
}

std::string status_text(const FitResult& fit) {
  return fit.converged() ? "converged" : "not converged: " + fit.convergence.status;
}

std::string method_text(const FitResult& fit) {
  if (fit.method == "isoflop") return "approach 2 (isoFLOP)";
  if (fit.method == "envelope") return "approach 1 (envelope)";
  return "approach 3 (parametric)";
}

std::string convention_text(const Convention& convention) {
  std::string params = convention.params;
  for (char& c : params) c = c == '_' ? '-' : c;
  return fmt::format("N {}, C {}", params, convention.flops == "6nd" ? "= 6ND" : "exact");
}

}  // namespace scalelaw
