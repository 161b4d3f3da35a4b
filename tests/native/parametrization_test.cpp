// CompleteP: the table of its factors, that factors folded into matrices train as outputs multiplied by them do, and
// what it promises of sizes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "error_of.hpp"
#include "native/model_of.hpp"
#include "native/one_run.hpp"
#include "native/reference_model.hpp"

namespace scalelaw {
namespace {

using Index = std::int64_t;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

ModelSpec spec_of(Parametrization parametrization, Index d_model, Index n_layer, Index context = 16, Index vocab = 32) {
  ModelSpec m = model_of(n_layer, d_model / 8, 8, 4 * d_model, context, vocab);
  m.parametrization = parametrization;
  return m;
}

// ---- the table ------------------------------------------------------------------------------------------------------

struct Factors {
  double init_std, rate, eps;
};

void expect_factors(const Layout& layout, const std::map<std::string, Factors>& expected) {
  for (const Slice& slice : layout.slices) {
    const std::string name =
        slice.name.starts_with("layers.") ? slice.name.substr(slice.name.find('.', 7) + 1) : slice.name;
    const Factors& f = expected.at(name);
    EXPECT_NEAR(slice.init_std, f.init_std, 1e-12) << slice.name;
    EXPECT_NEAR(slice.rate, f.rate, 1e-15) << slice.name;
    EXPECT_NEAR(slice.eps, f.eps, 1e-15) << slice.name;
    EXPECT_TRUE(slice.decay);
  }
}

// d_model 128: four times as wide as the base, 1 / sqrt(128) = 0.08838834764831845, 1 / sqrt(512) =
// 0.04419417382415922; 8 layers: four times as deep; branches of the base start at 1 / sqrt(2 * 2) of that.
TEST(CompleteP, FactorsOfAHandCountedModel) {
  expect_factors(make_layout(spec_of(Parametrization::completep, 128, 8)),
                 {{"embedding", {1, 1, 0.25}},
                  {"attention.qkv", {0.08838834764831845, 0.25, 0.0625}},
                  {"attention.output", {0.08838834764831845 / 8, 0.0625, 0.25}},
                  {"mlp.up", {0.08838834764831845, 0.25, 0.0625}},
                  {"mlp.down", {0.04419417382415922 / 8, 0.0625, 0.25}},
                  {"head", {0.17677669529663689 / 4, 0.25, 1}}});
}

// Half as wide, half as deep: 1 / sqrt(16) = 0.25, 1 / sqrt(64) = 0.125.
TEST(CompleteP, FactorsBelowTheBase) {
  expect_factors(make_layout(spec_of(Parametrization::completep, 16, 1)), {{"embedding", {1, 1, 2}},
                                                                           {"attention.qkv", {0.25, 2, 4}},
                                                                           {"attention.output", {0.25, 4, 2}},
                                                                           {"mlp.up", {0.25, 2, 4}},
                                                                           {"mlp.down", {0.125, 4, 2}},
                                                                           {"head", {0.35355339059327379, 2, 1}}});
}

TEST(CompleteP, GroupsAreNeighboursWithTheSameFactors) {
  const Layout deep = make_layout(spec_of(Parametrization::completep, 64, 4, 16, 33));
  std::size_t i = 0;  // no neighbours agree: a group each
  ASSERT_EQ(deep.groups.size(), deep.slices.size());
  for (const AdamGroup& group : deep.groups) {
    EXPECT_EQ(group.begin, deep.slices[i].offset);
    EXPECT_EQ(group.rate, static_cast<float>(deep.slices[i].rate));
    EXPECT_EQ(group.eps, static_cast<float>(deep.slices[i].eps));
    EXPECT_EQ(group.decay, 1);
    ++i;
  }
  const Layout wide = make_layout(spec_of(Parametrization::completep, 64, 2));  // at the depth of the base blocks agree
  ASSERT_EQ(wide.groups.size(), 3);
  EXPECT_EQ(wide.groups[0].begin, 0);
  EXPECT_EQ(wide.groups[1].begin, wide.at("layers.0.attention.qkv").offset);
  EXPECT_EQ(wide.groups[2].begin, wide.at("head").offset);
  EXPECT_TRUE(in_fours(wide));
  const Layout odd = make_layout(model_of(1, 1, 2, 5, 7, 11));
  EXPECT_TRUE(in_fours(odd));
  ModelSpec uneven = odd.model;
  uneven.parametrization = Parametrization::completep;
  EXPECT_FALSE(in_fours(make_layout(uneven)));
}

TEST(CompleteP, EqualsStandardAtTheBaseToTheBit) {
  const AdamSettings adam;
  std::vector<float> losses;
  for (const double factor : {1.0, 2.0}) {
    ModelSpec spec = spec_of(Parametrization::standard, kBaseWidth, kBaseDepth);
    spec.embedding_lr_factor = factor;
    OneRun standard(spec, adam);
    spec.parametrization = Parametrization::completep;
    OneRun completep(spec, adam);
    for (std::uint64_t step = 0; step < 5; ++step) {
      EXPECT_EQ(standard.parameters, completep.parameters);
      const RuleBatch batch(spec, 4, step);
      standard.train(batch, 0.01);
      completep.train(batch, 0.01);
      EXPECT_EQ(standard.loss, completep.loss);
    }
    losses.push_back(standard.loss);
  }
  EXPECT_NE(losses.front(), losses.back());
  const OneRun wider(spec_of(Parametrization::completep, 64, kBaseDepth), adam),
      as_before(spec_of(Parametrization::standard, 64, kBaseDepth), adam);
  EXPECT_NE(wider.parameters, as_before.parameters);
}

TEST(EmbeddingLrFactor, MultipliesTheRatesOfTokenMatrixAndHeadAndNothingElse) {
  for (const auto parametrization : {Parametrization::standard, Parametrization::completep}) {
    for (const bool tied : {false, true}) {
      if (tied && parametrization == Parametrization::completep) continue;
      ModelSpec spec = spec_of(parametrization, 64, 4);
      spec.tie_embeddings = tied;
      const Layout before = make_layout(spec);
      spec.embedding_lr_factor = 3;
      const Layout after = make_layout(spec);
      ASSERT_EQ(after.slices.size(), before.slices.size());
      for (std::size_t i = 0; i < after.slices.size(); ++i) {
        const Slice &was = before.slices[i], &is = after.slices[i];
        const bool multiplied = is.name == "embedding" || is.name == "head";
        EXPECT_EQ(is.rate, (multiplied ? 3 : 1) * was.rate) << is.name;
        EXPECT_EQ(is.eps, was.eps);
        EXPECT_EQ(is.init_std, was.init_std);
      }
    }
  }
}

TEST(CompleteP, RefusesTiedMatrices) {
  ModelSpec tied = spec_of(Parametrization::completep, 64, 2);
  tied.tie_embeddings = true;
  EXPECT_EQ(error_of(ExitCode::usage, [&] { (void)make_layout(tied); }),
            "model: parametrization is \"completep\", which scales the token matrix and the head differently; set "
            "tie_embeddings = false");
}

// ---- the step -------------------------------------------------------------------------------------------------------

/// One step of a parameter, written from device.hpp.
struct PlainAdam {
  double p, m, v;

