// The stacked engine and the optimizer against slow, plain LibTorch code in double precision.
#include "models/engine.hpp"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "core/rng.hpp"
#include "error_of.hpp"
#include "native/model_of.hpp"

namespace scalelaw {
namespace {

using at::Tensor;
const bool kConfigured = (configure_torch(1), true);

namespace reference {

Tensor reference_norm(const Tensor& x) { return x / at::sqrt(at::mean(x * x, -1, true) + 1e-6); }

/// Rotary positions written as a loop over positions and pairs. x [B, T, H, D]
Tensor turn(const Tensor& x) {
  const std::int64_t context = x.size(1), width = x.size(3);
  std::vector<Tensor> positions;
  for (std::int64_t t = 0; t < context; ++t) {
    std::vector<Tensor> numbers;
    for (std::int64_t j = 0; j < width / 2; ++j) {
      const double angle =
          static_cast<double>(t) * std::pow(10000.0, -2.0 * static_cast<double>(j) / static_cast<double>(width));
      const Tensor a = x.select(1, t).select(2, 2 * j), b = x.select(1, t).select(2, 2 * j + 1);
      numbers.push_back(a * std::cos(angle) - b * std::sin(angle));
      numbers.push_back(a * std::sin(angle) + b * std::cos(angle));
    }
    positions.push_back(at::stack(numbers, 2));
  }
  return at::stack(positions, 1);
}

/// Loss of each token of one member, [windows * T]. flat: its P parameters in double.
Tensor token_losses(const Layout& layout, const Tensor& flat, const Tensor& inputs, const Tensor& targets) {
  const ModelSpec& m = layout.model;
  const auto weight = [&](const std::string& name) {
    const Slice& slice = layout.at(name);
    return flat.narrow(0, slice.offset, slice.size()).view({slice.rows, slice.cols});
  };
  const std::int64_t windows = inputs.size(0), width = m.n_head * m.d_head;
  Tensor x = at::embedding(weight("embedding"), inputs);  // [B, T, C]
  const Tensor future = at::ones({m.context, m.context}, at::kBool).triu(1);
  for (std::int64_t i = 0; i < m.n_layer; ++i) {
    const std::string layer = fmt::format("layers.{}.", i);
    const std::vector<Tensor> qkv = at::matmul(reference_norm(x), weight(layer + "attention.qkv")).split(width, 2);
    const auto heads = [&](const Tensor& t) { return t.view({windows, m.context, m.n_head, m.d_head}); };
    const Tensor q = turn(reference_norm(heads(qkv[0]))).transpose(1, 2),
                 k = turn(reference_norm(heads(qkv[1]))).transpose(1, 2);
    const double root = std::sqrt(static_cast<double>(m.d_head));
    Tensor scale = at::full({1}, m.qk_scale.number ? *m.qk_scale.number / root : 1.0, at::kDouble);
    if (m.qk_scale.is(QkScale::learned)) scale = weight(layer + "attention.qk_scale").view({1, -1, 1, 1}) / root;
    const Tensor scores = (scale * at::matmul(q, k.transpose(2, 3))).masked_fill(future, -1e30);
    const Tensor mixed = at::matmul(at::softmax(scores, -1), heads(qkv[2]).transpose(1, 2)).transpose(1, 2);
    x = x + at::matmul(mixed.reshape({windows, m.context, width}), weight(layer + "attention.output"));
    const Tensor up = at::matmul(reference_norm(x), weight(layer + "mlp.up"));
    x = x + at::matmul(0.5 * up * (1 + at::erf(up / std::sqrt(2.0))), weight(layer + "mlp.down"));
  }
  const Tensor head = m.tie_embeddings ? weight("embedding").t() : weight("head");
  const Tensor logits = at::matmul(reference_norm(x), head).view({-1, m.vocab});
  return -at::log_softmax(logits, 1).gather(1, targets.reshape({-1, 1})).squeeze(1);
}

}  // namespace reference

/// A stack of members with random tokens and seeds 1, 2 ...
struct Fixture {
  Layout layout;
  Device device = open_device(DeviceKind::cpu);
  std::int64_t members, windows;
  Buffer<float> parameters, gradients, losses, window_losses;
  Buffer<std::int64_t> inputs, targets;
  Engine engine;

