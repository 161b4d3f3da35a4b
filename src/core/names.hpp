#pragma once
// Enums that people, files and the command line know by name. Beside such an enum stands its only table of names, in
// the order of its values, found by the enum's type:
//     enum class Method { parametric, isoflop };
//     constexpr std::array<std::string_view, 2> names_of(Method) { return {"parametric", "isoflop"}; }
// From it come name_of, find_named, JSON (as a string), fmt::format, and the fields of core/fields.hpp.
#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/json.hpp"

namespace scalelaw::inline core {

template <class E>
concept Named = std::is_enum_v<E> && requires(E e) {
  names_of(e).size();
};

/// The name of a value of an enum that has a table of names.
template <Named E>
[[nodiscard]] constexpr std::string_view name_of(E value) {
  return names_of(value)[static_cast<std::size_t>(value)];
}

/// The value with this name; none where the enum has no such name.
template <Named E>
[[nodiscard]] constexpr std::optional<E> find_named(std::string_view name) {
  const auto names = names_of(E{});
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

/// Every value, in order.
template <Named E>
[[nodiscard]] constexpr auto all_of() {
  std::array<E, names_of(E{}).size()> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<E>(i);
  return values;
}

/// "a, b, c"
template <Named E>
[[nodiscard]] std::string list_of_names() {
  std::string text;
  for (const std::string_view name : names_of(E{})) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

/// For messages of tests.
template <Named E>
std::ostream& operator<<(std::ostream& out, E value) {
  return out << name_of(value);
}

}  // namespace scalelaw::inline core

template <scalelaw::Named E>
struct fmt::formatter<E> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(E value, Context& context) const {
    return fmt::formatter<std::string_view>::format(scalelaw::name_of(value), context);
  }
};

/// JSON has the name, never the number, whatever namespace the enum is of.
template <scalelaw::Named E>
struct nlohmann::adl_serializer<E> {
  static void to_json(scalelaw::Json& json, E value) { json = std::string(scalelaw::name_of(value)); }
};
