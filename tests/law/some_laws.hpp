#pragma once
// Constants and points for tests of every law.
#include <vector>

#include "law/published.hpp"

namespace scalelaw {

/// About what the losses of models of 0.2 to 6 billion parameters do, in bits per character.
inline std::vector<double> farseer_like() { return {-0.124, 0.123, 0.424, 88, -0.1, -5.83, -0.021, 0.169, 0.091}; }
/// With them the loss of models as large as their data rises after some ten epochs.
inline std::vector<double> overfitting_like() { return {1.8, 480, 2000, 0.35, 0.36, 0.01, 1.2, 0.6}; }

/// Constants of the law such that every term counts at some_points: published ones where there are.
inline Law some_law(LawKind kind) {
  const LawForm& form = law_form(kind);
  if (!form.published.empty()) return published_law(form.published.front().name);
  Law law{.kind = kind, .values = {}, .name = "some", .source = "", .convention = {}};
  if (kind == LawKind::farseer) law.values = farseer_like();
  if (kind == LawKind::data_overfitting) law.values = overfitting_like();
  if (!law.values.empty()) return law;
  for (const Constant& constant : form.constants) {
    law.values.push_back(constant.role == Role::offset      ? 1.7
                         : constant.role == Role::amplitude ? 300
                         : constant.role == Role::exponent  ? 0.2
                                                            : 10);
  }
  return law;
}

/// Sizes and lengths over many decades. @param repeated every run reads its data seven times
inline std::vector<LawPoint> some_points(bool repeated) {
  std::vector<LawPoint> points;
  for (const double n : {2e4, 3e6, 6e9}) {
    for (const double d : {1e6, 4e8, 3e11}) {
      LawPoint point = law_point(Scale{n, d});
      point.steps = d / 1e5;
      if (repeated) point.unique_tokens = d / 7;
      points.push_back(point);
    }
  }
  return points;
}

}  // namespace scalelaw
