#include "fit/projection.hpp"

#include <cmath>

#include "core/newton.hpp"

namespace scalelaw::inline fit {
namespace {

double dot(std::span<const double> w, const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += w[i] * a[i] * b[i];
  return sum;
}

}  // namespace

Projection project(std::span<const double> w, const std::vector<LinearColumn>& columns,
                   const std::vector<double>& target) {
  const std::size_t m = columns.size();
  std::vector<double> rest = target;
  for (const LinearColumn& c : columns) {
    if (!c.fixed) continue;
    for (std::size_t i = 0; i < rest.size(); ++i) rest[i] -= *c.fixed * c.f[i];
  }
  std::vector<std::size_t> open;
  for (std::size_t k = 0; k < m; ++k) {
    if (!columns[k].fixed) open.push_back(k);
  }
  std::array<Vector, kMaxFree> gram{};
  Vector right{}, norm{};
  for (std::size_t a = 0; a < open.size(); ++a) {
    norm[a] = std::sqrt(dot(w, columns[open[a]].f, columns[open[a]].f));
    if (!(norm[a] > 0) || !std::isfinite(norm[a])) return {};
  }
  for (std::size_t a = 0; a < open.size(); ++a) {
    right[a] = dot(w, columns[open[a]].f, rest) / norm[a];
    for (std::size_t b = 0; b <= a; ++b) {
      gram[a][b] = gram[b][a] = dot(w, columns[open[a]].f, columns[open[b]].f) / (norm[a] * norm[b]);
    }
  }
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