  void step(double g, const AdamSettings& s, const AdamScalars& now, const AdamGroup& group) {
    const auto wide = [](float x) { return static_cast<double>(x); };
    m = wide(s.beta1) * m + (1 - wide(s.beta1)) * g;
    v = wide(s.beta2) * v + (1 - wide(s.beta2)) * g * g;
    const double move = wide(group.rate) * wide(now.correction1) * m /
                        (std::sqrt(wide(now.correction2) * v) + wide(group.eps) * wide(s.eps));
    p -= wide(now.lr) * (wide(group.decay) * wide(s.weight_decay) * p + move);
  }
};

TEST(AdamGroups, EachParameterTakesTheFactorsOfItsGroup) {
  constexpr Index kParams = 1003, kMembers = 2;
  const std::vector<AdamGroup> groups{{.begin = 0, .rate = 0.25F, .eps = 4},
                                      {.begin = 1, .decay = 0, .rate = 3, .eps = 0.5F},
                                      {.begin = 500, .decay = 2},
                                      {.begin = 1002, .eps = 0.125F}};
  const std::vector<AdamSettings> settings{{.eps = 0.3F, .clip = 0},
                                           {.eps = 0.01F, .weight_decay = 0.5F, .clip = 1e9F}};
  const std::vector<AdamScalars> scalars{{0.1F, 2, 3}, {0.02F, 1.5F, 2.5F}};
  Rng rng = make_rng(1, "groups");
  std::vector<float> p, g, m, v;
  std::vector<PlainAdam> expected;
  for (Index i = 0; i < kMembers * kParams; ++i) {
    for (auto* of : {&p, &g, &m}) of->push_back(static_cast<float>(standard_normal(rng)));
    v.push_back(g.back() * g.back() + 0.1F);
    expected.push_back({static_cast<double>(p.back()), static_cast<double>(m.back()), static_cast<double>(v.back())});
    Index group = 0;
    while (group + 1 < 4 && groups[at(group + 1)].begin <= i % kParams) ++group;
    const std::size_t member = at(i / kParams);
    expected.back().step(static_cast<double>(g.back()), settings[member], scalars[member], groups[at(group)]);
  }
  const std::vector<float> losses(kMembers);
  std::vector<float> norms(kMembers);
  std::vector<Index> diverged(kMembers);
  const AdamState state{.members = kMembers,
                        .params = kParams,
                        .groups = groups.data(),
                        .group_count = 4,
                        .parameters = p.data(),
                        .gradients = g.data(),
                        .moment1 = m.data(),
                        .moment2 = v.data(),
                        .settings = settings.data(),
                        .diverged = diverged.data()};
  adam_step({}, state, scalars.data(), 1, losses.data(), norms.data());
  for (std::size_t i = 0; i < p.size(); ++i) {
    ASSERT_NEAR(p[i], expected[i].p, 2e-6) << i;
    ASSERT_NEAR(m[i], expected[i].m, 2e-6) << i;
    ASSERT_NEAR(v[i], expected[i].v, 4e-6) << i;
  }
}

// ---- folded into matrices, and not ----------------------------------------------------------------------------------

/// What the paper does to a matrix of a model `w` times as wide and `d` times as deep, and by how much smaller it is
/// than the matrix that the engine holds.
struct Unfolded {
  double rate, decay, eps, fold;
};
Unfolded unfolded(const Slice& slice, double w, double d) {
  const bool writes = slice.name.ends_with("attention.output") || slice.name.ends_with("mlp.down");
  if (slice.name == "embedding") return {1, 1, 1 / w, 1};
  if (slice.name == "head") return {1, 1, 1 / w, 1 / w};
  return {1 / w, w, 1 / (w * d), writes ? 1 / d : 1};
}

// eps is as large as gradients are, so that its factors count; nothing is clipped, since the norms differ.
TEST(CompleteP, FoldedFactorsTrainAsMultipliedOutputsDo) {
  constexpr double kLr = 0.02, kDecay = 0.3, kW = 2, kD = 3;
  const ModelSpec spec = spec_of(Parametrization::completep, 64, 6, 5, 7);
  AdamSettings adam{.eps = 2e-3F, .weight_decay = static_cast<float>(kDecay), .clip = 0};
  OneRun run(spec, adam);
  std::vector<PlainAdam> plain;
  for (const Slice& slice : run.layout.slices) {
    for (Index i = 0; i < slice.size(); ++i) {
      const auto folded = static_cast<double>(run.parameters[at(slice.offset + i)]);
      plain.push_back({folded / unfolded(slice, kW, kD).fold, 0, 0});
    }
  }
  for (Index step = 1; step <= 4; ++step) {
    const RuleBatch batch(spec, 3, static_cast<std::uint64_t>(step));
    std::vector<double> parameters;
    for (const PlainAdam& one : plain) parameters.push_back(one.p);
    const reference::Result result = reference::loss_and_grad(run.layout, parameters, batch.inputs, batch.targets,
                                                              nullptr, {.branch = 1 / kD, .head = 1 / kW});
    run.train(batch, kLr);
    EXPECT_NEAR(run.loss, result.loss, 1e-5) << step;
    const auto correction = [&](double beta) {
      return static_cast<float>(1 / (1 - std::pow(beta, static_cast<double>(step))));
    };
    for (const Slice& slice : run.layout.slices) {
      const Unfolded u = unfolded(slice, kW, kD);
      double difference = 0, moved = 0;
      for (Index i = slice.offset; i < slice.offset + slice.size(); ++i) {
        const double before = plain[at(i)].p;
        AdamSettings own = adam;
        own.eps = static_cast<float>(static_cast<double>(adam.eps) * u.eps);
        own.weight_decay = static_cast<float>(kDecay * u.decay);
        const AdamScalars now{static_cast<float>(kLr * u.rate), correction(0.9), correction(0.95)};
        plain[at(i)].step(result.gradients[at(i)], own, now, {});
        difference += std::pow(static_cast<double>(run.parameters[at(i)]) - u.fold * plain[at(i)].p, 2);
        moved += std::pow(u.fold * (plain[at(i)].p - before), 2);
      }
      EXPECT_LT(std::sqrt(difference / moved), 1e-3) << slice.name << " step " << step;
    }
  }
}

// ---- sizes ----------------------------------------------------------------------------------------------------------

double rms(const reference::Matrix& a) {
  double squares = 0;
  for (const double x : a.values) squares += x * x;
  return std::sqrt(squares / static_cast<double>(a.values.size()));
}
double rms_of_change(const reference::Matrix& after, const reference::Matrix& before) {
  reference::Matrix change = after;
  reference::add(change, reference::scaled(before, -1));
  return rms(change);
}

struct Sizes {
  double residual = 0, residual_change = 0, logits = 0, logits_change = 0;
};

/// Of a window of held-out tokens after `steps` steps.
Sizes sizes_of(const ModelSpec& spec, int steps) {
  OneRun run(spec, {});
  const RuleBatch held_out(spec, 1, 1000000);
  const auto now = [&] { return reference::forward(run.layout, run.wide_parameters(), held_out.inputs); };
  const reference::WindowValues before = now();
  for (int step = 0; step < steps; ++step) run.train(RuleBatch(spec, 8, static_cast<std::uint64_t>(step)), 0.005);
  const reference::WindowValues after = now();
  return {.residual = rms(after.residual),
          .residual_change = rms_of_change(after.residual, before.residual),
          .logits = rms(after.logits),
          .logits_change = rms_of_change(after.logits, before.logits)};
}

using ModelSizes = std::vector<Sizes>;  // of models that grow
ModelSizes over_widths(Parametrization parametrization, int steps) {
  ModelSizes all;
  for (const Index d : {32, 64, 128, 256, 512}) all.push_back(sizes_of(spec_of(parametrization, d, 2), steps));
  return all;
}
ModelSizes over_depths(Parametrization parametrization, int steps) {
  ModelSizes all;
  for (const Index layers : {2, 4, 8, 16}) all.push_back(sizes_of(spec_of(parametrization, 64, layers), steps));
  return all;
}

/// Largest of a size by its smallest.
double spread(std::span<const Sizes> of, double Sizes::*size) {
  const auto [least, most] = std::ranges::minmax(of, {}, [size](const Sizes& one) { return one.*size; });
  return most.*size / (least.*size);
}

constexpr int kStepsSeen[] = {1, 2, 5};
constexpr double kFlat = 1.5;

TEST(CompletePSizes, AreTheSameForEveryWidth) {
  for (const int steps : kStepsSeen) {
    const ModelSizes all = over_widths(Parametrization::completep, steps);
    EXPECT_LT(spread(all, &Sizes::residual), kFlat) << steps;
    EXPECT_LT(spread(all, &Sizes::residual_change), kFlat) << steps;
    // The head starts with logits of size 1 / sqrt(w), which then what is learned outgrows; their part of the change
    // makes that of the smallest width 1.8 times that of the largest, and has faded from width 64 on.
    EXPECT_LT(spread(std::span(all).subspan(1), &Sizes::logits_change), kFlat) << steps;
    EXPECT_LT(spread(all, &Sizes::logits_change), 2) << steps;
    EXPECT_LT(all.back().logits_change, all.front().logits_change) << steps;
    EXPECT_LT(all.back().logits, all.front().logits) << steps;
    EXPECT_LT(spread(all, &Sizes::logits), 4) << steps;  // sqrt(512 / 32)
  }
}

TEST(CompletePSizes, AreTheSameForEveryDepth) {
  for (const int steps : kStepsSeen) {
    const ModelSizes all = over_depths(Parametrization::completep, steps);
    for (double Sizes::*size : {&Sizes::residual, &Sizes::residual_change, &Sizes::logits, &Sizes::logits_change}) {
      EXPECT_LT(spread(all, size), kFlat) << steps;
    }
  }
}

TEST(CompletePSizes, GrowWithWidthAndDepthWithoutIt) {
  const ModelSizes wider = over_widths(Parametrization::standard, 1),
                   deeper = over_depths(Parametrization::standard, 1);
  for (const ModelSizes& all : {wider, deeper}) {
    for (double Sizes::*size : {&Sizes::residual, &Sizes::residual_change, &Sizes::logits_change}) {
      EXPECT_GT(all.back().*size, kFlat * (all.front().*size));
      EXPECT_TRUE(std::ranges::is_sorted(all, {}, [size](const Sizes& one) { return one.*size; }));
    }
  }
}

}  // namespace
}  // namespace scalelaw
