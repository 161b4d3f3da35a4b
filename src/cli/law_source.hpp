#pragma once
// The first argument of allocate and predict: a fit file, or --law with a published set or a fit file.
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

/// The law of a fit file for simulations, named after the file, with the range of its runs. Errors (data): no fit file,
/// a fit that did not converge; (config): a fit that gives no loss.
[[nodiscard]] Law loss_law_of_fit(const std::string& file);
/// Whether the value of a --law is a fit file: it ends in .json.
[[nodiscard]] bool is_fit_file(const std::string& name);
[[nodiscard]] FitResult read_fit_file(const std::string& file);

}  // namespace scalelaw::cli
