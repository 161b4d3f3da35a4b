#pragma once
// A stream of text cut into documents.
#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/names.hpp"

namespace scalelaw::inline corpus {

/// Longer documents are cut (after a line where there is one), so that memory stays bounded whatever the input, and so
/// that a long text without an end to its documents is still held out in part.
constexpr std::size_t kMaxDocumentBytes = std::size_t{1} << 20U;
/// A longer JSON line is an error.
constexpr std::size_t kMaxJsonLineBytes = std::size_t{64} << 20U;

/// What ends a document. blank_line: a line of nothing but white space. entry: such a line that is followed by one that
/// does not begin with white space (dictionaries, whose entries hold indented paragraphs). file: the end of the file.
/// json_line: every line is a JSON object, the document is its string `field`. stream: nothing, for generated tokens.
enum class DocumentKind { blank_line, entry, file, json_line, stream };
constexpr std::array<std::string_view, 5> names_of(DocumentKind) {
  return {"blank-line", "entry", "file", "json-line", "stream"};
}

struct DocumentRule {
  DocumentKind kind = DocumentKind::blank_line;
  std::string field = "text";
};

/// Cuts one file into documents and hands each, without the line breaks at its ends, to a function. Nothing but the
/// document at hand is kept in memory.
class DocumentCutter {
 public:
  using Sink = std::function<void(std::string_view document)>;
  /// @param file for error messages
  DocumentCutter(DocumentRule rule, std::string file, Sink sink);

  /// The next bytes of the file. Errors (data, json-line): a line that is not a JSON object or has no string `field`;
  /// each names file and line.
  void feed(std::string_view text);
  /// The end of the file.
  void finish();

  [[nodiscard]] std::int64_t empty() const { return empty_; }  ///< documents without text, not handed on
  [[nodiscard]] std::int64_t cut() const { return cut_; }      ///< cuts made in documents that are too long

 private:
  void line(std::string_view text);
  void json_line(std::string_view text);
  void end_document();
  void hand_on(std::string_view document);

  DocumentRule rule_;
  std::string file_;
  Sink sink_;
  std::string carry_;     // a line whose end has not been seen
  std::string document_;  // lines of the document at hand
  std::string blanks_;    // blank lines seen since its last line
  std::int64_t lines_ = 0, empty_ = 0, cut_ = 0;
};

}  // namespace scalelaw::inline corpus
