#include "corpus/build.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/json.hpp"
#include "corpus/corpus_helpers.hpp"
#include "corpus/writer.hpp"
#include "error_of.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

std::vector<std::string> documents_of(const std::string& tokens) {
  std::vector<std::string> documents;
  for (std::size_t start = 0; start < tokens.size();) {
    const auto end = tokens.find("\n\n", start);
    documents.push_back(tokens.substr(start, end - start));
    start = end + 2;
  }
  return documents;
}

class Build : public testing::Test {
 protected:
  [[nodiscard]] BuildOptions options(const std::vector<std::string>& inputs, const std::string& out = "corpus") const {
    BuildOptions o;
    for (const auto& input : inputs) o.inputs.push_back((folder_ / input).string());
    o.out = folder_ / out;
    o.validation_fraction = 0.1;
    o.replace = true;
    return o;
  }
  void put(const std::string& name, const std::string& bytes) const { write_file_atomic(folder_ / name, bytes); }
  [[nodiscard]] std::string train(const std::string& out = "corpus") const {
    return read_text_file(folder_ / out / "train.bin");
  }
  [[nodiscard]] std::string validation(const std::string& out = "corpus") const {
    return read_text_file(folder_ / out / "validation.bin");
  }
  TempFolder folder_;
  const std::vector<std::string> documents_ = random_documents(3000);
};

TEST_F(Build, KeepsEveryDocumentOnceInOrder) {
  put("a.txt", joined(documents_));
  const Manifest m = build_corpus(options({"a.txt"}));
  std::vector<std::string> kept_train = documents_of(train()), kept_validation = documents_of(validation());
  EXPECT_EQ(m.documents.total, 3000);
  EXPECT_EQ(m.splits.train.documents, static_cast<std::int64_t>(kept_train.size()));
  EXPECT_EQ(m.splits.validation.documents, static_cast<std::int64_t>(kept_validation.size()));
  std::size_t t = 0, v = 0;
  for (const auto& document : documents_) {
    if (t < kept_train.size() && kept_train[t] == document) {
      ++t;
    } else {
      ASSERT_LT(v, kept_validation.size());
      ASSERT_EQ(kept_validation[v++], document);
    }
  }
  EXPECT_EQ(t, kept_train.size());
  EXPECT_EQ(v, kept_validation.size());
}

TEST_F(Build, HoldsOutTheShareAskedFor) {
  put("a.txt", joined(documents_));
  for (const double share : {0.05, 0.1, 0.5}) {
    BuildOptions o = options({"a.txt"});
    o.validation_fraction = share;
    const Manifest m = build_corpus(o);
    EXPECT_NEAR(static_cast<double>(m.splits.validation.documents) / 3000, share,
                4 * std::sqrt(share * (1 - share) / 3000));
  }
}

TEST_F(Build, SplitOfADocumentDependsOnTheDocumentAlone) {
  put("a.txt", joined(documents_));
  std::vector<std::string> shuffled(documents_.rbegin(), documents_.rend());
  shuffled.insert(shuffled.begin() + 500, "a document that was not there before");
  shuffled.insert(shuffled.begin() + 900, documents_[3]);  // a duplicate
  put("b.txt", joined(shuffled));
  (void)build_corpus(options({"a.txt"}));
  (void)build_corpus(options({"b.txt"}, "other"));
  const auto set_of = [](const std::vector<std::string>& d) { return std::set<std::string>(d.begin(), d.end()); };
  const std::set<std::string> held_out = set_of(documents_of(validation())),
                              again = set_of(documents_of(validation("other")));
  for (const auto& d : held_out) EXPECT_TRUE(again.contains(d));
  for (const auto& d : set_of(documents_of(train("other")))) EXPECT_FALSE(again.contains(d)) << "on both sides";
}

TEST_F(Build, ALargerShareKeepsWhatWasHeldOut) {
  put("a.txt", joined(documents_));
  (void)build_corpus(options({"a.txt"}));
  BuildOptions o = options({"a.txt"}, "more");
  o.validation_fraction = 0.3;
  (void)build_corpus(o);
  const auto more = documents_of(validation("more"));
  for (const auto& d : documents_of(validation())) EXPECT_NE(std::ranges::find(more, d), more.end());
}

