#include "corpus/synth.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "corpus/corpus_helpers.hpp"
#include "error_of.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

MarkovChain chain_of(std::int64_t order, std::int64_t symbols, std::vector<double> probabilities) {
  return {.order = order, .symbols = symbols, .probabilities = std::move(probabilities)};
}

/// Entropy of the next symbol given the `order` symbols before it, from counts in a sample.
double conditional_entropy(const std::string& sample, std::int64_t order, std::int64_t symbols) {
  std::size_t states = 1;
  for (std::int64_t i = 0; i < order; ++i) states *= static_cast<std::size_t>(symbols);
  const auto n = static_cast<std::size_t>(symbols);
  std::vector<double> counts(states * n);
  std::size_t state = 0;
  for (std::size_t t = 0; t < sample.size(); ++t) {
    const auto symbol = static_cast<std::size_t>(static_cast<unsigned char>(sample[t]));
    if (t >= static_cast<std::size_t>(order)) counts[state * n + symbol] += 1;
    state = (state * n + symbol) % states;
  }
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  double entropy = 0;
  for (std::size_t s = 0; s < states; ++s) {
    double row = 0;
    for (std::size_t j = 0; j < n; ++j) row += counts[s * n + j];
    for (std::size_t j = 0; j < n; ++j) {
      const double k = counts[s * n + j];
      if (k > 0) entropy -= k / total * std::log(k / row);
    }
  }
  return entropy;
}

std::string sample_of(const MarkovChain& chain, std::int64_t tokens, std::uint64_t seed = 1) {
  std::string sample;
  sample_chain(chain, stationary_distribution(chain), tokens, make_rng(seed, "synth-test"),
               [&](std::string_view s) { sample += s; });
  return sample;
}

TEST(EntropyRate, OfAUniformChainIsLnS) {
  for (const std::int64_t symbols : {2, 7, 256}) {
    const auto n = static_cast<std::size_t>(symbols);
    const MarkovChain chain = chain_of(1, symbols, std::vector<double>(n * n, 1.0 / static_cast<double>(n)));
    EXPECT_NEAR(entropy_rate_nats(chain, stationary_distribution(chain)), std::log(static_cast<double>(symbols)),
                1e-12);
  }
}

TEST(EntropyRate, OfTwoSymbolsFollowsTheClosedForm) {
  const double a = 0.1, b = 0.3;  // leave state 0 with a, state 1 with b: pi = (b, a) / (a + b)
  const MarkovChain chain = chain_of(1, 2, {1 - a, a, b, 1 - b});
  const std::vector<double> pi = stationary_distribution(chain);
  EXPECT_NEAR(pi[0], 0.75, 1e-11);
  EXPECT_NEAR(pi[1], 0.25, 1e-11);
  const auto h = [](double p) { return -p * std::log(p) - (1 - p) * std::log(1 - p); };
  EXPECT_NEAR(entropy_rate_nats(chain, pi), 0.75 * h(a) + 0.25 * h(b), 1e-11);
}

TEST(EntropyRate, OfAPeriodicChainIsZeroAndItsDistributionIsFound) {
  const MarkovChain chain = chain_of(1, 3, {0, 1, 0, 0, 0, 1, 1, 0, 0});
  const std::vector<double> pi = stationary_distribution(chain);
  for (const double p : pi) EXPECT_NEAR(p, 1.0 / 3, 1e-12);
  EXPECT_EQ(entropy_rate_nats(chain, pi), 0);
}

TEST(EntropyRate, OfAnOrderOneChainWrittenAsOrderTwoIsTheSame) {
  const MarkovChain one = random_chain(1, 5, 0.5, 3);
  MarkovChain two = chain_of(2, 5, std::vector<double>(125));
  for (std::size_t state = 0; state < 25; ++state) {
    for (std::size_t j = 0; j < 5; ++j) two.probabilities[state * 5 + j] = one.probabilities[state % 5 * 5 + j];
  }
  EXPECT_NEAR(entropy_rate_nats(two, stationary_distribution(two)),
              entropy_rate_nats(one, stationary_distribution(one)), 1e-11);
}

