#pragma once
// A small corpus and jobs on it.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "core/rng.hpp"
#include "corpus/corpus.hpp"
#include "models/engine.hpp"
#include "os/files.hpp"
#include "records/job.hpp"
#include "temp_folder.hpp"

namespace scalelaw::synthetic {

/// One thread, as the program has it: with more, these tiny products spend their time waiting for one another.
inline const bool kConfigured = (configure_torch(1), true);

/// Bytes of a Markov chain over 32 symbols that prefers few followers: learnable in a few hundred steps.
inline std::string chain_text(std::size_t size, std::uint64_t seed) {
  Rng rng = make_rng(seed, "chain");
  std::string text(size, '\0');
  std::uint64_t symbol = 0;
  for (char& c : text) {
    symbol = uniform01(rng) < 0.9 ? (symbol * 5 + uniform_below(rng, 3)) % 32 : uniform_below(rng, 32);
    c = static_cast<char>(symbol);
  }
  return text;
}

inline Manifest write_corpus(const std::filesystem::path& folder, std::size_t tokens = 20000) {
  const std::string train = chain_text(tokens, 1), validation = chain_text(4097, 2);
  Manifest manifest;
  manifest.name = "chain";
  manifest.sha256 = sha256_hex(train + validation);
  manifest.tokenizer = {.kind = TokenizerKind::symbol, .vocab = 32};
  manifest.splits.train.tokens = static_cast<std::int64_t>(train.size());
  manifest.splits.validation.tokens = static_cast<std::int64_t>(validation.size());
  write_file_atomic(folder / "train.bin", train);
  write_file_atomic(folder / "validation.bin", validation);
  write_json_file(folder / "manifest.json", to_json(manifest));
  return manifest;
}

inline RunSpec small_run(const std::string& corpus_sha256, double lr, std::int64_t steps, std::int64_t seed = 1) {
  RunSpec spec;
  spec.model.d_model = 8;
  spec.model.n_layer = 1;
  spec.model.d_head = 4;
  spec.model.n_head = 2;
  spec.model.d_ff = 16;
  spec.model.context = 16;
  spec.model.vocab = 32;
  spec.data.corpus_sha256 = corpus_sha256;
  spec.data.batch_tokens = 64;
  spec.data.tokens = 64 * steps;
  spec.data.eval_tokens = 1024;
  spec.optimizer.lr = lr;
  spec.optimizer.warmup_fraction = 4.0 / static_cast<double>(steps);
  spec.seed = seed;
  return spec;
}

/// Members with rates .004 and .016 (and a second seed), branches after 40, 80 and 160 steps; the last for one member
/// only.
inline Job small_job(const std::filesystem::path& folder) {
  Job job;
  job.corpus = (folder / "corpus").string();
  const Manifest manifest = write_corpus(job.corpus);
  for (const std::int64_t steps : {40, 80}) {
    job.runs.push_back(small_run(manifest.sha256, 0.004, steps));
    job.runs.push_back(small_run(manifest.sha256, 0.016, steps));
    job.runs.push_back(small_run(manifest.sha256, 0.016, steps, 2));
  }
  job.runs.push_back(small_run(manifest.sha256, 0.016, 160));
  job.id = job_id(job.runs);
  return job;
}

}  // namespace scalelaw::synthetic
