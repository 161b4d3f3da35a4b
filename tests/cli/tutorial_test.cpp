// scalelaw tutorial as a program.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include "core/json.hpp"
#include "os/files.hpp"
#include "program.hpp"
#include "report/gnuplot.hpp"
#include "tutorial/tutorial.hpp"

namespace scalelaw {
namespace {

using ::testing::HasSubstr;

/// Of all children so far: what the machine does besides does not count.
double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class TutorialCommand : public ::testing::Test {
 protected:
  int scalelaw(const std::string& arguments, const std::string& before = "") {
    const ProgramResult result = run_scalelaw(folder_, arguments, before);
    out_ = result.out;
    err_ = result.err;
    return result.code;
  }
  TempFolder folder_;
  std::string out_, err_;
};

TEST_F(TutorialCommand, ListSaysWhatEachPageShows) {
  ASSERT_EQ(scalelaw("tutorial --list"), 0) << err_;
  for (const TutorialTopic& topic : tutorial_topics()) EXPECT_THAT(out_, HasSubstr(topic.name)) << topic.name;
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), static_cast<std::ptrdiff_t>(tutorial_topics().size() + 1));
}

TEST_F(TutorialCommand, AnUnknownPageIsAUsageErrorWithTheNearMiss) {
  EXPECT_EQ(scalelaw("tutorial alocation"), 2);
  EXPECT_TRUE(err_.starts_with("error: ")) << err_;
  EXPECT_THAT(err_, HasSubstr("did you mean 'allocation'?"));
}

TEST_F(TutorialCommand, EveryPageIsSimulatedInUnderAMinuteAndAgainTheSame) {
  const double before = processor_seconds();
  ASSERT_EQ(scalelaw("tutorial all --json first.json"), 0) << err_;
  EXPECT_LT(processor_seconds() - before, 60);
  const Json first = read_json_file(folder_ / "first.json");
  ASSERT_EQ(first.at("pages").size(), tutorial_topics().size());
  for (const Json& page : first.at("pages")) {
    EXPECT_FALSE(page.at("numbers").empty()) << page.at("name");
    if (!gnuplot_program() || page.at("name") == "takeaways") continue;
    EXPECT_TRUE(std::filesystem::exists(folder_ / page.at("plot").get<std::string>())) << page.at("name");
  }
  ASSERT_EQ(scalelaw("tutorial all --json second.json"), 0) << err_;
  EXPECT_EQ(read_json_file(folder_ / "second.json"), first);
}

TEST_F(TutorialCommand, JsonAloneStandsOnStandardOutputAndLawPagesMakeNoRuns) {
  ASSERT_EQ(scalelaw("tutorial gpt3 --json - --out pages"), 0) << err_;
  const Json result = Json::parse(out_);
  EXPECT_EQ(result.at("pages").at(0).at("name"), "gpt3");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "pages/model-size"));
}

TEST_F(TutorialCommand, CountingGivesBothExponentsFromOneStudyAndIsNeverTrained) {
  ASSERT_EQ(scalelaw("tutorial counting --backend train --format png --json -"), 0) << err_;
  const Json page = Json::parse(out_).at("pages").at(0);
  EXPECT_NEAR(page.at("numbers").at("counts").at(0).at("a").get<double>(), 0.515, 0.01);
  EXPECT_NEAR(page.at("numbers").at("counts").at(1).at("a").get<double>(), 0.78, 0.01);
  EXPECT_EQ(page.at("numbers").at("source"), "simulated");
  if (gnuplot_program()) {
    EXPECT_TRUE(page.at("plot").get<std::string>().ends_with("counting.png"));
  }
}

TEST_F(TutorialCommand, WithoutGnuplotThePageIsPrintedWithAWarning) {
  ASSERT_EQ(scalelaw("tutorial curve", "env PATH=/nowhere"), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("1.604"));
  EXPECT_THAT(err_, HasSubstr("gnuplot not found"));
}

}  // namespace
}  // namespace scalelaw
