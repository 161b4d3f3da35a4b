// How often each verdict comes out where the truth is known.
#include <gtest/gtest.h>

#include "core/parallel.hpp"
#include "inference/compare.hpp"
#include "inference/surface.hpp"

namespace scalelaw {
namespace {

using Shares = std::map<std::string, std::map<std::string, double>>;  // exponent -> verdict -> share

Shares verdicts(const std::vector<Observation>& design, const Law& first, const Law& second, double noise,
                std::size_t count, std::uint64_t seed) {
  std::vector<Comparison> all(count);
  parallel_for(count, 2, [&](std::size_t i) {
    CompareOptions options;
    options.studies = 200;
    options.seed = seed + i;
    options.fit.bootstrap.seed = seed + i;
    options.fit.profile = false;
    options.fit.bootstrap.resample = Resample::parametric;
    all[i] = compare_observations("a", simulate_points(design, first, {.sd = noise}, seed, 2 * i), "b",
                                  simulate_points(design, second, {.sd = noise}, seed, 2 * i + 1), options);
  });
  Shares shares;
  for (const Comparison& c : all) {
    for (const ExponentComparison& e : c.exponents)
      shares[e.name][std::string(name_of(e.verdict.value()))] += 1 / static_cast<double>(count);
  }
  return shares;
}

TEST(MarginCalibration, EqualLawsAreSeldomDifferentAndOftenEquivalentWhereTheNoiseAllows) {
  constexpr std::size_t kCount = 400;  // standard error of 5 %: 1.1 %
  Shares shares = verdicts(tiny_points(), tiny_law(), tiny_law(), 0.001, kCount, 1);
  for (auto& [name, share] : shares) {
    for (const auto& [verdict, rate] : share) RecordProperty(name + "_" + verdict, std::to_string(rate));
    EXPECT_LE(share["different"], 0.11) << name;
  }
  for (const char* name : {"alpha", "beta", "a"}) EXPECT_GE(shares[name]["equivalent"], 0.80) << name;
}

TEST(MarginCalibration, ATrueDifferenceOfAFifthIsFoundAndNeverEquivalent) {
  constexpr std::size_t kCount = 400;
  Shares shares = verdicts(tiny_points(), tiny_law(0.35, 0.30), tiny_law(0.35, 0.36), 0.001, kCount, 2);
  for (auto& [name, share] : shares) {
    for (const auto& [verdict, rate] : share) RecordProperty(name + "_" + verdict, std::to_string(rate));
  }
  EXPECT_GE(shares["beta"]["different"], 0.95);
  EXPECT_LE(shares["beta"]["equivalent"], 0.01);
}

TEST(MarginCalibration, LossSlopesAreFoundDifferentToo) {
  // Slopes of the loss are small numbers: an absolute margin of 0.05 called every pair of them equivalent.
  constexpr std::size_t kCount = 200;
  Shares shares = verdicts(tiny_isoflop(), tiny_law(0.35, 0.30), tiny_law(0.28, 0.24), 0.001, kCount, 3);
  for (auto& [name, share] : shares) {
    for (const auto& [verdict, rate] : share) RecordProperty(name + "_" + verdict, std::to_string(rate));
  }
  EXPECT_GE(shares["loss_slope"]["different"], 0.90);
  EXPECT_LE(shares["loss_slope"]["equivalent"], 0.02);
}

}  // namespace
}  // namespace scalelaw