TEST_F(Build, CompressionAndFileBoundariesDoNotChangeTheTokens) {
  const std::string text = joined(documents_);
  const auto half = joined(std::vector<std::string>(documents_.begin(), documents_.begin() + 1500));
  put("a.txt", text);
  put("a.txt.gz", gzipped(text));
  put("a.zst", zstd_compressed(text));
  put("parts/1.txt", half);
  put("parts/2.txt.gz", gzipped(text.substr(half.size())));
  const std::string sha256 = build_corpus(options({"a.txt"})).sha256;
  EXPECT_EQ(build_corpus(options({"a.txt.gz"})).sha256, sha256);
  EXPECT_EQ(build_corpus(options({"a.zst"})).sha256, sha256);
  EXPECT_EQ(build_corpus(options({"parts"})).sha256, sha256);
  EXPECT_EQ(build_corpus(options({"parts/*"})).sha256, sha256);
  EXPECT_NE(build_corpus(options({"parts/2*", "parts/1*"})).sha256, sha256) << "the order of documents is the input's";
}

TEST_F(Build, JsonLinesGiveTheSameTokensAsText) {
  std::string lines;
  for (const auto& d : documents_) lines += Json{{"id", 1}, {"body", d}}.dump() + "\n";
  put("a.txt", joined(documents_));
  put("b.jsonl.gz", gzipped(lines));
  const std::string sha256 = build_corpus(options({"a.txt"})).sha256;
  BuildOptions o = options({"b.jsonl.gz"});
  o.field = "body";
  const Manifest m = build_corpus(o);
  EXPECT_EQ(m.sha256, sha256);
  EXPECT_EQ(m.documents.kind, DocumentKind::json_line);
}

