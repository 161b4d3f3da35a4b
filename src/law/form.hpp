#pragma once
// A law as one object: its constants, its value and gradient, the linear problem inside it, its optimum, its published
// sets. The fitter, the simulator and the allocation ask the object; they name a law only where a method is one law's
// own. Formulas and sources: docs/METHODS.md.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "law/kinds.hpp"
#include "law/point.hpp"

namespace scalelaw::inline law {

/// Values of all constants of a law, in the order of LawForm::constants.
using LawValues = std::span<const double>;

/// What a constant is to the law. Fits work on the logarithm of all but exponents and numbers of any sign.
enum class Role {
  offset,     ///< the loss that no run gets below; 0 or more
  amplitude,  ///< of a term, in units that follow from its exponent
  exponent,
  decay,  ///< how often a quantity can be used again before that stops to help
  real    ///< a number of any sign
};

struct Constant {
  std::string name;  ///< "alpha", as --fix and JSON have it
  Role role = Role::exponent;
  std::optional<Quantity> of;  ///< of whose term it is; none for an offset and where terms share it
  /// Where a fit may put it and how far one step may go, in working coordinates: the logarithm, an exponent as it is.
  /// Of offsets these follow from the losses instead (fit/problem.cpp).
  double lower = 0, upper = 0, max_step = 0;
  bool optional = false;    ///< an offset that is 0 unless asked for
  bool repetition = false;  ///< runs that repeat their data show it, and no others
};
[[nodiscard]] Constant offset(const char* name);
[[nodiscard]] Constant amplitude(const char* name, std::optional<Quantity> of);
[[nodiscard]] Constant exponent(const char* name, std::optional<Quantity> of);
[[nodiscard]] Constant decay(const char* name, Quantity of);
/// An exponent that may be negative.
[[nodiscard]] Constant signed_exponent(const char* name, std::optional<Quantity> of);
[[nodiscard]] Constant real_number(const char* name, std::optional<Quantity> of);
/// The same constant, of what repeated data cost.
[[nodiscard]] Constant of_repetition(Constant constant);
[[nodiscard]] inline bool is_logarithmic(const Constant& constant) {
  return constant.role != Role::exponent && constant.role != Role::real;
}
[[nodiscard]] inline bool may_be_negative(const Constant& constant) {
  return !is_logarithmic(constant) && constant.lower < 0;
}

/// amplitude * x^-exponent, one term of a LinearForm.
struct LinearTerm {
  std::size_t constant = 0;  ///< the amplitude's index; amplitude = constant^root
  double root = 1;
  double exponent = 0;
  /// x of a point; null: an offset.
  double (*variable)(LawValues values, const LawPoint& point) = nullptr;
  bool may_vanish = true;  ///< with an amplitude of 0 the law still has values for all its constants
};
/// At given exponents and decays: loss^power = sum of terms, linear in the amplitudes (`subtracted`: at a given offset
/// too). What variable projection solves for starts, and what re-anchoring to other points solves. With decays it holds
/// where no parameters go unfed: what the data can feed depends on the amplitudes.
struct LinearForm {
  double power = 1;
  std::optional<std::size_t> subtracted = {};  ///< an offset that is taken off first: (loss - offset)^power
  std::vector<LinearTerm> terms;
};

/// Exponents of N*(C) ~ C^a and D*(C) ~ C^b.
struct AllocationExponents {
  double a = 0;
  double b = 0;
};
/// a = values[numerator] / (values[numerator] + values[other]), b = 1 - a.
struct ExponentRatio {
  std::size_t numerator = 0, other = 0;
};

/// A law that is this one with a constant at a value; its own constants are the others, by name.
struct Within {
  LawKind law;
  std::size_t constant = 0;
  double value = 0;
};

/// A law that another one becomes in a limit: a fit of the other begins near the least that this one reaches.
struct LimitLaw {
  LawKind law = LawKind::chinchilla;
  /// Constants of the other law that predict at the points about what these constants of the limit do.
  std::vector<std::vector<double>> (*starts)(LawValues limit, const std::vector<LawPoint>& points) = nullptr;
};

/// Constants as a paper gives them.
struct PublishedSet {
  std::string name;    ///< "besiroglu2024"
  std::string source;  ///< paper, table or equation
  std::vector<double> values;
  Convention convention;
  LawRange range;  ///< of the runs behind it, as the paper states it
};

/// The coordinates that a fit works in (fit/problem.hpp), and with them the kernel that evaluates it.
enum class Coordinates {
  logarithms,  ///< any law: ln of each constant, exponents as they are
  surface,     ///< constants (E, A, B, alpha, beta) of E + A/N^alpha + B/D^beta: amplitudes at the points' means
  outer,       ///< constants (E, A, B, alpha, beta, k) of E + (A/N^alpha + B/D^beta)^k: terms as losses of their own
  power,       ///< constants (X, alpha, E) of E + (X/x)^alpha: ln of the power at the points' mean
  stretched    ///< three times (a, power, b) of exp(f3) + exp(f2) D^-exp(f1), f = a N^power + b: law/stretched.hpp
};

struct LawForm {
  LawKind kind = LawKind::chinchilla;        ///< set by the registry, with the name
  std::string name = {};                     ///< "chinchilla"
  std::vector<std::string> parameters = {};  ///< names of the constants