TEST(StationaryDistribution, DoesNotChangeInAStep) {
  const MarkovChain chain = random_chain(2, 6, 0.2, 7);
  const std::vector<double> pi = stationary_distribution(chain);
  EXPECT_NEAR(std::accumulate(pi.begin(), pi.end(), 0.0), 1, 1e-12);
  std::vector<double> next(pi.size());
  for (std::size_t a = 0; a < 6; ++a) {
    for (std::size_t b = 0; b < 6; ++b) {
      for (std::size_t c = 0; c < 6; ++c) next[b * 6 + c] += pi[a * 6 + b] * chain.probabilities[(a * 6 + b) * 6 + c];
    }
  }
  for (std::size_t i = 0; i < pi.size(); ++i) EXPECT_NEAR(next[i], pi[i], 1e-12);
}

TEST(StationaryDistribution, OfAChainThatHardlyMixesIsAnErrorNotAWrongAnswer) {
  const MarkovChain chain = chain_of(1, 2, {1 - 1e-9, 1e-9, 3e-9, 1 - 3e-9});
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)stationary_distribution(chain); }), HasSubstr("stationary"));
}

TEST(RandomChain, RowsAreDistributionsWithEverySymbolPossible) {
  for (const double concentration : {1e-3, 0.1, 1.0, 100.0}) {
    const MarkovChain chain = random_chain(2, 8, concentration, 5);
    ASSERT_EQ(chain.probabilities.size(), 512U);
    for (std::size_t s = 0; s < chain.states(); ++s) {
      double sum = 0;
      for (std::size_t j = 0; j < 8; ++j) {
        EXPECT_GE(chain.probabilities[s * 8 + j], 1e-3 / 8 * (1 - 1e-12));
        sum += chain.probabilities[s * 8 + j];
      }
      EXPECT_NEAR(sum, 1, 1e-12);
    }
  }
}

TEST(RandomChain, IsFixedBySeedAndConcentrationSetsTheEntropy) {
  EXPECT_EQ(random_chain(1, 16, 0.1, 1).probabilities, random_chain(1, 16, 0.1, 1).probabilities);
  EXPECT_NE(random_chain(1, 16, 0.1, 1).probabilities, random_chain(1, 16, 0.1, 2).probabilities);
  double before = 0;
  for (const double concentration : {0.01, 0.1, 1.0, 10.0, 1e6}) {
    const MarkovChain chain = random_chain(1, 16, concentration, 1);
    const double rate = entropy_rate_nats(chain, stationary_distribution(chain));
    EXPECT_GT(rate, before);
    before = rate;
  }
  EXPECT_NEAR(before, std::log(16.0), 1e-5);
}

TEST(RandomChain, RowsHaveTheEntropyOfTheDirichletDistribution) {
  // E[H] of a symmetric Dirichlet(c) over n symbols is digamma(n c + 1) - digamma(c + 1); c = 1: sum of 1/k, k = 2 ..
  // n.
  const MarkovChain chain = random_chain(2, 32, 1.0, 9);
  const std::vector<double> uniform(chain.states(), 1.0 / static_cast<double>(chain.states()));
  double expected = 0;
  for (int k = 2; k <= 32; ++k) expected += 1.0 / k;
  EXPECT_NEAR(entropy_rate_nats(chain, uniform), expected, 0.02);
}

TEST(SampleChain, EmpiricalConditionalEntropyApproachesTheRate) {
  for (const std::int64_t order : {0, 1, 2}) {
    const MarkovChain chain = random_chain(order, 8, 0.3, 11);
    const double rate = entropy_rate_nats(chain, stationary_distribution(chain));
    const std::string sample = sample_of(chain, 1'000'000);
    ASSERT_EQ(sample.size(), 1'000'000U);
    EXPECT_NEAR(conditional_entropy(sample, order, 8), rate, 0.005) << "order " << order;
    EXPECT_NEAR(conditional_entropy(sample, order + 1, 8), rate, 0.005) << "more context does not help";
    if (order > 0) {
      EXPECT_GT(conditional_entropy(sample, order - 1, 8), rate + 0.05) << "less context hurts";
    }
  }
}

