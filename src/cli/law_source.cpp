#include "cli/law_source.hpp"

#include <filesystem>

#include "alloc/measured.hpp"
#include "core/json.hpp"
#include "fit/fit_from_json.hpp"
#include "law/published.hpp"
#include "os/error.hpp"

namespace scalelaw::cli {

void add_law_arguments(CLI::App& command, LawArguments& arguments) {
  command.add_option("FIT", arguments.fit_file, "fit file written by scalelaw fit --json FILE");
  command.add_option("--law", arguments.law, "published set of constants (scalelaw laws lists them), or a fit file");
}

FitResult read_fit_file(const std::string& file) {
  if (std::filesystem::is_directory(file)) {
    fail_data("{}: is a folder, not a fit file; a study's fits are the files {}/fits/*.json", file, file);
  }
  if (!std::filesystem::exists(file) && find_published_law(file) != nullptr) {
    fail_config("{}: there is no such file; for the published law write --law {}", file, file);
  }
  const Json value = read_json_file(file);
  const auto schema = value.is_object() ? value.find("schema") : value.end();
  if (schema == value.end() || *schema != kFitSchema) {
    fail_data("{}: is not a fit (its schema is not \"{}\"); make one with scalelaw fit INPUT --json FILE", file,
              kFitSchema);
  }
  return fit_from_json(value, file);
}

bool is_fit_file(const std::string& name) { return name.ends_with(".json"); }

std::variant<FitResult, Law> load_law(const LawArguments& arguments) {
  const std::string& file = arguments.fit_file;
  if (file.empty() == arguments.law.empty()) {
    fail_config("{}: give either a fit file (of scalelaw fit --json FILE) or --law NAME",
                file.empty() ? "no law is given" : "both a fit file and --law are given");
  }
  if (arguments.law.empty()) return read_fit_file(file);
  if (is_fit_file(arguments.law)) return read_fit_file(arguments.law);
  return published_law(arguments.law);
}

Law loss_law_of_fit(const std::string& file) {
  const FitResult fit = read_fit_file(file);
  if (fit.loss_unit != LossUnit::nats) {
    fail_config("{}: the fit is one of losses in {}, and simulated studies have losses in nats per token; fit nats",
                file, loss_unit_text(fit.loss_unit));
  }
  if (fit.of_few_points()) {
    fail_data("{}: the fit is of few points ({}), and studies simulated from it would say nothing of that", file,
              fit.message);
  }
  if (!fit.answers()) {
    fail_data("{}: the fit did not converge (status {}); its constants describe nothing", file, fit.convergence.status);
  }
  if (fit.fitted.values.empty() || fit.fitted.form().predicts_size) {
    fail_config(
        "{}: this fit (method {}, law {}) gives no loss, so it cannot be simulated; take a fit of the loss, for "
        "example scalelaw fit INPUT --law chinchilla --json FILE",
        file, fit.method(), law_form(fit.law).name);
  }
  Law law = fit.fitted;
  law.name = std::filesystem::path(file).filename().string();
  law.range = range_of(fit);
  return law;
}

}  // namespace scalelaw::cli
