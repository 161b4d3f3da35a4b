#pragma once
// In what precision a model is trained.
#include <array>
#include <string_view>

namespace scalelaw::inline records {

/// Arithmetic of the factors of matrix products (on CUDA of attention too); sums, logits, losses and everything else
/// are in fp32.
enum class Precision { fp32, bf16 };
constexpr std::array<std::string_view, 2> names_of(Precision) { return {"fp32", "bf16"}; }

}  // namespace scalelaw::inline records
