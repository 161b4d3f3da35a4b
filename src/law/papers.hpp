#pragma once
// What several published sets of one paper have in common. Tables of one paper are separate fits and are never mixed.
#include "law/form.hpp"

namespace scalelaw::inline law::papers {

/// Hoffmann et al. 2022, abstract: over 400 models of 70 million to over 16 billion parameters on 5 to over 500 billion
/// tokens; Besiroglu et al. 2024 fit 240 of the same runs.
constexpr LawRange kHoffmannRuns{.params = {7e7, 1.6e10}, .tokens = {5e9, 5e11}};

/// Kaplan et al. 2020 give compute in PF-days: 1e15 FLOP/s for a day (sec. 1.3).
constexpr double kPfDay = 8.64e19;
/// Kaplan et al. 2020, sec. 3: 768 to 1.5 billion non-embedding parameters, 22 million to 23 billion tokens; Fig. 1
/// draws compute from about 1e-9 to 10 PF-days, the product of these with 6.
constexpr LawRange kKaplanRuns{
    .params = {768, 1.5e9}, .tokens = {2.2e7, 2.3e10}, .flops = {1e-9 * kPfDay, 10 * kPfDay}};
/// What its N counts.
constexpr Convention kKaplanCounts{.params = ParamsCount::non_embedding, .flops = FlopsCount::six_nd};

/// Muennighoff et al. 2023: the 182 runs that its fitting code reads.
constexpr LawRange kMuennighoffRuns{.params = {7.1e6, 8.7e9}, .tokens = {1e8, 9e11}};

}  // namespace scalelaw::inline law::papers
