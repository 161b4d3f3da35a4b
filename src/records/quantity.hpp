#pragma once
// What runs are measured by and laws are powers of.
#include <array>
#include <string_view>

#include "core/names.hpp"

namespace scalelaw::inline records {

/// Units: parameters, tokens, optimizer steps, FLOPs.
enum class Quantity { params, tokens, steps, flops };
constexpr std::array<std::string_view, 4> names_of(Quantity) { return {"params", "tokens", "steps", "flops"}; }

/// "N", "D", "steps", "C": as formulas and messages write it.
[[nodiscard]] constexpr const char* symbol_of(Quantity quantity) {
  constexpr std::array<const char*, 4> kSymbols = {"N", "D", "steps", "C"};
  return kSymbols[static_cast<std::size_t>(quantity)];
}

}  // namespace scalelaw::inline records
