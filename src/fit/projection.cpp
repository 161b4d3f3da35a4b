#include "fit/projection.hpp"

#include <cmath>

#include "core/newton.hpp"

namespace scalelaw::inline fit {
namespace {

// The amplitudes c >= 0 that minimise F(c) = sum_i w_i (sum_k c_k f_k(i) - t_i)^2.
//
// Legend, for n points and m columns, of which some are held at a given amplitude and p <= 4 are open:
//   w [n]   weights, W = diag(w)                       f_k [n]  column k
//   t [n]   target                                     rest [n] = t - sum over held k of c_k f_k
//   norm_a  [p]    = sqrt(f_a' W f_a)                  a, b run over the open columns
//   gram_ab [p, p] = f_a' W f_b / (norm_a norm_b)      so that amplitudes are in units of their columns, which
//   right_a [p]    = f_a' W rest / norm_a              differ by many decades, and gram has a diagonal of ones
//
// Where only the columns of a set S may be positive and come out so, F is least where its slope along them is 0, which
// are the normal equations of S alone:
//   gram_SS c_S = right_S,    and there    F = rest' W rest - sum over a in S of c_a right_a.
// The minimum over c >= 0 solves those of its own positive amplitudes, and every positive solution is one of the c
// allowed; so the least of the positive solutions over all S is the minimum. With three open columns these are eight
// small systems: an active-set method would visit some of them and need a rule for when to stop. A set whose columns
// depend on one another has no Cholesky factor and is passed over: a smaller one reaches the same sums.
//
// Passes: 1. what the open columns have to make up for; 2. their lengths; 3. gram and right; 4. every set S.
// The normal equations square the condition of the columns, which starts can bear; sim/reanchor.cpp, whose amplitudes
// are the answer, solves the same problem by QR.

// a' W b.
double dot(std::span<const double> w, const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += w[i] * a[i] * b[i];
  return sum;
}

}  // namespace

Projection project(std::span<const double> w, const std::vector<LinearColumn>& columns,
                   const std::vector<double>& target) {
  const std::size_t m = columns.size();
  // 1. What the open columns have to make up for.
  std::vector<double> rest = target;
  for (const LinearColumn& c : columns) {
    if (!c.fixed) continue;
    for (std::size_t i = 0; i < rest.size(); ++i) rest[i] -= *c.fixed * c.f[i];
  }
  std::vector<std::size_t> open;
  for (std::size_t k = 0; k < m; ++k) {
    if (!columns[k].fixed) open.push_back(k);
  }
  // 2. Their lengths.
  std::array<Vector, kMaxFree> gram{};
  Vector right{}, norm{};
  for (std::size_t a = 0; a < open.size(); ++a) {
    norm[a] = std::sqrt(dot(w, columns[open[a]].f, columns[open[a]].f));
    if (!(norm[a] > 0) || !std::isfinite(norm[a])) return {};
  }
  // 3. gram and right.
  for (std::size_t a = 0; a < open.size(); ++a) {
    right[a] = dot(w, columns[open[a]].f, rest) / norm[a];
    for (std::size_t b = 0; b <= a; ++b) {
      gram[a][b] = gram[b][a] = dot(w, columns[open[a]].f, columns[open[b]].f) / (norm[a] * norm[b]);
    }
  }
  // 4. Every set of positive amplitudes.
  const double total = dot(w, rest, rest);
  Projection best;
  for (unsigned set = 0; set < (1U << open.size()); ++set) {
    std::array<Vector, kMaxFree> h{};
    Vector c{};
    std::vector<std::size_t> in;
    for (std::size_t a = 0; a < open.size(); ++a) {
      if ((set >> a) & 1U) in.push_back(a);
    }
    for (std::size_t i = 0; i < in.size(); ++i) {
      c[i] = right[in[i]];
      for (std::size_t j = 0; j < in.size(); ++j) h[i][j] = gram[in[i]][in[j]];
    }
    if (!solve_spd(h, c, in.size())) continue;
    double value = total;
    bool positive = true;
    for (std::size_t i = 0; i < in.size(); ++i) {
      value -= c[i] * right[in[i]];
      positive = positive && c[i] > 0;
    }
    if (!positive || !(value < best.value)) continue;
    best.value = value;
    best.amplitude.assign(m, 0.0);
    for (std::size_t k = 0; k < m; ++k) best.amplitude[k] = columns[k].fixed.value_or(0.0);
    for (std::size_t i = 0; i < in.size(); ++i) best.amplitude[open[in[i]]] = c[i] / norm[in[i]];
  }
  return best;
}

}  // namespace scalelaw::inline fit
