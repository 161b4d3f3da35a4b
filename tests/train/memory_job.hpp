#pragma once
// Jobs of given shapes, whose memory is compared with what is predicted.
#include <ostream>

#include "train/synthetic.hpp"

namespace scalelaw {

struct Shape {
  const char* name;
  std::int64_t d_model, n_layer, d_head, context, vocab, batch_tokens, members;
  AskedEngine engine;
  Precision precision = Precision::fp32;
  std::int64_t micro_tokens = 0;
};
inline std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.name; }

/// Budgets of a few steps, so that trunk, branch and checkpoint are in memory together.
inline Job job_of(const Shape& shape, const std::filesystem::path& folder,
                  const std::vector<std::int64_t>& budgets = {5, 10}) {
  Job job;
  job.corpus = (folder / "corpus").string();
  const Manifest manifest = synthetic::write_corpus(job.corpus, 60000);
  for (std::int64_t member = 0; member < shape.members; ++member) {
    for (const std::int64_t steps : budgets) {
      RunSpec spec = synthetic::small_run(manifest.sha256, 0.001, steps, member);
      spec.model = {.d_model = shape.d_model,
                    .n_layer = shape.n_layer,
                    .d_head = shape.d_head,
                    .n_head = shape.d_model / shape.d_head,
                    .d_ff = 4 * shape.d_model,
                    .context = shape.context,
                    .vocab = shape.vocab};
      spec.precision = shape.precision;
      spec.data.batch_tokens = shape.batch_tokens;
      spec.data.tokens = shape.batch_tokens * steps;
      spec.optimizer.warmup_fraction = 2.0 / static_cast<double>(steps);
      job.runs.push_back(spec);
    }
  }
  job.trainer.engine = shape.engine;
  job.trainer.micro_tokens = shape.micro_tokens;
  job.id = job_id(job.runs);
  return job;
}

}  // namespace scalelaw
