#pragma once
// What this processor has beyond the instruction sets that a compiler asks for by itself.

namespace scalelaw {

/// Whether this process may use AMX tiles with bf16 products (and AVX-512, which comes with them). Linux keeps the
/// tiles' state only for processes that ask; the first call asks.
[[nodiscard]] bool cpu_has_amx_bf16();

}  // namespace scalelaw
