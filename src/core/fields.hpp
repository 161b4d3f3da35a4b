#pragma once
// One list of fields per struct, used for reading, defaults, validation, JSON and TOML alike.
//
// A struct S takes part by a function next to it:
//     template <class Visit, FieldsOf<S> T> void fields(Visit&& visit, T& s) {
//       visit("d_model", s.d_model, at_least(1), "width of the residual stream");
//     }
// Field types: bool, std::int64_t, double, std::string, enums with a table of names (core/names.hpp, visited with
// named<E>(), an optional one with named_or_empty<E>()), NumberOr such a name, structs that have such a function
// themselves, structs that are lists (Listed), and std::optional, std::vector and std::map by std::string of these.
#include <algorithm>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/json.hpp"
#include "core/names.hpp"
#include "os/error.hpp"

namespace scalelaw::inline core {

template <class T, class S>
concept FieldsOf = std::same_as<std::remove_const_t<T>, S>;

/// A struct S that is written as a list of its members, [low, high]. It has, instead of `fields`, a function next to
/// it:
///     template <FieldsOf<S> T> auto as_list(T& s) { return std::tie(s.low, s.high); }
template <class T>
concept Listed = requires(T& t) {
  as_list(t);
};

/// A number, or the name of what is used instead of one: written as the one or the other. The first of the names is the
/// empty value (see unless_empty).
template <Named E>
struct NumberOr {
  std::optional<double> number = {};
  E name{};  ///< where there is no number

  [[nodiscard]] bool is(E other) const { return !number && name == other; }
  [[nodiscard]] bool empty() const { return is(E{}); }
  friend bool operator==(const NumberOr&, const NumberOr&) = default;
};

/// What a value must satisfy. For a vector it applies to each item; for a string only `choices` matters.
struct Rule {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_open = false;                       ///< low itself is not allowed
  bool high_open = false;                      ///< high itself is not allowed
  std::vector<std::string_view> choices = {};  ///< if not empty: the strings allowed
  bool distinct = false;                       ///< of a list: no two items are the same; see Source::earlier
  bool high_for_new = false;                   ///< high is no bound of files that an earlier version wrote
  /// The key is not written where the value is empty: an optional without a value, or what says so by empty().
  bool unless_empty = false;
  std::optional<double> unless_value = {};  ///< the key is not written where the value is this number
  /// Earlier versions did not write the key. It says so to readers that need keys; read_fields needs none.
  bool later = false;
};
inline Rule any() { return {}; }
inline Rule at_least(double low) { return {.low = low}; }
inline Rule positive() { return {.low = 0.0, .low_open = true}; }
inline Rule between(double low, double high) { return {.low = low, .high = high}; }
/// The rule for a list no two of whose items are the same.
inline Rule distinct(Rule rule) {
  rule.distinct = true;
  return rule;
}
/// The rule for a key that is left out where its value is empty.
inline Rule unless_empty(Rule rule) {
  rule.unless_empty = true;
  return rule;
}
/// The rule for a key that is left out where its value is this one.
inline Rule unless(double value, Rule rule) {
  rule.unless_value = value;
  return rule;
}
/// The rule for a key that files of earlier versions lack.
inline Rule later(Rule rule) {
  rule.later = true;
  return rule;
}
inline Rule one_of(std::initializer_list<std::string_view> choices) { return {.choices = choices}; }

/// The rule for an enum: one of its names.
template <Named E>
Rule named() {
  const auto names = names_of(E{});
  return {.choices = {names.begin(), names.end()}};
}

/// The rule for an optional enum that is written as "" where it has no value: that, or one of its names.
template <Named E>
Rule named_or_empty() {
  Rule rule = named<E>();
  rule.choices.insert(rule.choices.begin(), "");
  return rule;
}

/// The rule for a NumberOr: numbers as `rule` has them, or one of the names.
template <Named E>
Rule or_named(Rule rule) {
  rule.choices = named<E>().choices;
  return rule;
}

/// "> 0", "0 .. 1", "a | b", "> 0 or a | b", "> 0, each once": how an error message and docs/CONFIG.md show a rule;
/// empty if anything goes.
[[nodiscard]] std::string describe(const Rule& rule);

/// Where the values being read come from, for error messages.
struct Source {
  std::string name;                           ///< file, or "--set"
  std::map<std::string, std::string> origin;  ///< dotted key -> "file:line" or "--set key=value"; may be empty
  ExitCode code = ExitCode::usage;            ///< usage for configs, data for records
  /// An earlier version may have written it, which knew fewer rules: items of a list given twice are taken once, and
  /// bounds that are for new files do not hold.
  bool earlier = false;

