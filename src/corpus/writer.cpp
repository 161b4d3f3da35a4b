#include "corpus/writer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <set>

#include "core/build_info.hpp"
#include "core/format.hpp"
#include "os/files.hpp"

namespace scalelaw::inline corpus {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = std::size_t{1} << 20U;  // whole tokens of any width
constexpr std::size_t kTokens = 256;

/// A folder may be replaced if it is empty, or a corpus with nothing of anybody else's in it.
void check_replaceable(const fs::path& out) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(out, error))) return;
  if (!fs::is_directory(out, error)) {
    fail_config("{}: exists and is not a folder; give another folder with --out", out.string());
  }
  const std::set<std::string> ours = {"manifest.json", "train.bin", "validation.bin"};
  for (const auto& entry : fs::directory_iterator(out)) {
    const std::string name = entry.path().filename().string();
    if (!ours.contains(name)) {
      fail_config("{}: exists and holds '{}', which is no part of a corpus; give another folder with --out",
                  out.string(), name);
    }
  }
  if (!fs::is_empty(out) && !fs::exists(out / "manifest.json")) {
    fail_config("{}: exists, is not empty and is not a corpus; give another folder with --out", out.string());
  }
}

fs::path normalized(const fs::path& out) {
  fs::path path = fs::absolute(out).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // "data/mine/"
  return path;
}

}  // namespace

TokenCounts::TokenCounts() : pairs_(kTokens * kTokens) {}

void TokenCounts::add(const TokenView& tokens) {
  SCALELAW_CHECK(token_ids(tokens.width) <= static_cast<std::int64_t>(kTokens), "no table of {} tokens", tokens.width);
  if (tokens.count == 0) return;
  with_tokens(tokens, [this, count = tokens.count](const auto* first) {
    const auto at = [first](std::int64_t i) { return static_cast<std::size_t>(first[i]); };
    if (last_ < 0) {
      first_ = static_cast<int>(at(0));
    } else {
      ++pairs_[static_cast<std::size_t>(last_) * kTokens + at(0)];
    }
    for (std::int64_t i = 1; i < count; ++i) ++pairs_[at(i - 1) * kTokens + at(i)];
    last_ = static_cast<int>(at(count - 1));
  });
}

CorpusEntropy TokenCounts::entropy() const {
  CorpusEntropy out;
  if (first_ < 0) return out;
  std::vector<double> before(kTokens), all(kTokens);  // counts as the first of a pair, counts in the whole stream
  double pairs = 0;
  for (std::size_t x = 0; x < kTokens; ++x) {
    for (std::size_t y = 0; y < kTokens; ++y) {
      const auto n = static_cast<double>(pairs_[x * kTokens + y]);
      before[x] += n;
      all[y] += n;
      pairs += n;
    }
  }
  all[static_cast<std::size_t>(first_)] += 1;
  for (const double n : all) {
    if (n > 0) out.unigram -= n / (pairs + 1) * std::log(n / (pairs + 1));
  }
  for (std::size_t x = 0; x < kTokens; ++x) {
    for (std::size_t y = 0; y < kTokens; ++y) {
      const auto n = static_cast<double>(pairs_[x * kTokens + y]);
      if (n > 0) out.bigram -= n / pairs * std::log(n / before[x]);
    }
  }
  return out;
}

std::optional<Manifest> corpus_there(const fs::path& out) {
  std::error_code error;
  if (!fs::exists(out / "manifest.json", error)) return std::nullopt;
  try {
    return load_manifest(out);
  } catch (const Error&) {
    return std::nullopt;  // nothing that could be trained on is lost
  }
}

void fail_other_corpus(const fs::path& out, const Manifest& there) {
  const std::string from =
      there.inputs.empty() ? std::string(name_of(there.generator.kind)) : there.inputs.front().path;
  fail_config(
      "{}: holds another corpus ({}, {} training tokens, made {} of {}{}); give another folder with --out, or "
      "--replace to put the new one in its place, which its runs do not belong to",
      out.string(), there.name, short_count(static_cast<double>(there.splits.train.tokens)), there.created, from,
      there.inputs.size() > 1 ? fmt::format(" and {} more", there.inputs.size() - 1) : "");
}

