#pragma once
// Training steps measured on a CUDA device (bench_train's table), and what they say of shapes that were not measured.
#include <filesystem>
#include <string>
#include <vector>

#include "core/fields.hpp"
#include "study/cost.hpp"

namespace scalelaw::inline study {

/// Steps of one stack, d_ff = 4 d_model, trained by one process that has the device to itself.
struct DeviceSpeedRow {
  std::int64_t n_layer = 0, d_model = 0, d_head = 0, context = 0, vocab = 0;
  std::int64_t members = 0;
  std::int64_t batch_tokens = 0;  ///< of one member
  Precision precision = Precision::fp32;
  AskedGraph graph = AskedGraph::automatic;
  double flops_per_step = 0;  ///< of all members: members * batch_tokens * flops_per_token (records/shape.hpp)
  double step_s = 0;          ///< seconds of one step of all members together
};
template <class Visit, FieldsOf<DeviceSpeedRow> T>
void fields(Visit&& visit, T& r) {
  visit("n_layer", r.n_layer, between(1, 1024), "number of transformer blocks");
  visit("d_model", r.d_model, between(1, 65536), "width of the residual stream");
  visit("d_head", r.d_head, between(2, 1024), "width of an attention head");
  visit("context", r.context, between(2, 65536), "tokens in a training window");
  visit("vocab", r.vocab, between(2, 1048576), "number of token ids");
  visit("members", r.members, at_least(1), "members of the stack");
  visit("batch_tokens", r.batch_tokens, at_least(1), "tokens in one optimizer step of one member");
  visit("precision", r.precision, named<Precision>(), "of the factors of matrix products");
  visit("graph", r.graph, named<AskedGraph>(), "as training.graph");
  visit("flops_per_step", r.flops_per_step, positive(), "training FLOPs of one step of all members");
  visit("step_s", r.step_s, positive(), "seconds of one step of all members together");
}

struct DeviceSpeeds {
  std::string schema;
  std::string device;  ///< as nvidia-smi lists it
  std::string torch;   ///< version of LibTorch
  std::vector<DeviceSpeedRow> rows;
};
template <class Visit, FieldsOf<DeviceSpeeds> T>
void fields(Visit&& visit, T& t) {
  visit("schema", t.schema, one_of({"scalelaw.device_speeds/1"}), "format");
  visit("device", t.device, any(), "name of the CUDA device");
  visit("torch", t.torch, any(), "version of LibTorch");
  visit("rows", t.rows, any(), "what was measured");
}

/// Errors (data), naming the file and the key: not readable; a key that is missing, unknown or out of range;
/// flops_per_step that is not within 1 % of what the row's shape takes.
[[nodiscard]] DeviceSpeeds read_device_speeds(const std::filesystem::path& file);

/// Seconds of a step = launch_s_per_layer * (n_layer + 2) + s_per_flop * FLOPs of the step: every layer, and what comes
/// before and after them, costs launches whatever its size; products cost by their FLOPs.
struct StepLaw {
  // of the rows it stands on
  std::string device, torch;
  Precision precision = Precision::fp32;
  AskedGraph graph = AskedGraph::automatic;
  std::int64_t rows = 0;
  double launch_s_per_layer = 0, s_per_flop = 0;  ///< not negative
  double rms_error = 0;                           ///< relative, over its own rows
  double least_flops = 0, most_flops = 0;         ///< of a step in these rows
};

/// The law nearest to the rows of this precision and graph setting: least squares of relative errors.
/// @param name of the table, for messages. Errors (data): fewer than 3 such rows.
[[nodiscard]] StepLaw fit_step_law(const DeviceSpeeds& table, Precision precision, AskedGraph graph,
                                   const std::string& name);

[[nodiscard]] double step_seconds(const StepLaw& law, std::int64_t n_layer, double flops);

/// FLOPs of one step of all members of a job.
[[nodiscard]] double step_flops(const std::vector<RunSpec>& runs);

/// A job's speed by the law. An evaluation counts as steps of a third of the FLOPs (there is no backward pass) over
/// kDeviceEvalTokens tokens; the start of the process is unknown and counts as 0.
[[nodiscard]] Speed speed_by_law(const StepLaw& law, const std::vector<RunSpec>& runs);

}  // namespace scalelaw::inline study
