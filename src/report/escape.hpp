#pragma once
// Text made safe inside the HTML of the report.
#include <string>
#include <string_view>

#include "core/json.hpp"

namespace scalelaw::inline report {

/// Text safe inside HTML elements and quoted attributes: & < > " ' become entities.
[[nodiscard]] std::string html_escape(std::string_view text);

/// A sentence made elsewhere (a note, a status, a reason) for the page: html_escape, with powers of ten as power_text
/// writes them, so that a page has one way of writing them: "1e+18 FLOPs" becomes "10¹⁸ FLOPs".
[[nodiscard]] std::string html_prose(std::string_view text);

/// JSON text safe inside a <script> element: every '<' becomes \u003c, so that no "</script>" or "<!--" can end or
/// alter it. Non-finite numbers become null.
[[nodiscard]] std::string script_json(const Json& value);

}  // namespace scalelaw::inline report
