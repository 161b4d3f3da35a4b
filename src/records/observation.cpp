#include "records/observation.hpp"

#include "core/csv.hpp"
#include "core/format.hpp"

namespace scalelaw::inline records {

std::string shape_name(const ModelSpec& model) { return fmt::format("d{} L{}", model.d_model, model.n_layer); }

double params_of(const RunRecord& record, const Convention& convention) {
  return static_cast<double>(record.params.counted(convention.params));
}

double flops_of(const RunRecord& record, const Convention& convention) {
  if (convention.flops == FlopsCount::exact) return record.flops.exact;
  return 6.0 * params_of(record, convention) * static_cast<double>(record.tokens);
}

std::string_view loss_unit_text(LossUnit unit) {
  switch (unit) {
    case LossUnit::nats:
      return "nats per token";
    case LossUnit::bits:
      return "bits per token";
    case LossUnit::perplexity:
      return "perplexity";
    case LossUnit::bits_per_byte:
      return "bits per byte";
  }
  return "";
}

RunRecord in_bits_per_byte(RunRecord record) {
  FinalLoss& loss = record.loss;
  if (!loss.nats) return record;
  if (!loss.bits_per_byte) {
    fail_data(
        "run {}: its record holds no loss in bits per byte, as those of simulated runs; leave it out, or fit nats",
        record.id);
  }
  if (loss.stderr_nats) loss.stderr_nats = *loss.stderr_nats * (*loss.bits_per_byte / *loss.nats);
  loss.nats = loss.bits_per_byte;
  return record;
}

std::optional<Observation> observe(const RunRecord& record, const Convention& convention) {
  if (record.outcome.status != RunStatus::completed || !record.loss.nats) return std::nullopt;
  Observation point;
  point.params = params_of(record, convention);
  point.tokens = static_cast<double>(record.tokens);
  point.flops = flops_of(record, convention);
  point.loss_nats = *record.loss.nats;
  point.loss_stderr = record.loss.stderr_nats;
  point.group = record.trunk;
  if (record.spec.data.unique_tokens > 0) point.unique_tokens = static_cast<double>(record.spec.data.unique_tokens);
  point.lr = record.spec.optimizer.lr;
  point.seed = static_cast<double>(record.spec.seed);
  point.run = record.id;
  point.shape = shape_name(record.spec.model);
  point.steps = static_cast<double>(run_steps(record.spec));
  point.batch_tokens = static_cast<double>(record.spec.data.batch_tokens);
  return point;
}

std::string observations_csv(const std::vector<Observation>& points) {
  std::string out =
      "run,shape,params,tokens,flops,loss,loss_stderr,weight,group,unique_tokens,lr,seed,budget,steps,batch_tokens,"
      "convention\n";
  const auto cell = [](const std::optional<double>& x) { return x ? exact_number(*x) : std::string(); };
  for (const auto& p : points) {
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_cell(p.run), csv_cell(p.shape),
                       exact_number(p.params), exact_number(p.tokens), exact_number(p.flops), exact_number(p.loss_nats),
                       cell(p.loss_stderr), exact_number(p.weight), csv_cell(p.group), cell(p.unique_tokens),
                       cell(p.lr), cell(p.seed), p.budget > 0 ? exact_number(p.budget) : std::string(), cell(p.steps),
                       cell(p.batch_tokens), csv_cell(p.counted));
  }
  return out;
}

}  // namespace scalelaw::inline records
