#pragma once
// Writes a corpus folder: all of it or nothing.
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/corpus.hpp"
#include "corpus/sha256.hpp"
#include "os/file_lock.hpp"
#include "os/unique_fd.hpp"

namespace scalelaw::inline corpus {

enum class Split { train, validation };

/// Counts of tokens and of pairs of neighbours in a stream.
class TokenCounts {
 public:
  TokenCounts();
  /// Domain: widths of at most 256 token ids.
  void add(const TokenView& tokens);
  /// Entropies of the stream so far, nats per token: unigram -sum p(x) ln p(x); bigram -sum p(x, y) ln p(y | x), over
  /// pairs of neighbours. 0 where there are no tokens.
  [[nodiscard]] CorpusEntropy entropy() const;

 private:
  std::vector<std::uint64_t> pairs_;  // [x * 256 + y]
  int first_ = -1, last_ = -1;
};

/// Usage error: `out` holds the corpus of `there`, which is not the one asked for.
[[noreturn]] void fail_other_corpus(const std::filesystem::path& out, const Manifest& there);
/// The manifest of the corpus in a folder, if there is a readable one.
[[nodiscard]] std::optional<Manifest> corpus_there(const std::filesystem::path& out);

/// Writes both token files into OUT.tmp beside OUT and renames that folder to OUT at the end. If anything fails before
/// (full disk, bad input, interrupt), the destructor removes OUT.tmp and OUT stays as it was.
class CorpusWriter {
 public:
  /// @param replace whether another corpus in `out` may be replaced  @param width of every token written
  /// Errors: usage, if out exists and is neither empty nor a corpus folder with nothing else in it, or another build of
  /// the same folder is running; environment, if it cannot be written.
  explicit CorpusWriter(const std::filesystem::path& out, bool replace = false, TokenWidth width = TokenWidth::uint8);
  CorpusWriter(const CorpusWriter&) = delete;
  CorpusWriter& operator=(const CorpusWriter&) = delete;
  ~CorpusWriter();

  /// Errors: environment (for example a full disk).
  void write(Split split, const TokenView& tokens);
  void end_document(Split split) { ++files_[static_cast<std::size_t>(split)].documents; }
  [[nodiscard]] std::int64_t tokens(Split split) const { return files_[static_cast<std::size_t>(split)].tokens; }

  /// Completes the manifest (dtype, splits, sha256, entropies, created, version; a name, if it has none: the folder's),
  /// writes it and moves the folder into place. Errors: usage, if a corpus of other text is there and must not be
  /// replaced.
  Manifest publish(Manifest manifest);

 private:
  CorpusWriter() = default;
  struct TokenFile {
    std::filesystem::path path;
    UniqueFd fd;
    std::string buffer;
    std::int64_t tokens = 0, documents = 0;
    Sha256 hash;
  };
  void lock_folder();
  void flush(Split split);
  [[noreturn]] void fail(const std::filesystem::path& path, int error) const;

  std::filesystem::path out_, temporary_;
  bool replace_ = false;
  TokenWidth width_ = TokenWidth::uint8;
  std::optional<FileLock> lock_;  // on the temporary folder
  bool own_ = false;
  std::array<TokenFile, 2> files_;
  TokenCounts counts_;
};

}  // namespace scalelaw::inline corpus
