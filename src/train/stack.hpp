#pragma once
// K members in training: parameters, moments, and what they have seen so far.
#include <functional>
#include <string>
#include <vector>

#include "corpus/corpus.hpp"
#include "models/engine_choice.hpp"
#include "models/step_repeater.hpp"
#include "records/asked.hpp"
#include "records/job.hpp"
#include "records/records.hpp"
#include "records/token_view.hpp"

namespace scalelaw::inline train {

/// What all stacks of a job share.
struct StackSetup {
  Layout layout;
  Device device;
  Buffer<AdamGroup> groups;  ///< those of the layout, in the device's memory
  Precision precision = Precision::fp32;
  EngineChoice engine;
  AskedGraph graph = AskedGraph::automatic;  ///< StepRepeater
  std::int64_t micro_tokens = 0;             ///< of a member at once in a step; 0 = the whole batch
  Buffer<char> train_copy, validation_copy;  ///< of the token files; empty on a CPU, which reads them as mapped
  TokenView train, validation;               ///< in the device's memory
  std::int64_t curve_stride = 1;             ///< steps averaged into one point of a loss curve
};
/// What computes the job there, with its micro-batches where these are not the whole batch.
/// Errors: those of choose_engine.
[[nodiscard]] EngineChoice engine_of(const Job& job, const Device& device);
/// Puts the corpus where the device can read it. The corpus must outlive the setup.
[[nodiscard]] StackSetup make_setup(const ModelSpec& model, const Device& device, Precision precision,
                                    const EngineChoice& engine, const Corpus& corpus, std::int64_t curve_stride);

/// Averages of loss and gradient norm over curve_stride steps each.
struct Curve {
  std::vector<std::int64_t> steps;         ///< last step of each point, counted from 1
  std::vector<double> loss, norm;          ///< [points, K]
  std::int64_t pending = 0;                ///< steps since the last point
  std::vector<double> loss_sum, norm_sum;  ///< [K], over the pending steps
};

struct Stack {
  std::vector<RunSpec> specs;                             ///< of the members
  std::int64_t step = 0;                                  ///< steps done
  Buffer<float> parameters, gradients, moment1, moment2;  ///< [K, P]
  Buffer<float> micro_gradients;                          ///< [K, P] of a micro-batch; empty where there is one a step
  Buffer<AdamSettings> settings;                          ///< [K]
  Buffer<std::int64_t> diverged;                          ///< [K]; 0 or the step, from 1
  Curve curve;
  Engine engine;
  StepRepeater::Status repetition;  ///< of the last training

  [[nodiscard]] std::int64_t members() const { return static_cast<std::int64_t>(specs.size()); }
};

/// Freshly initialised members.
[[nodiscard]] Stack make_stack(const StackSetup& setup, const std::vector<RunSpec>& specs);

/// A copy of some members (`rows`) with specs of their own that agree with the old ones up to the present step.
[[nodiscard]] Stack copy_members(const StackSetup& setup, const Stack& from, const std::vector<std::size_t>& rows,
                                 const std::vector<RunSpec>& specs);

/// Trains up to `until` steps in all. Calls `after` every few steps (a fraction of a second) and stops early, between
/// two steps, when it returns false. Where it stops does not change any number.
/// @return whether `until` was reached
bool train_stack(const StackSetup& setup, Stack& stack, std::int64_t until, const std::function<bool()>& after);

/// Mean loss of each of the first windows of the validation split, [K][windows].
/// Errors (data): the validation split is shorter than one window.
[[nodiscard]] std::vector<std::vector<double>> evaluate(const StackSetup& setup, const Stack& stack);

}  // namespace scalelaw::inline train
