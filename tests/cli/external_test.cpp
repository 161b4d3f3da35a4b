// Studies whose records another program wrote: params, flops and tokens may be left out.
#include <gmock/gmock.h>

#include "core/json.hpp"
#include "program.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class OutsideTrainer : public testing::Test {
 protected:
  void SetUp() override {
    fs::copy(fs::path(SCALELAW_SOURCE_DIR) / "tests/data/cases/minimal_record", folder_ / "study",
             fs::copy_options::recursive);
  }
  ProgramResult scalelaw(const std::string& arguments) const { return run_scalelaw(folder_, arguments); }
  TempFolder folder_;
};

TEST_F(OutsideTrainer, FitAndReportComputeTheCountsOfItsRecords) {
  const ProgramResult fit = scalelaw("fit study --law power-d --json -");
  ASSERT_EQ(fit.code, 0) << fit.err;
  EXPECT_EQ(Json::parse(fit.out)["convergence"]["status"], "converged") << fit.out;
  EXPECT_THAT(fit.out + fit.err, Not(HasSubstr("params is 0")));
  const ProgramResult report = scalelaw("report study");
  ASSERT_EQ(report.code, 0) << report.err;
  const std::string csv = read_text_file(folder_ / "study/records.csv");
  EXPECT_THAT(csv, Not(HasSubstr(",0,0,")));
  EXPECT_TRUE(fs::exists(folder_ / "study/report.html"));
  EXPECT_THAT(
      scalelaw("status study").out,
      AllOf(HasSubstr("8 completed"),
            HasSubstr("its spec belongs to run e6b7473169fca4d7, its id says 37665ded255a7323; job.json lists")));
}

TEST_F(OutsideTrainer, AWrongCountIsNamedByStatusAndFit) {
  const fs::path file = folder_ / "study/runs/1132bea05f9d591e.json";
  Json record = read_json_file(file);
  record["params"] = {{"total", 5}};
  write_json_file(file, record);
  const std::string why = "params.total is 5, but the spec's shape makes it 28672";
  EXPECT_THAT(scalelaw("status study").out, HasSubstr(why));
  const ProgramResult fit = scalelaw("fit study");
  EXPECT_EQ(fit.code, 3) << "seven records are too few";
  EXPECT_THAT(fit.out, HasSubstr("left out: 1132bea05f9d591e"));
  EXPECT_THAT(fit.out, HasSubstr(why));
}

TEST_F(OutsideTrainer, StatusShowsALossToFiveDigits) {
  write_file_atomic(folder_ / "study/events.jsonl",
                    R"({"time":"2026-01-01T00:00:00Z","event":"run_finished","run":"r","loss":2.7228817939758312})"
                    "\n");
  EXPECT_THAT(scalelaw("status study").out, AllOf(HasSubstr("loss 2.7229"), Not(HasSubstr("2.72288"))));
}

}  // namespace
}  // namespace scalelaw
