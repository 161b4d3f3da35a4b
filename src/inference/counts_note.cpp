#include "inference/counts_note.hpp"

namespace scalelaw::inline inference {
namespace {

/// How the law means N where a table does not say how it counts.
std::string own_counts_note(const Comparison& c) {
  const std::string& law_counts = c.second_counted;
  const std::string advice =
      law_counts == name_of(ParamsCount::total)
          ? "if it counts all parameters, --convention total says so"
          : fmt::format("if it counts so too, say --convention {} --columns params=NAME", law_counts);
  return fmt::format("{} counts N as {}; {} does not say how it counts, and its numbers are taken as they are: {}",
                     c.second, law_counts, c.first, advice);
}

}  // namespace

std::string counted_note(const Comparison& c) {
  const std::string& first = c.first_counted;
  const std::string& second = c.second_counted;
  if (first == second) return "";
  if (!c.second_measured && first == kOwnCounts) return own_counts_note(c);
  if (!c.second_measured) {
    return fmt::format("{} counts N as {}, these points as {}: its exponents hold for its own count", c.second, second,
                       first);
  }
  const auto text = [](const std::string& name, const std::string& how) {
    return how == kOwnCounts ? fmt::format("{} does not say how it counts N", name)
                             : fmt::format("{} counts N as {}", name, how);
  };
  return fmt::format("{}, {}: exponents can be compared only under one count", text(c.first, first),
                     text(c.second, second));
}

}  // namespace scalelaw::inline inference
