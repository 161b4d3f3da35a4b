#include "corpus/corpus.hpp"

#include <gmock/gmock.h>

#include "core/json.hpp"
#include "corpus/build.hpp"
#include "corpus/corpus_helpers.hpp"
#include "corpus/sha256.hpp"
#include "error_of.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class LoadCorpus : public testing::Test {
 protected:
  void SetUp() override {
    write_file_atomic(folder_ / "a.txt", joined(random_documents(2000)));
    BuildOptions o;
    o.inputs = {(folder_ / "a.txt").string()};
    o.out = folder_ / "corpus";
    o.validation_fraction = 0.1;
    (void)build_corpus(o);
  }
  void edit(const std::string& pointer, const Json& value) const {
    Json manifest = read_json_file(folder_ / "corpus/manifest.json");
    manifest[Json::json_pointer(pointer)] = value;
    write_json_file(folder_ / "corpus/manifest.json", manifest);
  }
  [[nodiscard]] std::string error(CorpusCheck check = CorpusCheck::sizes) const {
    return error_of(ExitCode::data, [&] { (void)load_corpus(folder_ / "corpus", check); });
  }
  TempFolder folder_;
};

TEST_F(LoadCorpus, MapsTheTokens) {
  const Corpus corpus = load_corpus(folder_ / "corpus", CorpusCheck::hashes);
  const TokenView train = corpus.train.view();
  const std::string bytes = read_text_file(folder_ / "corpus/train.bin");
  ASSERT_EQ(train.count, static_cast<std::int64_t>(bytes.size()));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    ASSERT_EQ(token_at(train, static_cast<std::int64_t>(i)), static_cast<unsigned char>(bytes[i]));
  }
  EXPECT_EQ(corpus.validation.view().count, corpus.manifest.splits.validation.tokens);
}

TEST_F(LoadCorpus, TokensOutliveMovesAndTheFolder) {
  Corpus corpus = load_corpus(folder_ / "corpus");
  const std::int64_t first = token_at(corpus.train.view(), 0);
  const Corpus moved = std::move(corpus);
  fs::remove_all(folder_ / "corpus");
  EXPECT_EQ(token_at(moved.train.view(), 0), first);
  const MappedTokens other;
  EXPECT_EQ(other.view().count, 0);
}

TEST_F(LoadCorpus, MissingCorpusNamesTheCommandsThatMakeOne) {
  const std::string message = error_of(ExitCode::data, [&] { (void)load_corpus(folder_ / "none"); });
  EXPECT_THAT(message, testing::AllOf(HasSubstr((folder_ / "none").string()), HasSubstr("scalelaw corpus build"),
                                      HasSubstr("scripts/get_corpus.sh")));
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)load_manifest(folder_.path()); }), HasSubstr("no manifest.json"));
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)load_manifest(folder_ / "a.txt"); }),
              HasSubstr("no such corpus folder"));
}

TEST_F(LoadCorpus, AFileThatIsMissingOrOfAnotherSizeIsFoundAtOnce) {
  write_file_atomic(folder_ / "corpus/train.bin", read_text_file(folder_ / "corpus/train.bin") + "x");
  EXPECT_THAT(error(), testing::AllOf(HasSubstr("train.bin"), HasSubstr("build it again")));
  fs::remove(folder_ / "corpus/train.bin");
  EXPECT_THAT(error(), testing::AllOf(HasSubstr("train.bin"), HasSubstr("not whole")));
}

TEST_F(LoadCorpus, ChangedContentIsFoundByTheHashes) {
  std::string bytes = read_text_file(folder_ / "corpus/validation.bin");
  bytes[100] = static_cast<char>(bytes[100] ^ 1);
  write_file_atomic(folder_ / "corpus/validation.bin", bytes);
  (void)load_corpus(folder_ / "corpus");
  EXPECT_THAT(error(CorpusCheck::hashes), testing::AllOf(HasSubstr("validation.bin"), HasSubstr("SHA-256")));
}

TEST_F(LoadCorpus, ManifestThatContradictsTheTokensIsFound) {
  edit("/tokenizer/vocab", 100);  // letters are above it
  EXPECT_THAT(error(CorpusCheck::hashes), HasSubstr("vocab 100"));
  edit("/tokenizer/vocab", 256);
  edit("/sha256", "00");
  EXPECT_THAT(error(CorpusCheck::hashes), HasSubstr("manifest.json"));
}

TEST_F(LoadCorpus, WrongManifestsAreDataErrorsThatNameTheKey) {
  edit("/schema", "scalelaw.corpus/9");
  EXPECT_THAT(error(),
              testing::AllOf(HasSubstr("manifest.json"), HasSubstr("'schema'"), HasSubstr("scalelaw.corpus/1")));
  edit("/schema", "scalelaw.corpus/1");
  edit("/tokenizer/kind", "word");
  EXPECT_THAT(error(), testing::AllOf(HasSubstr("'tokenizer.kind'"), HasSubstr("byte | symbol")));
  edit("/tokenizer/kind", "byte");
  edit("/splits/train/tokens", 0);
  EXPECT_THAT(error(), HasSubstr("splits.train.tokens"));
  edit("/splits/train/tokens", 1);
  edit("/splits/train/file", "../a.txt");
  EXPECT_THAT(error(), testing::AllOf(HasSubstr("../a.txt"), HasSubstr("in the corpus folder itself")));
  write_file_atomic(folder_ / "corpus/manifest.json", "{}");
  EXPECT_THAT(error(), HasSubstr("'schema' is missing"));
  write_file_atomic(folder_ / "corpus/manifest.json", "[]");
  EXPECT_THAT(error(), HasSubstr("manifest.json"));
  write_file_atomic(folder_ / "corpus/manifest.json", "{\"schema\"");
  EXPECT_THAT(error(), HasSubstr("not valid JSON"));
}

TEST(MappedFile, EmptyAndMissingFiles) {
  const TempFolder folder;
  write_file_atomic(folder / "empty", "");
  EXPECT_TRUE(MappedFile(folder / "empty").bytes().empty());
  error_of(ExitCode::data, [&] { const MappedFile f(folder / "none"); });
  error_of(ExitCode::data, [&] { const MappedFile f(folder.path()); });
}

TEST(Sha256, OfAStreamIsThatOfTheWhole) {
  const std::string text = joined(random_documents(100));
  Sha256 hash;
  EXPECT_EQ(hash.hex(), sha256_hex(""));
  for (std::size_t i = 0; i < text.size(); i += 1000) hash.update(std::string_view(text).substr(i, 1000));
  EXPECT_EQ(hash.hex(), sha256_hex(text));
  hash.update("more");
  EXPECT_EQ(hash.hex(), sha256_hex(text + "more")) << "asking does not end the hash";
}

TEST(Sha256, PrefixIsTheHeadOfTheDigest) {
  EXPECT_EQ(sha256_prefix("abc"), 0xba7816bf8f01cfeaULL);
  EXPECT_EQ(fmt::format("{:016x}", sha256_prefix("text")), sha256_hex("text").substr(0, 16));
}

}  // namespace
}  // namespace scalelaw
