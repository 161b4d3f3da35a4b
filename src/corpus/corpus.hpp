#pragma once
// A corpus on disk: a folder with manifest.json, train.bin and validation.bin (tokens, nothing else). Format:
// data/README.md.
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields.hpp"
#include "corpus/documents.hpp"
#include "records/token_view.hpp"

namespace scalelaw::inline corpus {

/// What a token is. byte: a byte of the text. symbol: a symbol of a generated stream.
enum class TokenizerKind { byte, symbol };
constexpr std::array<std::string_view, 2> names_of(TokenizerKind) { return {"byte", "symbol"}; }

struct CorpusTokenizer {
  TokenizerKind kind = TokenizerKind::byte;
  std::int64_t vocab = 256;  ///< every token is below it
};
template <class Visit, FieldsOf<CorpusTokenizer> T>
void fields(Visit&& visit, T& t) {
  visit("kind", t.kind, named<TokenizerKind>(), "what a token is");
  visit("vocab", t.vocab, between(2, static_cast<double>(most_token_ids())), "number of token ids");
}

/// How the text was cut into documents.
struct CorpusDocuments {
  DocumentKind kind = DocumentKind::blank_line;
  std::string separator = "\n\n";  ///< bytes written after every document
  std::int64_t total = 0;          ///< documents kept
  std::int64_t empty = 0;          ///< documents without any text, left out
  std::int64_t cut = 0;            ///< cuts made in documents longer than 1 MiB
};
template <class Visit, FieldsOf<CorpusDocuments> T>
void fields(Visit&& visit, T& d) {
  visit("kind", d.kind, named<DocumentKind>(), "what ends a document");
  visit("separator", d.separator, any(), "bytes written after every document");
  visit("total", d.total, at_least(0), "documents kept");
  visit("empty", d.empty, at_least(0), "documents without text, left out");
  visit("cut", d.cut, at_least(0), "cuts made in documents that are too long");
}

struct CorpusSplit {
  std::string file;  ///< name inside the corpus folder
  std::int64_t tokens = 0;
  std::int64_t documents = 0;
  std::string sha256 = {};  ///< of the file
};
template <class Visit, FieldsOf<CorpusSplit> T>
void fields(Visit&& visit, T& s) {
  visit("file", s.file, any(), "name inside the folder");
  visit("tokens", s.tokens, at_least(1), "tokens");
  visit("documents", s.documents, at_least(0), "documents");
  visit("sha256", s.sha256, any(), "hash of the file");
}

struct CorpusSplits {
  CorpusSplit train{.file = "train.bin"};
  CorpusSplit validation{.file = "validation.bin"};
};
template <class Visit, FieldsOf<CorpusSplits> T>
void fields(Visit&& visit, T& s) {
  visit("train", s.train, any(), "what models are trained on");
  visit("validation", s.validation, any(), "what losses are measured on");
}

/// Empirical entropies of the training split, nats per token: what a model reaches that knows only the frequency of
/// each token (unigram), or its frequency after the token before it (bigram).
struct CorpusEntropy {
  double unigram = 0;
  double bigram = 0;
};
template <class Visit, FieldsOf<CorpusEntropy> T>
void fields(Visit&& visit, T& e) {
  visit("unigram", e.unigram, at_least(0), "H(token), nats");
  visit("bigram", e.bigram, at_least(0), "H(token | token before), nats");
}

struct CorpusInput {
  std::string path;        ///< as given; "-" for standard input
  std::int64_t bytes = 0;  ///< of text, after decompression
};
template <class Visit, FieldsOf<CorpusInput> T>
void fields(Visit&& visit, T& i) {
  visit("path", i.path, any(), "as given");
  visit("bytes", i.bytes, at_least(0), "bytes of text, after decompression");
}

/// What made a generated corpus; none: it is of text.
enum class GeneratorKind { none, markov };
constexpr std::array<std::string_view, 2> names_of(GeneratorKind) { return {"none", "markov"}; }

struct CorpusGenerator {
  GeneratorKind kind = GeneratorKind::none;
  std::map<std::string, double> params;  ///< its settings, by name
};
template <class Visit, FieldsOf<CorpusGenerator> T>
void fields(Visit&& visit, T& g) {
  visit("kind", g.kind, named<GeneratorKind>(), "generator");
  visit("params", g.params, any(), "its settings");
}

/// manifest.json, "scalelaw.corpus/1".
struct Manifest {
  std::string schema = "scalelaw.corpus/1";
  std::string name;
  std::string sha256;  ///< of train.bin's bytes followed by validation.bin's: the identity of the corpus
  CorpusTokenizer tokenizer;
  TokenWidth dtype = TokenWidth::uint8;  ///< of a token in the files
  double bytes_per_token = 1.0;          ///< bytes of text per token, for bits per byte
  CorpusDocuments documents;
  CorpusSplits splits;
  CorpusEntropy entropy_nats;
  std::optional<double> entropy_rate_nats;  ///< exact entropy per token, known for a generated corpus only
  CorpusGenerator generator;
  std::vector<CorpusInput> inputs;
  std::string created;  ///< UTC, ISO 8601
  std::string version;  ///< of scalelaw
};
template <class Visit, FieldsOf<Manifest> T>
void fields(Visit&& visit, T& m) {
  visit("schema", m.schema, one_of({"scalelaw.corpus/1"}), "format");
  visit("name", m.name, any(), "name for reports");
  visit("sha256", m.sha256, any(), "hash of both token files");
  visit("tokenizer", m.tokenizer, any(), "what a token is");
  visit("dtype", m.dtype, named<TokenWidth>(), "type of a token in the files");
  visit("bytes_per_token", m.bytes_per_token, positive(), "bytes of text per token");
  visit("documents", m.documents, any(), "how the text was cut");
  visit("splits", m.splits, any(), "token files");
  visit("entropy_nats", m.entropy_nats, any(), "empirical entropies of the training split");
  visit("entropy_rate_nats", m.entropy_rate_nats, at_least(0), "exact entropy rate of a generated corpus");
  visit("generator", m.generator, any(), "what made a generated corpus");
  visit("inputs", m.inputs, any(), "files read");
  visit("created", m.created, any(), "UTC, ISO 8601");
  visit("version", m.version, any(), "of scalelaw");
}

[[nodiscard]] Json to_json(const Manifest& manifest);

/// manifest.json of a corpus folder; the token files are not looked at.
/// Errors (data): no such folder or manifest (with the commands that make one), not a corpus manifest, a wrong value.
[[nodiscard]] Manifest load_manifest(const std::filesystem::path& folder);

/// A whole file, read only, mapped into memory: processes that read the same corpus share its pages. A range of
/// bytes.
class MappedFile {
 public:
  MappedFile() = default;
  /// Errors (data): the file cannot be read. An empty file is an empty range.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

/// A token file.
struct MappedTokens {
  TokenWidth width = TokenWidth::uint8;
  MappedFile file;  ///< whole tokens

  /// Valid as long as the mapping, which moves leave where it is.
  [[nodiscard]] TokenView view() const;
};

/// Tokens of both splits with their manifest.
struct Corpus {
  std::filesystem::path folder;
  Manifest manifest;
  MappedTokens train, validation;
};

/// What load_corpus checks beyond the sizes: hashes reads every byte (about 1 GB/s) and compares SHA-256 and token
/// range.
enum class CorpusCheck { sizes, hashes };

/// Opens a corpus. Errors (data): see load_manifest; a token file missing, of another size, or (hashes) of other
/// content than the manifest says: names the folder and how to build the corpus again.
[[nodiscard]] Corpus load_corpus(const std::filesystem::path& folder, CorpusCheck check = CorpusCheck::sizes);

}  // namespace scalelaw::inline corpus
