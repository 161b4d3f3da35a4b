#pragma once
// Text, compressed files and whole-file reads for the tests of corpora.
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "core/rng.hpp"
#include "os/files.hpp"
#include "temp_folder.hpp"

namespace scalelaw {

/// Documents of random words, joined by blank lines.
inline std::vector<std::string> random_documents(std::size_t count, std::uint64_t seed = 1) {
  Rng rng = make_rng(seed, "corpus-test");
  std::vector<std::string> documents;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text;
    const std::uint64_t words = 5 + uniform_below(rng, 60);
    for (std::uint64_t w = 0; w < words; ++w) {
      if (w > 0) text += w % 9 == 0 ? '\n' : ' ';
      const std::uint64_t letters = 1 + uniform_below(rng, 8);
      for (std::uint64_t k = 0; k < letters; ++k)
        text += static_cast<char>('a' + uniform_below(rng, 26) % (1 + uniform_below(rng, 26)));
    }
    documents.push_back(std::move(text));
  }
  return documents;
}

inline std::string joined(const std::vector<std::string>& documents) {
  std::string text;
  for (const auto& d : documents) text += d + "\n\n";
  return text;
}

inline std::string gzipped(const std::string& text) {
  z_stream z{};
  deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

/// One frame with a checksum, as the zstd program writes it.
inline std::string zstd_compressed(const std::string& text) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return out;
}

inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

}  // namespace scalelaw
