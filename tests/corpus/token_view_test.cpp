#include "records/token_view.hpp"

#include <gmock/gmock.h>

#include "core/json.hpp"
#include "corpus/corpus.hpp"
#include "corpus/corpus_helpers.hpp"
#include "error_of.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

/// Every property holds for every width of the table.
struct TokenViewTest : testing::TestWithParam<TokenWidth> {
  TokenWidth width = GetParam();
  std::int64_t each = token_bytes(width);

  /// The smallest and the largest token, and others between.
  [[nodiscard]] std::vector<std::int64_t> some_tokens(std::size_t count) const {
    Rng rng = make_rng(3, "token-view-test");
    std::vector<std::int64_t> tokens = {0, token_ids(width) - 1};
    while (tokens.size() < count) {
      tokens.push_back(static_cast<std::int64_t>(uniform_below(rng, static_cast<std::uint64_t>(token_ids(width)))));
    }
    return tokens;
  }
  /// As a file holds them: the lowest byte first.
  [[nodiscard]] std::string file_of(const std::vector<std::int64_t>& tokens) const {
    std::string bytes;
    for (const std::int64_t token : tokens) {
      for (std::int64_t b = 0; b < each; ++b) bytes += static_cast<char>((token >> (8 * b)) & 255);
    }
    return bytes;
  }
};

TEST_P(TokenViewTest, TheNameSaysHowManyBitsATokenHas) {
  EXPECT_EQ(name_of(width), fmt::format("uint{}", 8 * each));
  EXPECT_EQ(token_ids(width), std::int64_t{1} << (8 * each));
  EXPECT_LE(token_ids(width), most_token_ids());
  with_token_type(width, [&](auto token) {
    EXPECT_EQ(static_cast<std::int64_t>(sizeof(token)), each);
    EXPECT_EQ(token, 0U);
  });
}

TEST_P(TokenViewTest, ReadsWhatAFileHolds) {
  const std::vector<std::int64_t> tokens = some_tokens(1000);
  const std::string file = file_of(tokens);
  const TokenView view{.width = width, .data = file.data(), .count = static_cast<std::int64_t>(tokens.size())};
  for (std::int64_t i = 0; i < view.count; ++i) ASSERT_EQ(token_at(view, i), tokens[static_cast<std::size_t>(i)]);
  EXPECT_EQ(bytes_of(view), file);
  EXPECT_EQ(with_tokens(view, [&](const auto* first) { return std::vector<std::int64_t>(first, first + view.count); }),
            tokens);
  EXPECT_TRUE(bytes_of({.width = width}).empty());
}

TEST_P(TokenViewTest, OnlyBytesThatEndWithATokenAreTokens) {
  for (std::int64_t bytes = 0; bytes < 100; ++bytes) {
    const std::optional<std::int64_t> tokens = whole_tokens(width, static_cast<std::uint64_t>(bytes));
    ASSERT_EQ(tokens.has_value(), bytes % each == 0) << bytes;
    if (tokens) {
      EXPECT_EQ(*tokens * each, bytes);
    }
  }
}

/// A corpus with tokens of the width in both files.
struct CorpusOfWidth : TokenViewTest {
  std::vector<std::int64_t> tokens = some_tokens(100);
  std::string file = file_of(tokens);
  Manifest manifest;
  TempFolder folder;

  void write() const {
    write_file_atomic(folder / "train.bin", file);
    write_file_atomic(folder / "validation.bin", file);
    write_json_file(folder / "manifest.json", to_json(manifest));
  }
  void SetUp() override {
    manifest.dtype = width;
    manifest.tokenizer.vocab = token_ids(width);
    for (CorpusSplit* split : {&manifest.splits.train, &manifest.splits.validation}) {
      split->tokens = static_cast<std::int64_t>(tokens.size());
      split->sha256 = sha256_hex(file);
    }
    manifest.sha256 = sha256_hex(file + file);
    write();
  }
};

TEST_P(CorpusOfWidth, IsReadByTheNameInItsManifest) {
  EXPECT_EQ(to_json(manifest).at("dtype"), std::string(name_of(width)));
  const Corpus corpus = load_corpus(folder.path(), CorpusCheck::hashes);
  for (const MappedTokens* split : {&corpus.train, &corpus.validation}) {
    const TokenView view = split->view();
    EXPECT_EQ(view.width, width);
    ASSERT_EQ(view.count, static_cast<std::int64_t>(tokens.size()));
    for (std::int64_t i = 0; i < view.count; ++i) ASSERT_EQ(token_at(view, i), tokens[static_cast<std::size_t>(i)]);
  }
}

TEST_P(CorpusOfWidth, AByteTooManyOrTooFewIsFound) {
  const std::string whole = file;
  for (std::int64_t off = -each; off <= each; ++off) {
    file = whole;
    file.resize(static_cast<std::size_t>(static_cast<std::int64_t>(whole.size()) + off));
    write();
    if (off == 0) {
      EXPECT_EQ(load_corpus(folder.path()).train.view().count, static_cast<std::int64_t>(tokens.size()));
    } else {
      EXPECT_THAT(error_of(ExitCode::data, [&] { (void)load_corpus(folder.path()); }), HasSubstr("not whole")) << off;
    }
  }
}

TEST_P(CorpusOfWidth, ATokenOutsideTheVocabularyIsFoundByTheHashes) {
  manifest.tokenizer.vocab = token_ids(width) - 1;
  write();
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)load_corpus(folder.path(), CorpusCheck::hashes); }),
              HasSubstr(fmt::format("holds token {}", token_ids(width) - 1)));
}

TEST_P(CorpusOfWidth, AWidthThatIsNotInTheTableIsRefused) {
  Json other = to_json(manifest);
  for (const char* name : {"uint9", "int8", "float32", ""}) {
    other["dtype"] = name;
    write_json_file(folder / "manifest.json", other);
    EXPECT_THAT(error_of(ExitCode::data, [&] { (void)load_manifest(folder.path()); }),
                testing::AllOf(HasSubstr("'dtype'"), HasSubstr(std::string(name_of(width)))));
  }
}

std::string width_name(const testing::TestParamInfo<TokenWidth>& info) { return std::string(name_of(info.param)); }
INSTANTIATE_TEST_SUITE_P(Widths, TokenViewTest, testing::ValuesIn(all_of<TokenWidth>()), width_name);
INSTANTIATE_TEST_SUITE_P(Widths, CorpusOfWidth, testing::ValuesIn(all_of<TokenWidth>()), width_name);

TEST(ByteTokens, AreTheBytesOfATextWithoutASign) {
  const std::string_view text = "a\xff\n";
  const TokenView view = byte_tokens(text);
  ASSERT_EQ(view.count, 3);
  EXPECT_EQ(token_at(view, 0), 'a');
  EXPECT_EQ(token_at(view, 1), 255);
  EXPECT_EQ(token_at(view, 2), '\n');
  EXPECT_EQ(bytes_of(view), text);
}

}  // namespace
}  // namespace scalelaw