  Fixture(const ModelSpec& model, std::int64_t k, std::int64_t b, const TorchOptions& how = {})
      : layout(make_layout(model)), members(k), windows(b) {
    const std::int64_t p = layout.params, tokens = k * b * model.context;
    parameters = Buffer<float>(device, k * p);
    gradients = Buffer<float>(device, k * p);
    losses = Buffer<float>(device, k);
    window_losses = Buffer<float>(device, k * b);
    inputs = Buffer<std::int64_t>(device, tokens);
    targets = Buffer<std::int64_t>(device, tokens);
    for (std::int64_t i = 0; i < k; ++i)
      initialize(layout, i + 1, {parameters.data() + i * p, static_cast<std::size_t>(p)});
    Rng rng = make_rng(1, "tokens");
    const auto vocab = static_cast<std::uint64_t>(model.vocab);
    for (std::int64_t i = 0; i < tokens; ++i) {
      inputs.data()[i] = static_cast<std::int64_t>(uniform_below(rng, vocab));
      targets.data()[i] = static_cast<std::int64_t>(uniform_below(rng, vocab));
    }
    engine = make_torch_engine(layout, device,
                               {.members = k, .parameters = parameters.data(), .gradients = gradients.data()}, how);
    std::fill_n(gradients.data(), k * p, 1e9F);  // what is not overwritten will show
  }
  Batch batch() const { return {.inputs = inputs.data(), .targets = targets.data(), .windows = windows}; }
  void step() { engine.loss_and_grad(batch(), losses.data()); }