TEST_F(Build, ManifestDescribesTheFiles) {
  put("a.txt", joined(documents_));
  const Manifest m = build_corpus(options({"a.txt"}));
  EXPECT_EQ(names_in(folder_ / "corpus"), (std::vector<std::string>{"manifest.json", "train.bin", "validation.bin"}));
  EXPECT_EQ(to_json(load_manifest(folder_ / "corpus")), to_json(m));
  EXPECT_EQ(m.schema, "scalelaw.corpus/1");
  EXPECT_EQ(m.name, "corpus");
  EXPECT_EQ(m.splits.train.tokens, static_cast<std::int64_t>(train().size()));
  EXPECT_EQ(m.splits.validation.sha256, sha256_hex(validation()));
  EXPECT_EQ(m.sha256, sha256_hex(train() + validation()));
  EXPECT_EQ(m.inputs.at(0).bytes, static_cast<std::int64_t>(joined(documents_).size()));
  const Json json = to_json(m);
  for (const char* key : {"schema", "name", "sha256", "tokenizer", "dtype", "bytes_per_token", "documents", "splits",
                          "entropy_nats", "inputs", "created", "version"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
}

TEST_F(Build, EntropiesAreThoseOfThePlainFormulas) {
  put("a.txt", joined(documents_));
  const Manifest m = build_corpus(options({"a.txt"}));
  const std::string text = train();
  std::map<char, double> single;
  std::map<std::pair<char, char>, double> pairs;
  std::map<char, double> first;
  for (const char c : text) single[c] += 1;
  for (std::size_t i = 1; i < text.size(); ++i) {
    pairs[{text[i - 1], text[i]}] += 1;
    first[text[i - 1]] += 1;
  }
  double unigram = 0, joint = 0, marginal = 0;
  const auto n = static_cast<double>(text.size());
  for (const auto& [c, k] : single) unigram -= k / n * std::log(k / n);
  for (const auto& [c, k] : pairs) joint -= k / (n - 1) * std::log(k / (n - 1));
  for (const auto& [c, k] : first) marginal -= k / (n - 1) * std::log(k / (n - 1));
  EXPECT_NEAR(m.entropy_nats.unigram, unigram, 1e-12);
  EXPECT_NEAR(m.entropy_nats.bigram, joint - marginal, 1e-10);  // H(y|x) = H(x,y) - H(x)
}

TEST(TokenCounts, DoNotDependOnHowTheStreamArrives) {
  const std::string text = joined(random_documents(50));
  TokenCounts whole, pieces;
  whole.add(byte_tokens(text));
  for (std::size_t i = 0; i < text.size(); i += 7) pieces.add(byte_tokens(std::string_view(text).substr(i, 7)));
  pieces.add(byte_tokens(""));
  EXPECT_EQ(whole.entropy().unigram, pieces.entropy().unigram);
  EXPECT_EQ(whole.entropy().bigram, pieces.entropy().bigram);
}

TEST(TokenCounts, KnownStreams) {
  TokenCounts constant, alternating, none;
  constant.add(byte_tokens(std::string(1000, 'a')));
  EXPECT_EQ(constant.entropy().unigram, 0);
  EXPECT_EQ(constant.entropy().bigram, 0);
  for (int i = 0; i < 1000; ++i) {
    alternating.add(
        byte_tokens("\xff"
                    "a"));
  }
  EXPECT_NEAR(alternating.entropy().unigram, std::log(2.0), 1e-12);
  EXPECT_EQ(alternating.entropy().bigram, 0) << "the next one is certain";
  EXPECT_EQ(none.entropy().unigram, 0);
}

TEST_F(Build, RefusesTooLittleTextAndLeavesNothing) {
  const auto error = [&](const std::string& text, std::optional<DocumentKind> documents = std::nullopt) {
    put("small.txt", text);
    BuildOptions o = options({"small.txt"});
    o.documents = documents;
    return error_of(ExitCode::data, [&] { (void)build_corpus(o); });
  };
  EXPECT_THAT(error(""), testing::AllOf(HasSubstr("small.txt"), HasSubstr("no text")));
  EXPECT_THAT(error(" \n\n"), HasSubstr("no text"));
  EXPECT_THAT(error(joined(random_documents(10))), HasSubstr("at least 100000 are needed"));
  EXPECT_THAT(error(std::string(200'000, 'a'), DocumentKind::file),
              testing::AnyOf(HasSubstr("--validation-fraction"), HasSubstr("training tokens")));
  EXPECT_EQ(names_in(folder_.path()), std::vector<std::string>{"small.txt"});
}

TEST_F(Build, TooLittleValidationSaysHowMuchToHoldOut) {
  put("a.txt", joined(random_documents(1200)));
  BuildOptions o = options({"a.txt"});
  o.validation_fraction = 0.001;
  const std::string message = error_of(ExitCode::data, [&] { (void)build_corpus(o); });
  const std::string advice = "--validation-fraction ";
  ASSERT_THAT(message, HasSubstr(advice));
  o.validation_fraction = std::stod(message.substr(message.find(advice) + advice.size()));
  EXPECT_GE(build_corpus(o).splits.validation.tokens, kMinValidationTokens) << "the advice works";
}

TEST_F(Build, NeverTouchesAFolderThatIsNoCorpus) {
  put("a.txt", joined(documents_));
  put("corpus/mine.txt", "precious");
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)build_corpus(options({"a.txt"})); }),
              testing::AllOf(HasSubstr("mine.txt"), HasSubstr("--out")));
  EXPECT_EQ(read_text_file(folder_ / "corpus/mine.txt"), "precious");
  error_of(ExitCode::usage, [&] { (void)build_corpus(options({"a.txt"}, "a.txt")); });
  put("half/train.bin", "x");
  error_of(ExitCode::usage, [&] { (void)build_corpus(options({"a.txt"}, "half")); });
  EXPECT_EQ(names_in(folder_.path()), (std::vector<std::string>{"a.txt", "corpus", "half"}));
}

TEST_F(Build, ReplacesACorpusOrAnEmptyFolder) {
  put("a.txt", joined(documents_));
  put("b.txt", joined(random_documents(3000, 2)));
  fs::create_directory(folder_ / "corpus");
  const std::string first = build_corpus(options({"a.txt"})).sha256;
  EXPECT_NE(build_corpus(options({"b.txt"})).sha256, first);
  EXPECT_EQ(build_corpus(options({"a.txt"}, "corpus/")).sha256, first);
  EXPECT_EQ(load_corpus(folder_ / "corpus", CorpusCheck::hashes).manifest.sha256, first);
  EXPECT_EQ(names_in(folder_.path()), (std::vector<std::string>{"a.txt", "b.txt", "corpus"}));
}

