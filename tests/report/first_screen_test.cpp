// What the report says before anybody scrolls.
#include "report/first_screen.hpp"

#include <gmock/gmock.h>

#include "analysis/answer.hpp"
#include "analysis/doubts.hpp"
#include "report/figures_answer.hpp"
#include "report/synthetic.hpp"

namespace scalelaw {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

/// The toy study with a choice between chinchilla and outer; `p` of the test of the one against the other.
Analysis with_choice(double p) {
  Analysis a = test::toy_analysis();
  a.parametric.law = a.parametric.fitted.kind = LawKind::outer;
  a.parametric.fitted.values.push_back(0.4);
  for (auto& draw : a.parametric.bootstrap.draws) draw.push_back(0.4);
  LawChoice choice;
  choice.candidates.resize(2);
  choice.candidates[0].fit = test::toy_analysis().parametric;
  choice.candidates[1] = {.fit = a.parametric, .parameters = 6, .rms = 0.002, .largest = {5, 0.003, 0.001}};
  choice.chosen = 1;
  choice.tests = {{.simple = LawKind::chinchilla,
                   .wide = LawKind::outer,
                   .constant = "k",
                   .held = 1,
                   .estimate = 0.4,
                   .statistic = 30,
                   .draws = 500,
                   .p = p,
                   .noise = ""}};
  choice.reason = "because";
  a.choice = choice;
  return a;
}

TEST(FirstScreen, TheSentenceGivesTheAllocationWithItsIntervals) {
  const Analysis a = test::toy_analysis();
  EXPECT_THAT(answer_sentence(a), AllOf(HasSubstr("9×10¹¹ FLOPs"), HasSubstr("N* = 30k [20k, 40k] parameters"),
                                        HasSubstr("D* = 5M [4M, 6M] tokens"), HasSubstr("L* = 2.100 nats")));
  const std::string html = first_screen(a, {answer_figure(a)});
  EXPECT_THAT(html, AllOf(HasSubstr("30k"), HasSubstr("20k to 40k"), HasSubstr("4M to 6M"), HasSubstr("no interval"),
                          HasSubstr("id=\"plot_answer\""), HasSubstr("What not to trust")));
}

TEST(FirstScreen, NamesTheLawThatAnswersAndTheOneRejected) {
  const Analysis rejected = with_choice(0.004), kept = with_choice(0.4);
  const std::string outer = "this follows from the law outer, L = E + (A/N^alpha + B/D^beta)^k";
  EXPECT_THAT(
      answer_sentence(rejected),
      AllOf(HasSubstr(outer), HasSubstr("because the points reject chinchilla, L = E + A/N^alpha + B/D^beta.")));
  EXPECT_THAT(doubts(rejected),
              Contains(HasSubstr("The points reject chinchilla: it needs k = 1, they say 0.400 (p = 0.004).")));
  EXPECT_THAT(answer_sentence(kept), AllOf(HasSubstr(outer), HasSubstr("do not reject")));
  EXPECT_THAT(doubts(kept), Not(Contains(HasSubstr("The points reject"))));
  EXPECT_THAT(doubts(with_choice(1.0 / 501)), Contains(HasSubstr("(p < 0.003)")));
}

TEST(FirstScreen, ScoresTheForecastOfTheLargestBudget) {
  Analysis a = with_choice(0.004);
  EXPECT_THAT(forecast_sentence(a), HasSubstr("predicts its 5 losses 0.30 % off"));
  EXPECT_THAT(first_screen(a, {}), HasSubstr("<strong>Check.</strong>"));
  a.parametric.holdout = {
      .above_flops = 1e11,
      .n = 3,
      .rms_log_error = 0.0123,
      .mean_log_error = -0.01,
      .noise = {},
      .points = {{.params = 1e4, .tokens = 1e6, .flops = 6e10, .loss_nats = 2, .predicted_nats = 2.1}}};
  EXPECT_THAT(forecast_sentence(a), AllOf(HasSubstr("runs of up to 10¹¹ FLOPs"), HasSubstr("3 larger runs held out by "
                                                                                           "1.23 % (mean -1.00 %)")));
  const auto series = answer_figure(a).panels.at(0).series;
  EXPECT_EQ(std::ranges::count(series, std::string("held"), &Series::group), 2) << "measured and predicted";
}

ParametricFit& law_of(Analysis& a) { return std::get<ParametricFit>(a.parametric.by_method); }

TEST(FirstScreen, EveryDoubtHasItsCause) {
  const Analysis plain = test::toy_analysis();
  struct Doubt {
    const char* text;
    void (*cause)(Analysis&);
  };
  for (const auto& [text, cause] : std::vector<Doubt>{
           {"its fit is not converged: stalled",
            [](Analysis& a) { a.parametric.convergence.status = FitStatus::stalled; }},
           {"Losses are simulated", [](Analysis& a) { a.records[0].source = RunSource::simulated; }},
           {"is rejected by its own residuals",
            [](Analysis& a) { law_of(a).goodness.lack_of_fit = LackOfFit{.p = 1e-4}; }},
           {"measured 2.0000 nats, less than the 2.1000",
            [](Analysis& a) {
              a.allocations[0].measured_below = BestMeasured{1e4, 1e6, 6e10, 2.0};
            }},
           {"C 1.41 times above",
            [](Analysis& a) {
              a.allocations[0].outside = {{.quantity = RangeOf::flops, .value = 9e11, .range = {}, .factor = 1.41}};
            }},
           {"At 2 of 4 budgets",
            [](Analysis& a) {
              std::get<IsoflopFit>(a.isoflop.by_method).budgets[0].status = BudgetStatus::not_convex;
            }},
           {"one learning rate was tried", [](Analysis& a) { a.selection.sweeps[0].status = SweepStatus::single; }},
           {"Only 1 model size", [](Analysis& a) { a.selection.observations.resize(1); }},
           {"rest on 1 group",
            [](Analysis& a) {
              a.parametric.bootstrap.resample = Resample::groups;
              for (auto& o : a.selection.observations) o.group = "one";
            }},
           {"share; these runs cannot measure it",
            [](Analysis& a) { a.parametric.bootstrap.resample = Resample::components; }},
           {"take their noise from what the law misses",
            [](Analysis& a) { a.parametric.bootstrap.resample = Resample::parametric; }},
           {"no bootstrap was run", [](Analysis& a) { a.parametric.bootstrap = {}; }},
           {"1 point lies far off the law", [](Analysis& a) { law_of(a).goodness.outliers = 1; }},
           {"does not show whether learning rates were tuned",
            [](Analysis& a) {
              a.table = "points.csv";
              a.selection.sweeps.clear();
            }},
       }) {
    Analysis changed = plain;
    cause(changed);
    EXPECT_THAT(doubts(changed), Contains(HasSubstr(text)));
    EXPECT_THAT(doubts(plain), Not(Contains(HasSubstr(text))));
  }
  EXPECT_THAT(doubts(plain),
              AllOf(Contains(HasSubstr("do not pin down E")), Contains(HasSubstr("Only chinchilla was"))));
}

TEST(FirstScreen, TellsTheCostAndTheCommand) {
  Analysis a = test::toy_analysis();
  a.repeat = "scalelaw study toy/study.toml --out toy-again";
  a.records[0].context.started = "2026-01-01T00:00:00Z";
  a.records[1].context.finished = "2026-01-01T01:03:00Z";
  EXPECT_THAT(cost_sentence(a),
              AllOf(HasSubstr("120 runs with "), HasSubstr("1h 03m from the first start"), HasSubstr("on cpu.")));
  EXPECT_THAT(first_screen(a, {}), HasSubstr("<code>scalelaw study toy/study.toml --out toy-again</code>"));
}

/// The frontier passes through the optimum of each budget, dashed beyond the compute measured.
TEST(AnswerFigure, DrawsTheFrontierOfTheLawToTheAnswer) {
  const Analysis a = test::toy_analysis();
  const Panel panel = answer_figure(a).panels.at(0);
  double farthest = 0;
  for (const Series& s : panel.series) {
    if (s.color != "#1b1f24") continue;
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      // N* = (alpha A / beta B)^(1/(alpha+beta)) (C/6)^(beta/(alpha+beta)): C from N*, and the loss there
      const Law law = test::toy_law();
      const double sum = law.value("alpha") + law.value("beta");
      const double g = std::pow(law.value("alpha") * law.value("A") / (law.value("beta") * law.value("B")), 1 / sum);
      const double flops = 6 * std::pow(s.x[i] / g, sum / law.value("beta"));
      EXPECT_NEAR(s.y[i], predict_loss(law, Scale{s.x[i], flops / (6 * s.x[i])}), 1e-9);
      farthest = std::max(farthest, flops);
    }
  }
  EXPECT_NEAR(farthest / a.allocations[0].flops, 1, 1e-6);
  const auto dashed = std::ranges::count(panel.series, Mark::dashed, &Series::mark);
  EXPECT_EQ(dashed, 1) << "9e11 lies beyond the 6.4e11 measured";
}

}  // namespace
}  // namespace scalelaw
