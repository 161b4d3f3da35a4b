#include "records/shape.hpp"

#include <algorithm>
#include <cmath>

namespace scalelaw::inline records {

ParamCounts count_params(const ModelSpec& m) {
  const std::int64_t width = m.n_head * m.d_head;
  ParamCounts p;
  p.embedding = m.vocab * m.d_model;
  p.attention = m.n_layer * (4 * m.d_model * width + (m.qk_scale.is(QkScale::learned) ? m.n_head : 0));
  p.mlp = m.n_layer * 2 * m.d_model * m.d_ff;
  p.head = m.tie_embeddings ? 0 : m.d_model * m.vocab;
  p.total = p.embedding + p.position + p.attention + p.mlp + p.norm + p.head;
  p.non_embedding = p.attention + p.mlp + p.norm;
  p.effective = p.non_embedding + m.d_model * m.vocab;
  return p;
}

double counted_params(const ModelSpec& model, ParamsCount count) {
  return static_cast<double>(count_params(model).counted(count));
}

double flops_per_token(const ModelSpec& m) {
  const auto width = static_cast<double>(m.n_head * m.d_head);
  const auto d = static_cast<double>(m.d_model);
  const auto layers = static_cast<double>(m.n_layer);
  const double projections = 2 * layers * (4 * d * width + 2 * d * static_cast<double>(m.d_ff));
  const double attention = 4 * layers * width * (static_cast<double>(m.context) + 1) / 2;
  const double head = 2 * d * static_cast<double>(m.vocab);
  return 3 * (projections + attention + head);
}

FlopCounts count_flops(const ModelSpec& model, std::int64_t tokens) {
  const ParamCounts p = count_params(model);
  const auto d = static_cast<double>(tokens);
  return {.exact = flops_per_token(model) * d,
          .six_nd_total = 6 * static_cast<double>(p.total) * d,
          .six_nd_non_embedding = 6 * static_cast<double>(p.non_embedding) * d,
          .six_nd_effective = 6 * static_cast<double>(p.effective) * d};
}

std::int64_t default_d_head(std::int64_t d_model) {
  const double wanted = std::min(16.0, static_cast<double>(d_model) / 2);
  const auto distance = [&](std::int64_t d_head) { return std::abs(std::log(static_cast<double>(d_head) / wanted)); };
  std::int64_t best = 2;
  for (std::int64_t d_head = 2; d_head <= d_model; d_head += 2) {
    if (d_model % d_head == 0 && distance(d_head) < distance(best)) best = d_head;
  }
  return best;
}

double learned_qk_scale(std::int64_t d_head) { return 8 / std::sqrt(static_cast<double>(d_head)); }

double score_scale(const ModelSpec& m) {
  if (m.qk_scale.is(QkScale::none)) return 1;
  return m.qk_scale.number.value_or(learned_qk_scale(m.d_head)) / std::sqrt(static_cast<double>(m.d_head));
}

std::string parametrization_refusal(const ModelSpec& m) {
  if (m.parametrization != Parametrization::completep || !m.tie_embeddings) return "";
  return "is \"completep\", which scales the token matrix and the head differently; set tie_embeddings = false";
}

void check_shape(const ModelSpec& m, const std::string& where) {
  if (m.d_head % 2 != 0) {
    fail_config("{}: d_head is {}; rotary positions turn pairs, so it must be even", where, m.d_head);
  }
  if (m.n_head * m.d_head != m.d_model) {
    fail_config("{}: n_head * d_head is {} but d_model is {}; make d_model a multiple of d_head", where,
                m.n_head * m.d_head, m.d_model);
  }
  if (const std::string why = parametrization_refusal(m); !why.empty()) {
    fail_config("{}: parametrization {}", where, why);
  }
}

}  // namespace scalelaw::inline records
