#include "corpus/build.hpp"

#include <algorithm>
#include <cmath>

#include "corpus/documents.hpp"
#include "corpus/input.hpp"
#include "corpus/writer.hpp"

namespace scalelaw::inline corpus {
namespace {

namespace fs = std::filesystem;

bool is_jsonl(const std::string& path, TextFormat format) {
  if (format != TextFormat::automatic) return format == TextFormat::jsonl;
  fs::path name(path);
  for (const char* compressed : {".gz", ".dz", ".zst"}) {
    if (name.extension() == compressed) name = name.stem();
  }
  return name.extension() == ".jsonl" || name.extension() == ".ndjson";
}

DocumentKind document_kind(const BuildOptions& options, const std::string& path) {
  const bool jsonl = is_jsonl(path, options.format);
  if (!options.documents) return jsonl ? DocumentKind::json_line : DocumentKind::blank_line;
  if (jsonl != (options.documents == DocumentKind::json_line)) {
    fail_config("{}: is read as {}, which --documents {} does not fit; give --format {}, or leave --documents out",
                path, jsonl ? "JSON lines" : "text", *options.documents, jsonl ? "text" : "jsonl");
  }
  return *options.documents;
}

bool inside(const fs::path& file, const fs::path& folder) {
  std::error_code error;
  const fs::path f = fs::weakly_canonical(file, error), d = fs::weakly_canonical(folder, error);
  return std::mismatch(d.begin(), d.end(), f.begin(), f.end()).first == d.end();
}

/// Share of the documents to hold out for about four times the smallest split, and at least five documents, in steps of
/// a percent.
double enough_validation(const CorpusWriter& writer, std::int64_t documents) {
  const auto all = static_cast<double>(writer.tokens(Split::train) + writer.tokens(Split::validation));
  const double share =
      std::max(4 * static_cast<double>(kMinValidationTokens) / all, 5 / static_cast<double>(documents));
  return std::min(0.5, std::ceil(100 * share) / 100);
}

void check_size(const CorpusWriter& writer, const BuildOptions& options, std::int64_t documents) {
  const std::int64_t train = writer.tokens(Split::train), validation = writer.tokens(Split::validation);
  if (train + validation == 0)
    fail_data("{}: the input holds no text; check --input", input_name(options.inputs.front()));
  if (train < kMinTrainTokens) {
    fail_data(
        "the input gives {} training tokens, at least {} are needed (1 MB of text is a sensible minimum); add more "
        "text",
        train, kMinTrainTokens);
  }
  if (validation < kMinValidationTokens) {
    fail_data(
        "the input gives {} validation tokens, at least {} are needed; hold out more with --validation-fraction {}{}",
        validation, kMinValidationTokens, enough_validation(writer, documents),
        options.documents == DocumentKind::file ? ", or cut the text into more documents with --documents blank-line"
                                                : "");
  }
}

/// A corpus of other files is refused before a byte is read; one of files of the same names when its text is known.
void check_inputs_there(const fs::path& out, const std::vector<std::string>& files) {
  const std::optional<Manifest> there = corpus_there(out);
  if (!there) return;
  const bool same = std::ranges::equal(there->inputs, files, {}, &CorpusInput::path);
  if (!same) fail_other_corpus(out, *there);
}

}  // namespace

Manifest build_corpus(const BuildOptions& options) {
  if (!(options.validation_fraction > 0 && options.validation_fraction <= 0.5)) {
    fail_config("--validation-fraction is {}; allowed: above 0 .. 0.5", options.validation_fraction);
  }
  if (options.inputs.empty()) fail_config("no input: name files or folders with --input");
  const std::vector<std::string> files = expand_inputs(options.inputs);
  Manifest manifest;
  manifest.documents.kind = document_kind(options, files.front());
  for (const auto& path : files) {
    if (path != "-" && inside(path, options.out)) {
      fail_config("{}: lies in the folder to be built, {}; give another folder with --out", path, options.out.string());
    }
    if (document_kind(options, path) != manifest.documents.kind) {
      fail_config("{} and {} are of different formats; build from one format at a time, or give --format",
                  files.front(), path);
    }
  }

  if (!options.replace) check_inputs_there(options.out, files);
  CorpusWriter writer(options.out, options.replace);
  const auto keep = [&](std::string_view document) {
    const double place = static_cast<double>(sha256_prefix(document) >> 11U) * 0x1p-53;
    const Split split = place < options.validation_fraction ? Split::validation : Split::train;
    writer.write(split, byte_tokens(document));
    writer.write(split, byte_tokens(manifest.documents.separator));
    writer.end_document(split);
    ++manifest.documents.total;
  };
  std::int64_t bytes_before = 0;
  for (const auto& path : files) {
    TextReader reader(path);
    DocumentCutter cutter({.kind = manifest.documents.kind, .field = options.field}, input_name(path), keep);
    for (std::string_view text = reader.next(); !text.empty(); text = reader.next()) {
      cutter.feed(text);
      if (options.progress) options.progress(bytes_before + reader.bytes());
    }
    cutter.finish();
    manifest.documents.empty += cutter.empty();
    manifest.documents.cut += cutter.cut();
    manifest.inputs.push_back({.path = path, .bytes = reader.bytes()});
    bytes_before += reader.bytes();
  }
  check_size(writer, options, manifest.documents.total);
  manifest.name = options.name;
  return writer.publish(std::move(manifest));
}

}  // namespace scalelaw::inline corpus
