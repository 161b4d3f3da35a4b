#include "report/escape.hpp"

#include <cstdlib>
#include <regex>

#include "core/format.hpp"

namespace scalelaw::inline report {

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

}  // namespace scalelaw::inline report