  std::string formula;  ///< for people: "E + A/N^alpha + B/D^beta"
  std::vector<Constant> constants;
  bool predicts_size = false;  ///< gives N*(C) in parameters instead of a loss
  Coordinates coordinates = Coordinates::logarithms;

  /// The loss in nats per token (N* where predicts_size) and, unless the gradient is empty, d loss / d values[i]. NaN
  /// where the point lacks a quantity that the law needs.
  double (*evaluate)(LawValues values, const LawPoint& point, std::span<double> gradient) = nullptr;
  /// At the exponents and decays of `values`; none: see start.
  LinearForm (*linear)(LawValues values) = nullptr;
  /// Where a fit begins that needs no search, since it has one minimum: from points and what they show there.
  std::vector<double> (*start)(const std::vector<LawPoint>& points, const std::vector<double>& observed) = nullptr;
  std::optional<LimitLaw> limit = {};  ///< where a fit begins that has neither of the two

  /// N*(C) under C = 6 N D; null: the law has no optimum over N and D.
  double (*optimal_params)(LawValues values, double flops) = nullptr;
  /// Along the optimum the loss above the offset falls as C^-frontier; null: not known.
  double (*frontier)(LawValues values) = nullptr;
  /// Where a is one exponent as a share of two: profiles of a and b walk along it.
  std::optional<ExponentRatio> ratio = {};
  AllocationExponents (*allocation)(LawValues values) = nullptr;  ///< a and b of a law without such a ratio
  std::optional<Within> within = {};                              ///< the simpler law inside, which a test may prefer
  std::optional<LawKind> with_decays = {};  ///< the law of these constants and of decays, for repeated data

  std::vector<PublishedSet> published = {};

  /// Whether one of its terms is of the quantity.
  [[nodiscard]] bool needs(Quantity quantity) const;
  /// The quantity of a loss law of one variable; none for the others.
  [[nodiscard]] std::optional<Quantity> only_variable() const;
  /// Indices of the constants of a role, rising.
  [[nodiscard]] std::vector<std::size_t> of_role(Role role) const;
  [[nodiscard]] bool has_decays() const { return !of_role(Role::decay).empty(); }
  /// Indices of the constants that say what repeated data cost, rising.
  [[nodiscard]] std::vector<std::size_t> of_repetition() const;
  [[nodiscard]] bool knows_repetition() const { return !of_repetition().empty(); }
  /// Its amplitude first, then its exponent: indices of what the term of a quantity is made of. Numbers of any sign
  /// stand between them.
  [[nodiscard]] std::vector<std::size_t> term_of(Quantity quantity) const;
};

[[nodiscard]] const LawForm& law_form(LawKind kind);
/// Errors (config): unknown name, with the near miss.
[[nodiscard]] LawKind law_kind(std::string_view name);

#define SCALELAW_FORM(kind, name) \
  namespace kind##_law {          \
    [[nodiscard]] LawForm form(); \
  }
SCALELAW_LAWS(SCALELAW_FORM)
#undef SCALELAW_FORM

}  // namespace scalelaw::inline law
