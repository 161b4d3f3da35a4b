#include "train/result.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/format.hpp"
#include "core/stats.hpp"
#include "records/shape.hpp"
#include "train/schedule.hpp"

namespace scalelaw::inline train {

FinalLoss summarize_loss(std::span<const double> window_losses, std::int64_t context, double bytes_per_token) {
  constexpr std::size_t kBlock = 16;
  const double nats = mean(window_losses);
  FinalLoss loss{.nats = nats,
                 .stderr_nats = {},
                 .bits_per_byte = nats / std::numbers::ln2 / bytes_per_token,
                 .eval_tokens = static_cast<std::int64_t>(window_losses.size()) * context};
  std::vector<double> blocks;
  for (std::size_t begin = 0; begin + kBlock <= window_losses.size(); begin += kBlock) {
    blocks.push_back(mean(window_losses.subspan(begin, kBlock)));
  }
  if (blocks.size() >= 2) loss.stderr_nats = standard_deviation(blocks) / std::sqrt(static_cast<double>(blocks.size()));
  return loss;
}

std::string curve_csv(const Stack& stack, std::size_t member) {
  constexpr std::size_t kRows = 200;
  const Curve& curve = stack.curve;
  const std::size_t points = curve.steps.size(), members = stack.specs.size();
  const std::size_t merge = std::max<std::size_t>(1, (points + kRows - 1) / kRows);
  const RunSpec& spec = stack.specs[member];
  std::string text = "step,tokens,train_loss_nats,lr,grad_norm\n";
  const auto row = [&](std::int64_t step, double loss, double norm) {
    if (!std::isfinite(loss) || !std::isfinite(norm)) return false;
    text += fmt::format("{},{},{},{},{}\n", step, step * spec.data.batch_tokens, exact_number(loss),
                        exact_number(learning_rate(spec, step - 1)), exact_number(norm));
    return true;
  };
  for (std::size_t begin = 0; begin < points; begin += merge) {
    const std::size_t end = std::min(points, begin + merge);
    double loss = 0, norm = 0;
    for (std::size_t i = begin; i < end; ++i) {
      loss += curve.loss[i * members + member] / static_cast<double>(end - begin);
      norm += curve.norm[i * members + member] / static_cast<double>(end - begin);
    }
    if (!row(curve.steps[end - 1], loss, norm)) return text;
  }
  if (curve.pending > 0) {
    const auto n = static_cast<double>(curve.pending);
    row(stack.step, curve.loss_sum[member] / n, curve.norm_sum[member] / n);
  }
  return text;
}

RunRecord make_record(const Stack& stack, std::size_t member, std::span<const double> window_losses,
                      double bytes_per_token, const Throughput& throughput, const RunContext& context) {
  const RunSpec& spec = stack.specs[member];
  const std::int64_t diverged = stack.diverged.download(static_cast<std::int64_t>(member), 1)[0];
  RunRecord record;
  record.id = run_id(spec);
  record.spec = spec;
  record.tokens = stack.step * spec.data.batch_tokens;
  record.params = count_params(spec.model);
  record.flops = count_flops(spec.model, record.tokens);
  record.throughput = throughput;
  record.trunk = trunk_id(spec);
  record.context = context;
  record.context.finished = utc_now();
  record.loss = summarize_loss(window_losses, spec.model.context, bytes_per_token);
  record.outcome = {.status = RunStatus::completed, .step = stack.step, .message = ""};
  if (diverged != 0) {
    record.outcome = {
        .status = RunStatus::diverged, .step = diverged, .message = "the loss or the gradient stopped being finite"};
  } else if (!std::isfinite(*record.loss.nats)) {
    record.outcome = {.status = RunStatus::diverged, .step = stack.step, .message = "the held-out loss is not finite"};
  }
  if (record.outcome.status == RunStatus::diverged) {
    record.loss = {.nats = {}, .stderr_nats = {}, .bits_per_byte = {}, .eval_tokens = record.loss.eval_tokens};
  }
  return record;
}

}  // namespace scalelaw::inline train
