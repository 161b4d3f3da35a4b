// Every option of scalelaw fit changes what it says, and only that; wrong ones end with the right code.
#include "fit/fixtures.hpp"
#include "law/critical_batch.hpp"
#include "program.hpp"

namespace scalelaw {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class FitOption : public testing::Test {
 protected:
  void SetUp() override {
    points_ = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 7, 8, 0.01, 1);
    for (std::size_t i = 0; i < points_.size(); ++i) {
      points_[i].loss_stderr = 0.01 * (1 + static_cast<double>(i % 4));
      points_[i].group = fmt::format("g{}", i % 12);
      points_[i].run = fmt::format("r{}", i);
    }
    write(points_, "runs.csv");
  }
  void write(const std::vector<Observation>& points, const std::string& name) const {
    write_file_atomic(folder_ / name, observations_csv(points));
  }
  [[nodiscard]] ProgramResult run(const std::string& arguments) const { return run_scalelaw(folder_, arguments); }
  [[nodiscard]] Json fit(const std::string& arguments) const { return run("fit " + arguments + " --json -").json(); }
  [[nodiscard]] static double param(const Json& r, const char* name) { return r.at("params").at(name); }

  TempFolder folder_;
  std::vector<Observation> points_;
};

TEST_F(FitOption, LawTakesEveryLaw) {
  std::vector<Observation> points = points_;
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].unique_tokens = points[i].tokens / (1 + static_cast<double>(i % 4));
    points[i].batch_tokens = 4096;
  }
  write(points, "all.csv");
  std::vector<Observation> optima;  // one size at each budget
  for (std::size_t i = 3; i < points.size(); i += 7) optima.push_back(points[i]);
  write(optima, "optimal.csv");
  run("fit all.csv --law optimal").expect_error(3, "only one of two sizes can be the best there");
  const std::map<std::string, std::vector<std::string>> keys = {
      {"chinchilla", {"A", "B", "E", "alpha", "beta"}},
      {"outer", {"A", "B", "E", "alpha", "beta", "k"}},
      {"kaplan", {"Dc", "Nc", "alphaD", "alphaN"}},
      {"power-n", {"X", "alpha"}},
      {"power-d", {"X", "alpha"}},
      {"power-c", {"X", "alpha"}},
      {"kaplan-steps", {"Nc", "Sc", "alphaN", "alphaS"}},
      {"data-constrained", {"A", "B", "E", "R_D", "R_N", "alpha", "beta"}},
      {"data-overfitting", {"A", "B", "E", "P", "alpha", "beta", "delta", "kappa"}},
      {"overtraining", {"A", "B", "E", "eta"}},
      {"farseer", {"a1", "a2", "a3", "alpha", "b1", "b2", "b3", "beta", "gamma"}},
      {"optimal", {"coefficient", "exponent"}}};
  for (const auto& [law, names] : keys) {
    const char* file = law == "optimal" ? "optimal.csv" : "all.csv";
    const ProgramResult o = run(fmt::format("fit {} --law {} --objective log-mse --json -", file, law));
    const Json r = Json::parse(o.out);
    EXPECT_EQ(r.at("law"), law);
    std::vector<std::string> found;
    for (const auto& [name, value] : r.at("params").items()) found.push_back(name);
    EXPECT_EQ(found, names) << law;
    const std::string status = r.at("convergence").at("status");
    EXPECT_EQ(o.code, status == "converged" || status == "at_bound" ? 0 : 3) << law;
  }
}

TEST_F(FitOption, MethodAndCurve) {
  const Json parabola = fit("runs.csv --method isoflop"), makima = fit("runs.csv --method isoflop --curve makima");
  EXPECT_EQ(parabola.at("method"), "isoflop");
  EXPECT_EQ(parabola.at("curve"), "parabola");
  EXPECT_EQ(makima.at("curve"), "makima");
  EXPECT_NE(parabola.at("derived").at("a"), makima.at("derived").at("a"));
  EXPECT_TRUE(makima.at("budgets")[0].at("parabola")[2].is_null()) << "makima has no curvature";
  EXPECT_EQ(parabola.at("budgets").size(), 5U);
  EXPECT_TRUE(parabola.at("budgets")[0].at("sizes").contains("center"));
  EXPECT_EQ(fit("runs.csv --method envelope").at("law"), "optimal");
}