TEST_F(Build, AnotherCorpusIsReplacedOnlyIfAskedFor) {
  put("a.txt", joined(documents_));
  put("b.txt", joined(documents_) + "more\n\n");
  BuildOptions a = options({"a.txt"}), b = options({"b.txt"});
  a.replace = b.replace = false;
  const std::string identity = build_corpus(a).sha256;
  EXPECT_EQ(build_corpus(a).sha256, identity) << "the same inputs make it again";
  const std::string refused = error_of(ExitCode::usage, [&] { (void)build_corpus(b); });
  EXPECT_THAT(refused, HasSubstr((folder_ / "corpus").string() + ": holds another corpus (corpus, "));
  EXPECT_THAT(refused, testing::AllOf(HasSubstr("a.txt"), HasSubstr("--out"), HasSubstr("--replace")));
  put("a.txt", joined(documents_) + "changed\n\n");  // of the same name: known when it is read
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)build_corpus(a); }), HasSubstr("holds another corpus"));
  EXPECT_EQ(load_manifest(folder_ / "corpus").sha256, identity) << "it stays";
  EXPECT_FALSE(fs::exists(folder_ / "corpus.tmp"));
  b.replace = true;
  EXPECT_NE(build_corpus(b).sha256, identity);
}

TEST_F(Build, AnErrorKeepsTheCorpusThatWasThere) {
  put("a.txt", joined(documents_));
  put("cut.gz", gzipped(joined(documents_)).substr(0, 20'000));
  const std::string before = build_corpus(options({"a.txt"})).sha256;
  error_of(ExitCode::data, [&] { (void)build_corpus(options({"cut.gz"})); });
  EXPECT_EQ(load_corpus(folder_ / "corpus", CorpusCheck::hashes).manifest.sha256, before);
  EXPECT_EQ(names_in(folder_.path()), (std::vector<std::string>{"a.txt", "corpus", "cut.gz"}));
}

TEST_F(Build, ProgressMayStopItAndNothingIsLeft) {
  put("a.txt", joined(documents_));
  BuildOptions o = options({"a.txt"});
  std::int64_t seen = 0;
  o.progress = [&](std::int64_t bytes) {
    seen = bytes;
    throw Error(ExitCode::interrupted, "stopped");
  };
  error_of(ExitCode::interrupted, [&] { (void)build_corpus(o); });
  EXPECT_GT(seen, 0);
  EXPECT_EQ(names_in(folder_.path()), std::vector<std::string>{"a.txt"});
}

TEST_F(Build, ClearsWhatAKilledBuildLeftButNotARunningOne) {
  put("a.txt", joined(documents_));
  put("corpus.tmp/train.bin", "left over");
  EXPECT_GT(build_corpus(options({"a.txt"})).splits.train.tokens, 1000);
  EXPECT_FALSE(fs::exists(folder_ / "corpus.tmp"));
  const CorpusWriter running(folder_ / "corpus");
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)build_corpus(options({"a.txt"})); }), HasSubstr("another build"));
  EXPECT_TRUE(fs::exists(folder_ / "corpus.tmp/train.bin"));
}

TEST_F(Build, ContradictoryOptionsAreUsageErrors) {
  put("a.txt", joined(documents_));
  put("b.jsonl", "{\"text\": \"x\"}\n");
  BuildOptions o = options({"a.txt"});
  o.documents = DocumentKind::json_line;
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)build_corpus(o); }), HasSubstr("--format jsonl"));
  o = options({"b.jsonl"});
  o.documents = DocumentKind::file;
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)build_corpus(o); }), HasSubstr("--format text"));
  EXPECT_THAT(error_of(ExitCode::usage,
                       [&] {
                         (void)build_corpus(options({"a.txt", "b.jsonl"}));
                       }),
              HasSubstr("different formats"));
  for (const double share : {0.0, -0.1, 0.6, std::nan("")}) {
    o = options({"a.txt"});
    o.validation_fraction = share;
    EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)build_corpus(o); }), HasSubstr("--validation-fraction"));
  }
  error_of(ExitCode::usage, [&] { (void)build_corpus(options({})); });
  (void)build_corpus(options({"a.txt"}));
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)build_corpus(options({"corpus/train.bin"})); }),
              HasSubstr("lies in the folder"));
}

}  // namespace
}  // namespace scalelaw
