// What every object of a law promises, whichever law it is.
#include "law/form.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "law/optimum.hpp"
#include "law/some_laws.hpp"

namespace scalelaw {
namespace {

TEST(LawForms, HaveDifferentNamesAndConstantsAndABeginning) {
  std::set<std::string> names;
  for (const LawKind kind : all_of<LawKind>()) {
    const LawForm& form = law_form(kind);
    EXPECT_TRUE(names.insert(form.name).second) << form.name << " twice";
    EXPECT_FALSE(form.formula.empty()) << form.name;
    EXPECT_NE(form.evaluate, nullptr) << form.name;
    EXPECT_TRUE(form.linear != nullptr || form.start != nullptr || form.limit)
        << form.name << ": a fit has nowhere to begin";
    EXPECT_LE(form.of_role(Role::offset).size(), 1U) << form.name;
    for (const Quantity quantity : all_of<Quantity>()) {
      if (!form.needs(quantity)) continue;
      const std::vector<std::size_t> term = form.term_of(quantity);
      ASSERT_FALSE(term.empty()) << form.name;
      const bool stretched = form.coordinates == Coordinates::stretched;  // has no amplitude but its logarithm
      EXPECT_EQ(form.constants[term.front()].role, stretched ? Role::real : Role::amplitude)
          << form.name << " " << name_of(quantity);
    }
    const std::set<std::string> different(form.parameters.begin(), form.parameters.end());
    EXPECT_EQ(different.size(), form.constants.size()) << form.name;
    for (const PublishedSet& set : form.published) EXPECT_EQ(set.values.size(), form.constants.size()) << set.name;
  }
}

TEST(LawForms, LookAtWhatTheySayTheyNeed) {
  const std::array members = {&LawPoint::params, &LawPoint::tokens, &LawPoint::steps, &LawPoint::flops};
  for (const LawKind kind : all_of<LawKind>()) {
    const Law law = some_law(kind);
    for (const Quantity quantity : all_of<Quantity>()) {
      LawPoint point = some_points(false).at(4);
      const double before = predict_loss(law, point);
      point.*members[static_cast<std::size_t>(quantity)] *= 1.5;
      EXPECT_EQ(predict_loss(law, point) != before, law.form().needs(quantity)) << law.form().name << " " << quantity;
    }
  }
}

TEST(LawForms, LinearFormsAreTheLawItself) {
  for (const LawKind kind : all_of<LawKind>()) {
    Law law = some_law(kind);
    if (law.form().linear == nullptr) continue;
    for (const std::size_t k : law.form().of_role(Role::offset)) law.values[k] = 1.3;
    const LinearForm linear = law.form().linear(law.values);
    std::vector<LawPoint> points = some_points(false);
    if (law.form().knows_repetition()) {
      // Where the unique data can feed every parameter, the linear form holds, with repeats of the data too.
      const std::vector<LawPoint> repeated = some_points(true);
      points.insert(points.end(), repeated.begin(), repeated.end());
      for (LawPoint& point : points) point.params = 1e-4 * point.tokens;
    }
    for (const LawPoint& point : points) {
      double sum = 0;
      for (const LinearTerm& term : linear.terms) {
        const double amplitude = std::pow(law.values[term.constant], term.root);
        sum += term.variable == nullptr ? amplitude
                                        : amplitude * std::pow(term.variable(law.values, point), -term.exponent);
      }
      const double offset = linear.subtracted ? law.values[*linear.subtracted] : 0;
      EXPECT_NEAR(sum / std::pow(predict_loss(law, point) - offset, linear.power), 1, 1e-11) << law.form().name;
    }
  }
}

// The constants that say what repetition costs, and those alone, have no effect where every token is read once.
TEST(LawForms, RepetitionIsKnownByItsConstants) {
  int seen = 0;
  for (const LawKind kind : all_of<LawKind>()) {
    const Law law = some_law(kind);
    std::vector<double> gradient(law.values.size());
    for (const bool repeated : {false, true}) {
      // Where the data can feed the model: beyond that parameters count as repeated too.
      LawPoint point = some_points(repeated).at(2);
      (void)loss_and_gradient(law, point, gradient);
      for (std::size_t k = 0; k < gradient.size(); ++k) {
        const Constant& constant = law.form().constants[k];
        if (!constant.repetition) continue;
        const bool acts = repeated && constant.name != "R_N";  // which only parameters that go unfed show
        if (repeated != acts) continue;
        EXPECT_EQ(gradient[k] != 0, acts) << law.form().name << " " << constant.name;
        ++seen;
      }
    }
    if (!law.form().knows_repetition()) continue;
    EXPECT_EQ(with_repetition(law).values, law.values) << law.form().name;
  }
  EXPECT_GE(seen, 9);
}

TEST(LawForms, StartsNearALimitPredictWhatTheLimitDoes) {
  int seen = 0;
  for (const LawKind kind : all_of<LawKind>()) {
    const std::optional<LimitLaw> limit = law_form(kind).limit;
    if (!limit) continue;
    ++seen;
    const Law inner = some_law(limit->law);
    std::vector<LawPoint> points;
    for (const double n : {1e9, 2e9, 4e9}) {
      for (const double d : {2e10, 1e11}) points.push_back(law_point(Scale{n, d}));
    }
    const auto starts = limit->starts(inner.values, points);
    ASSERT_FALSE(starts.empty());
    for (const std::vector<double>& values : starts) {
      const Law near{.kind = kind, .values = values, .name = "", .source = "", .convention = {}};
      for (const LawPoint& p : points) EXPECT_NEAR(predict_loss(near, p) / predict_loss(inner, p), 1, 0.03);
    }
  }
  EXPECT_GE(seen, 1);
}

TEST(LawForms, TheFrontierIsTheSlopeOfTheLossAboveItsOffset) {
  int seen = 0;
  for (const LawKind kind : all_of<LawKind>()) {
    const Law law = some_law(kind);
    if (law.form().frontier == nullptr) continue;
    ++seen;
    const double offset = law.values.at(law.form().of_role(Role::offset).front());
    const double low = compute_optimal(law, 1e18).loss_nats - offset,
                 high = compute_optimal(law, 1e22).loss_nats - offset;
    EXPECT_NEAR(std::log(low / high) / std::log(1e4), law.form().frontier(law.values), 1e-9) << law.form().name;
  }
  EXPECT_GE(seen, 1);
}

TEST(LawForms, OptimaAreTheLeastLossOfTheirCompute) {
  int seen = 0;
  for (const LawKind kind : all_of<LawKind>()) {
    const Law law = some_law(kind);
    if (law.form().optimal_params == nullptr || law.form().predicts_size) continue;
    ++seen;
    for (const double flops : {1e18, 1e22}) {
      const Optimum best = compute_optimal(law, flops);
      for (const double aside : {0.9, 0.999, 1.001, 1.1}) {
        const double n = best.scale.params * aside;
        EXPECT_GT(predict_loss(law, Scale{n, flops / (6 * n)}), best.loss_nats) << law.form().name << " x " << aside;
      }
    }
    const auto exponents = allocation_exponents(law);
    if (law.kind == LawKind::farseer) {  // a changes with the budget
      EXPECT_FALSE(exponents.has_value());
      continue;
    }
    ASSERT_TRUE(exponents.has_value()) << law.form().name;
    const double a = std::log(compute_optimal(law, 1e22).scale.params / compute_optimal(law, 1e18).scale.params);
    EXPECT_NEAR(a / std::log(1e4), exponents->a, 1e-10) << law.form().name;
  }
  EXPECT_GE(seen, 4);
}

}  // namespace
}  // namespace scalelaw
