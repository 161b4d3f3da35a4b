#include "corpus/synth.hpp"

#include <algorithm>
#include <boost/random/gamma_distribution.hpp>
#include <cmath>
#include <numeric>

#include "corpus/build.hpp"
#include "corpus/writer.hpp"

namespace scalelaw::inline corpus {
namespace {

constexpr double kSpread = 1e-3;      // share of a row that goes to all symbols alike
constexpr double kTolerance = 1e-13;  // change of the stationary distribution in one step, summed over states
constexpr int kMaxSteps = 100'000;
constexpr std::size_t kChunkTokens = std::size_t{1} << 16U;

std::size_t index_of(std::int64_t x) { return static_cast<std::size_t>(x); }

/// One step of the chain on a distribution over states.
std::vector<double> step(const MarkovChain& chain, const std::vector<double>& pi) {
  const std::size_t symbols = index_of(chain.symbols);
  std::vector<double> next(pi.size());
  for (std::size_t i = 0; i < pi.size(); ++i) {
    for (std::size_t j = 0; j < symbols; ++j) {
      next[(i * symbols + j) % pi.size()] += pi[i] * chain.probabilities[i * symbols + j];
    }
  }
  return next;
}

/// Running sums of each row of n values, the last one exactly 1: what drawing by a uniform number needs.
std::vector<double> running_sums(std::vector<double> rows, std::size_t n) {
  for (std::size_t start = 0; start < rows.size(); start += n) {
    const auto row = rows.begin() + static_cast<std::ptrdiff_t>(start);
    std::partial_sum(row, row + static_cast<std::ptrdiff_t>(n), row);
    rows[start + n - 1] = 1;
  }
  return rows;
}

std::size_t draw(const std::vector<double>& sums, std::size_t start, std::size_t n, Rng& rng) {
  const auto row = sums.begin() + static_cast<std::ptrdiff_t>(start);
  return index_of(std::upper_bound(row, row + static_cast<std::ptrdiff_t>(n) - 1, uniform01(rng)) - row);
}

}  // namespace

MarkovChain random_chain(std::int64_t order, std::int64_t symbols, double concentration, std::uint64_t seed) {
  if (order < 0) fail_config("--order is {}; allowed: >= 0", order);
  if (symbols < 2 || symbols > 256) fail_config("--symbols is {}; allowed: 2 .. 256", symbols);
  if (!(concentration > 0) || !std::isfinite(concentration))
    fail_config("--concentration is {}; allowed: > 0", concentration);
  std::int64_t table = symbols;
  for (std::int64_t i = 0; i < order; ++i) {
    table *= symbols;
    if (table > kMaxMarkovTable) {
      fail_config("--order {} with --symbols {} needs more than {} probabilities; give a lower order or fewer symbols",
                  order, symbols, kMaxMarkovTable);
    }
  }
  MarkovChain chain{.order = order, .symbols = symbols, .probabilities = std::vector<double>(index_of(table))};
  Rng rng = make_rng(seed, "markov-rows");
  boost::random::gamma_distribution<double> gamma(concentration);
  const std::size_t n = index_of(symbols);
  for (std::size_t start = 0; start < chain.probabilities.size(); start += n) {
    double* row = &chain.probabilities[start];
    double sum = 0;
    for (std::size_t j = 0; j < n; ++j) sum += row[j] = gamma(rng);
    if (sum == 0) sum = row[uniform_below(rng, n)] = 1;  // all variates of a tiny shape may underflow
    for (std::size_t j = 0; j < n; ++j) row[j] = (1 - kSpread) * row[j] / sum + kSpread / static_cast<double>(n);
  }
  return chain;
}

std::vector<double> stationary_distribution(const MarkovChain& chain, const std::function<void()>& each_step) {
  std::vector<double> pi(chain.states(), 1.0 / static_cast<double>(chain.states()));
  for (int i = 0; i < kMaxSteps; ++i) {
    if (each_step) each_step();
    const std::vector<double> next = step(chain, pi);
    double change = 0;
    for (std::size_t s = 0; s < pi.size(); ++s) {
      const double lazy = (pi[s] + next[s]) / 2;
      change += std::abs(lazy - pi[s]);
      pi[s] = lazy;
    }
    if (change < kTolerance) {
      const double total = std::accumulate(pi.begin(), pi.end(), 0.0);
      for (double& p : pi) p /= total;
      return pi;
    }
  }
  fail_config(
      "the chain's stationary distribution was not found in {} steps; give a larger --concentration or a lower --order",
      kMaxSteps);
}

double entropy_rate_nats(const MarkovChain& chain, const std::vector<double>& stationary) {
  const std::size_t n = index_of(chain.symbols);
  double rate = 0;
  for (std::size_t i = 0; i < stationary.size(); ++i) {
    double row = 0;
    for (std::size_t j = 0; j < n; ++j) {
      const double p = chain.probabilities[i * n + j];
      if (p > 0) row -= p * std::log(p);
    }
    rate += stationary[i] * row;
  }
  return rate;
}

void sample_chain(const MarkovChain& chain, const std::vector<double>& stationary, std::int64_t tokens, Rng rng,
                  const std::function<void(std::string_view)>& sink) {
  const std::size_t n = index_of(chain.symbols), states = stationary.size();
  const std::vector<double> rows = running_sums(chain.probabilities, n);
  std::size_t state = draw(running_sums(stationary, states), 0, states, rng);
  std::string chunk;
  for (std::int64_t t = 0; t < tokens; ++t) {
    const std::size_t symbol = draw(rows, state * n, n, rng);
    state = (state * n + symbol) % states;
    chunk += static_cast<char>(static_cast<unsigned char>(symbol));
    if (chunk.size() == kChunkTokens || t + 1 == tokens) {
      sink(chunk);
      chunk.clear();
    }
  }
}

Manifest synthesize_corpus(const SynthOptions& options) {
  if (options.tokens < kMinTrainTokens) fail_config("--tokens is {}; allowed: >= {}", options.tokens, kMinTrainTokens);
  if (options.validation_tokens < kMinValidationTokens) {
    fail_config("--validation-tokens is {}; allowed: >= {}", options.validation_tokens, kMinValidationTokens);
  }
  const auto seed = static_cast<std::uint64_t>(options.seed);
  const MarkovChain chain = random_chain(options.order, options.symbols, options.concentration, seed);
  const std::vector<double> stationary = stationary_distribution(chain, [&options] {
    if (options.progress) options.progress(0);
  });

  CorpusWriter writer(options.out, options.replace);
  std::int64_t done = 0;
  for (const Split split : {Split::train, Split::validation}) {
    const bool train = split == Split::train;
    sample_chain(chain, stationary, train ? options.tokens : options.validation_tokens,
                 make_rng(seed, train ? "markov-train" : "markov-validation"), [&](std::string_view tokens) {
                   writer.write(split, byte_tokens(tokens));
                   done += static_cast<std::int64_t>(tokens.size());
                   if (options.progress) options.progress(done);
                 });
    writer.end_document(split);
  }
  Manifest manifest;
  manifest.name = options.name;
  manifest.tokenizer = {.kind = TokenizerKind::symbol, .vocab = options.symbols};
  manifest.documents = {.kind = DocumentKind::stream, .separator = "", .total = 2};
  manifest.entropy_rate_nats = entropy_rate_nats(chain, stationary);
  manifest.generator.kind = GeneratorKind::markov;
  manifest.generator.params = {{"order", static_cast<double>(options.order)},
                               {"symbols", static_cast<double>(options.symbols)},
                               {"concentration", options.concentration},
                               {"seed", static_cast<double>(options.seed)}};
  return writer.publish(std::move(manifest));
}

}  // namespace scalelaw::inline corpus
