#pragma once
// The first argument of allocate and predict: a fit file, or --law with a published set.
#include <CLI/CLI.hpp>
#include <string>
#include <variant>

#include "fit/fit.hpp"

namespace scalelaw::cli {

struct LawArguments {
  std::string fit_file;
  std::string law;
};

/// Adds the positional FIT and the option --law.
void add_law_arguments(CLI::App& command, LawArguments& arguments);

/// What was named. Errors (config): neither or both given, unknown law; (data): not a fit file.
[[nodiscard]] std::variant<FitResult, Law> load_law(const LawArguments& arguments);

}  // namespace scalelaw::cli
