#pragma once
// The safetensors format (https://github.com/huggingface/safetensors): 8 bytes of little-endian header length, a JSON
// header, raw little-endian values. Nothing in such a file is ever executed, and every shape is checked.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace scalelaw::inline train {

struct StoredTensor {
  std::string dtype;  ///< F32 | F64 | I64
  std::vector<std::int64_t> shape;
  std::string bytes;
};

struct TensorFile {
  std::map<std::string, StoredTensor> tensors;
  std::map<std::string, std::string> metadata;

  /// T: float (F32), double (F64) or std::int64_t (I64). Throws std::logic_error if shape and values disagree.
  template <class T>
  void put(const std::string& name, const std::vector<std::int64_t>& shape, const std::vector<T>& values);
  /// Errors (data): no such tensor, another dtype or shape.
  template <class T>
  [[nodiscard]] std::vector<T> get(const std::string& name, const std::vector<std::int64_t>& shape) const;
  /// Errors (data): no such entry.
  [[nodiscard]] const std::string& meta(const std::string& key) const;
};

[[nodiscard]] std::string to_safetensors(const TensorFile& file);

/// Errors (data, naming `name`): truncated, a malformed header, an unknown dtype, sizes, offsets or shapes that
/// disagree.
[[nodiscard]] TensorFile from_safetensors(std::string_view bytes, const std::string& name);

}  // namespace scalelaw::inline train