TEST_F(FitOption, ObjectiveAndDelta) {
  const Json huber = fit("runs.csv"), squares = fit("runs.csv --objective log-mse"),
             plain = fit("runs.csv --objective mse");
  EXPECT_EQ(squares.at("objective").at("kind"), "log-mse");
  EXPECT_NE(param(huber, "alpha"), param(squares, "alpha"));
  EXPECT_NE(param(plain, "alpha"), param(squares, "alpha"));
  // With delta beyond every residual Huber's function is half the square.
  const Json wide = fit("runs.csv --delta 10");
  EXPECT_EQ(wide.at("objective").at("delta"), 10);
  EXPECT_NEAR(param(wide, "alpha") / param(squares, "alpha"), 1, 1e-9);
  EXPECT_NEAR(2 * wide.at("objective").at("value").get<double>() / squares.at("objective").at("value").get<double>(), 1,
              1e-9);
}

TEST_F(FitOption, WeightsFollowTheStandardErrors) {
  const Json plain = fit("runs.csv"), weighted = fit("runs.csv --weights stderr");
  EXPECT_EQ(plain.at("weights"), "none");
  EXPECT_EQ(weighted.at("weights"), "stderr");
  EXPECT_NE(param(plain, "alpha"), param(weighted, "alpha"));
  auto points = points_;  // the same weights by hand
  for (Observation& o : points) o.weight = std::pow(o.loss_nats / *o.loss_stderr, 2);
  write(points, "weights.csv");
  EXPECT_NEAR(param(fit("weights.csv"), "alpha") / param(weighted, "alpha"), 1, 1e-7);
  points[3].loss_stderr.reset();
  write(points, "missing.csv");
  run("fit missing.csv --weights stderr").expect_error(3, "run r3: loss_stderr is missing");
  run("fit runs.csv --weights variance").expect_error(2, "--weights");
}

TEST_F(FitOption, JackknifeLeavesOutEachBudget) {
  const Json j = fit("runs.csv --jackknife").at("jackknife");
  EXPECT_EQ(j.at("budgets").size(), 5U);
  EXPECT_EQ(j.at("budgets")[0].at("left_out"), 7);
  EXPECT_GT(j.at("se").at("a").get<double>(), 0);
  EXPECT_LT(j.at("ci95").at("a")[0].get<double>(), j.at("ci95").at("a")[1].get<double>());
  EXPECT_THAT(run("fit runs.csv --jackknife --method isoflop").out, HasSubstr("without budget"));
  EXPECT_FALSE(fit("runs.csv").contains("jackknife"));
}

TEST_F(FitOption, BootstrapResampleAndSeed) {
  EXPECT_FALSE(fit("runs.csv --bootstrap 0").contains("bootstrap"));
  std::map<std::string, double> se;
  for (const char* resample : {"runs", "groups", "parametric"}) {
    const Json r = fit(fmt::format("runs.csv --bootstrap 60 --resample {}", resample));
    EXPECT_EQ(r.at("bootstrap").at("resample"), resample);
    EXPECT_EQ(r.at("bootstrap").at("replicates"), 60);
    EXPECT_EQ(r.at("bootstrap").at("draws").size(), 60U) << "the joint cloud";
    EXPECT_EQ(r.at("bootstrap").at("parameters"), Json({"E", "A", "B", "alpha", "beta"}));
    EXPECT_EQ(r.at("bootstrap").at("draws")[0].size(), 5U);
    se[resample] = r.at("bootstrap").at("derived").at("a").at("se");
  }
  EXPECT_NE(se.at("runs"), se.at("groups"));
  EXPECT_NE(se.at("runs"), se.at("parametric"));
  const auto draws = [&](const char* seed) {
    return fit(fmt::format("runs.csv --bootstrap 20 {}", seed)).at("bootstrap").at("draws");
  };
  EXPECT_EQ(draws("--seed 7"), draws("--seed 7"));
  EXPECT_NE(draws("--seed 7"), draws("--seed 8"));
  EXPECT_EQ(draws(""), draws("--seed 2")) << "the default seed";
}

TEST_F(FitOption, FixHoldsParametersAndMayBeRepeated) {
  const Json r = fit("runs.csv --fix alpha=0.3 --fix E=1.05");
  EXPECT_EQ(param(r, "alpha"), 0.3);
  EXPECT_EQ(param(r, "E"), 1.05);
  EXPECT_FALSE(r.at("identifiability").contains("alpha"));
  EXPECT_NE(param(r, "beta"), param(fit("runs.csv"), "beta"));
}

