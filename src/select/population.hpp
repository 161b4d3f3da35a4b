#pragma once
// Which runs may be analysed together. A scaling law describes one population of runs: one source, corpus, context,
// vocabulary, architecture, optimizer, schedule and precision, of which width, depth, tokens, learning rate and seed
// are varied. Losses of two populations are never averaged or fitted together unless someone insists.
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "records/records.hpp"

namespace scalelaw::inline select {

/// What the runs of a population share, by name: "source", "corpus" (SHA-256 of the token stream), and the keys of the
/// spec ("model.context", "optimizer.weight_decay", "schedule.kind", "precision", ...) but for those that a design
/// varies: d_model, n_layer, tokens, unique_tokens, lr, seed. Heads and MLP count as ratios to the width
/// ("model.d_ff/d_model"); heads whose width all follow from d_model (default_d_head) do not tell runs apart. Batch,
/// warmup and the half-life of beta2 may follow the size of a run, so they are compared only between runs of one shape
/// and length (population_differences).
[[nodiscard]] std::map<std::string, std::string> population_of(const RunRecord& record);

/// Whether two runs are of one population; batch, warmup and half-life of beta2 are not asked.
[[nodiscard]] bool same_population(const RunRecord& a, const RunRecord& b);

/// A field in which runs differ: its values with the number of runs that have each, the most common first.
struct PopulationDifference {
  std::string field;
  std::vector<std::pair<std::string, std::int64_t>> values;
};

/// The fields in which the records are not one population; empty where they are. Runs from scratch that check
/// branching (select/branching.hpp) may differ from the branches in their warmup.
[[nodiscard]] std::vector<PopulationDifference> population_differences(const std::vector<RunRecord>& records);

/// The key under which a config has a field of a spec: "simulation.noise" for "backend.simulation.noise".
[[nodiscard]] std::string config_key(const std::string& field);

/// "corpus: 3f2a91c0d1e2 (115 runs), 9b1d03aa7c55 (55 runs)"
[[nodiscard]] std::string describe(const PopulationDifference& difference);

/// A value as text shows it: the first digits of a hash, "none" where it is empty.
[[nodiscard]] std::string short_value(const std::string& field, const std::string& value);

/// Restrictions "field=value" to one population, and whether several may be pooled all the same.
struct PopulationChoice {
  std::vector<std::string> where;
  bool pool = false;
};

/// What people call corpora, by SHA-256: the first name is the one that text shows.
using CorpusNames = std::map<std::string, std::vector<std::string>>;

/// The records that meet every restriction. A field may be given without the part before its dot, a corpus by the first
/// characters of its hash or by a name. Errors (config): an item that is no pair, a field that no record has (with the
/// near miss), a value that no record has (with those there are), a name of several corpora.
[[nodiscard]] std::vector<RunRecord> records_where(std::vector<RunRecord> records,
                                                   const std::vector<std::string>& where,
                                                   const CorpusNames& names = {});

/// Errors (data): the records are several populations and `choice` does not pool them: `what` they are, the fields in
/// which they differ, and the choices. @return a line that says what was pooled, else empty
std::string require_one_population(const std::vector<RunRecord>& records, const std::string& what,
                                   const PopulationChoice& choice);

/// Runs with the same key are replicates: they differ in nothing but their seed. The only rule for it.
[[nodiscard]] std::string replicate_key(const RunSpec& spec);

}  // namespace scalelaw::inline select
