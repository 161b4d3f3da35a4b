#pragma once
// A law with its constants, and what it predicts.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "law/form.hpp"

namespace scalelaw::inline law {

/// Schema of the file that a fit of a law is kept in (fit/fit_json.hpp).
inline constexpr std::string_view kFitSchema = "scalelaw.fit/1";

/// A law with its constants: published, given or fitted.
struct Law {
  LawKind kind = LawKind::chinchilla;
  std::vector<double> values;  ///< in the order of law_form(kind).constants
  std::string name;            ///< "besiroglu2024", "fit"
  std::string source;          ///< paper, table or equation
  Convention convention;       ///< what N and C mean for these constants
  LawRange range = {};         ///< of a published law, as its paper states it
  [[nodiscard]] const LawForm& form() const { return law_form(kind); }
  [[nodiscard]] double value(
      std::string_view parameter) const;  ///< throws std::logic_error if the law has no such constant
};

/// Predicted loss, nats per token; N*(C) in parameters instead for a form that predicts sizes. NaN where the law needs
/// a quantity that the point lacks (steps for kaplan-steps).
[[nodiscard]] double predict_loss(const Law& law, const LawPoint& point);
[[nodiscard]] inline double predict_loss(const Law& law, const Scale& scale) {
  return predict_loss(law, law_point(scale));
}
/// The same, and d loss / d values[i] written to gradient (same length as law.values).
double loss_and_gradient(const Law& law, const LawPoint& point, std::span<double> gradient);

}  // namespace scalelaw::inline law