TEST_F(FitOption, OffsetAddsATermToPowerLaws) {
  std::vector<Observation> points = points_;
  for (Observation& o : points) o.loss_nats = 1.3 + std::pow(1e7 / o.params, 0.3);
  write(points, "power.csv");
  const Json with = fit("power.csv --law power-n --offset"), without = fit("power.csv --law power-n");
  EXPECT_NEAR(param(with, "E"), 1.3, 1e-6);
  EXPECT_FALSE(without.at("params").contains("E"));
  run("fit runs.csv --offset").expect_error(2, "power-n");
}

TEST_F(FitOption, StartsAndMaxEvaluations) {
  const Json projection = fit("runs.csv"), grid = fit("runs.csv --starts grid"),
             law = fit("runs.csv --starts hoffmann2022");
  EXPECT_LE(projection.at("convergence").at("starts"), 6);
  EXPECT_EQ(grid.at("convergence").at("starts"), 4500);
  EXPECT_EQ(law.at("convergence").at("starts"), 1);
  EXPECT_NEAR(param(grid, "alpha") / param(projection, "alpha"), 1, 1e-7);
  const ProgramResult stopped = run("fit runs.csv --max-evaluations 2 --json -");
  EXPECT_EQ(stopped.code, 3);
  EXPECT_EQ(Json::parse(stopped.out).at("convergence").at("status"), "stalled");
  EXPECT_THAT(stopped.err, HasSubstr("stalled"));
  run("fit runs.csv --max-evaluations 0").expect_error(2, "--max-evaluations");
  run("fit runs.csv --starts kaplan2020-joint").expect_error(2, "kaplan");
}

TEST_F(FitOption, DropHighest) {
  const Json r = fit("runs.csv --drop-highest 3");
  EXPECT_EQ(r.at("n"), 32);
  EXPECT_EQ(r.at("dropped"), 3);
  run("fit runs.csv --drop-highest -1").expect_error(2, "--drop-highest");
}

TEST_F(FitOption, HoldoutAbove) {
  const Json h = fit("runs.csv --holdout-above 5e14").at("holdout");
  EXPECT_EQ(h.at("n"), 7);
  EXPECT_EQ(h.at("points").size(), 7U);
  EXPECT_LT(h.at("rms_log_error").get<double>(), h.at("baseline_rms_log_error").get<double>());
  EXPECT_TRUE(h.at("noise").is_null()) << "no seeds, no noise to compare with";
  run("fit runs.csv --holdout-above -3").expect_error(2, "--holdout-above");
}

TEST_F(FitOption, CriticalBatchBelongsToKaplansSteps) {
  std::vector<Observation> points = points_;
  for (std::size_t i = 0; i < points.size(); ++i) points[i].batch_tokens = 1024 << (i % 5);
  write(points, "steps.csv");
  const Json small = fit("steps.csv --law kaplan-steps --critical-batch 1e3");
  const Json large = fit("steps.csv --law kaplan-steps --critical-batch 1e7");
  const Json other = fit("steps.csv --law kaplan-steps --critical-batch 1e3 --critical-batch-alpha 0.5");
  EXPECT_NE(param(small, "alphaS"), param(large, "alphaS"));
  EXPECT_NE(param(small, "alphaS"), param(other, "alphaS"));
  run("fit runs.csv --law kaplan-steps").expect_error(3, "needs the optimizer steps");
  run("fit runs.csv --critical-batch 1e5").expect_error(2, "belongs to --law kaplan-steps");
  run("fit steps.csv --law kaplan-steps --critical-batch 0").expect_error(2, "--critical-batch");
}

TEST_F(FitOption, AWordThatIsNoUnitIsAnsweredWithTheUnits) {
  run("fit runs.csv --loss-unit bit").expect_error(2, "{nats,bits,perplexity,bits-per-byte,bits_per_byte}");
}

TEST_F(FitOption, OptionsThatWouldBeIgnoredAreRefused) {
  run("fit runs.csv --method isoflop --law kaplan").expect_error(2, "--law: belongs to --method parametric");
  run("fit runs.csv --method envelope --fix alpha=1").expect_error(2, "--fix");
  run("fit runs.csv --method isoflop --starts grid").expect_error(2, "--starts");
  run("fit runs.csv --curve makima").expect_error(2, "--curve");
  run("fit runs.csv --curves").expect_error(2, "--curves: belongs to --method envelope");
  run("fit runs.csv --method envelope --bootstrap 10 --resample parametric").expect_error(2, "--resample");
}

