#include "core/json.hpp"

#include <openssl/evp.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "os/error.hpp"
#include "os/files.hpp"

namespace scalelaw::inline core {
namespace {

void append_canonical(std::string& out, const Json& value) {
  if (value.is_object()) {  // nlohmann::json keeps objects in a std::map: already sorted by byte
    out += '{';
    bool first = true;
    for (const auto& [key, item] : value.items()) {
      if (!first) out += ',';
      first = false;
      out += Json(key).dump();
      out += ':';
      append_canonical(out, item);
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ',';
      append_canonical(out, value[i]);
    }
    out += ']';
  } else if (value.is_number_float()) {
    const double x = value.get<double>();
    SCALELAW_CHECK(std::isfinite(x), "a non-finite number must not reach JSON");
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), x);
    out.append(text.data(), end.ptr);
  } else {
    out += value.dump();
  }
}

}  // namespace

std::string canonical_json(const Json& value) {
  std::string out;
  append_canonical(out, value);
  return out;
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  SCALELAW_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) == 1,
                 "SHA-256 is not available in the crypto library");
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::string short_id(const Json& value) { return sha256_hex(canonical_json(value)).substr(0, 16); }

Json read_json_file(const std::filesystem::path& path) {
  const std::string text = read_text_file(path);
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& e) {
    fail_data("{}: not valid JSON at byte {}; the file may be cut off or not be JSON at all", path.string(), e.byte);
  }
}

void write_json_file(const std::filesystem::path& path, const Json& value) {
  write_file_atomic(path, value.dump(1) + "\n");
}

Json finite_or_null(double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); }

double number_or_nan(const Json& value, std::string_view key) {
  const auto it = value.find(key);
  if (it == value.end() || !it->is_number()) return std::numeric_limits<double>::quiet_NaN();
  return it->get<double>();
}

}  // namespace scalelaw::inline core
