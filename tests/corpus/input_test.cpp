#include "corpus/input.hpp"

#include <gmock/gmock.h>

#include "corpus/corpus_helpers.hpp"
#include "error_of.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

std::string read_all(const fs::path& path) {
  TextReader reader(path.string());
  std::string text;
  for (std::string_view chunk = reader.next(); !chunk.empty(); chunk = reader.next()) text += chunk;
  EXPECT_EQ(reader.bytes(), static_cast<std::int64_t>(text.size()));
  EXPECT_TRUE(reader.next().empty()) << "the end stays the end";
  return text;
}

class Input : public testing::Test {
 protected:
  fs::path put(const std::string& name, const std::string& bytes) const {
    write_file_atomic(folder_ / name, bytes);
    return folder_ / name;
  }
  TempFolder folder_;
  const std::string text_ = joined(random_documents(6000)) + std::string("\0\xff\xfe end", 7);  // larger than a chunk
};

TEST_F(Input, PlainFilesComeOutAsTheyAre) {
  EXPECT_EQ(read_all(put("a.txt", text_)), text_);
  EXPECT_EQ(read_all(put("empty", "")), "");
  EXPECT_EQ(read_all(put("short", "x")), "x");
}

TEST_F(Input, CompressedFilesAreRecognisedByContent) {
  EXPECT_EQ(read_all(put("a.gz", gzipped(text_))), text_);
  EXPECT_EQ(read_all(put("a.dict.dz", gzipped(text_))), text_);
  EXPECT_EQ(read_all(put("a.zst", zstd_compressed(text_))), text_);
  EXPECT_EQ(read_all(put("no_suffix", gzipped(text_))), text_);
  EXPECT_EQ(read_all(put("named.gz", text_)), text_) << "a plain file with a wrong name";
  EXPECT_EQ(read_all(put("nothing.gz", gzipped(""))), "");
}

TEST_F(Input, SeveralMembersFramesAndPaddingAreOneText) {
  EXPECT_EQ(read_all(put("two.gz", gzipped("first ") + gzipped("") + gzipped(text_))), "first " + text_);
  EXPECT_EQ(read_all(put("padded.gz", gzipped(text_) + std::string(5000, '\0'))), text_);
  EXPECT_EQ(read_all(put("two.zst", zstd_compressed("first ") + zstd_compressed(text_))), "first " + text_);
}

TEST_F(Input, CutOffOrDamagedFilesAreDataErrorsThatNameThem) {
  for (const bool zstd : {false, true}) {
    const std::string good = zstd ? zstd_compressed(text_) : gzipped(text_);
    for (const std::size_t keep : {good.size() - 1, good.size() / 2, std::size_t{12}}) {
      const fs::path path = put("cut", good.substr(0, keep));
      EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read_all(path); }),
                  testing::AllOf(HasSubstr("cut"), HasSubstr("damaged")))
          << zstd << " " << keep;
    }
    std::string bad = good;
    for (std::size_t i = bad.size() / 2; i < bad.size() / 2 + 40; ++i) bad[i] = static_cast<char>(~bad[i]);
    const fs::path path = put("flipped", bad);
    EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read_all(path); }), HasSubstr("damaged")) << zstd;
  }
  const fs::path tail = put("tail.gz", gzipped(text_) + "rubbish");
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read_all(tail); }), HasSubstr("tail.gz"));
}

TEST_F(Input, MissingFileIsADataError) {
  EXPECT_THAT(error_of(ExitCode::data, [&] { TextReader reader((folder_ / "none").string()); }), HasSubstr("none"));
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)expand_inputs({(folder_ / "none").string()}); }),
              testing::AllOf(HasSubstr("none"), HasSubstr("no such file")));
}

TEST_F(Input, FoldersAreReadInOrderOfPathWithoutHiddenNames) {
  for (const char* name : {"t/b.txt", "t/a/z.txt", "t/a.txt", "t/.hidden", "t/.git/config", "t/a/b/c.txt"})
    put(name, "x");
  const std::string t = (folder_ / "t").string();
  EXPECT_EQ(expand_inputs({t}),
            (std::vector<std::string>{t + "/a.txt", t + "/a/b/c.txt", t + "/a/z.txt", t + "/b.txt"}));
  fs::create_directory(folder_ / "empty");
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)expand_inputs({(folder_ / "empty").string()}); }),
              HasSubstr("no files"));
}

TEST_F(Input, PatternsAreSortedAndMustMatch) {
  for (const char* name : {"p/2.txt", "p/10.txt", "p/1.txt", "p/1.csv", "p/d.txt/x"}) put(name, "x");
  const std::string p = (folder_ / "p").string();
  EXPECT_EQ(expand_inputs({p + "/*.txt"}), (std::vector<std::string>{p + "/1.txt", p + "/10.txt", p + "/2.txt"}));
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)expand_inputs({p + "/*.md"}); }), HasSubstr("matches no file"));
}

TEST_F(Input, PathsKeepTheOrderGivenAndNamesWithPatternCharactersAreFiles) {
  const std::string b = put("b[1].txt", "x").string(), a = put("a.txt", "x").string();
  EXPECT_EQ(expand_inputs({b, "-", a}), (std::vector<std::string>{b, "-", a}));
}

}  // namespace
}  // namespace scalelaw
