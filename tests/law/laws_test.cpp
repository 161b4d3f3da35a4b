#include "law/laws.hpp"
#include "law/critical_batch.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "error_of.hpp"
#include "law/some_laws.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

std::vector<Law> every_kind() {
  std::vector<Law> laws = published_laws();
  for (const LawKind kind : all_of<LawKind>()) laws.push_back(some_law(kind));
  laws.push_back(
      {.kind = LawKind::overtraining, .values = {1.7, 300, 500, 0.17}, .name = "test", .source = "", .convention = {}});
  laws.push_back(
      {.kind = LawKind::power_n, .values = {5e12, 0.2, 1.1}, .name = "offset", .source = "", .convention = {}});
  return laws;
}

TEST(Laws, GradientsAgreeWithCentralDifferences) {
  for (const Law& law : every_kind()) {
    for (const LawPoint& point : some_points(law.form().knows_repetition())) {
      std::vector<double> gradient(law.values.size());
      EXPECT_EQ(loss_and_gradient(law, point, gradient), predict_loss(law, point));
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        const double h = 1e-5 * std::max(std::abs(law.values[i]), 1e-3);
        Law up = law, down = law;
        up.values[i] += h;
        down.values[i] -= h;
        const double difference = (predict_loss(up, point) - predict_loss(down, point)) / (2 * h);
        const double scale = std::abs(gradient[i]) + 1e-6 * std::abs(predict_loss(law, point) / h) * 1e-4;
        EXPECT_NEAR(gradient[i], difference, 1e-5 * scale)
            << law.name << " " << law_form(law.kind).parameters[i] << " at N " << point.params << " D " << point.tokens;
      }
    }
  }
}

TEST(Laws, HoffmannConstantsAreThoseOfTheTexSource) {
  const Law& law = published_law("hoffmann2022");
  EXPECT_NEAR(law.value("A"), 406.4010, 1e-4);
  EXPECT_NEAR(law.value("B"), 410.7228, 1e-4);
  EXPECT_NEAR(law.value("E"), 1.693374, 1e-6);
  const auto exponents = allocation_exponents(law);
  ASSERT_TRUE(exponents.has_value());
  EXPECT_NEAR(exponents->a, 0.4565, 5e-5);
  EXPECT_NEAR(allocation_exponents(published_law("hoffmann2022-rounded"))->a, 0.4516, 5e-5);
}

TEST(Laws, HoffmannOptimumAtGophersBudget) {
  const Optimum exact = compute_optimal(published_law("hoffmann2022"), 5.76e23);
  EXPECT_NEAR(exact.scale.params, 40.4e9, 0.05e9);
  EXPECT_NEAR(exact.scale.tokens, 2.38e12, 0.005e12);
  const Optimum rounded = compute_optimal(published_law("hoffmann2022-rounded"), 5.76e23);
  EXPECT_NEAR(rounded.scale.params, 32.2e9, 0.05e9);
  EXPECT_NEAR(rounded.scale.tokens, 2.98e12, 0.005e12);
}

TEST(Laws, TokensPerParameterOfBesirogluAndHoffmann) {
  const auto ratio = [](const char* name, double flops) {
    const Optimum best = compute_optimal(published_law(name), flops);
    return best.scale.tokens / best.scale.params;
  };
  EXPECT_NEAR(ratio("besiroglu2024", 1e21), 21.6, 0.05);
  EXPECT_NEAR(ratio("besiroglu2024", 3.15e23), 18.7, 0.05);
  EXPECT_NEAR(ratio("besiroglu2024", 5.76e23), 18.4, 0.06);
  EXPECT_NEAR(ratio("hoffmann2022", 1e21), 33.9, 0.05);
  EXPECT_NEAR(ratio("hoffmann2022", 3.15e23), 55.9, 0.05);
  EXPECT_NEAR(ratio("hoffmann2022", 5.76e23), 58.9, 0.06);
}

TEST(Laws, LossesAtGpt3Compute) {
  EXPECT_NEAR(compute_optimal(published_law("hoffmann2022"), 3.15e23).loss_nats, 1.9405, 5e-5);
  EXPECT_NEAR(compute_optimal(published_law("besiroglu2024"), 3.15e23).loss_nats, 1.9923, 5e-5);
  const Scale gpt3{175e9, 300e9};
  EXPECT_NEAR(predict_loss(published_law("kaplan2020-n"), gpt3), 1.604, 1e-3);
  EXPECT_NEAR(predict_loss(published_law("hoffmann2022"), Scale{70e9, 1.4e12}), 1.921, 5.5e-4 + 1e-4);
  EXPECT_NEAR(predict_loss(published_law("besiroglu2024"), Scale{70e9, 1.4e12}), 1.974, 5.5e-4);
}

TEST(Laws, MuennighoffTestVectors) {
  const Law& law = published_law("muennighoff2023");
  const auto loss = [&](double n, double d, double u) {
    LawPoint point = law_point(Scale{n, d});
    point.unique_tokens = u;
    return predict_loss(law, point);
  };
  EXPECT_NEAR(loss(6.34e9, 242e9, 25e9), 2.2256440889984477, 1e-9);
  EXPECT_NEAR(loss(8.67e9, 178e9, 25e9), 2.2269634075087867, 1e-9);
  EXPECT_NEAR(law.value("A"), 520.82, 5e-3);
  EXPECT_NEAR(law.value("B"), 1487.72, 5e-3);
  EXPECT_NEAR(law.value("E"), 1.8691, 5e-5);
}

