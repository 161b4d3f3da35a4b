#include "corpus/documents.hpp"

#include <fmt/ranges.h>

#include "core/json.hpp"
#include "os/error.hpp"

namespace scalelaw::inline corpus {
namespace {

bool blank(std::string_view line) { return line.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos; }

bool indented(std::string_view line) { return line.starts_with(' ') || line.starts_with('\t'); }

/// Line breaks are not part of a document; indentation of its first line is.
std::string_view without_line_breaks(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  while (text.starts_with('\n') || text.starts_with('\r')) text.remove_prefix(1);
  return text;
}

}  // namespace

DocumentCutter::DocumentCutter(DocumentRule rule, std::string file, Sink sink)
    : rule_(std::move(rule)), file_(std::move(file)), sink_(std::move(sink)) {}

void DocumentCutter::feed(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view part = text.substr(0, end == std::string_view::npos ? text.size() : end + 1);
    text.remove_prefix(part.size());
    const bool whole = part.ends_with('\n');
    if (whole && carry_.empty()) {
      line(part);
      continue;
    }
    carry_ += part;
    const bool json = rule_.kind == DocumentKind::json_line;
    if (json && carry_.size() > kMaxJsonLineBytes) {
      fail_data("{}:{}: the line is longer than {} MiB; is this a file of JSON lines?", file_, lines_ + 1,
                kMaxJsonLineBytes >> 20U);
    }
    if (whole || (!json && carry_.size() >= kMaxDocumentBytes)) {
      line(carry_);
      carry_.clear();
    }
  }
}

void DocumentCutter::finish() {
  if (!carry_.empty()) line(carry_);
  carry_.clear();
  if (rule_.kind == DocumentKind::file && blank(document_)) {
    ++empty_;
    document_.clear();
  }
  end_document();
}

void DocumentCutter::line(std::string_view text) {
  ++lines_;
  if (rule_.kind == DocumentKind::json_line) return json_line(text);
  if (rule_.kind != DocumentKind::file) {
    if (blank(text)) {
      if (rule_.kind == DocumentKind::blank_line) {
        end_document();
      } else if (!document_.empty() && blanks_.size() < kMaxDocumentBytes) {
        blanks_ += text;
      }
      return;
    }
    if (!blanks_.empty() && !indented(text)) end_document();
    document_ += blanks_;
    blanks_.clear();
  }
  document_ += text;
  if (document_.size() >= kMaxDocumentBytes) {
    ++cut_;
    end_document();
  }
}

void DocumentCutter::json_line(std::string_view text) {
  if (blank(text)) return;
  Json value;
  try {
    value = Json::parse(text);
  } catch (const Json::parse_error& e) {
    fail_data("{}:{}: not valid JSON at character {} of the line; every line must be a JSON object", file_, lines_,
              e.byte);
  }
  if (!value.is_object())
    fail_data("{}:{}: is JSON but not an object; every line must be a JSON object", file_, lines_);
  const auto found = value.find(rule_.field);
  if (found == value.end()) {
    std::vector<std::string> names;
    for (const auto& [name, item] : value.items()) names.push_back(name);
    fail_data("{}:{}: has no field '{}'; its fields are {}: name the one that holds the text with --field", file_,
              lines_, rule_.field, names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
  }
  if (!found->is_string()) {
    fail_data("{}:{}: field '{}' is {}, not a string; name the one that holds the text with --field", file_, lines_,
              rule_.field, found->type_name());
  }
  hand_on(found->get_ref<const std::string&>());
}

void DocumentCutter::end_document() {
  if (!document_.empty()) hand_on(document_);
  document_.clear();
  blanks_.clear();
}

void DocumentCutter::hand_on(std::string_view document) {
  if (blank(document)) {
    ++empty_;
  } else {
    sink_(without_line_breaks(document));
  }
}

}  // namespace scalelaw::inline corpus
