#pragma once
// One member trained by the native engine and adam_step on tokens of a fixed rule.
#include <cmath>
#include <span>
#include <vector>

#include "core/rng.hpp"
#include "models/device.hpp"
#include "models/native/native.hpp"

namespace scalelaw {

/// Windows of tokens: the next is what a random table says of the last two, or once in four times any.
struct RuleBatch {
  std::vector<std::int64_t> inputs, targets;  ///< [windows, context]

  RuleBatch(const ModelSpec& model, std::int64_t windows, std::uint64_t number) {
    const auto vocab = static_cast<std::uint64_t>(model.vocab);
    Rng rng = make_rng(5, "windows", number);
    for (std::int64_t w = 0; w < windows; ++w) {
      std::uint64_t before = uniform_below(rng, vocab), token = uniform_below(rng, vocab);
      for (std::int64_t t = 0; t < model.context; ++t) {
        Rng table = make_rng(6, "table", before * vocab + token);
        const std::uint64_t next = uniform_below(uniform_below(rng, 4) == 0 ? rng : table, vocab);
        inputs.push_back(static_cast<std::int64_t>(token));
        targets.push_back(static_cast<std::int64_t>(next));
        before = token;
        token = next;
      }
    }
  }
  [[nodiscard]] Batch batch(const ModelSpec& model) const {
    return {inputs.data(), targets.data(), static_cast<std::int64_t>(inputs.size()) / model.context};
  }
};

struct OneRun {
  Layout layout;
  AdamSettings settings;
  std::vector<float> parameters, gradients, moment1, moment2;
  std::int64_t step = 0, diverged = 0;
  float loss = 0, norm = 0;
  Engine engine;

  OneRun(const ModelSpec& model, const AdamSettings& adam, std::int64_t seed = 1)
      : layout(make_layout(model)), settings(adam) {
    for (auto* of : {&parameters, &gradients, &moment1, &moment2}) of->resize(static_cast<std::size_t>(layout.params));
    initialize(layout, seed, parameters);
    engine = make_native_engine(layout, {1, parameters.data(), gradients.data()});
  }

  void train(const RuleBatch& batch, double lr) {
    engine.loss_and_grad(batch.batch(layout.model), &loss);
    ++step;
    const auto correction = [&](float beta) {
      return static_cast<float>(1 / (1 - std::pow(static_cast<double>(beta), static_cast<double>(step))));
    };
    const AdamScalars now{static_cast<float>(lr), correction(settings.beta1), correction(settings.beta2)};
    const AdamState state{.members = 1,
                          .params = layout.params,
                          .groups = layout.groups.data(),
                          .group_count = static_cast<std::int64_t>(layout.groups.size()),
                          .parameters = parameters.data(),
                          .gradients = gradients.data(),
                          .moment1 = moment1.data(),
                          .moment2 = moment2.data(),
                          .settings = &settings,
                          .diverged = &diverged};
    adam_step({}, state, &now, step, &loss, &norm);
  }

  [[nodiscard]] std::vector<double> wide_parameters() const { return {parameters.begin(), parameters.end()}; }
};

}  // namespace scalelaw
