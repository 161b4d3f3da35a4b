#include "corpus/input.hpp"

#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "os/error.hpp"

namespace scalelaw::inline corpus {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kChunkBytes = std::size_t{1} << 18U;
constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

bool hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> files;
  try {
    for (auto it = fs::recursive_directory_iterator(folder); it != fs::recursive_directory_iterator(); ++it) {
      if (hidden(it->path())) {
        if (it->is_directory()) it.disable_recursion_pending();
      } else if (it->is_regular_file()) {
        files.push_back(it->path().string());
      }
    }
  } catch (const fs::filesystem_error& e) {
    fail_data("{}: the folder cannot be read: {}", folder.string(), e.code().message());
  }
  if (files.empty()) fail_data("{}: holds no files; name the files or the folder that has the text", folder.string());
  std::ranges::sort(files);
  return files;
}

std::vector<std::string> files_matching(const std::string& pattern) {
  glob_t found{};
  std::vector<std::string> paths;
  if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  std::erase_if(paths, [](const std::string& path) { return fs::is_directory(path); });
  if (paths.empty()) {
    const bool is_pattern = pattern.find_first_of("*?[") != std::string::npos;
    fail_data("{}: {}; check the path after --input", pattern,
              is_pattern ? "matches no file" : "no such file or folder");
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

std::vector<std::string> expand_inputs(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const auto& path : paths) {
    std::error_code error;
    std::vector<std::string> found;
    if (path == "-" || (fs::exists(path, error) && !fs::is_directory(path, error))) {
      found = {path};
    } else {
      found = fs::is_directory(path, error) ? files_below(path) : files_matching(path);
    }
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

std::string input_name(const std::string& path) { return path == "-" ? "standard input" : path; }

struct TextReader::State {
  enum class Codec { plain, gzip, zstd };

  std::string name;  // for messages
  int fd = -1;
  Codec codec = Codec::plain;
  std::string raw;          // bytes as stored
  std::string_view unread;  // the part of raw not decoded yet
  std::string text;         // decoded bytes
  std::int64_t bytes = 0;
  z_stream inflater{};
  ZSTD_DCtx* decompressor = nullptr;
  bool inside = false;  // in the middle of a gzip member or zstd frame

  explicit State(const std::string& path) : name(input_name(path)) {
    // A pipe without a writer is waited for where Ctrl-C gets in (wait_for_input), not here.
    fd = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd > STDIN_FILENO) ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    if (fd < 0) fail_data("{}: cannot be read: {}", name, std::strerror(errno));
    raw.resize(kChunkBytes);
    fill();
    if (unread.starts_with(kGzipMagic)) start_gzip();
    if (unread.starts_with(kZstdMagic)) start_zstd();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (codec == Codec::gzip) ::inflateEnd(&inflater);
    ZSTD_freeDCtx(decompressor);
    if (fd > STDIN_FILENO) ::close(fd);
  }

  void start_gzip() {
    constexpr int kGzipWindow = 15 + 16;  // largest window; + 16: a gzip header is expected
    if (::inflateInit2(&inflater, kGzipWindow) != Z_OK) fail_device("{}: zlib could not start: out of memory?", name);
    codec = Codec::gzip;
    text.resize(kChunkBytes);
  }

  void start_zstd() {
    decompressor = ZSTD_createDCtx();
    if (decompressor == nullptr) fail_device("{}: zstd could not start: out of memory?", name);
    codec = Codec::zstd;
    text.resize(kChunkBytes);
  }

  /// Waits for input, and lets in a Ctrl-C that the program holds back: in one step, so that none is overlooked.
  void wait_for_input() const {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    sigdelset(&mask, SIGINT);
    sigdelset(&mask, SIGTERM);
    pollfd input{.fd = fd, .events = POLLIN, .revents = 0};
    // Only a program that catches Ctrl-C gets here with EINTR; waiting on for more input would ignore the user.
    if (::ppoll(&input, 1, nullptr, &mask) < 0 && errno == EINTR)
      throw Error(ExitCode::interrupted, fmt::format("{}: reading was interrupted; nothing was kept", name));
  }

  /// Reads until raw is full or the input ends: pipes give little at a time.
  void fill() {
    std::size_t have = 0;
    while (have < raw.size()) {
      wait_for_input();
      const ssize_t n = ::read(fd, raw.data() + have, raw.size() - have);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail_data("{}: reading failed: {}", name, std::strerror(errno));
      if (n == 0) break;
      have += static_cast<std::size_t>(n);
    }
    unread = std::string_view(raw).substr(0, have);
  }

  [[noreturn]] void fail_damaged(const char* kind, const char* reason) const {
    fail_data("{}: damaged {} data after {} bytes of text: {}; get the file again", name, kind, bytes, reason);
  }

  std::size_t inflate_some() {
    if (!inside) {  // between members: the next one, or padding zeros at the end
      while (unread.starts_with('\0')) unread.remove_prefix(1);
      if (unread.empty()) return 0;
      ::inflateReset(&inflater);
      inside = true;
    }
    inflater.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(unread.data()));  // zlib's interface is not const
    inflater.avail_in = static_cast<uInt>(unread.size());
    inflater.next_out = reinterpret_cast<Bytef*>(text.data());
    inflater.avail_out = static_cast<uInt>(text.size());
    const int status = ::inflate(&inflater, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      fail_damaged("gzip", inflater.msg == nullptr ? "not what gzip writes" : inflater.msg);
    }
    unread.remove_prefix(unread.size() - inflater.avail_in);
    if (status == Z_STREAM_END) inside = false;
    return text.size() - inflater.avail_out;
  }

  std::size_t decompress_some() {
    ZSTD_inBuffer in{unread.data(), unread.size(), 0};
    ZSTD_outBuffer out{text.data(), text.size(), 0};
    const std::size_t status = ZSTD_decompressStream(decompressor, &out, &in);
    if (ZSTD_isError(status) != 0) fail_damaged("zstd", ZSTD_getErrorName(status));
    unread.remove_prefix(in.pos);
    inside = status != 0;
    return out.pos;
  }

  std::string_view decode() {
    for (;;) {
      if (unread.empty()) fill();
      const bool ended = unread.empty();
      if (ended && !inside) return {};
      const std::size_t n = codec == Codec::gzip ? inflate_some() : decompress_some();
      if (n > 0) return std::string_view(text).substr(0, n);
      if (ended && inside) fail_damaged(codec == Codec::gzip ? "gzip" : "zstd", "the file is cut off");
    }
  }
};

TextReader::TextReader(const std::string& path) : state_(std::make_unique<State>(path)) {}
TextReader::TextReader(TextReader&&) noexcept = default;
TextReader& TextReader::operator=(TextReader&&) noexcept = default;
TextReader::~TextReader() = default;

std::string_view TextReader::next() {
  State& s = *state_;
  std::string_view chunk;
  if (s.codec == State::Codec::plain) {
    if (s.unread.empty()) s.fill();
    chunk = std::exchange(s.unread, {});
  } else {
    chunk = s.decode();
  }
  s.bytes += static_cast<std::int64_t>(chunk.size());
  return chunk;
}

std::int64_t TextReader::bytes() const { return state_->bytes; }

}  // namespace scalelaw::inline corpus
