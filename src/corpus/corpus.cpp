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

namespace scalelaw {
namespace {

constexpr const char* kHowToBuild =
    "'scripts/get_corpus.sh' gets Webster's dictionary, 'scalelaw corpus build --input FILES --out DIR' builds one "
    "from your "
    "own text";

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.data()), file.size()};  // bytes as characters: what hashing takes
}

MappedFile open_split(const std::filesystem::path& folder, const CorpusSplit& split) {
  const std::filesystem::path path = folder / split.file;
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (error) {
    fail_data("{}: {}; the corpus is not whole: build it again ({})", path.string(), error.message(), kHowToBuild);
  }
  if (bytes != static_cast<std::uintmax_t>(split.tokens)) {
    fail_data("{}: has {} bytes, manifest.json says {} tokens; the corpus is not whole: build it again ({})",
              path.string(), bytes, split.tokens, kHowToBuild);
  }
  return MappedFile(path);
}

void check_split(const Corpus& corpus, const CorpusSplit& split, const MappedFile& tokens) {
  const std::string path = (corpus.folder / split.file).string();
  Sha256 hash;
  hash.update(text_of(tokens));
  if (hash.hex() != split.sha256) {
    fail_data("{}: its SHA-256 is not that of manifest.json; the file was changed: build the corpus again ({})", path,
              kHowToBuild);
  }
  const std::int64_t largest = *std::max_element(tokens.begin(), tokens.end());
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
      data_ = static_cast<const std::uint8_t*>(mapped);
      size_ = static_cast<std::size_t>(status.st_size);
    }
  }
  const int error = errno;
  if (!known) fail_data("{}: is not a plain file", path.string());
  if (status.st_size > 0 && data_ == nullptr)
    fail_data("{}: cannot be mapped: {}", path.string(), std::strerror(error));
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::uint8_t*>(data_), size_);  // munmap takes a non-const pointer
}

Corpus load_corpus(const std::filesystem::path& folder, CorpusCheck check) {
  Corpus corpus;
  corpus.folder = folder;
  corpus.manifest = load_manifest(folder);
  corpus.train = open_split(folder, corpus.manifest.splits.train);
  corpus.validation = open_split(folder, corpus.manifest.splits.validation);
  if (check == CorpusCheck::hashes) {
    check_split(corpus, corpus.manifest.splits.train, corpus.train);
    check_split(corpus, corpus.manifest.splits.validation, corpus.validation);
    Sha256 both;
    both.update(text_of(corpus.train));
    both.update(text_of(corpus.validation));
    if (both.hex() != corpus.manifest.sha256) {
      fail_data("{}: key 'sha256' is not the hash of the token files; build the corpus again ({})",
                (folder / "manifest.json").string(), kHowToBuild);
    }
  }
  return corpus;
}

}  // namespace scalelaw
