#include "corpus/documents.hpp"

#include <gmock/gmock.h>

#include "error_of.hpp"

namespace scalelaw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Cut {
  std::vector<std::string> documents;
  std::int64_t empty = 0, cut = 0;
};

/// @param chunk bytes handed over at a time
Cut cut(DocumentKind kind, std::string_view text, std::size_t chunk = 1 << 16, const std::string& field = "text") {
  Cut out;
  DocumentCutter cutter({.kind = kind, .field = field}, "in.txt",
                        [&](std::string_view d) { out.documents.emplace_back(d); });
  for (std::size_t i = 0; i < text.size(); i += chunk) cutter.feed(text.substr(i, chunk));
  cutter.finish();
  out.empty = cutter.empty();
  out.cut = cutter.cut();
  return out;
}

TEST(BlankLineDocuments, EndAtLinesOfWhiteSpace) {
  EXPECT_THAT(cut(DocumentKind::blank_line, "\n\n  one\nstill one\n\n \t\r\n\ntwo\r\n\r\nthree").documents,
              ElementsAre("  one\nstill one", "two", "three"));
  EXPECT_TRUE(cut(DocumentKind::blank_line, "").documents.empty());
  EXPECT_TRUE(cut(DocumentKind::blank_line, "\n \n\t\n").documents.empty());
}

TEST(BlankLineDocuments, KeepBytesThatAreNoText) {
  const std::string text("a\0b\xff\n\n\xc3\x28", 8);
  EXPECT_THAT(cut(DocumentKind::blank_line, text).documents, ElementsAre(std::string("a\0b\xff", 4), "\xc3\x28"));
}

TEST(EntryDocuments, EndWhereTheNextTextIsNotIndented) {
  EXPECT_THAT(
      cut(DocumentKind::entry, "word n.\n   sense 1\n\n   sense 2\n\n\n\tsense 3\n\nnext v.\n   sense\n").documents,
      ElementsAre("word n.\n   sense 1\n\n   sense 2\n\n\n\tsense 3", "next v.\n   sense"));
}

TEST(FileDocuments, AreWholeFiles) {
  EXPECT_THAT(cut(DocumentKind::file, "\na\n\n b\n\n\n").documents, ElementsAre("a\n\n b"));
  const Cut nothing = cut(DocumentKind::file, " \n\n");
  EXPECT_TRUE(nothing.documents.empty());
  EXPECT_EQ(nothing.empty, 1);
}

TEST(JsonDocuments, AreStringsOfOneField) {
  const Cut c = cut(DocumentKind::json_line,
                    "{\"text\": \"a\\nb \\u00e9\\n\", \"id\": 1}\n\n{\"text\": \"\"}\n{\"x\": {}, \"text\": \"c\"}");
  EXPECT_THAT(c.documents, ElementsAre("a\nb é", "c"));
  EXPECT_EQ(c.empty, 1);
  EXPECT_THAT(cut(DocumentKind::json_line, "{\"body\": \"a\"}\n", 100, "body").documents, ElementsAre("a"));
}

TEST(JsonDocuments, ErrorsNameFileAndLine) {
  const auto error = [](const char* text) {
    return error_of(ExitCode::data, [&] { (void)cut(DocumentKind::json_line, text); });
  };
  EXPECT_THAT(error("{\"text\": \"a\"}\n\n{\"text\": \n"), HasSubstr("in.txt:3: not valid JSON"));
  EXPECT_THAT(error("[1]\n"), HasSubstr("in.txt:1: is JSON but not an object"));
  EXPECT_THAT(error("{\"text\": \"a\"}\n{\"body\": \"b\", \"id\": 1}\n"),
              testing::AllOf(HasSubstr("in.txt:2: has no field 'text'"), HasSubstr("body, id"), HasSubstr("--field")));
  EXPECT_THAT(error("{}\n"), HasSubstr("none"));
  EXPECT_THAT(error("{\"text\": 3}\n"), testing::AllOf(HasSubstr("in.txt:1"), HasSubstr("number")));
}

TEST(JsonDocuments, ALineWithoutEndIsAnErrorBeforeItFillsTheMemory) {
  DocumentCutter cutter({.kind = DocumentKind::json_line, .field = "text"}, "in.txt", [](std::string_view) {});
  const std::string chunk(1 << 20, 'x');
  EXPECT_THAT(error_of(ExitCode::data,
                       [&] {
                         for (int i = 0; i < 100; ++i) cutter.feed(chunk);
                       }),
              HasSubstr("in.txt:1: the line is longer than 64 MiB"));
}

TEST(Documents, DoNotDependOnHowTheTextArrives) {
  const std::string text = "word n.\r\n   one\n\n   two\n \nnext\n\n\n{\"a\": 1}\nlast line without end";
  const std::string json = "{\"text\": \"one\\n\"}\n\n{\"text\": \"two\"}";
  for (const DocumentKind kind : {DocumentKind::blank_line, DocumentKind::entry, DocumentKind::file}) {
    const Cut whole = cut(kind, text);
    for (std::size_t chunk = 1; chunk < 12; ++chunk)
      EXPECT_EQ(cut(kind, text, chunk).documents, whole.documents) << kind << chunk;
  }
  for (std::size_t chunk = 1; chunk < 12; ++chunk)
    EXPECT_THAT(cut(DocumentKind::json_line, json, chunk).documents, ElementsAre("one", "two"));
}

TEST(Documents, ThatAreTooLongAreCutAndLoseNothing) {
  std::string lines;
  while (lines.size() < kMaxDocumentBytes + 1000) lines += "a line of text " + std::to_string(lines.size()) + "\n";
  const Cut by_line = cut(DocumentKind::file, lines);
  ASSERT_EQ(by_line.documents.size(), 2U);
  EXPECT_EQ(by_line.cut, 1);
  EXPECT_EQ(by_line.documents[0] + "\n" + by_line.documents[1] + "\n", lines) << "cut after a line";

  const std::string no_lines(2 * kMaxDocumentBytes + 10, 'x');
  const Cut anywhere = cut(DocumentKind::blank_line, no_lines);
  std::size_t total = 0;
  for (const auto& d : anywhere.documents) {
    EXPECT_LE(d.size(), kMaxDocumentBytes + (1 << 16));
    total += d.size();
  }
  EXPECT_EQ(total, no_lines.size());
}

}  // namespace
}  // namespace scalelaw