TEST(Laws, RepetitionCountsForLessAndLess) {
  // With N so small that the model never repeats, the data multiple at k epochs is readable from the data term alone.
  const Law& law = published_law("muennighoff2023");
  const double unique = 1e12;
  const auto multiple = [&](double epochs) {
    LawPoint point = law_point(Scale{1e6, unique * epochs});
    point.unique_tokens = unique;
    const double data_term =
        predict_loss(law, point) - law.value("E") - law.value("A") * std::pow(1e6, -law.value("alpha"));
    return std::pow(law.value("B") / data_term, 1 / law.value("beta")) / unique;
  };
  EXPECT_NEAR(multiple(1), 1.0, 1e-6);
  EXPECT_NEAR(multiple(2), 1.97, 5e-3);
  EXPECT_NEAR(multiple(4), 3.73, 5e-3);
  EXPECT_NEAR(multiple(8), 6.6, 0.05);
  EXPECT_NEAR(multiple(16), 10.6, 0.05);
  EXPECT_NEAR(multiple(40), 15.2, 0.05);
}

TEST(Laws, KaplanTablesAreSeparateFits) {
  const Law& joint = published_law("kaplan2020-joint");
  EXPECT_EQ(joint.values, (std::vector<double>{6.4e13, 1.8e13, 0.076, 0.103}));
  EXPECT_EQ(published_law("kaplan2020-d").values, (std::vector<double>{5.4e13, 0.095, 0}));
  EXPECT_EQ(published_law("kaplan2020-steps").values, (std::vector<double>{6.5e13, 2.1e3, 0.077, 0.76}));
  EXPECT_EQ(joint.convention.params, ParamsCount::non_embedding);
  // With endless data the joint law is the one of its own Nc, not that of eq. 1.1.
  EXPECT_NEAR(predict_loss(joint, Scale{1e9, 1e30}), std::pow(6.4e13 / 1e9, 0.076), 1e-6);
}

TEST(Laws, KaplanComputeIsInPfDays) {
  const double pf_day = 8.64e19;
  LawPoint point;
  point.flops = pf_day;
  EXPECT_NEAR(predict_loss(published_law("kaplan2020-c"), point), std::pow(3.1e8, 0.05), 1e-12);
  EXPECT_NEAR(predict_loss(published_law("kaplan2020-optimal"), point), 1.3e9, 1);
  point.flops = 0.5 * 1e21;  // Chinchilla's appendix D.4: 4.68B at 1e21 with C_min = C / 2
  EXPECT_NEAR(predict_loss(published_law("kaplan2020-optimal"), point), 4.68e9, 0.02e9);
}

TEST(Laws, CriticalBatchHalvesTheUseOfSteps) {
  const double critical = critical_batch_tokens(3.0);
  EXPECT_NEAR(critical, 2.1e8 / std::pow(3.0, 1 / 0.21), 1);
  EXPECT_DOUBLE_EQ(minimum_steps(1000, critical, critical), 500);
}

TEST(Laws, TheLossAtABatchSolvesItsOwnEquation) {
  const Law& law = published_law("kaplan2020-steps");
  LawPoint point = law_point(Scale{1e8, 1e10});
  point.steps = 2e4;
  const CriticalBatch critical;
  double last = predict_loss(law, point);  // every step counts in full
  for (const double batch : {1e9, 1e7, 1e6, 1e5, 1e4}) {
    const double loss = predict_loss_at_batch(law, point, batch, critical);
    LawPoint at = point;
    at.steps = minimum_steps(point.steps, batch, critical_batch_tokens(loss, critical));
    EXPECT_NEAR(loss / predict_loss(law, at), 1, 1e-12) << batch;
    EXPECT_GT(loss, last) << "a smaller batch makes less of the same steps";
    last = loss;
  }
  EXPECT_NEAR(predict_loss_at_batch(law, point, 1e20, critical) / predict_loss(law, point), 1, 1e-9);
  point.steps = 0;
  EXPECT_TRUE(std::isnan(predict_loss_at_batch(law, point, 1e6, critical)));
}

TEST(Laws, AnObservationsStepsReachTheLaw) {
  Observation o;
  o.params = 1e6;
  o.steps = 700;
  EXPECT_EQ(law_point(o).steps, 700);
}

TEST(Laws, NamesAreLookedUpWithNearMisses) {
  EXPECT_EQ(law_kind("data-constrained"), LawKind::data_constrained);
  EXPECT_THAT(error_of(ExitCode::usage, [] { (void)law_kind("chinchila"); }), HasSubstr("did you mean 'chinchilla'"));
  EXPECT_THAT(error_of(ExitCode::usage, [] { (void)published_law("hoffman2022"); }),
              HasSubstr("did you mean 'hoffmann2022'"));
}

TEST(Laws, EveryPublishedSetHasASourceAndEveryConstant) {
  for (const Law& law : published_laws()) {
    EXPECT_EQ(law.values.size(), law_form(law.kind).parameters.size()) << law.name;
    EXPECT_THAT(law.source, HasSubstr("arXiv")) << law.name;
  }
}

}  // namespace
}  // namespace scalelaw
