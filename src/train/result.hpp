#pragma once
// From a trained stack to records and curves.
#include <span>
#include <string>
#include <vector>

#include "records/records.hpp"
#include "train/stack.hpp"

namespace scalelaw::inline train {

/// Mean of the windows' losses with its standard error from blocks of 16 neighbouring windows, which text correlates.
/// Sums in double. stderr only where there are at least two blocks.
[[nodiscard]] FinalLoss summarize_loss(std::span<const double> window_losses, std::int64_t context,
                                       double bytes_per_token);

/// step,tokens,train_loss_nats,lr,grad_norm: about 200 rows, each the mean over the steps since the row before; ends
/// where the member diverged.
[[nodiscard]] std::string curve_csv(const Stack& stack, std::size_t member);

/// The record of one member at the end of its run. @param context without `finished`.
[[nodiscard]] RunRecord make_record(const Stack& stack, std::size_t member, std::span<const double> window_losses,
                                    double bytes_per_token, const Throughput& throughput, const RunContext& context);

}  // namespace scalelaw::inline train