TEST_F(FitOption, PointsCountedInDifferentWaysAreNotPooled) {
  std::string text = "convention,flops,params\n";
  for (const auto& [name, slope] : {std::pair("ours", 0.5), std::pair("theirs", 0.7)}) {
    for (int i = 0; i < 5; ++i)
      text += fmt::format("{},{},{}\n", name, 1e18 * std::pow(2, i), 1e8 * std::pow(2, slope * i));
  }
  write_file_atomic(folder_ / "optima.csv", text);
  const Json fits = fit("optima.csv --law optimal");
  EXPECT_EQ(fits.at("schema"), "scalelaw.fits/1");
  ASSERT_EQ(fits.at("fits").size(), 2U);
  EXPECT_EQ(fits.at("fits")[0].at("counted"), "ours");
  EXPECT_NEAR(fits.at("fits")[0].at("derived").at("a").get<double>(), 0.5, 1e-9);
  EXPECT_NEAR(fits.at("fits")[1].at("derived").at("a").get<double>(), 0.7, 1e-9);
  EXPECT_THAT(run("fit optima.csv --law optimal").out, AllOf(HasSubstr("== ours =="), HasSubstr("== theirs ==")));
  run("fit optima.csv").expect_error(3, "needs a column 'loss'");
}

TEST_F(FitOption, AllHoldsEveryApproachWithIntervals) {
  const Json fits = fit("runs.csv --all --bootstrap 40");
  ASSERT_EQ(fits.at("fits").size(), 4U);
  for (const Json& r : fits.at("fits")) {
    for (const char* name : {"a", "b"}) {
      const Json& item = r.at("bootstrap").at("derived").at(name);
      EXPECT_LE(item.at("ci95")[0].get<double>(), item.at("ci95")[1].get<double>());
    }
  }
  const std::string out = run("fit runs.csv --all --bootstrap 40").out;
  EXPECT_THAT(out, AllOf(HasSubstr("1 envelope"), HasSubstr("2 isoflop, parabola"), HasSubstr("2 isoflop, makima"),
                         HasSubstr("3 parametric"), HasSubstr("a: N* ~ C^a"), HasSubstr(" [")));
}

TEST_F(FitOption, CurvesFillTheEnvelope) {
  std::string text = "run,params,tokens,loss,lr\n";
  const auto add = [&](const std::string& name, double params, double tokens, bool decays) {
    for (int i = 1; i <= 100; ++i) {
      const double t = i / 100.0, d = tokens * t;
      text += fmt::format("{},{},{},{},{}\n", name, params, d, predict_loss(test::tiny_law(), Scale{params, d}),
                          decays ? 0.5 * (1 + std::cos(3.141592653589793 * t)) : 1.0);
    }
  };
  for (int k = 0; k < 30; ++k) {
    const double params = 2e4 * std::pow(1.3, k);
    add(fmt::format("c{}", k), params, 40 * params, true);
  }
  write_file_atomic(folder_ / "curves.csv", text);
  const Json curves = fit("curves.csv --method envelope --curves --bootstrap 40");
  EXPECT_EQ(curves.at("curves"), true);
  EXPECT_GT(curves.at("n"), 200);
  EXPECT_EQ(curves.at("bootstrap").at("resample"), "groups") << "whole curves are drawn";
  EXPECT_NEAR(curves.at("derived").at("a").get<double>(), 0.5, 0.05);  // sizes and tokens in one ratio
  const Json all = fit("curves.csv --all --curves");
  ASSERT_EQ(all.at("fits").size(), 5U);
  EXPECT_EQ(all.at("fits")[0].at("n"), 30) << "final losses alone";
  EXPECT_GT(all.at("fits")[1].at("n"), 200);
  add("trunk", 1e6, 1e8, false);
  write_file_atomic(folder_ / "trunk.csv", text);
  EXPECT_THAT(run("fit trunk.csv --method envelope --curves").out,
              HasSubstr("left out: trunk: its learning rate never"));
  write_file_atomic(folder_ / "norate.csv", "run,params,tokens,loss\na,1e6,1e8,3\na,1e6,2e8,2.9\n");
  run("fit norate.csv --method envelope --curves").expect_error(3, "learning rate (column lr)");
}

