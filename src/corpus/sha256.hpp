#pragma once
// SHA-256 of a stream of bytes.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace scalelaw::inline corpus {

class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  /// Lower-case hex digest of the bytes so far; more may follow.
  [[nodiscard]] std::string hex() const;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// First 64 bits (big endian) of the bytes' SHA-256: a hash of one document that is the same on every machine.
[[nodiscard]] std::uint64_t sha256_prefix(std::string_view bytes);

}  // namespace scalelaw::inline corpus
