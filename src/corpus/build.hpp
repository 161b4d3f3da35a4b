#pragma once
// Text in, corpus out.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "corpus/corpus.hpp"

namespace scalelaw::inline corpus {

/// A corpus with fewer tokens is refused: losses measured on it would mean nothing.
constexpr std::int64_t kMinTrainTokens = 100'000;
constexpr std::int64_t kMinValidationTokens = 4'096;

/// What the input is. automatic: jsonl for *.jsonl and *.ndjson (also compressed), else text.
enum class TextFormat { automatic, text, jsonl };
constexpr std::array<std::string_view, 3> names_of(TextFormat) { return {"auto", "text", "jsonl"}; }

struct BuildOptions {
  std::vector<std::string> inputs;  ///< files, folders, patterns, "-" (see expand_inputs)
  std::filesystem::path out;
  std::string name;  ///< empty: the name of the folder
  TextFormat format = TextFormat::automatic;
  std::string field = "text";             ///< jsonl: the field that holds the text
  std::optional<DocumentKind> documents;  ///< none: json_line for jsonl, else blank_line
  bool replace = false;                   ///< another corpus in `out` is replaced
  double validation_fraction = 0.01;      ///< share of the documents that is held out, above 0 and at most 0.5
  std::function<void(std::int64_t bytes)> progress;  ///< called with the bytes read so far; may throw to stop the build
};

/// Builds a corpus of bytes and returns its manifest. A document is held out if the first 64 bits of its SHA-256, as a
/// fraction of 2^64, are below validation_fraction: the split depends on nothing else, neither order nor other
/// documents, and equal documents are never on both sides. Documents keep the order of the input, each followed by
/// "\n\n". Memory is bounded whatever the size of the input. Errors: usage (options that contradict each other; `out`
/// holds a corpus of other text and `replace` is not set, see CorpusWriter), data (see expand_inputs, TextReader,
/// DocumentCutter; no text, or too little), environment (the disk is full). After an error there is no new folder.
[[nodiscard]] Manifest build_corpus(const BuildOptions& options);

}  // namespace scalelaw::inline corpus