// Delegating makes the object whole before anything can fail, so that the destructor cleans up after an error below.
CorpusWriter::CorpusWriter(const fs::path& out, bool replace, TokenWidth width) : CorpusWriter() {
  replace_ = replace;
  width_ = width;
  out_ = normalized(out);
  temporary_ = out_.string() + ".tmp";
  check_replaceable(out_);
  lock_folder();
  for (const Split split : {Split::train, Split::validation}) {
    TokenFile& file = files_[static_cast<std::size_t>(split)];
    file.path = temporary_ / (split == Split::train ? "train.bin" : "validation.bin");
    file.buffer.reserve(kBufferBytes);
    file.fd = UniqueFd(::open(file.path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!file.fd) fail(file.path, errno);
  }
}

void CorpusWriter::lock_folder() {
  make_folder(temporary_);
  lock_ = FileLock::of_folder(temporary_);
  struct stat held {
  }, named{};
  const bool locked = lock_->try_lock();  // freed by the system when a build dies
  const bool same =
      ::fstat(lock_->fd(), &held) == 0 && ::stat(temporary_.c_str(), &named) == 0 && held.st_ino == named.st_ino;
  if (!locked || !same) {
    fail_config("{}: another build of this corpus is running; wait for it, or give another folder with --out",
                out_.string());
  }
  own_ = true;
  for (const auto& entry : fs::directory_iterator(temporary_)) fs::remove_all(entry.path());  // left by a killed build
}

CorpusWriter::~CorpusWriter() {
  for (TokenFile& file : files_) file.fd.reset();
  std::error_code ignored;
  if (own_) fs::remove_all(temporary_, ignored);
}

void CorpusWriter::fail(const fs::path& path, int error) const {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  fail_device("cannot write {}: {}; {}", path.string(), std::strerror(error),
              full ? "free some space or give another folder with --out" : "check the folder and its permissions");
}

void CorpusWriter::write(Split split, const TokenView& tokens) {
  SCALELAW_CHECK(tokens.width == width_, "tokens of {} in a file of {}", tokens.width, width_);
  TokenFile& file = files_[static_cast<std::size_t>(split)];
  file.tokens += tokens.count;
  std::string_view rest = bytes_of(tokens);
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, kBufferBytes - file.buffer.size());
    file.buffer += part;
    rest.remove_prefix(part.size());
    if (file.buffer.size() == kBufferBytes) flush(split);
  }
}

void CorpusWriter::flush(Split split) {
  TokenFile& file = files_[static_cast<std::size_t>(split)];
  file.hash.update(file.buffer);
  if (split == Split::train) {
    counts_.add(
        {.width = width_, .data = file.buffer.data(), .count = whole_tokens(width_, file.buffer.size()).value()});
  }
  std::string_view rest = file.buffer;
  while (!rest.empty()) {
    const ssize_t n = ::write(file.fd.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(file.path, errno);
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  file.buffer.clear();
}

Manifest CorpusWriter::publish(Manifest manifest) {
  for (const Split split : {Split::train, Split::validation}) {
    flush(split);
    TokenFile& file = files_[static_cast<std::size_t>(split)];
    if (::fsync(file.fd.get()) != 0) fail(file.path, errno);
    CorpusSplit& out = split == Split::train ? manifest.splits.train : manifest.splits.validation;
    out.tokens = file.tokens;
    out.documents = file.documents;
    out.sha256 = file.hash.hex();
    file.fd.reset();
  }
  manifest.dtype = width_;
  Sha256 both = std::move(files_[0].hash);
  const MappedFile validation(files_[1].path);
  both.update(validation.bytes());
  manifest.sha256 = both.hex();
  const std::optional<Manifest> there = corpus_there(out_);
  if (!replace_ && there && there->sha256 != manifest.sha256) fail_other_corpus(out_, *there);
  if (manifest.name.empty()) manifest.name = out_.filename().string();
  manifest.entropy_nats = counts_.entropy();
  manifest.created = utc_now();
  manifest.version = build_info().version;
  write_json_file(temporary_ / "manifest.json", to_json(manifest));
  std::error_code error;
  // Exchanging the folders leaves no moment without a corpus; the older file systems that cannot do it take two steps.
  if (!fs::exists(out_) || ::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, out_.c_str(), RENAME_EXCHANGE) != 0) {
    fs::remove_all(out_, error);
    if (::rename(temporary_.c_str(), out_.c_str()) != 0) fail(out_, errno);
    own_ = false;
  }
  return manifest;
}

}  // namespace scalelaw::inline corpus