  /// "file:line" of a dotted key, or of its nearest parent that is known.
  [[nodiscard]] std::string where(std::string key) const;
  [[noreturn]] void fail(const std::string& key, const std::string& problem) const;
};

namespace detail {

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
/// An enum with names, or none of them: visited with named_or_empty<E>() it is written as a string.
template <class T>
concept OptionalName = IsOptional<T>::value && Named<typename T::value_type>;
template <class T>
struct IsNumberOr : std::false_type {};
template <class E>
struct IsNumberOr<NumberOr<E>> : std::true_type {};
template <class T>
struct IsMap : std::false_type {};
template <class T>
struct IsMap<std::map<std::string, T>> : std::true_type {};

template <class T>
[[nodiscard]] bool is_empty(const T& value) {
  if constexpr (IsOptional<T>::value) {
    return !value.has_value();
  } else if constexpr (requires { value.empty(); }) {
    return value.empty();
  } else {
    return false;
  }
}

/// Whether the rule leaves the key out.
template <class T>
[[nodiscard]] bool left_out(const T& value, const Rule& rule) {
  if constexpr (std::is_arithmetic_v<T>) {
    return rule.unless_value && static_cast<double>(value) == *rule.unless_value;
  } else {
    return rule.unless_empty && is_empty(value);
  }
}

/// Whether "" is one of the choices.
[[nodiscard]] bool takes_empty(const Rule& rule);
void check_rule(double value, const Rule& rule, const std::string& key, const Source& source);
void check_rule(const std::string& value, const Rule& rule, const std::string& key, const Source& source);
/// Of a list, as JSON: that no two items are the same.
void check_distinct(const Json& items, const std::string& key, const Source& source);
[[nodiscard]] std::string join_key(const std::string& parent, std::string_view key);
[[noreturn]] void fail_type(const Json& value, const char* wanted, const std::string& key, const Source& source);
[[noreturn]] void fail_unknown(const std::string& key, const std::vector<std::string>& known, const Source& source);
[[nodiscard]] std::int64_t integer_from(const Json& value, const std::string& key, const Source& source);

template <class T>
void read_value(const Json& value, T& out, const Rule& rule, const std::string& key, const Source& source);
template <class T>
[[nodiscard]] Json value_to_json(const T& value);
/// A field's value as its rule has it written.
template <class T>
[[nodiscard]] Json field_to_json(const T& value, const Rule& rule);

/// Of a list: the first of items that are the same.
template <class T>
void drop_repeats(std::vector<T>& items) {
  std::vector<Json> seen;
  std::vector<T> kept;
  for (T& item : items) {
    Json value = value_to_json(item);
    if (std::find(seen.begin(), seen.end(), value) != seen.end()) continue;
    seen.push_back(std::move(value));
    kept.push_back(std::move(item));
  }
  items = std::move(kept);
}

/// Visitor that sets a struct's fields from a JSON object, remembering which keys it knows.
struct Reader {
  const Json& object;
  const std::string& parent;
  const Source& source;
  std::vector<std::string> known = {};

