#pragma once
// The memory that training one job takes, by formula.
#include <cstdint>

#include "records/asked.hpp"
#include "records/records.hpp"

namespace scalelaw::inline study {

/// Peak resident memory, bytes, of the process that trains a stack on a CPU: an upper estimate, within half of the
/// truth on the shapes of tests/train/memory_test.cpp. A member of P parameters takes 80 P bytes: parameters, gradient
/// and two moments of its trunk and of the branch that cools down (32 P), and while a checkpoint is written the
/// parameters and moments of both twice more (48 P). To that come the buffers of two engines (trunk and branch), the
/// token ids of two batches, and the program with LibTorch. The corpus is not counted: it is mapped, shared by all
/// processes, and given up by the system where memory is short.
/// @param engine as in TrainingConfig. The torch engine's buffers grow with members x batch_tokens, the native engine's
/// hold one chunk of one member; `auto` is what models/engine_choice.hpp makes of it.
/// @param micro_tokens of a member at once; 0 = the whole batch. With less the torch engine's buffers and the token ids
/// are those of a micro-batch, and the sum of gradients takes 8 P bytes more.
[[nodiscard]] double host_bytes(const RunSpec& spec, std::int64_t members, AskedEngine engine,
                                std::int64_t micro_tokens = 0);

/// Memory of a CUDA device, bytes, that training a stack takes: an estimate never compared with a device. What the
/// trainer allocates is counted, and compared in tests/cuda/memory_test.cpp with the same trainer on the host: 32 P
/// bytes a member as above (checkpoints are written by the host), for bf16 4 P more; buffers of two engines; the
/// evaluation's; the corpus. Taken on trust: temporaries twice, since a graph has a pool of its own; the sums of flash
/// attention; a tenth for rounding by the allocator; 1 GB for the context and the workspaces of libraries.
/// @param corpus_bytes of the tokens of the training and validation splits, as wide as in their files
/// @param micro_tokens as of host_bytes
[[nodiscard]] double device_bytes(const RunSpec& spec, std::int64_t members, double corpus_bytes,
                                  std::int64_t micro_tokens = 0);

}  // namespace scalelaw::inline study
