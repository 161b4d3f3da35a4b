#pragma once
// Which loss scalelaw fit takes: nats, bits per byte, or columns of a table; several are fitted one by one.
#include <optional>
#include <string>
#include <vector>

#include "cli/fit_sources.hpp"
#include "fit/result.hpp"

namespace scalelaw::cli {

/// "a,b" and repeated options as one list; a name with a comma stands in quotes: '"eval, loss"'. Errors (config): an
/// empty name, or one given twice.
[[nodiscard]] std::vector<std::string> parse_losses(const std::vector<std::string>& items);

/// nats or bits_per_byte (bits-per-byte), the losses that records and tables have under these names; none: a column.
[[nodiscard]] std::optional<LossUnit> named_loss(const std::string& loss);

/// Parts that hold records once for each of the losses, in its unit; without losses as they are. Errors (config): a
/// column is asked of records. (data): see in_bits_per_byte.
[[nodiscard]] std::vector<FitSources> records_by_loss(std::vector<FitSources> parts,
                                                      const std::vector<std::string>& losses);

/// A row for each fit of several losses: its constants and exponents, with the 95 % interval of the exponents a and b.
/// @param counted of each fit: "loss eval/c4"
[[nodiscard]] std::string losses_text(const std::vector<FitResult>& fits, const std::vector<std::string>& counted);

}  // namespace scalelaw::cli
