#pragma once
// Which law answers: several fitted to the same points, tested against each other and on points they have not seen.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fit/options.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// What the choice of law looks at unless told otherwise. Laws of one variable, of steps and of repetition answer other
/// questions.
[[nodiscard]] std::vector<LawKind> laws_to_choose_from();

/// How a law fitted to some of the points predicts the others: of ln predicted - ln observed.
struct HeldOutError {
  std::int64_t n = 0;  ///< points predicted; 0 = the law could be fitted to none of the parts
  double rms = 0, mean = 0;
};

struct LawCandidate {
  FitResult fit;
  std::int64_t parameters = 0;  ///< free ones
  double rms = 0;               ///< of the residuals of ln loss
  /// -2 ln(likelihood) + 2 p, and + p ln n, of independent residuals with the density exp(-rho(r)/tau)/Z(tau), tau by
  /// maximum likelihood: normal for squares, Huber's for log-huber.
  double aic = 0, bic = 0;
  HeldOutError windows = {};   ///< each budget but the smallest ones predicted from those below it
  HeldOutError largest = {};   ///< of these the largest budget
  HeldOutError left_out = {};  ///< each budget predicted from all others
};

/// A law against the wider one that it lies within (LawForm::within).
struct NestedTest {
  LawKind simple = LawKind::chinchilla, wide = LawKind::chinchilla;
  std::string constant;                 ///< "k"
  double held = 0;                      ///< its value in the simple law
  double estimate = 0;                  ///< in the wide one
  double statistic = 0;                 ///< n ln(objective of the simple law / objective of the wide one)
  std::int64_t draws = 0, reached = 0;  ///< data sets drawn from the simple law; those that reach the statistic
  double p = 1;       ///< share of the draws from the simple law, itself counted in, that reach the statistic
  std::string noise;  ///< what was drawn, in words
  [[nodiscard]] bool rejected() const;
};

struct LawChoice {
  std::vector<LawCandidate> candidates;  ///< in the order asked for
  std::vector<NestedTest> tests;
  std::size_t chosen = 0;
  std::string reason;  ///< a sentence
  [[nodiscard]] const FitResult& answer() const { return candidates.at(chosen).fit; }
};

/// Level of the nested tests: docs/METHODS.md has their measured error rates.
constexpr double kChoiceLevel = 0.05;

/// Fits each law with the options (their law is not looked at) and chooses. The rule: chinchilla answers, or, without
/// it, the law that predicts left-out budgets best; a wider law among the candidates takes over where the test rejects
/// the one within it. Noise of the draws of that test: that of the residuals of the wider fit, once independent and,
/// where points share trunks, once with 0.8 of its variance shared within them; the larger p counts (docs/METHODS.md
/// has the error rates measured). Errors: as fit_points; (config) no law, or one that predicts no loss.
[[nodiscard]] LawChoice choose_law(const std::vector<Observation>& points, const std::vector<LawKind>& laws,
                                   const FitOptions& options);

}  // namespace scalelaw::inline fit
