#include "cli/fit_losses.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "cli/read_options.hpp"
#include "core/format.hpp"
#include "os/error.hpp"

namespace scalelaw::cli {
namespace {

FitSources with_loss(FitSources part, LossUnit unit) {
  if (unit != LossUnit::bits_per_byte) return part;
  for (RunRecord& record : part.records) record = in_bits_per_byte(std::move(record));
  part.record_loss = unit;
  return part;
}

std::string derived_text(const FitResult& fit, const std::string& name) {
  const auto value = fit.derived.find(name);
  if (value == fit.derived.end() || !std::isfinite(value->second)) return "-";
  const auto ci = fit.bootstrap.derived_ci95.find(name);
  if (ci == fit.bootstrap.derived_ci95.end()) return fmt::format("{:.4f}", value->second);
  return fmt::format("{:.4f} [{:.3f}, {:.3f}]", value->second, ci->second.low, ci->second.high);
}

}  // namespace

std::vector<std::string> parse_losses(const std::vector<std::string>& items) {
  std::vector<std::string> out;
  for (const std::string& item : items) {
    for (std::string name : items_outside_quotes(item)) {
      if (name.size() > 1 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
      if (name.empty()) fail_config("--loss '{}': write nats, bits_per_byte or a column; several with commas", item);
      if (std::ranges::find(out, name) != out.end()) fail_config("--loss {}: is given twice", name);
      out.push_back(name);
    }
  }
  return out;
}

std::optional<LossUnit> named_loss(const std::string& loss) {
  std::string name = loss;
  std::ranges::replace(name, '-', '_');
  const std::optional<LossUnit> unit = find_named<LossUnit>(name);
  return unit == LossUnit::nats || unit == LossUnit::bits_per_byte ? unit : std::nullopt;
}

std::vector<FitSources> records_by_loss(std::vector<FitSources> parts, const std::vector<std::string>& losses) {
  const bool records = std::ranges::any_of(parts, [](const FitSources& part) { return !part.records.empty(); });
  if (losses.empty() || !records) return parts;
  std::vector<FitSources> out;
  for (FitSources& part : parts) {
    if (part.records.empty()) {
      out.push_back(std::move(part));
      continue;
    }
    for (const std::string& loss : losses) {
      const std::optional<LossUnit> unit = named_loss(loss);
      if (!unit) fail_config("--loss {}: run records hold losses in nats and bits_per_byte, and no such column", loss);
      FitSources one = with_loss(part, *unit);
      if (losses.size() > 1) one.counted = "loss " + loss;
      if (&loss != &losses.front()) {  // said once
        one.reports.clear();
        one.notes.clear();
      }
      out.push_back(std::move(one));
    }
  }
  return out;
}

std::string losses_text(const std::vector<FitResult>& fits, const std::vector<std::string>& counted) {
  if (fits.empty()) return "";
  const FitResult& first = fits.front();
  const bool law = first.method() == Method::parametric;
  const LawForm& form = law_form(first.law);
  std::vector<std::string> header = {"loss", "unit"};
  if (law) header.insert(header.end(), form.parameters.begin(), form.parameters.end());
  std::vector<std::string> derived;
  for (const char* name : {"a", "b"}) {
    if (std::ranges::any_of(fits, [&](const FitResult& fit) { return fit.derived.contains(name); }))
      derived.emplace_back(name);
  }
  header.insert(header.end(), derived.begin(), derived.end());
  header.insert(header.end(), {"n", "status"});
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < fits.size(); ++i) {
    const FitResult& fit = fits[i];
    constexpr std::string_view kBefore = "loss ";
    const std::string& name = counted[i];
    std::vector<std::string> row = {name.starts_with(kBefore) ? name.substr(kBefore.size()) : name,
                                    std::string(loss_unit_text(fit.loss_unit))};
    for (std::size_t k = 0; law && k < form.parameters.size(); ++k) {
      const bool shown = k < fit.fitted.values.size() && shows_parameter(fit.fitted, k);
      row.push_back(shown ? fmt::format("{:.5g}", fit.fitted.values[k]) : "-");
    }
    for (const std::string& each : derived) row.push_back(derived_text(fit, each));
    row.push_back(std::to_string(fit.n));
    row.emplace_back(name_of(fit.convergence.status));
    rows.push_back(row);
  }
  return text_table(header, rows);
}

}  // namespace scalelaw::cli
