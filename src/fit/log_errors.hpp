#pragma once
// Standard errors of what a fit has as a logarithm.
//
// An amplitude A of a term A/N^alpha moves by factors: it is the term at N = 1, far outside the runs, so that a small
// change of alpha multiplies it. Its draws lie about symmetric in ln A, and their standard deviation in A itself is
// that of a few largest draws. The standard error of ln A is one that can be read: A times or divided by exp(se_log).
#include <map>
#include <string>
#include <string_view>

#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// Whether the error of a quantity of a fit of the law is one of its logarithm: an amplitude or a decay, and the
/// prefactors that N*(C) and D*(C) have. Exponents and offsets (a loss, read beside losses) are taken as they are.
[[nodiscard]] bool is_factor(const LawForm& form, std::string_view quantity);
[[nodiscard]] bool is_offset(const LawForm& form, std::string_view quantity);

/// Standard deviation of ln x over the draws, of each constant that a fit has as a logarithm (is_logarithmic): sqrt of
/// the mean square about the mean with R - 1. Of an offset too. None of a constant that some draw has at 0.
[[nodiscard]] std::map<std::string, double> log_errors(const BootstrapResult& bootstrap, const LawForm& form);

/// "x/÷ 1.3", the factor exp(se_log), or "x/÷ 1+2e-05"; "held" where it is 1; "unbounded" above a thousand.
[[nodiscard]] std::string factor_text(double se_log);

}  // namespace scalelaw::inline fit
