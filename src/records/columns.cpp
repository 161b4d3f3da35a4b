#include "records/columns.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <span>
#include <string_view>

#include "core/cells.hpp"
#include "os/error.hpp"
#include "records/quantity.hpp"
#include "records/read_options.hpp"

namespace scalelaw::inline records {
namespace {

/// One of our columns, and what others call it: lower case, parts and words joined by '_'.
struct Known {
  std::string_view ours;
  std::array<std::string_view, 23> padded;  ///< the names, then empty ones
  [[nodiscard]] std::span<const std::string_view> names() const {
    return {padded.begin(), std::ranges::find(padded, std::string_view{})};
  }
};

// The one table of names.
constexpr Known kKnown[] = {
    {"params",
     {"params",
      "n",
      "n_params",
      "num_params",
      "nparams",
      "numparams",
      "parameters",
      "n_parameters",
      "num_parameters",
      "parameter_count",
      "param_count",
      "params_count",
      "number_of_parameters",
      "model_size",
      "model_params",
      "model_parameters",
      "total_params",
      "total_parameters",
      "params_total",
      "num_params_total",
      "size"}},
    {"tokens", {"tokens",          "d",
                "n_tokens",        "num_tokens",
                "ntokens",         "numtokens",
                "training_tokens", "train_tokens",
                "n_train_tokens",  "num_train_tokens",
                "tokens_seen",     "seen_tokens",
                "total_tokens",    "tokens_total",
                "tokens_trained",  "number_of_tokens",
                "token_count",     "data_tokens",
                "dataset_tokens",  "dataset_size",
                "data_size"}},
    {"flops",
     {"flops", "c", "compute", "flop", "n_flops", "num_flops", "train_flops", "training_flops", "total_flops",
      "flops_total", "training_compute", "train_compute", "total_compute", "compute_flops"}},
    {"loss", {"loss",
              "l",
              "val_loss",
              "validation_loss",
              "valid_loss",
              "eval_loss",
              "evaluation_loss",
              "test_loss",
              "dev_loss",
              "final_loss",
              "final_val_loss",
              "final_eval_loss",
              "final_test_loss",
              "heldout_loss",
              "held_out_loss",
              "loss_nats",
              "loss_final",
              "loss_val",
              "loss_eval",
              "cross_entropy",
              "ce_loss",
              "lm_loss",
              "nll"}},
    {"run", {"run", "run_id", "run_name", "name", "id", "experiment", "exp", "exp_name", "experiment_name", "uid"}},
    {"loss_stderr", {"loss_stderr", "loss_se", "stderr_loss", "loss_sem", "loss_std_err", "loss_standard_error"}},
    {"weight", {"weight"}},
    {"group", {"group", "trunk"}},
    {"unique_tokens", {"unique_tokens", "n_unique_tokens", "num_unique_tokens", "tokens_unique", "unique_data"}},
    {"lr", {"lr", "learning_rate", "max_lr", "peak_lr", "base_lr", "max_learning_rate", "peak_learning_rate"}},
    {"seed", {"seed", "random_seed", "rng_seed"}},
    {"shape", {"shape", "model_shape"}},
    {"budget", {"budget", "flops_budget", "flop_budget", "compute_budget", "isoflop_budget"}},
    {"steps",
     {"steps", "step", "n_steps", "num_steps", "train_steps", "training_steps", "optimizer_steps", "total_steps",
      "global_step", "iterations", "iters", "n_iters", "updates"}},
    {"batch_tokens",
     {"batch_tokens", "tokens_per_step", "tokens_per_batch", "batch_size_tokens", "batch_size_in_tokens",
      "global_batch_tokens", "global_batch_size_tokens"}},
    {"convention", {"convention"}},
    // Not columns of ours, but of use: other units of the loss, what a batch holds, how a run ended, other counts.
    {"perplexity",
     {"perplexity", "ppl", "val_ppl", "eval_ppl", "test_ppl", "valid_ppl", "validation_ppl", "val_perplexity",
      "eval_perplexity", "test_perplexity", "validation_perplexity"}},
    {"bits_per_byte",
     {"bits_per_byte", "bpb", "val_bpb", "eval_bpb", "test_bpb", "bits_byte", "validation_bpb", "val_bits_per_byte",
      "eval_bits_per_byte"}},
    {"bits", {"loss_bits", "bits_per_token", "val_loss_bits", "eval_loss_bits"}},
    {"train_loss", {"train_loss", "training_loss", "loss_train", "final_train_loss"}},
    {"batch_size", {"batch_size", "global_batch_size", "batch", "bs", "train_batch_size"}},
    {"context",
     {"context", "context_length", "seq_len", "seq_length", "seqlen", "sequence_length", "block_size", "ctx_len",
      "n_ctx", "max_seq_len", "max_length"}},
    {"status", {"status", "state", "run_state", "run_status", "outcome", "outcome_status"}},
    {"params_non_embedding",
     {"params_non_embedding", "non_embedding_params", "n_params_non_embedding", "non_embedding_parameters",
      "num_non_embedding_params", "n_non_embedding", "params_nonembedding", "nonembedding_params",
      "params_without_embedding", "params_non_emb", "non_emb_params", "n_non_embedding_params"}},
    {"params_effective", {"params_effective", "effective_params", "n_params_effective"}},
    {"flops_exact", {"flops_exact", "exact_flops", "flops_counted"}}};

/// The entry of a name of ours, or null.
const Known* find_known(std::string_view ours) {
  const Known* it = std::ranges::find(kKnown, ours, &Known::ours);
  return it == std::end(kKnown) ? nullptr : it;
}

bool is_name_of(const Known& k, std::string_view name) {
  const auto names = k.names();
  return std::ranges::find(names, name) != names.end();
}
bool is_any_name(const std::string& name) {
  return std::ranges::any_of(kKnown, [&](const Known& k) { return is_name_of(k, name); });
}

/// Companions that W&B writes beside a column.
bool companion(const std::string& header) {
  return header.ends_with("__MIN") || header.ends_with("__MAX") || header.ends_with("__STEP");
}

/// 0: written exactly as ours; 1: a name of it; 2: its last part is one (a single letter says too little there); none.
std::optional<int> rank_of(const Known& k, const std::string& header, const HeaderName& name) {
  if (companion(header)) return std::nullopt;
  if (header == k.ours) return 0;
  if (is_name_of(k, name.key)) return 1;
  if (name.last.size() > 1 && is_name_of(k, name.last)) return 2;
  return std::nullopt;
}

struct Candidate {
  std::size_t index;
  int rank;
};

std::vector<Candidate> candidates_of(const Table& table, const Known& k) {
  std::vector<Candidate> found;
  for (std::size_t i = 0; i < table.header.size(); ++i) {
    const HeaderName name = header_name(table.header[i]);
    if (const auto rank = rank_of(k, table.header[i], name)) found.push_back({i, *rank});
  }
  return found;
}

bool has_number(const Table& table, std::size_t column) {
  return std::ranges::any_of(table.rows, [&](const auto& row) { return looks_numeric(row[column]); });
}

std::string headers_of(const Table& table, const std::vector<Candidate>& some) {
  std::vector<std::string> names;
  for (const Candidate& c : some) names.push_back(fmt::format("'{}' (column {})", table.header[c.index], c.index + 1));
  return fmt::format("{}", fmt::join(names, ", "));
}

[[noreturn]] void fail_several(const Table& table, const std::string& ours, const std::vector<Candidate>& some) {
  std::vector<std::string> names;
  std::set<std::string> distinct;
  for (const Candidate& c : some) {
    names.push_back(table.header[c.index]);
    distinct.insert(table.header[c.index]);
  }
  const bool same = distinct.size() < names.size();
  const bool quote = std::ranges::any_of(names, [](const std::string& n) { return n.find(',') != n.npos; });
  const std::string one = same ? fmt::format("#{}", some.back().index + 1) : names.front();
  const std::string line = quote && !same ? fmt::format("'{}=\"{}\"'", ours, one) : fmt::format("'{}={}'", ours, one);
  std::string advice = fmt::format("choose one with --columns {}", line);
  if (ours == "loss" && !same && !quote) {
    advice += fmt::format(", or fit one by one with --columns 'loss={}'", fmt::join(names, "|"));
  }
  fail_data("{}: {} columns may be {}: {}; {}", table.name, some.size(), ours, headers_of(table, some), advice);
}

bool scale_or_loss(const std::string& ours) {
  const auto quantity = find_named<Quantity>(ours);
  return quantity ? *quantity != Quantity::steps : ours == "loss";
}

/// The one column for it, none, or an error.
std::optional<Candidate> choose(const Table& table, const std::string& ours, std::vector<Candidate> found) {
  if (found.size() > 1) {  // text beside numbers: "size" = "small"
    const bool numbers = std::ranges::any_of(found, [&](const Candidate& c) { return has_number(table, c.index); });
    if (numbers && scale_or_loss(ours)) {
      std::erase_if(found, [&](const Candidate& c) { return c.rank > 0 && !has_number(table, c.index); });
    }
  }
  const auto train = [&](const Candidate& c) {
    return header_name(table.header[c.index]).key.find("train") != std::string::npos;
  };
  if (ours == "loss" && !std::ranges::all_of(found, train)) std::erase_if(found, train);  // where others are held out
  if (found.empty()) return std::nullopt;
  const int best = std::ranges::min(found, {}, &Candidate::rank).rank;
  // Of losses every one counts, since val_loss and eval/c4/loss are as good as each other.
  const int last = ours == "loss" && best > 0 ? 2 : best;
  std::vector<Candidate> equal;
  std::ranges::copy_if(found, std::back_inserter(equal), [&](const Candidate& c) { return c.rank <= last; });
  if (best == 0) {  // "loss" beside "Loss": which of the two?
    std::ranges::copy_if(found, std::back_inserter(equal), [&](const Candidate& c) {
      return c.rank == 1 && header_name(table.header[c.index]).key == ours;
    });
  }
  std::set<std::string> headers;
  for (const Candidate& c : equal) headers.insert(table.header[c.index]);
  const bool twice = headers.size() < equal.size();
  const bool needed = std::ranges::find(our_columns(), ours) != our_columns().end();
  if (equal.size() > 1 && ((twice && needed) || scale_or_loss(ours))) fail_several(table, ours, equal);
  if (equal.size() > 1 && ours == "run") {  // by the order of our names: run before name before id
    const auto names = find_known(ours)->names();
    return std::ranges::min(equal, {}, [&](const Candidate& c) {
      return std::ranges::find(names, header_name(table.header[c.index]).key) - names.begin();
    });
  }
  return equal.front();
}

std::string loosely(const std::string& name) {
  std::string out = lower(trimmed(name));
  std::ranges::replace(out, '.', '/');
  return out;
}

std::size_t renamed_column(const Table& table, const std::string& ours, const std::string& theirs) {
  std::vector<Candidate> exact, loose;
  for (std::size_t i = 0; i < table.header.size(); ++i) {
    if (table.header[i] == theirs) exact.push_back({i, 0});
    if (loosely(table.header[i]) == loosely(theirs)) loose.push_back({i, 1});
  }
  const auto& found = exact.empty() ? loose : exact;
  if (found.size() > 1) fail_several(table, ours, found);
  if (found.size() == 1) return found.front().index;
  std::size_t number = 0;
  if (theirs.starts_with('#')) {
    const auto parsed = std::from_chars(theirs.data() + 1, theirs.data() + theirs.size(), number);
    if (parsed.ec == std::errc{} && number >= 1 && number <= table.header.size()) return number - 1;
  }
  fail_data("{}: there is no column '{}' to take for {}; the columns are {}", table.name, theirs, ours,
            fmt::join(table.header, ", "));
}

/// The units that a header's brackets may name; anything else in them is a remark.
bool is_unit(const std::string& text) {
  static const std::set<std::string> others = {"nats",          "bits",       "nat",
                                               "bit",           "perplexity", "ppl",
                                               "pf-days",       "pfs-days",   "petaflop/s-days",
                                               "petaflop-days", "bits/byte",  "bits per byte",
                                               "bits_per_byte", "bpb",        "nats/token",
                                               "bits/token",    "nats/byte"};
  return unit_exponent(text).has_value() || others.contains(lower(text));
}

}  // namespace

const std::vector<std::string>& our_columns() {
  static const std::vector<std::string> names = {
      "params",        "tokens", "flops", "loss",  "run",    "loss_stderr", "weight",       "group",
      "unique_tokens", "lr",     "seed",  "shape", "budget", "steps",       "batch_tokens", "convention"};
  return names;
}

HeaderName header_name(const std::string& cell) {
  HeaderName out;
  std::string text(trimmed(cell));
  if (const auto dash = text.rfind(" - "); dash != std::string::npos)
    text = text.substr(dash + 3);  // W&B: run - metric
  const char close = text.empty() ? ' ' : text.back();
  if (close == ')' || close == ']') {
    const auto open = text.rfind(close == ')' ? '(' : '[');
    if (open != std::string::npos && open > 0) {
      std::string inner(trimmed(std::string_view(text).substr(open + 1, text.size() - open - 2)));
      if (inner.starts_with("in ")) inner = inner.substr(3);
      if (is_unit(inner)) out.unit = inner;
      text = std::string(trimmed(std::string_view(text).substr(0, open)));
    }
  }
  text = lower(text);
  if (text.ends_with("/value")) text.resize(text.size() - 6);
  for (char& c : text) c = c == '.' ? '/' : c == ' ' || c == '-' ? '_' : c;
  if (const auto slash = text.rfind('/'); slash != std::string::npos) out.last = text.substr(slash + 1);
  std::ranges::replace(text, '/', '_');
  out.key = text;
  if (out.unit.empty() && !is_any_name(out.key) && !is_any_name(out.last)) {  // params_millions, tokens_B
    const auto underscore = out.key.rfind('_');
    if (underscore != std::string::npos && unit_exponent(out.key.substr(underscore + 1)) &&
        is_any_name(out.key.substr(0, underscore))) {
      out.unit = out.key.substr(underscore + 1);
      out.key.resize(underscore);
    }
  }
  return out;
}

std::vector<std::string> common_names(std::string_view ours) {
  const Known* known = find_known(ours);
  if (known == nullptr) return {};
  const auto names = known->names();
  return {names.begin(), names.end()};
}

std::size_t known_names(const std::vector<std::string>& header, const Renames& renames) {
  return static_cast<std::size_t>(std::ranges::count_if(header, [&](const std::string& cell) {
    const HeaderName name = header_name(cell);
    if (is_any_name(name.key) || (name.last.size() > 1 && is_any_name(name.last))) return true;
    return std::ranges::any_of(renames, [&](const auto& r) { return loosely(r.second) == loosely(cell); });
  }));
}

std::vector<std::string> columns_called(const Table& table, std::string_view ours) {
  std::vector<std::string> out;
  const Known* known = find_known(ours);
  if (known == nullptr) return out;
  for (const Candidate& c : candidates_of(table, *known)) out.push_back(fmt::format("#{}", c.index + 1));
  return out;
}

std::map<std::string, Column> find_columns(const Table& table, const Renames& renames) {
  for (const auto& [ours, theirs] : renames) {
    if (std::ranges::find(our_columns(), ours) != our_columns().end()) continue;
    fail_config("--columns {}={}: '{}' is not a column of ours; ours are {}", ours, theirs, ours,
                fmt::join(our_columns(), ", "));
  }
  std::map<std::string, Column> out;
  std::set<std::size_t> taken;
  for (const auto& [ours, theirs] : renames) {
    const std::size_t i = renamed_column(table, ours, theirs);
    const HeaderName name = header_name(table.header[i]);
    Column column{
        .index = i, .header = table.header[i], .alias = ours, .unit = name.unit, .plain = false, .renamed = true};
    for (const char* unit : {"perplexity", "bits_per_byte", "bits"}) {  // a loss whose name says its unit
      if (ours == "loss" && rank_of(*find_known(unit), table.header[i], name)) column.alias = unit;
    }
    out[ours] = column;
    taken.insert(i);
  }
  for (const Known& k : kKnown) {
    const std::string ours(k.ours);
    if (out.contains(ours)) continue;
    std::vector<Candidate> found = candidates_of(table, k);
    std::erase_if(found, [&](const Candidate& c) { return taken.contains(c.index); });
    const bool needless = (find_named<LossUnit>(ours) || ours == "train_loss") && out.contains("loss");
    if (needless) continue;
    const std::optional<Candidate> chosen = choose(table, ours, found);
    if (!chosen) continue;
    const std::string& header = table.header[chosen->index];
    out[ours] = {.index = chosen->index,
                 .header = header,
                 .alias = ours,
                 .unit = header_name(header).unit,
                 .plain = chosen->rank == 0,
                 .renamed = false};
    taken.insert(chosen->index);
  }
  for (const char* instead : {"perplexity", "bits_per_byte", "bits", "train_loss"}) {
    if (out.contains("loss") || !out.contains(instead)) continue;
    out["loss"] = out.at(instead);
  }
  return out;
}

bool says_count(const std::map<std::string, Column>& columns, ParamsCount params) {
  const auto usual = columns.find("params");
  if (usual != columns.end() && usual->second.renamed) return false;
  if (params != ParamsCount::total) return columns.contains(fmt::format("params_{}", params));
  if (usual == columns.end()) return false;
  return usual->second.alias.ends_with(name_of(ParamsCount::total)) || columns.contains("params_non_embedding") ||
         columns.contains("params_effective");
}

}  // namespace scalelaw::inline records
