// A corpus larger than the memory that the program may use.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "corpus/corpus.hpp"
#include "program.hpp"

namespace scalelaw {
namespace {

class LargeCorpus : public testing::TestWithParam<const char*> {};

TEST_P(LargeCorpus, IsBuiltInLittleMemory) {
  if (std::string(SCALELAW_BINARY_DIR).ends_with("asan"))
    GTEST_SKIP() << "sanitizers reserve terabytes of address space";
  const TempFolder folder;
  if (std::filesystem::space(folder.path()).available < std::uintmax_t{4} << 30U) GTEST_SKIP() << "needs 4 GB of disk";
  constexpr std::int64_t kInput = 500'000'000;
  constexpr int kLimitKib = 160 * 1024;  // of address space, libraries included: less than a third of the input
  const ProgramResult built = run_scalelaw(folder, "--quiet corpus build --input - --out c",
                                           fmt::format("ulimit -v {} && {} |", kLimitKib, GetParam()));
  ASSERT_EQ(built.code, 0) << built.err;
  const Manifest m = load_corpus(folder / "c").manifest;
  ASSERT_EQ(m.inputs.size(), 1U);
  EXPECT_GE(m.inputs[0].bytes, kInput);
  EXPECT_GT(m.splits.train.tokens + m.splits.validation.tokens, kInput / 10 * 9);
}

INSTANTIATE_TEST_SUITE_P(
    Streams, LargeCorpus,
    testing::Values(
        "seq -f 'document number %.0f, with some text of its own\n' 11000000 | head -c 500000000",  // many documents
        "seq 1000000000 | tr '\\n' ' ' | head -c 500000000"));  // one without an end

}  // namespace
}  // namespace scalelaw