TEST(SampleChain, SymbolsAreAsFrequentAsTheStationaryDistributionSays) {
  const MarkovChain chain = random_chain(1, 6, 0.5, 2);
  const std::vector<double> pi = stationary_distribution(chain);
  const std::string sample = sample_of(chain, 500'000);
  for (std::size_t s = 0; s < 6; ++s) {
    const auto n = std::ranges::count(sample, static_cast<char>(s));
    EXPECT_NEAR(static_cast<double>(n) / 500'000, pi[s], 0.01);
  }
}

TEST(SynthesizeCorpus, WritesTheExactRateBelowTheEmpiricalEntropies) {
  const TempFolder folder;
  SynthOptions o;
  o.out = folder / "markov";
  o.order = 2;
  o.symbols = 12;
  o.tokens = 400'000;
  o.validation_tokens = 50'000;
  o.seed = 4;
  const Manifest m = synthesize_corpus(o);
  const Corpus corpus = load_corpus(folder / "markov", CorpusCheck::hashes);
  EXPECT_EQ(m.tokenizer.vocab, 12);
  EXPECT_EQ(m.generator.kind, GeneratorKind::markov);
  EXPECT_EQ(m.generator.params.at("order"), 2);
  EXPECT_EQ(corpus.train.view().count, 400'000);
  EXPECT_EQ(corpus.validation.view().count, 50'000);
  EXPECT_LT(*m.entropy_rate_nats, m.entropy_nats.bigram);
  EXPECT_LT(m.entropy_nats.bigram, m.entropy_nats.unigram);
  EXPECT_NEAR(conditional_entropy(read_text_file(folder / "markov/train.bin"), 2, 12), *m.entropy_rate_nats, 0.01);
  EXPECT_NE(read_text_file(folder / "markov/train.bin").substr(0, 1000),
            read_text_file(folder / "markov/validation.bin").substr(0, 1000));
  EXPECT_EQ(synthesize_corpus(o).sha256, m.sha256) << "the same options give the same corpus";
  o.seed = 5;
  o.replace = true;
  EXPECT_NE(synthesize_corpus(o).sha256, m.sha256);
}

TEST(SynthesizeCorpus, IsTheSameEverywhere) {
  const TempFolder folder;
  SynthOptions o;
  o.out = folder / "markov";
  o.tokens = 100'000;
  o.validation_tokens = 5'000;
  o.symbols = 16;
  const Manifest m = synthesize_corpus(o);
  EXPECT_EQ(m.sha256, "78b5f1bff204504bae72d89e0565298e7b4abebf459c0bb42f3dbf1bf255ccfd");
  EXPECT_NEAR(*m.entropy_rate_nats, 1.0724819921916877, 1e-12);
}

TEST(SynthesizeCorpus, OptionsOutOfRangeAreUsageErrors) {
  const TempFolder folder;
  const auto error = [&](auto change) {
    SynthOptions o;
    o.out = folder / "markov";
    change(o);
    return error_of(ExitCode::usage, [&] { (void)synthesize_corpus(o); });
  };
  EXPECT_THAT(error([](SynthOptions& o) { o.symbols = 257; }), HasSubstr("2 .. 256"));
  EXPECT_THAT(error([](SynthOptions& o) { o.symbols = 1; }), HasSubstr("--symbols"));
  EXPECT_THAT(error([](SynthOptions& o) { o.order = -1; }), HasSubstr("--order"));
  EXPECT_THAT(error([](SynthOptions& o) { o.order = 1'000'000'000; }), HasSubstr("lower order"));
  EXPECT_THAT(error([](SynthOptions& o) { o.concentration = 0; }), HasSubstr("--concentration"));
  EXPECT_THAT(error([](SynthOptions& o) { o.tokens = 10; }), HasSubstr("--tokens"));
  EXPECT_THAT(error([](SynthOptions& o) { o.validation_tokens = 10; }), HasSubstr("--validation-tokens"));
  EXPECT_TRUE(names_in(folder.path()).empty());
}

}  // namespace
}  // namespace scalelaw
