#include "core/input_text.hpp"

#include <iconv.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <iostream>
#include <iterator>
#include <memory>

#include "os/error.hpp"
#include "os/files.hpp"

namespace scalelaw::inline core {
namespace {

using namespace std::string_view_literals;

std::string utf8_of(const std::string& bytes, const char* encoding, const std::string& name) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): what iconv_open returns on failure
  const iconv_t none = reinterpret_cast<iconv_t>(-1);
  const iconv_t converter = ::iconv_open("UTF-8", encoding);
  if (converter == none)
    fail_device("{}: {} cannot be converted on this system; save the file as UTF-8", name, encoding);
  std::string in = bytes, out;
  char* from = in.data();
  std::size_t left = in.size();
  std::array<char, 1U << 16U> buffer{};
  bool damaged = false;
  while (left > 0 && !damaged) {
    char* to = buffer.data();
    std::size_t room = buffer.size();
    const bool failed = ::iconv(converter, &from, &left, &to, &room) == static_cast<std::size_t>(-1);
    damaged = failed && errno != E2BIG;
    out.append(buffer.data(), buffer.size() - room);
  }
  ::iconv_close(converter);
  if (damaged) fail_data("{}: is not the {} its first bytes say, or is cut off; save it as UTF-8", name, encoding);
  return out;
}

/// Errors (data): bytes of a format that is no text.
void refuse_binary(const std::string& bytes, const std::string& name) {
  constexpr std::array<std::pair<std::string_view, const char*>, 5> kKnown = {
      {{"PK\x03\x04", "a spreadsheet or zip archive"},
       {"\xD0\xCF\x11\xE0", "a spreadsheet in the old binary format"},
       {"PAR1", "a Parquet file"},
       {"\x28\xB5\x2F\xFD", "compressed by zstd"},
       {"\x1f\x9d", "compressed by compress"}}};
  for (const auto& [magic, what] : kKnown) {
    if (bytes.starts_with(magic)) fail_data("{}: is {}, not text; export its rows as CSV or JSON", name, what);
  }
  if (bytes.find('\0') != std::string::npos) {
    fail_data("{}: holds bytes that no text has; save the table as UTF-8 text (CSV or JSON)", name);
  }
}

}  // namespace

std::string gunzip(std::string_view bytes, const std::string& name) {
  constexpr int kGzipWindow = 15 + 16;  // largest window; + 16: a gzip header is expected
  z_stream stream{};
  if (::inflateInit2(&stream, kGzipWindow) != Z_OK) fail_device("{}: zlib could not start: out of memory?", name);
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&stream, ::inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib's interface is not const
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  std::array<char, 1U << 16U> buffer{};
  for (;;) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int status = ::inflate(&stream, Z_NO_FLUSH);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
    if (status == Z_STREAM_END) {
      while (stream.avail_in > 0 && *stream.next_in == 0) ++stream.next_in, --stream.avail_in;  // padding
      if (stream.avail_in == 0) return out;
      ::inflateReset(&stream);  // another member
    } else if (status != Z_OK) {
      fail_data("{}: damaged gzip data after {} bytes of text: {}; get the file again", name, out.size(),
                stream.avail_in == 0 ? "the file is cut off" : "not what gzip writes");
    }
  }
}

InputText read_input_text(const std::filesystem::path& path) {
  InputText in;
  in.name = path == "-" ? "standard input" : path.string();
  if (path == "-") {
    in.text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    in.text = read_text_file(path);
  }
  if (in.text.starts_with("\x1f\x8b"sv)) {
    in.text = gunzip(in.text, in.name);
    in.notes.emplace_back("gzip");
  }
  const auto convert = [&](const char* encoding) {
    in.text = utf8_of(in.text.substr(2), encoding, in.name);
    in.notes.emplace_back("UTF-16");
  };
  if (in.text.starts_with("\xFF\xFE"sv)) {
    convert("UTF-16LE");
  } else if (in.text.starts_with("\xFE\xFF"sv)) {
    convert("UTF-16BE");
  } else if (in.text.starts_with("\xEF\xBB\xBF"sv)) {
    in.text.erase(0, 3);
  }
  refuse_binary(in.text, in.name);
  return in;
}

}  // namespace scalelaw::inline core
