#include "fit/linear_problem.hpp"

#include <algorithm>
#include <cmath>

namespace scalelaw::inline fit {
namespace {

constexpr std::size_t kKeptColumns = 128;

}  // namespace

LinearProblem::LinearProblem(const Problem& p) : p_(p), repetition_(p.form().of_repetition()), shares_(p.size(), 1.0) {
  std::erase_if(repetition_, [&](std::size_t k) { return p.form().constants[k].role == Role::amplitude; });
}

// A cell at these exponents and decays; none where the problem has no solution that the law can take.
std::optional<Cell> LinearProblem::solve(std::vector<double> values) {
  const LinearForm form = p_.form().linear(values);
  set_offset(form.subtracted ? values[*form.subtracted] : 0);
  const std::vector<double>& target = target_at(form.power);
  if (target.empty()) return std::nullopt;
  std::vector<LinearColumn> columns;
  for (std::size_t k = 0; k < form.terms.size(); ++k) columns.push_back(column(form, k, values, target));
  const Projection found = project(p_.weights, columns, shares_);
  if (found.amplitude.empty()) return std::nullopt;
  for (std::size_t k = 0; k < form.terms.size(); ++k) {
    const LinearTerm& term = form.terms[k];
    if (!term.may_vanish && !(found.amplitude[k] > 0)) return std::nullopt;
    values[term.constant] = term.root == 1 ? found.amplitude[k] : std::pow(found.amplitude[k], 1 / term.root);
  }
  // A relative error of loss^power counts `power` times one of the loss.
  return Cell{.value = found.value / (form.power * form.power), .values = std::move(values)};
}

// What is kept belongs to one offset.
void LinearProblem::set_offset(double offset) {
  if (offset == offset_) return;
  offset_ = offset;
  targets_.clear();
  columns_.clear();
  for (std::size_t i = 0; i < p_.size(); ++i) shares_[i] = (p_.observed[i] - offset) / p_.observed[i];
}

// (loss - offset)^power; empty where it leaves the range of doubles.
const std::vector<double>& LinearProblem::target_at(double power) {
  const auto [it, fresh] = targets_.try_emplace(power);
  if (!fresh) return it->second;
  for (const double loss : p_.observed) {
    it->second.push_back(power == 1 ? loss - offset_ : std::pow(loss - offset_, power));
  }
  if (power != 1 && !std::ranges::all_of(it->second, [](double t) { return t > 1e-250 && t < 1e250; }))
    it->second.clear();
  return it->second;
}

LinearColumn LinearProblem::column(const LinearForm& form, std::size_t k, LawValues values,
                                   const std::vector<double>& target) {
  const LinearTerm& term = form.terms[k];
  std::optional<double> held;
  if (p_.fixed[term.constant]) {
    const double value = p_.values[term.constant];
    held = term.root == 1 ? value : std::pow(value, term.root);
  }
  std::vector<double> key = place_of(k, values);
  key.push_back(term.exponent);
  key.push_back(form.power);
  if (columns_.size() == kKeptColumns) columns_.clear();
  const auto [it, fresh] = columns_.try_emplace(std::move(key));
  if (fresh) it->second = divided(term, log_variable(k, term, values), target);
  return {.f = it->second, .fixed = held};
}

std::vector<double> LinearProblem::divided(const LinearTerm& term, const std::vector<double>& logs,
                                           const std::vector<double>& target) const {
  std::vector<double> out(p_.size());
  for (std::size_t i = 0; i < p_.size(); ++i) {
    out[i] = term.variable == nullptr ? 1 / target[i] : shares_[i] * std::exp(-term.exponent * logs[i]) / target[i];
  }
  return out;
}

// Of a term and the constants of repetition that its variable may depend on.
std::vector<double> LinearProblem::place_of(std::size_t k, LawValues values) const {
  std::vector<double> place{static_cast<double>(k)};
  for (const std::size_t k_of : repetition_) place.push_back(values[k_of]);
  return place;
}

// ln of the variable of a term at every point.
const std::vector<double>& LinearProblem::log_variable(std::size_t k, const LinearTerm& term, LawValues values) {
  const auto [it, fresh] = logs_.try_emplace(place_of(k, values));
  if (!fresh || term.variable == nullptr) return it->second;
  for (const LawPoint& point : p_.points) it->second.push_back(std::log(term.variable(values, point)));
  return it->second;
}

}  // namespace scalelaw::inline fit
