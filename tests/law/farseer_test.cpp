// Farseer's law: its functions about a centre, chinchilla as a limit, and its optimum.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "law/least_loss.hpp"
#include "law/optimum.hpp"
#include "law/some_laws.hpp"
#include "law/stretched.hpp"

namespace scalelaw {
namespace {

Law farseer(std::vector<double> values) {
  return {.kind = LawKind::farseer, .values = std::move(values), .name = "", .source = "", .convention = {}};
}

TEST(Stretched, GoesToItsCentreAndBack) {
  for (const Stretch& f : {Stretch{-0.124, 0.123, 0.424}, Stretch{88, -0.1, -5.83}, Stretch{2e4, -0.5, 1}}) {
    for (const double centre : {9.0, 21.0}) {
      const Stretch back = natural(centred(f, centre), centre);
      EXPECT_NEAR(back.a / f.a, 1, 1e-12);
      EXPECT_EQ(back.power, f.power);
      EXPECT_NEAR(back.b / f.b, 1, 1e-11);
      const CentredStretch c = centred(f, centre);
      const auto at = [&](double x) { return f.a * std::exp(f.power * x) + f.b; };
      EXPECT_NEAR(c.level, at(centre), 1e-12 * std::abs(f.b));
      EXPECT_NEAR(c.slope, (at(centre + 1e-4) - at(centre - 1e-4)) / 2e-4, 1e-6 * std::abs(c.slope));
    }
  }
}

TEST(Stretched, APowerOfNothingIsAStraightLine) {
  const Stretch f = natural({.slope = -0.3, .power = 0, .level = 2}, 20);
  for (const double x : {17.0, 20.0, 23.0}) {
    EXPECT_NEAR(f.a * std::exp(f.power * x) + f.b, 2 - 0.3 * (x - 20), 1e-6);
  }
}

// Without a change of the exponent and the amplitude with N, and with gamma < 0, it is a power law of D beside
// exp(b3 + a3 N^gamma): E + A/N^alpha with b3 = ln E, a3 = A/E as long as A/N^alpha is small beside E.
TEST(Farseer, IsChinchillaWhereNothingInteracts) {
  const Law& chinchilla = published_law("besiroglu2024");
  const double E = chinchilla.value("E"), A = chinchilla.value("A");
  const Law law = farseer({0, 0.3, std::log(chinchilla.value("beta")), 0, -0.2, std::log(chinchilla.value("B")), A / E,
                           -chinchilla.value("alpha"), std::log(E)});
  for (const double n : {1e12, 1e14}) {
    for (const double d : {1e9, 1e12}) {
      const double small = A * std::pow(n, -chinchilla.value("alpha")) / E;
      EXPECT_NEAR(predict_loss(law, Scale{n, d}) / predict_loss(chinchilla, Scale{n, d}), 1, 0.51 * small * small);
    }
  }
}

TEST(Farseer, ItsOptimumIsTheLeastLossOfAGrid) {
  for (const double flops : {1e18, 1e21, 1e24}) {
    const Law law = farseer(farseer_like());
    const Optimum best = compute_optimal(law, flops);
    double least = std::numeric_limits<double>::infinity(), params = 0;
    for (double x = 0.5 * std::log(flops / 6e5); x < 0.5 * std::log(flops / 120); x += 2e-4) {
      const double loss = predict_loss(law, Scale{std::exp(x), flops / (6 * std::exp(x))});
      if (loss < least) least = loss, params = std::exp(x);
    }
    EXPECT_NEAR(std::log(best.scale.params / params), 0, 3e-4) << flops;
    EXPECT_LE(best.loss_nats, least) << flops;
  }
  // Tokens per parameter of the optimum rise with the budget, which no power law of one exponent has.
  const auto ratio = [](double flops) {
    const Scale s = compute_optimal(farseer(farseer_like()), flops).scale;
    return s.tokens / s.params;
  };
  EXPECT_GT(ratio(1e22), 1.5 * ratio(1e21));
  EXPECT_GT(ratio(1e24), 5 * ratio(1e22));
}

TEST(Farseer, ItsOptimumStaysWithinItsLimits) {
  // A loss that falls with N whatever D is has no optimum: the fewest tokens a parameter that are looked at.
  const Optimum edge = compute_optimal(farseer({0, 0.3, std::log(1e-4), 0, 0.3, -20, 10, -0.2, 0}), 1e20);
  EXPECT_NEAR(std::log(edge.scale.tokens / edge.scale.params), std::log(1e-2), 0.01);
}

TEST(LeastOfScan, FindsTheLowerOfTwoMinimaAndPassesOverNumbersThatAreNone) {
  const auto two = [](double x) {
    if (x > 3) return std::numeric_limits<double>::quiet_NaN();
    return std::min((x + 2) * (x + 2), 0.5 * (x - 1) * (x - 1) - 0.1);
  };
  EXPECT_NEAR(least_of_scan(two, -5, 0.1, 100), 1, 1e-7);
  EXPECT_NEAR(valley_of_scan(two, -5, 0.1, 100), 1, 1e-7);
  const auto falls = [](double x) { return -x; };
  EXPECT_NEAR(valley_of_scan(falls, 0, 0.1, 10), 1, 1e-6);
  const auto cliff = [](double x) { return x < 2 ? x * x : -x; };
  EXPECT_NEAR(valley_of_scan(cliff, -5, 0.1, 100), 0, 1e-7);
  EXPECT_NEAR(least_of_scan(cliff, -5, 0.1, 100), 5, 1e-6);
}

}  // namespace
}  // namespace scalelaw