TEST_F(FitOption, UnusableDataGetTheirStatusOrALine) {
  const auto status = [&](const std::vector<Observation>& points, const std::string& options = "") {
    write(points, "case.csv");
    const ProgramResult o = run("fit case.csv --json - " + options);
    EXPECT_EQ(o.code, 3) << o.out;
    EXPECT_THAT(o.err, testing::StartsWith("error: the fit is "));
    return Json::parse(o.out).at("convergence").at("status").get<std::string>();
  };
  EXPECT_EQ(status({points_.begin(), points_.begin() + 4}), "too_few_points");
  EXPECT_EQ(status({points_.begin(), points_.begin() + 6}), "too_few_points") << "parameters + 2 are needed";
  EXPECT_EQ(status(std::vector<Observation>(12, points_[3])), "design") << "copies of one point";
  // All runs at one D/N: N and D cannot be told apart. Either the solver has no proof of a minimum, or the profiles say
  // that parameters are not identified.
  std::vector<Observation> ratio;
  for (int i = 0; i < 20; ++i) {
    Observation o;
    o.params = 1e4 * std::pow(1.5, i);
    o.tokens = 20 * o.params;
    o.flops = 6 * o.params * o.tokens;
    o.loss_nats = predict_loss(test::tiny_law(), o.scale()) * (1 + 0.01 * std::sin(7.0 * i));
    ratio.push_back(o);
  }
  write(ratio, "ratio.csv");
  const ProgramResult o = run("fit ratio.csv --json -");
  const Json r = Json::parse(o.out);
  bool open = r.at("convergence").at("status") != "converged";
  if (r.contains("identifiability")) {
    for (const auto& [name, item] : r.at("identifiability").items()) open = open || !item.at("identified").get<bool>();
  }
  EXPECT_TRUE(open) << o.out;
  // Duplicates among good points are points like any other.
  auto twice = points_;
  twice.insert(twice.end(), points_.begin(), points_.end());
  write(twice, "twice.csv");
  EXPECT_NEAR(param(fit("twice.csv"), "alpha") / param(fit("runs.csv"), "alpha"), 1, 1e-7);
  for (const char* bad : {"0", "-1", "bad"}) {
    write_file_atomic(folder_ / "bad.csv", fmt::format("params,tokens,loss\n1e6,1e8,3\n2e6,1e8,{}\n", bad));
    run("fit bad.csv").expect_error(3, "row 3: column 'loss'");
  }
  write_file_atomic(folder_ / "bad.csv", "params,tokens,loss\n1e6,1e8,nan\n2e6,1e8,\n");
  run("fit bad.csv").expect_error(3, "row 2: column 'loss' is nan; none of its 2 rows can be used");
  run("fit none.csv").expect_error(3, "none.csv: there is no such file");
  run("fit").expect_error(2, "input");
}

TEST_F(FitOption, ReferenceAnswersFromEachKindOfStart) {
  const std::string besiroglu = "'" + std::filesystem::absolute(test::besiroglu_points()).string() + "'";
  for (const char* starts : {"grid", "projection", "hoffmann2022"}) {
    const Json r = fit(fmt::format("{} --drop-highest 5 --starts {}", besiroglu, starts));
    EXPECT_NEAR(r.at("objective").at("value").get<double>(), 0.001018274017801, 2e-14) << starts;
    EXPECT_NEAR(r.at("derived").at("a").get<double>(), 0.513900, 1e-6) << starts;
  }
  SCALELAW_NEED_REFERENCE();
  const auto file = [&](const char* name) { return "'" + std::filesystem::absolute(reference / name).string() + "'"; };
  const Json gemstones = fit(file("gemstones_cool_end.csv"));
  EXPECT_NEAR(gemstones.at("objective").at("value").get<double>(), 0.001964086431185, 2e-14);
  const Json decays = fit(file("data_constrained_muennighoff2023.csv") +
                          " --law data-constrained --starts muennighoff2023 --fix A=520.82495 --fix B=1487.71609 "
                          "--fix E=1.86914368 --fix alpha=0.3526596 --fix beta=0.3526596");
  EXPECT_NEAR(param(decays, "R_D"), 15.37176, 5e-5);
  EXPECT_NEAR(param(decays, "R_N"), 5.31513, 5e-5);
  const Json optima = fit(file("isoflop_optima_three_conventions_nanochat.csv") + " --law optimal").at("fits");
  const std::vector<std::pair<double, double>> slopes = {{.5361, .4889}, {.3745, .5008}, {.6965, .4058}};
  ASSERT_EQ(optima.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(optima[i].at("derived").at("a").get<double>(), slopes[i].first, 5e-5);
    EXPECT_NEAR(optima[i].at("derived").at("b").get<double>(), slopes[i].second, 5e-5);
  }
}

}  // namespace
}  // namespace scalelaw
