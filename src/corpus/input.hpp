#pragma once
// Text from files, folders, patterns and standard input, decompressed on the way.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace scalelaw::inline corpus {

/// The files meant by a list of paths, in the order given: a file is itself, "-" is standard input, a folder is every
/// file in it and below (sorted by path; names that start with '.' are skipped), anything else is a glob pattern
/// (sorted). Errors (data): a path that does not exist, a pattern that matches nothing, a folder without files.
[[nodiscard]] std::vector<std::string> expand_inputs(const std::vector<std::string>& paths);

/// An input's name in messages: its path, or "standard input".
[[nodiscard]] std::string input_name(const std::string& path);

/// Reads one input from front to back in chunks. gzip (also dictzip and several members) and zstd (several frames) are
/// recognised by their first bytes, not by name, so that they work on standard input too.
class TextReader {
 public:
  /// @param path a file, or "-". Errors (data): it cannot be opened.
  explicit TextReader(const std::string& path);
  TextReader(TextReader&&) noexcept;
  TextReader& operator=(TextReader&&) noexcept;
  ~TextReader();

  /// The next chunk, valid until the next call; empty at the end. Errors (data): reading fails, the compressed data is
  /// damaged or cut off; interrupted, where a signal that the program catches ends the wait for more.
  [[nodiscard]] std::string_view next();
  /// Bytes of text handed out so far.
  [[nodiscard]] std::int64_t bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace scalelaw::inline corpus
