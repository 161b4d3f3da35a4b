#include "corpus/corpus.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "corpus/sha256.hpp"
#include "os/unique_fd.hpp"

namespace scalelaw::inline corpus {
namespace {

constexpr const char* kHowToBuild =
    "'scripts/get_corpus.sh' gets Webster's dictionary, 'scalelaw corpus build --input FILES --out DIR' builds one "
    "from your "
    "own text";

MappedTokens open_split(const std::filesystem::path& folder, TokenWidth width, const CorpusSplit& split) {
  const std::filesystem::path path = folder / split.file;
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (error) {
    fail_data("{}: {}; the corpus is not whole: build it again ({})", path.string(), error.message(), kHowToBuild);
  }
  if (whole_tokens(width, bytes) != split.tokens) {
    fail_data("{}: has {} bytes, manifest.json says {} tokens; the corpus is not whole: build it again ({})",
              path.string(), bytes, split.tokens, kHowToBuild);
  }
  return {.width = width, .file = MappedFile(path)};
}

std::int64_t largest_token(const TokenView& tokens) {
  return with_tokens(tokens, [&](const auto* first) {
    return static_cast<std::int64_t>(*std::max_element(first, first + tokens.count));
  });
}

void check_split(const Corpus& corpus, const CorpusSplit& split, const TokenView& tokens) {
  const std::string path = (corpus.folder / split.file).string();
  Sha256 hash;
  hash.update(bytes_of(tokens));
  if (hash.hex() != split.sha256) {
    fail_data("{}: its SHA-256 is not that of manifest.json; the file was changed: build the corpus again ({})", path,
              kHowToBuild);
  }
  const std::int64_t largest = largest_token(tokens);
  if (largest >= corpus.manifest.tokenizer.vocab) {
    fail_data("{}: holds token {}, manifest.json says vocab {}; build the corpus again ({})", path, largest,
              corpus.manifest.tokenizer.vocab, kHowToBuild);
  }
}

}  // namespace

Json to_json(const Manifest& manifest) { return to_json_fields(manifest); }

Manifest load_manifest(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    fail_data("{}: no such corpus folder; {}", folder.string(), kHowToBuild);
  }
  const std::filesystem::path path = folder / "manifest.json";
  if (!std::filesystem::is_regular_file(path, error)) {
    fail_data("{}: is not a corpus (no manifest.json in it); {}", folder.string(), kHowToBuild);
  }
  const Json value = read_json_file(path);
  const Source source{.name = path.string(), .origin = {}, .code = ExitCode::data};
  if (!value.is_object()) source.fail("(top)", "must be an object: this is not a corpus manifest");
  for (const char* key : {"schema", "sha256", "splits"}) {
    if (!value.contains(key)) source.fail(key, "is missing: this is not a corpus manifest");
  }
  Manifest manifest;
  read_fields(value, manifest, source);
  for (const CorpusSplit* split : {&manifest.splits.train, &manifest.splits.validation}) {
    const std::filesystem::path file(split->file);
    if (split->file.empty() || file.filename() != file || split->file == "..") {
      source.fail("splits", fmt::format("names the file \"{}\"; it must be in the corpus folder itself", split->file));
    }
    if (split->tokens < 1) source.fail("splits", "has a split without tokens; build the corpus again");
  }
  return manifest;
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) fail_data("{}: cannot be read: {}", path.string(), std::strerror(errno));
  struct stat status {};
  const bool known = ::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode);
  if (known && status.st_size > 0) {
    void* mapped = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, fd.get(), 0);
    if (mapped != MAP_FAILED) {
      bytes_ = {static_cast<const char*>(mapped), static_cast<std::size_t>(status.st_size)};
    }
  }
  const int error = errno;
  if (!known) fail_data("{}: is not a plain file", path.string());
  if (status.st_size > 0 && bytes_.empty()) fail_data("{}: cannot be mapped: {}", path.string(), std::strerror(error));
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());  // takes a non-const pointer
}

TokenView MappedTokens::view() const {
  const std::string_view bytes = file.bytes();
  return {.width = width, .data = bytes.data(), .count = static_cast<std::int64_t>(bytes.size()) / token_bytes(width)};
}

Corpus load_corpus(const std::filesystem::path& folder, CorpusCheck check) {
  Corpus corpus;
  corpus.folder = folder;
  corpus.manifest = load_manifest(folder);
  corpus.train = open_split(folder, corpus.manifest.dtype, corpus.manifest.splits.train);
  corpus.validation = open_split(folder, corpus.manifest.dtype, corpus.manifest.splits.validation);
  if (check == CorpusCheck::hashes) {
    check_split(corpus, corpus.manifest.splits.train, corpus.train.view());
    check_split(corpus, corpus.manifest.splits.validation, corpus.validation.view());
    Sha256 both;
    both.update(corpus.train.file.bytes());
    both.update(corpus.validation.file.bytes());
    if (both.hex() != corpus.manifest.sha256) {
      fail_data("{}: key 'sha256' is not the hash of the token files; build the corpus again ({})",
                (folder / "manifest.json").string(), kHowToBuild);
    }
  }
  return corpus;
}

}  // namespace scalelaw::inline corpus