  /// Reference losses [windows * T] of member k; its gradient if wanted.
  Tensor reference_losses(std::int64_t k, Tensor* gradient = nullptr) const {
    const std::int64_t n = windows * layout.model.context;
    const auto ids = [&](const Buffer<std::int64_t>& buffer) {
      return at::from_blob(buffer.data() + k * n, {windows, layout.model.context}, at::kLong);
    };
    const Tensor flat = at::from_blob(parameters.data() + k * layout.params, {layout.params}, at::kFloat)
                            .to(at::kDouble)
                            .requires_grad_(true);
    const Tensor result = reference::token_losses(layout, flat, ids(inputs), ids(targets));
    if (gradient != nullptr) {
      result.mean().backward();
      *gradient = flat.grad();
    }
    return result.detach();
  }
};

ModelSpec small_shape(bool tied = false) {
  ModelSpec m;
  m.d_model = 16;
  m.n_layer = 2;
  m.d_head = 4;
  m.n_head = 4;
  m.d_ff = 40;
  m.context = 12;
  m.vocab = 50;
  m.tie_embeddings = tied;
  return m;
}

ModelSpec shape(std::int64_t heads, std::int64_t d_head, std::int64_t d_ff, std::int64_t context, std::int64_t vocab,
                bool tied = false) {
  ModelSpec m = small_shape(tied);
  m.d_model = heads * d_head;
  m.n_layer = 1;
  m.d_head = d_head;
  m.n_head = heads;
  m.d_ff = d_ff;
  m.context = context;
  m.vocab = vocab;
  return m;
}

struct Case {
  std::int64_t members;
  ModelSpec model;
};
class EngineAgainstReference : public testing::TestWithParam<Case> {};

TEST_P(EngineAgainstReference, LossesAndGradientsOfEveryMember) {
  Fixture f(GetParam().model, GetParam().members, 3);
  f.step();
  f.step();  // the second must not depend on what the first left behind
  for (std::int64_t k = 0; k < f.members; ++k) {
    Tensor expected;
    const double loss = f.reference_losses(k, &expected).mean().item<double>();
    EXPECT_NEAR(f.losses.data()[k], loss, 2e-6 * loss);
    const Tensor got =
        at::from_blob(f.gradients.data() + k * f.layout.params, {f.layout.params}, at::kFloat).to(at::kDouble);
    for (const Slice& slice : f.layout.slices) {
      const Tensor want = expected.narrow(0, slice.offset, slice.size());
      const double error = (got.narrow(0, slice.offset, slice.size()) - want).norm().item<double>();
      EXPECT_LT(error, 3e-6 * want.norm().item<double>()) << slice.name << " of member " << k;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Stacks, EngineAgainstReference,
                         testing::Values(Case{1, small_shape()}, Case{3, small_shape()}, Case{1, small_shape(true)},
                                         Case{2, small_shape(true)}));
// the shapes of tests/native/torch_agreement_test.cpp: so the native engine is held to double precision by two ways
INSTANTIATE_TEST_SUITE_P(Shapes, EngineAgainstReference,
                         testing::Values(Case{2, shape(3, 8, 24, 33, 31)}, Case{1, shape(2, 16, 40, 97, 31, true)},
                                         Case{2, shape(1, 24, 40, 17, 31)}, Case{1, shape(1, 32, 17, 64, 50)},
                                         Case{2, shape(1, 40, 40, 9, 31, true)}, Case{1, shape(1, 64, 64, 40, 64)},
                                         Case{1, shape(1, 8, 8, 3, 65536)}));
INSTANTIATE_TEST_SUITE_P(Scales, EngineAgainstReference,
                         testing::Values(Case{2, with_scale(shape(2, 16, 40, 33, 31), {.number = 1.5})},
                                         Case{3, with_scale(small_shape(), {.name = QkScale::learned})},
                                         Case{1,
                                              with_scale(shape(3, 12, 30, 20, 40, true), {.name = QkScale::learned})}));

TEST(Engine, WindowLossesAreTheMeansOfTheirTokens) {
  Fixture f(small_shape(), 2, 3);
  f.engine.window_losses(f.batch(), f.window_losses.data());
  for (std::int64_t k = 0; k < 2; ++k) {
    const Tensor expected = f.reference_losses(k).view({3, -1}).mean(1);
    for (std::int64_t w = 0; w < 3; ++w) {
      EXPECT_NEAR(f.window_losses.data()[k * 3 + w], expected[w].item<double>(), 1e-5);
    }
  }
}

TEST(Engine, AMemberThatIsNotFiniteChangesNoOtherBit) {
  Fixture clean(small_shape(), 3, 2), poisoned(small_shape(), 3, 2);
  std::fill_n(poisoned.parameters.data() + poisoned.layout.params, 100, std::numeric_limits<float>::quiet_NaN());
  poisoned.parameters.data()[poisoned.layout.params + 200] = std::numeric_limits<float>::infinity();
  clean.step();
  poisoned.step();
  EXPECT_FALSE(std::isfinite(poisoned.losses.data()[1]));
  for (const std::int64_t k : {0, 2}) {
    EXPECT_EQ(clean.losses.data()[k], poisoned.losses.data()[k]);
    for (std::int64_t i = 0; i < clean.layout.params; ++i) {
      ASSERT_EQ(clean.gradients.data()[k * clean.layout.params + i],
                poisoned.gradients.data()[k * clean.layout.params + i]);
    }
  }
}

TEST(Engine, Bf16ProductsStayNearFp32) {
  Fixture full(small_shape(), 2, 3), half(small_shape(), 2, 3, {.precision = Precision::bf16});
  full.step();
  half.step();
  for (std::int64_t k = 0; k < 2; ++k) {
    EXPECT_NE(full.losses.data()[k], half.losses.data()[k]);
    EXPECT_NEAR(full.losses.data()[k], half.losses.data()[k], 0.02);
  }
  const auto view = [](const Fixture& f) {
    return at::from_blob(f.gradients.data(), {2 * f.layout.params}, at::kFloat);
  };
  EXPECT_LT((view(full) - view(half)).norm().item<double>(), 0.03 * view(full).norm().item<double>());
}

/// Twenty steps on made-up gradients beside torch::optim::AdamW in double.
TEST(AdamStep, AgreesWithPyTorch) {
  const std::int64_t params = 1003, members = 3;
  const double lr[] = {0.01, 0.003, 0.1}, decay[] = {0.1, 0.0, 0.5}, clip[] = {0, 1.0, 5.0};
  const Device device = open_device(DeviceKind::cpu);
  Buffer<float> p(device, members * params), g(device, members * params), m(device, members * params),
      v(device, members * params), losses(device, members), norms(device, members);
  Buffer<AdamSettings> settings(device, members);
  Buffer<AdamScalars> scalars(device, members);
  Buffer<std::int64_t> diverged(device, members);
  std::vector<Tensor> reference;
  std::vector<std::unique_ptr<torch::optim::AdamW>> optimizers;
  Rng rng = make_rng(2, "adam");
  for (std::int64_t i = 0; i < members * params; ++i) p.data()[i] = static_cast<float>(standard_normal(rng));
  for (std::int64_t k = 0; k < members; ++k) {
    settings.data()[k] = {.beta1 = 0.9F,
                          .beta2 = 0.98F,
                          .eps = 1e-8F,
                          .weight_decay = static_cast<float>(decay[k]),
                          .clip = static_cast<float>(clip[k])};
    reference.push_back(
        at::from_blob(p.data() + k * params, {params}, at::kFloat).to(at::kDouble).requires_grad_(true));
    optimizers.push_back(std::make_unique<torch::optim::AdamW>(
        std::vector<Tensor>{reference.back()},
        torch::optim::AdamWOptions(lr[k]).betas({0.9, 0.98}).eps(1e-8).weight_decay(decay[k])));
  }
  const AdamGroup whole;
  const AdamState state{.members = members,
                        .params = params,
                        .groups = &whole,
                        .group_count = 1,
                        .parameters = p.data(),
                        .gradients = g.data(),
                        .moment1 = m.data(),
                        .moment2 = v.data(),
                        .settings = settings.data(),
                        .diverged = diverged.data()};
  for (int step = 1; step <= 20; ++step) {
    for (std::int64_t i = 0; i < members * params; ++i) g.data()[i] = static_cast<float>(0.1 * standard_normal(rng));
    for (std::int64_t k = 0; k < members; ++k) {
      scalars.data()[k] = {.lr = static_cast<float>(lr[k]),
                           .correction1 = static_cast<float>(1 / (1 - std::pow(0.9, step))),
                           .correction2 = static_cast<float>(1 / (1 - std::pow(0.98, step)))};
      Tensor gradient = at::from_blob(g.data() + k * params, {params}, at::kFloat).to(at::kDouble);
      const double norm = gradient.norm().item<double>();
      if (clip[k] > 0) gradient = gradient * std::min(1.0, clip[k] / norm);
      reference[static_cast<std::size_t>(k)].mutable_grad() = gradient;
      optimizers[static_cast<std::size_t>(k)]->step();
    }
    adam_step(device, state, scalars.data(), step, losses.data(), norms.data());
  }
  for (std::int64_t k = 0; k < members; ++k) {
    const Tensor got = at::from_blob(p.data() + k * params, {params}, at::kFloat).to(at::kDouble);
    const Tensor& want = reference[static_cast<std::size_t>(k)];
    EXPECT_LT((got - want).abs().max().item<double>(), 2e-5 * want.abs().max().item<double>()) << "member " << k;
  }
}

TEST(AdamStep, FreezesAMemberThatIsNotFiniteAndNoOther) {
  const Device device = open_device(DeviceKind::cpu);
  Buffer<float> p(device, 9), g(device, 9), m(device, 9), v(device, 9), losses(device, 3), norms(device, 3);
  Buffer<AdamSettings> settings(device, 3);
  Buffer<AdamScalars> scalars(device, 3);
  Buffer<std::int64_t> diverged(device, 3);
  for (int k = 0; k < 3; ++k) {
    settings.data()[k] = {};
    scalars.data()[k] = {.lr = 0.1F, .correction1 = 10, .correction2 = 20};
  }
  std::fill_n(g.data(), 9, 1.0F);
  const AdamGroup whole;
  const AdamState state{.members = 3,
                        .params = 3,
                        .groups = &whole,
                        .group_count = 1,
                        .parameters = p.data(),
                        .gradients = g.data(),
                        .moment1 = m.data(),
                        .moment2 = v.data(),
                        .settings = settings.data(),
                        .diverged = diverged.data()};
  g.data()[4] = std::numeric_limits<float>::quiet_NaN();
  losses.data()[2] = std::numeric_limits<float>::infinity();
  adam_step(device, state, scalars.data(), 7, losses.data(), norms.data());
  EXPECT_EQ(diverged.download(), (std::vector<std::int64_t>{0, 7, 7}));
  for (int i = 0; i < 3; ++i) EXPECT_LT(p.data()[i], -0.05F);
  for (int i = 3; i < 9; ++i) EXPECT_EQ(p.data()[i], 0.0F);
  g.data()[4] = 1;  // finite again: it stays frozen
  adam_step(device, state, scalars.data(), 8, losses.data(), norms.data());
  EXPECT_EQ(p.data()[4], 0.0F);
  EXPECT_EQ(diverged.download(), (std::vector<std::int64_t>{0, 7, 7}));
}

TEST(Device, GathersWindowsAndTheirTargets) {
  const Device device = open_device(DeviceKind::cpu);
  Buffer<std::uint8_t> tokens(device, 20);
  for (int i = 0; i < 20; ++i) tokens.data()[i] = static_cast<std::uint8_t>(200 + i);
  Buffer<std::int64_t> starts(device, 2), inputs(device, 6), targets(device, 6);
  starts.upload(std::vector<std::int64_t>{5, 16});
  gather_windows(device, {TokenWidth::uint8, tokens.data(), tokens.size()}, starts.data(), 2, 3, inputs.data(),
                 targets.data());
  EXPECT_EQ(inputs.download(), (std::vector<std::int64_t>{205, 206, 207, 216, 217, 218}));
  EXPECT_EQ(targets.download(), (std::vector<std::int64_t>{206, 207, 208, 217, 218, 219}));
}

TEST(Device, RefusesCudaWhereTheProgramHasNone) {
  (void)error_of(ExitCode::device, [] { (void)open_device(DeviceKind::cuda); });
}

}  // namespace
}  // namespace scalelaw
