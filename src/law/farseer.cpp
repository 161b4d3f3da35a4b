// exp(a3 N^gamma + b3) + exp(a2 N^beta + b2) D^-exp(a1 N^alpha + b1): Li et al. 2025, "Predictable Scale: Part II,
// Farseer", arXiv 2506.10972, eq. 3. The loss that endless data leave, and the amplitude and the exponent of what data
// take off it, each change with N as a stretched exponential: their logarithms are a N^power + b with a power of either
// sign.
#include <array>
#include <cmath>

#include "law/form.hpp"
#include "law/least_loss.hpp"
#include "law/stretched.hpp"

namespace scalelaw::inline law::farseer_law {
namespace {

struct Farseer {
  Stretch exponent, amplitude, rest;
};
constexpr std::size_t kExponent = 0, kAmplitude = 3, kRest = 6;  // the first constant of each

Farseer named(LawValues v) {
  const auto stretch = [&](std::size_t at) { return Stretch{.a = v[at], .power = v[at + 1], .b = v[at + 2]}; };
  return {.exponent = stretch(kExponent), .amplitude = stretch(kAmplitude), .rest = stretch(kRest)};
}

// With f1, f2, f3 = a N^power + b of the exponent, the amplitude and the rest, k = exp(f1) and y = ln D the loss is
// p + q, p = exp(f3) and q = exp(f2 - k y). So d/df3 = p, d/df2 = q, d/df1 = -k y q, and of each f: d/da = N^power,
// d/dpower = a N^power ln N, d/db = 1.
double evaluate(LawValues v, const LawPoint& p, std::span<double> gradient) {
  const Farseer c = named(v);
  const double x = std::log(p.params), y = std::log(p.tokens);
  const std::array<Stretch, 3> functions = {c.exponent, c.amplitude, c.rest};
  std::array<double, 3> power{}, f{};
  for (std::size_t i = 0; i < functions.size(); ++i) {
    power[i] = std::exp(functions[i].power * x);
    f[i] = functions[i].a * power[i] + functions[i].b;
  }
  const double fall = std::exp(f[0]) * y, data = std::exp(f[1] - fall), rest = std::exp(f[2]);
  if (!gradient.empty()) {
    const std::array<double, 3> slope = {-fall * data, data, rest};
    for (std::size_t i = 0; i < functions.size(); ++i) {
      gradient[3 * i] = slope[i] * power[i];
      gradient[3 * i + 1] = slope[i] * functions[i].a * power[i] * x;
      gradient[3 * i + 2] = slope[i];
    }
  }
  return rest + data;
}

// The constants that make it chinchilla's law near the middle of the points: there ln(E + A/N^alpha) has the slope
// -alpha s against ln N and the curvature alpha^2 s (1 - s), s = A N^-alpha/(E + A N^-alpha), so that its power is
// -alpha (1 - s); f1 = ln beta and f2 = ln B, which would be without slope and their powers without effect. So they
// take a slope of one sign or the other, the same for the data's term as a whole at the middle, and powers of either.
std::vector<std::vector<double>> starts(LawValues chinchilla, const std::vector<LawPoint>& points) {
  const auto count = static_cast<double>(points.size());
  double x = 0, y = 0;
  for (const LawPoint& p : points) {
    x += std::log(p.params) / count;
    y += std::log(p.tokens) / count;
  }
  const double alpha = chinchilla[3], beta = chinchilla[4], log_b = std::log(chinchilla[2]);
  const double of_params = chinchilla[1] * std::exp(-alpha * x), all = chinchilla[0] + of_params;
  const double share = of_params / all;
  const Stretch rest = natural({.slope = -alpha * share, .power = -alpha * (1 - share), .level = std::log(all)}, x);
  std::vector<std::vector<double>> found;
  for (const double slope : {-0.1, 0.1}) {
    for (const double first : {-0.3, 0.3}) {
      for (const double second : {-0.3, 0.3}) {
        const Stretch falls = natural({.slope = slope, .power = first, .level = std::log(beta)}, x);
        const Stretch data = natural({.slope = slope * beta * y, .power = second, .level = log_b}, x);
        found.push_back({falls.a, falls.power, falls.b, data.a, data.power, data.b, rest.a, rest.power, rest.b});
      }
    }
  }
  return found;
}

// There is no closed form: the least loss with more on both sides, among models of 0.01 to a million tokens a
// parameter. Beyond a hump the loss falls again with N whatever D is, as no model's does: exp(a3 N^gamma) with a3 < 0
// and gamma > 0 has no floor.
double optimal_params(LawValues v, double flops) {
  constexpr double kFewest = 1e-2, kMost = 1e6;
  constexpr int kCells = 120;
  const double low = 0.5 * std::log(flops / (6 * kMost)), high = 0.5 * std::log(flops / (6 * kFewest));
  const auto loss = [&](double log_params) {
    const double params = std::exp(log_params);
    return evaluate(v, LawPoint{.params = params, .tokens = flops / (6 * params)}, {});
  };
  return std::exp(valley_of_scan(loss, low, (high - low) / kCells, kCells));
}

// Where a fit may put the slope and the level of each function at the points' mean (law/stretched.hpp).
Constant bounded(Constant constant, double lower, double upper, double max_step) {
  constant.lower = lower;
  constant.upper = upper;
  constant.max_step = max_step;
  return constant;
}

std::vector<Constant> constants() {
  return {bounded(real_number("a1", {}), -3, 3, 0.25),
          signed_exponent("alpha", {}),
          bounded(real_number("b1", Quantity::tokens), std::log(1e-4), std::log(5), 0.5),
          bounded(real_number("a2", {}), -60, 60, 4),
          signed_exponent("beta", {}),
          bounded(real_number("b2", Quantity::tokens), -200, 400, 4),
          bounded(real_number("a3", Quantity::params), -5, 5, 0.25),
          signed_exponent("gamma", Quantity::params),
          real_number("b3", Quantity::params)};
}

}  // namespace

LawForm form() {
  return {.formula = "exp(a3 N^gamma + b3) + exp(a2 N^beta + b2) D^-exp(a1 N^alpha + b1)",
          .constants = constants(),
          .coordinates = Coordinates::stretched,
          .evaluate = evaluate,
          .limit = LimitLaw{.law = LawKind::chinchilla, .starts = starts},
          .optimal_params = optimal_params};
}

}  // namespace scalelaw::inline law::farseer_law
