#include "cli/law_source.hpp"

#include <filesystem>

#include "core/error.hpp"
#include "core/json.hpp"

namespace scalelaw::cli {

void add_law_arguments(CLI::App& command, LawArguments& arguments) {
  command.add_option("FIT", arguments.fit_file, "fit file written by scalelaw fit --json FILE");
  command.add_option("--law", arguments.law, "published set of constants instead of a fit (scalelaw laws lists them)");
}

std::variant<FitResult, Law> load_law(const LawArguments& arguments) {
  const std::string& file = arguments.fit_file;
  if (file.empty() == arguments.law.empty()) {
    fail_config("{}: give either a fit file (of scalelaw fit --json FILE) or --law NAME",
                file.empty() ? "no law is given" : "both a fit file and --law are given");
  }
  if (!arguments.law.empty()) return published_law(arguments.law);
  if (std::filesystem::is_directory(file)) {
    fail_data("{}: is a folder, not a fit file; a study's fits are the files {}/fits/*.json", file, file);
  }
  if (!std::filesystem::exists(file)) {
    for (const Law& law : published_laws()) {
      if (law.name == file) fail_config("{}: there is no such file; for the published law write --law {}", file, file);
    }
  }
  const Json value = read_json_file(file);
  const auto schema = value.is_object() ? value.find("schema") : value.end();
  if (schema == value.end() || *schema != "scalelaw.fit/1") {
    fail_data("{}: is not a fit (its schema is not \"scalelaw.fit/1\"); make one with scalelaw fit INPUT --json FILE",
              file);
  }
  return fit_from_json(value, file);
}

}  // namespace scalelaw::cli
