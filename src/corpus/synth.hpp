#pragma once
// Streams whose entropy rate is known exactly: order-k Markov chains with random transition rows.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/rng.hpp"
#include "corpus/corpus.hpp"

namespace scalelaw::inline corpus {

/// Next-symbol probabilities given the last `order` symbols. A state is those symbols as digits of a number in base
/// `symbols`, the latest last; there are symbols^order of them.
struct MarkovChain {
  std::int64_t order = 1;
  std::int64_t symbols = 2;
  std::vector<double> probabilities;  ///< [state * symbols + next]; each row sums to 1

  [[nodiscard]] std::size_t states() const { return probabilities.size() / static_cast<std::size_t>(symbols); }
};

/// Largest table of probabilities, symbols^(order + 1).
constexpr std::int64_t kMaxMarkovTable = std::int64_t{1} << 24U;

/// A chain whose rows are drawn from a symmetric Dirichlet distribution (normalised gamma variates of shape
/// `concentration`): small values make the next symbol easy to guess, large ones make every symbol as likely as any
/// other. A thousandth of every row is spread over all symbols, so that every state can be reached from every other.
/// Errors (usage): order < 0, symbols outside 2 .. 256, concentration not positive, a table above kMaxMarkovTable.
[[nodiscard]] MarkovChain random_chain(std::int64_t order, std::int64_t symbols, double concentration,
                                       std::uint64_t seed);

/// Stationary distribution over states by power iteration on (I + P) / 2 (which has the same one and no period), until
/// a step changes less than 1e-13 in sum. Errors (usage): not reached in 100,000 steps (the chain mixes too slowly).
/// @param each_step called before every step; may throw to stop.
[[nodiscard]] std::vector<double> stationary_distribution(const MarkovChain& chain,
                                                          const std::function<void()>& each_step = {});

/// Entropy rate, nats per symbol: -sum_i pi_i sum_j p_ij ln p_ij (Cover and Thomas, Elements of Information Theory,
/// sec. 4.2): the lowest expected loss any model can reach on the stream.
[[nodiscard]] double entropy_rate_nats(const MarkovChain& chain, const std::vector<double>& stationary);

/// Draws `tokens` symbols, the first state from the stationary distribution, and hands them on in chunks.
void sample_chain(const MarkovChain& chain, const std::vector<double>& stationary, std::int64_t tokens, Rng rng,
                  const std::function<void(std::string_view)>& sink);

struct SynthOptions {
  std::filesystem::path out;
  bool replace = false;  ///< another corpus in `out` is replaced
  std::string name;      ///< empty: the name of the folder
  std::int64_t order = 1;
  std::int64_t symbols = 64;
  std::int64_t tokens = 10'000'000;
  std::int64_t validation_tokens = 200'000;
  double concentration = 0.1;
  std::int64_t seed = 0;
  std::function<void(std::int64_t tokens)> progress;  ///< may throw to stop
};

/// Builds a corpus of symbols 0 .. symbols - 1, both splits drawn independently from one chain; the manifest holds the
/// exact entropy rate. Errors: see random_chain, stationary_distribution, CorpusWriter; usage for too few tokens.
[[nodiscard]] Manifest synthesize_corpus(const SynthOptions& options);

}  // namespace scalelaw::inline corpus
