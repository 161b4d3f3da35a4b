#pragma once
// JSON values, canonical text, hashes.
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace scalelaw::inline core {

using Json = nlohmann::json;

/// Canonical text of a JSON value: keys sorted by byte, no white space, integers as such, other numbers as the
/// shortest decimal text that reads back to the same double ("1e+22" style exponents as std::to_chars writes them).
/// The same value gives the same bytes everywhere. Throws std::logic_error on a non-finite number.
[[nodiscard]] std::string canonical_json(const Json& value);

/// Lower-case hex SHA-256 of the bytes.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

/// First 16 hex digits of SHA-256 over canonical_json(value): the id of a run, a trunk or a job.
[[nodiscard]] std::string short_id(const Json& value);

/// Parses a JSON file. Errors: data error naming the file and byte offset.
[[nodiscard]] Json read_json_file(const std::filesystem::path& path);

/// Writes value, indented by 1, atomically (see write_file_atomic).
void write_json_file(const std::filesystem::path& path, const Json& value);

/// x if finite, JSON null otherwise: non-finite numbers never reach a file.
[[nodiscard]] Json finite_or_null(double x);

/// value[key] as a double; NaN where the key is missing or null.
[[nodiscard]] double number_or_nan(const Json& value, std::string_view key);

}  // namespace scalelaw::inline core
