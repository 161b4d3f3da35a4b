#pragma once
// Tokens as they lie in a corpus file: how wide one is, is decided here and nowhere else. C++17, because CUDA sources
// read it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace scalelaw::inline records {

/// The type of a token in a file: an unsigned integer of so many bits, the lowest byte first.
enum class TokenWidth { uint8 };
constexpr std::array<std::string_view, 1> names_of(TokenWidth) { return {"uint8"}; }

/// use(0 of the type that tokens of this width have).
template <class Use>
constexpr decltype(auto) with_token_type(TokenWidth width, Use&& use) {
  switch (width) {
    case TokenWidth::uint8:
      break;
  }
  return std::forward<Use>(use)(std::uint8_t{0});
}

/// Bytes of a token.
[[nodiscard]] constexpr std::int64_t token_bytes(TokenWidth width) {
  return with_token_type(width, [](auto token) { return static_cast<std::int64_t>(sizeof(token)); });
}

/// Different tokens that the width allows: every token is below this.
[[nodiscard]] constexpr std::int64_t token_ids(TokenWidth width) {
  return with_token_type(
      width, [](auto token) { return static_cast<std::int64_t>(std::numeric_limits<decltype(token)>::max()) + 1; });
}

/// token_ids of the widest.
[[nodiscard]] constexpr std::int64_t most_token_ids() {
  std::int64_t most = 0;
  for (std::size_t i = 0; i < names_of(TokenWidth{}).size(); ++i) {
    const std::int64_t ids = token_ids(static_cast<TokenWidth>(i));
    if (ids > most) most = ids;
  }
  return most;
}

/// How many tokens so many bytes are; none where they end inside a token.
[[nodiscard]] constexpr std::optional<std::int64_t> whole_tokens(TokenWidth width, std::uint64_t bytes) {
  const auto each = static_cast<std::uint64_t>(token_bytes(width));
  if (bytes % each != 0) return std::nullopt;
  return static_cast<std::int64_t>(bytes / each);
}

/// Tokens in memory that another owns, of the host or of a device.
struct TokenView {
  TokenWidth width = TokenWidth::uint8;
  const void* data = nullptr;  ///< [count], aligned as the type of the width asks
  std::int64_t count = 0;
};

/// The bytes of a text as tokens.
[[nodiscard]] constexpr TokenView byte_tokens(std::string_view text) {
  return {TokenWidth::uint8, text.data(), static_cast<std::int64_t>(text.size())};
}

/// The tokens as the bytes of a file: what is hashed, written and copied.
[[nodiscard]] inline std::string_view bytes_of(const TokenView& tokens) {
  return {static_cast<const char*>(tokens.data), static_cast<std::size_t>(tokens.count * token_bytes(tokens.width))};
}

/// use(pointer to the first token, of the type that the width has): a loop over tokens asks for the width once.
template <class Use>
decltype(auto) with_tokens(const TokenView& tokens, Use&& use) {
  return with_token_type(tokens.width, [&](auto token) -> decltype(auto) {
    return std::forward<Use>(use)(static_cast<const decltype(token)*>(tokens.data));
  });
}

/// The i-th token, for 0 <= i < count, of tokens in the host's memory.
[[nodiscard]] inline std::int64_t token_at(const TokenView& tokens, std::int64_t i) {
  return with_tokens(tokens, [i](const auto* first) { return static_cast<std::int64_t>(first[i]); });
}

}  // namespace scalelaw::inline records
