#include "train/safetensors.hpp"

#include <bit>
#include <cstring>

#include "core/json.hpp"
#include "os/error.hpp"

namespace scalelaw::inline train {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors values are stored as they lie in memory");
constexpr std::uint64_t kMaxHeader = 100'000'000;  // the format's own limit
constexpr std::size_t kPrefix = 8;

std::size_t width_of(std::string_view dtype) {
  if (dtype == "F32") return 4;
  if (dtype == "F64" || dtype == "I64") return 8;
  return 0;
}

template <class T>
constexpr const char* dtype_of() {
  if constexpr (std::is_same_v<T, float>) return "F32";
  if constexpr (std::is_same_v<T, double>) return "F64";
  if constexpr (std::is_same_v<T, std::int64_t>) return "I64";
}

/// Number of values; npos for a negative or overflowing shape.
std::size_t count_of(const std::vector<std::int64_t>& shape) {
  std::size_t count = 1;
  for (const std::int64_t n : shape) {
    if (n < 0 || __builtin_mul_overflow(count, static_cast<std::size_t>(n), &count)) return std::string::npos;
  }
  return count;
}

}  // namespace

template <class T>
void TensorFile::put(const std::string& name, const std::vector<std::int64_t>& shape, const std::vector<T>& values) {
  SCALELAW_CHECK(count_of(shape) == values.size(), "tensor {}: {} values", name, values.size());
  StoredTensor tensor{.dtype = dtype_of<T>(), .shape = shape, .bytes = std::string(values.size() * sizeof(T), '\0')};
  if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  tensors[name] = std::move(tensor);
}

template <class T>
std::vector<T> TensorFile::get(const std::string& name, const std::vector<std::int64_t>& shape) const {
  const auto it = tensors.find(name);
  if (it == tensors.end()) fail_data("tensor {} is missing", name);
  if (it->second.dtype != dtype_of<T>() || it->second.shape != shape) {
    fail_data("tensor {} is {} {}, not {} {}", name, it->second.dtype, Json(it->second.shape).dump(), dtype_of<T>(),
              Json(shape).dump());
  }
  std::vector<T> values(it->second.bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), it->second.bytes.data(), it->second.bytes.size());
  return values;
}

template void TensorFile::put(const std::string&, const std::vector<std::int64_t>&, const std::vector<float>&);
template void TensorFile::put(const std::string&, const std::vector<std::int64_t>&, const std::vector<double>&);
template void TensorFile::put(const std::string&, const std::vector<std::int64_t>&, const std::vector<std::int64_t>&);
template std::vector<float> TensorFile::get(const std::string&, const std::vector<std::int64_t>&) const;
template std::vector<double> TensorFile::get(const std::string&, const std::vector<std::int64_t>&) const;
template std::vector<std::int64_t> TensorFile::get(const std::string&, const std::vector<std::int64_t>&) const;

const std::string& TensorFile::meta(const std::string& key) const {
  const auto it = metadata.find(key);
  if (it == metadata.end()) fail_data("metadata {} is missing", key);
  return it->second;
}

std::string to_safetensors(const TensorFile& file) {
  Json header = Json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  std::size_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    header[name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.append((kPrefix - text.size() % kPrefix) % kPrefix, ' ');  // values start at a multiple of 8
  const std::uint64_t length = text.size();
  std::string bytes(kPrefix, '\0');
  std::memcpy(bytes.data(), &length, kPrefix);
  bytes += text;
  bytes.reserve(bytes.size() + offset);
  for (const auto& [name, tensor] : file.tensors) bytes += tensor.bytes;
  return bytes;
}

TensorFile from_safetensors(std::string_view bytes, const std::string& name) {
  std::uint64_t length = 0;
  if (bytes.size() < kPrefix) fail_data("{}: not a safetensors file: only {} bytes", name, bytes.size());
  std::memcpy(&length, bytes.data(), kPrefix);
  if (length > kMaxHeader || length > bytes.size() - kPrefix) {
    fail_data("{}: truncated or not a safetensors file: header of {} bytes in a file of {}", name, length,
              bytes.size());
  }
  const std::string_view values = bytes.substr(kPrefix + length);
  TensorFile file;
  std::size_t expected = 0;
  try {
    const Json header = Json::parse(bytes.substr(kPrefix, length));
    for (const auto& [key, entry] : header.items()) {
      if (key == "__metadata__") {
        file.metadata = entry.get<std::map<std::string, std::string>>();
        continue;
      }
      StoredTensor tensor{.dtype = entry.at("dtype").get<std::string>(),
                          .shape = entry.at("shape").get<std::vector<std::int64_t>>(),
                          .bytes = {}};
      const auto offsets = entry.at("data_offsets").get<std::vector<std::uint64_t>>();
      const std::size_t width = width_of(tensor.dtype), count = count_of(tensor.shape);
      if (width == 0 || count > values.size() || offsets.size() != 2 || offsets[0] > offsets[1] ||
          offsets[1] > values.size() || offsets[1] - offsets[0] != count * width) {
        fail_data("{}: tensor {}: dtype, shape and offsets disagree", name, key);
      }
      tensor.bytes = values.substr(offsets[0], offsets[1] - offsets[0]);
      expected += tensor.bytes.size();
      file.tensors[key] = std::move(tensor);
    }
  } catch (const Json::exception&) {
    fail_data("{}: its safetensors header is malformed", name);
  }
  if (expected != values.size()) {
    fail_data("{}: {} bytes of values, its header names {}", name, values.size(), expected);
  }
  return file;
}

}  // namespace scalelaw::inline train
