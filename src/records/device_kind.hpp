#pragma once
// Apart from the other names because CUDA sources read it, as C++17.
#include <array>
#include <string_view>

namespace scalelaw::inline records {

/// Where a trainer trains.
enum class DeviceKind { cpu, cuda };
constexpr std::array<std::string_view, 2> names_of(DeviceKind) { return {"cpu", "cuda"}; }

}  // namespace scalelaw::inline records
