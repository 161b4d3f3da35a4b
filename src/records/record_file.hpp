#pragma once
// Run records as other programs write them: what follows from the spec may be left out, and must be right if it is not.
#include <filesystem>
#include <string>

#include "records/records.hpp"

namespace scalelaw::inline records {

/// A record of which `params`, `flops` and `tokens`, whole or in part, may be absent or null. They are computed from
/// the spec: count_params of its shape, steps x batch_tokens (run_steps, or outcome.step of a run that diverged) and
/// count_flops of both. Errors (data) naming `name` and the key: as record_from_json; a completed run whose loss is
/// missing or not finite; of a trained run params that are not those of its shape, flops that are not those of its
/// shape and tokens (by more than 1e-6), completed with tokens more than one batch off its spec.
[[nodiscard]] RunRecord complete_record(const Json& value, const std::string& name);

/// complete_record of a file. Errors (data): as complete_record; the file cannot be read or is not JSON, where NaN and
/// Infinity, which some programs write into JSON, are named.
[[nodiscard]] RunRecord read_record_file(const std::filesystem::path& file);

}  // namespace scalelaw::inline records
