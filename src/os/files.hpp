#pragma once
// Whole-file reads, atomic writes, append-only logs.
#include <filesystem>
#include <string>
#include <string_view>

namespace scalelaw::inline os {

/// The whole file. Errors: data error naming the path and the system's reason.
[[nodiscard]] std::string read_text_file(const std::filesystem::path& path);

/// Writes to a temporary file beside path, fsyncs it, renames it over path and fsyncs the folder: after a crash the
/// file holds either the old bytes or all of the new ones. Missing parent folders are made. Errors: environment error
/// (exit code 4) naming the path and the reason (for example a full disk); the temporary file is removed and what was
/// there before stays.
void write_file_atomic(const std::filesystem::path& path, std::string_view bytes);

/// Appends one line (a '\n' is added) with a single write(2), so that concurrent appenders never mix lines.
void append_line(const std::filesystem::path& path, std::string_view line);

/// Makes the folder and its parents. Errors: environment error.
void make_folder(const std::filesystem::path& path);

/// Folder of the running program (/proc/self/exe): where its sibling programs are.
[[nodiscard]] std::filesystem::path program_folder();

}  // namespace scalelaw::inline os
