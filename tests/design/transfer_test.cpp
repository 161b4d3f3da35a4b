// Shapes whose learning rate comes from the law of the smaller ones, and those that check it.
#include <gmock/gmock.h>

#include <set>
#include <utility>

#include "design/isoflop_config.hpp"
#include "design/plan.hpp"
#include "error_of.hpp"
#include "records/shape.hpp"

namespace scalelaw {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(Transfer, LargeShapesWaitForTheLawOfTheOthers) {
  StudyConfig config = isoflop({1e11, 4e11});
  config.design.shapes = {{16, 2}, {24, 2}, {48, 3}};
  config.design.seeds = {0, 1};
  config.design.lr_transfer_above = 1e5;
  const Plan plan = make_plan(config, nullptr);
  EXPECT_THAT(plan.runs, SizeIs(2 * 2 * 4 * 2));
  ASSERT_THAT(plan.transfer, SizeIs(2 * 2));
  for (const PlannedRun& run : plan.transfer) {
    EXPECT_EQ(shape_name(run.spec.model), "d48 L3");
    EXPECT_EQ(run.spec.optimizer.lr, 0);
  }
}

TEST(Transfer, TheLargestShapesAreSweptToCheckTheLaw) {
  StudyConfig config = isoflop({1e11, 4e11});
  config.design.shapes = {{16, 2}, {24, 2}, {32, 2}, {48, 3}};
  config.design.lr_transfer_above = 2e4;
  const auto shapes_of = [](const std::vector<PlannedRun>& runs) {
    std::set<std::string> out;
    for (const PlannedRun& run : runs) out.insert(shape_name(run.spec.model));
    return out;
  };
  for (const std::int64_t checks : {0, 1, 2, 3, 4}) {
    config.design.lr_transfer_checks = checks;
    const Plan plan = make_plan(config, nullptr);
    std::set<std::string> swept = {"d16 L2"}, transferred;
    const std::vector<std::string> larger = {"d48 L3", "d32 L2", "d24 L2"};
    for (std::size_t i = 0; i < larger.size(); ++i) {
      (std::cmp_less(i, checks) ? swept : transferred).insert(larger[i]);
    }
    EXPECT_EQ(shapes_of(plan.runs), swept);
    EXPECT_EQ(shapes_of(plan.transfer), transferred);
  }
  config.design.lr_transfer_above = 1;
  EXPECT_NO_THROW((void)make_plan(config, nullptr)) << "nothing takes its rate from a law";
  config.design.lr_transfer_checks = 3;
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)make_plan(config, nullptr); }),
              HasSubstr("none is left to fit the law to"));
}

}  // namespace
}  // namespace scalelaw