  template <class T>
  void operator()(const char* key, T& out, const Rule& rule, const char* /*help*/) {
    known.emplace_back(key);
    const auto it = object.find(key);
    if (it != object.end()) read_value(*it, out, rule, join_key(parent, key), source);
  }
  void check_unknown() const {
    for (const auto& [key, value] : object.items()) {
      bool found = false;
      for (const auto& k : known) found = found || k == key;
      if (!found) fail_unknown(join_key(parent, key), known, source);
    }
  }
};

template <Named E>
void read_name_or_empty(const Json& value, std::optional<E>& out, const Rule& rule, const std::string& key,
                        const Source& source) {
  std::string text;
  read_value(value, text, rule, key, source);
  out = find_named<E>(text);
}

template <Named E>
void read_number_or_name(const Json& value, NumberOr<E>& out, const Rule& rule, const std::string& key,
                         const Source& source) {
  if (!value.is_number() && !value.is_string()) fail_type(value, "a number or a string", key, source);
  out = {};
  if (value.is_number()) return read_value(value, out.number.emplace(), rule, key, source);
  const auto text = value.get<std::string>();
  check_rule(text, rule, key, source);
  out.name = *find_named<E>(text);
}

template <Listed T>
void read_members(const Json& value, T& out, const Rule& rule, const std::string& key, const Source& source) {
  auto members = as_list(out);
  constexpr std::size_t kSize = std::tuple_size_v<decltype(members)>;
  if (!value.is_array() || value.size() != kSize) {
    fail_type(value, fmt::format("a list of {}", kSize).c_str(), key, source);
  }
  std::size_t i = 0;
  const auto read = [&](auto& member) {
    read_value(value[i], member, rule, fmt::format("{}[{}]", key, i), source);
    ++i;
  };
  std::apply([&](auto&... member) { (read(member), ...); }, members);
}

template <class T>
void read_value(const Json& value, T& out, const Rule& rule, const std::string& key, const Source& source) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) fail_type(value, "true or false", key, source);
    out = value.get<bool>();
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    out = integer_from(value, key, source);
    check_rule(static_cast<double>(out), rule, key, source);
  } else if constexpr (std::is_same_v<T, double>) {
    if (!value.is_number()) fail_type(value, "a number", key, source);
    out = value.get<double>();
    check_rule(out, rule, key, source);
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!value.is_string()) fail_type(value, "a string", key, source);
    out = value.get<std::string>();
    check_rule(out, rule, key, source);
  } else if constexpr (Named<T>) {
    if (!value.is_string()) fail_type(value, "a string", key, source);
    const auto text = value.get<std::string>();
    check_rule(text, named<T>(), key, source);
    out = *find_named<T>(text);
  } else if constexpr (IsNumberOr<T>::value) {
    read_number_or_name(value, out, rule, key, source);
  } else if constexpr (IsOptional<T>::value) {
    if constexpr (OptionalName<T>) {
      if (takes_empty(rule)) return read_name_or_empty(value, out, rule, key, source);
    }
    if (value.is_null()) {
      out.reset();
    } else {
      typename T::value_type x{};
      read_value(value, x, rule, key, source);
      out = std::move(x);
    }
  } else if constexpr (IsMap<T>::value) {
    constexpr bool kNumbers = std::is_same_v<typename T::mapped_type, double>;
    if (!value.is_object()) fail_type(value, kNumbers ? "a table of numbers" : "a table", key, source);
    out.clear();
    for (const auto& [name, item] : value.items()) read_value(item, out[name], rule, join_key(key, name), source);
  } else if constexpr (IsVector<T>::value) {
    if (!value.is_array()) fail_type(value, "an array", key, source);
    out.clear();
    for (std::size_t i = 0; i < value.size(); ++i) {
      typename T::value_type item{};
      read_value(value[i], item, rule, fmt::format("{}[{}]", key, i), source);
      out.push_back(std::move(item));
    }
    if (rule.distinct && source.earlier) drop_repeats(out);
    if (rule.distinct) check_distinct(value_to_json(out), key, source);
  } else if constexpr (Listed<T>) {
    read_members(value, out, rule, key, source);
  } else {
    if (!value.is_object()) fail_type(value, "a table", key, source);
    Reader reader{value, key, source};
    fields(reader, out);
    reader.check_unknown();
  }
}

struct Writer {
  Json& object;
  template <class T>
  void operator()(const char* key, const T& value, const Rule& rule, const char*) {
    if (!left_out(value, rule)) object[key] = field_to_json(value, rule);
  }
};

template <class T>
Json value_to_json(const T& value) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::int64_t> || std::is_same_v<T, std::string>) {
    return value;
  } else if constexpr (Named<T>) {
    return std::string(name_of(value));
  } else if constexpr (std::is_same_v<T, double>) {
    return finite_or_null(value);
  } else if constexpr (IsOptional<T>::value) {
    return value ? value_to_json(*value) : Json(nullptr);
  } else if constexpr (IsNumberOr<T>::value) {
    return value.number ? value_to_json(*value.number) : value_to_json(value.name);
  } else if constexpr (IsMap<T>::value) {
    Json object = Json::object();
    for (const auto& [name, item] : value) object[name] = value_to_json(item);
    return object;
  } else if constexpr (IsVector<T>::value) {
    Json array = Json::array();
    for (const auto& item : value) array.push_back(value_to_json(item));
    return array;
  } else if constexpr (Listed<const T>) {
    Json array = Json::array();
    std::apply([&](const auto&... member) { (array.push_back(value_to_json(member)), ...); }, as_list(value));
    return array;
  } else {
    Json object = Json::object();
    Writer writer{object};
    fields(writer, value);
    return object;
  }
}

template <class T>
Json field_to_json(const T& value, const Rule& rule) {
  if constexpr (OptionalName<T>) {
    if (!value && takes_empty(rule)) return "";
  }
  return value_to_json(value);
}

}  // namespace detail

/// Sets the fields of out from a JSON object; fields not named keep their value.
/// Errors (exit code source.code): unknown key (with the key meant, for a near miss), wrong type, out of range; each
/// names the place and what is allowed.
template <class T>
void read_fields(const Json& object, T& out, const Source& source, const std::string& parent = "") {
  detail::read_value(object, out, {}, parent, source);
}

/// The struct as a JSON object with every field, but those that are left out where they are empty or have a certain
/// value (unless_empty, unless).
template <class T>
[[nodiscard]] Json to_json_fields(const T& value) {
  return detail::value_to_json(value);
}

/// The candidate nearest to word by edit distance, if it is at most 2 (or a third of the length) away; else empty.
[[nodiscard]] std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace scalelaw::inline core
