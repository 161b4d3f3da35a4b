#include "train/safetensors.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "os/error.hpp"
#include "os/files.hpp"
#include "program.hpp"
#include "python.hpp"
#include "synthetic.hpp"

namespace scalelaw {
namespace {

TensorFile sample() {
  TensorFile file;
  file.metadata = {{"schema", "x"}, {"note", "quote \" and \\ and \xc3\xa9"}};
  file.put<float>("a", {2, 3}, {1, 2, 3, -4.5F, std::numeric_limits<float>::infinity(), 1e-40F});
  file.put<double>("b.c", {1}, {0.1});
  file.put<std::int64_t>("d", {0, 4}, {});
  file.put<std::int64_t>("e", {2}, {-1, std::int64_t{1} << 60});
  return file;
}

TEST(Safetensors, RoundTripKeepsEveryBit) {
  const TensorFile before = sample(), after = from_safetensors(to_safetensors(before), "x");
  EXPECT_EQ(after.metadata, before.metadata);
  EXPECT_EQ(after.get<float>("a", {2, 3}), before.get<float>("a", {2, 3}));
  EXPECT_EQ(after.get<double>("b.c", {1}), std::vector<double>{0.1});
  EXPECT_TRUE(after.get<std::int64_t>("d", {0, 4}).empty());
  EXPECT_EQ(after.get<std::int64_t>("e", {2})[1], std::int64_t{1} << 60);
}

TEST(Safetensors, RefusesAnotherShapeDtypeOrName) {
  const TensorFile file = sample();
  EXPECT_THROW((void)file.get<float>("a", {3, 2}), Error);
  EXPECT_THROW((void)file.get<double>("a", {2, 3}), Error);
  EXPECT_THROW((void)file.get<float>("z", {2, 3}), Error);
  EXPECT_THROW((void)file.meta("z"), Error);
}

TEST(Safetensors, RefusesEveryTruncationAndBadHeaders) {
  const std::string bytes = to_safetensors(sample());
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_THROW((void)from_safetensors(bytes.substr(0, n), "x"), Error) << n;
  }
  EXPECT_THROW((void)from_safetensors(bytes + "x", "x"), Error);
  const auto with_header = [](const std::string& header, const std::string& values) {
    std::string prefix(8, '\0');
    prefix[0] = static_cast<char>(header.size());
    return prefix + header + values;
  };
  EXPECT_NO_THROW(
      (void)from_safetensors(with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "1234"), "x"));
  for (const char* header : {"[]", "{", R"({"a":1})", R"({"a":{"dtype":"F32","shape":[1]}})",
                             R"({"a":{"dtype":"Q9","shape":[1],"data_offsets":[0,4]}})",
                             R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})",
                             R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})",
                             R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                             R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,4]}})"}) {
    EXPECT_THROW((void)from_safetensors(with_header(header, "1234"), "x"), Error) << header;
  }
}

TEST(Safetensors, IsReadByThePythonLibrary) {
  const auto folder = fresh_folder("python");
  write_file_atomic(folder / "t.safetensors", to_safetensors(sample()));
  const std::string python = test_python();
  if (run_program({python, "-c", "import safetensors, numpy"}).code != 0) {
    GTEST_SKIP() << python << " has no safetensors and numpy; scripts/setup.sh --tests installs them";
  }
  const ProgramResult read = run_program(
      {python, "-c",
       "import sys; from safetensors.numpy import load_file; t = load_file(sys.argv[1]); "
       "assert t['a'].shape == (2, 3) and t['a'][1, 0] == -4.5 and t['e'][1] == 2**60 and t['b.c'][0] == 0.1",
       (folder / "t.safetensors").string()});
  EXPECT_EQ(read.code, 0) << read.err;
}

}  // namespace
}  // namespace scalelaw
