#include "report/html.hpp"

#include <gmock/gmock.h>

#include <regex>

#include "analysis/summary.hpp"
#include "analysis/text.hpp"
#include "os/files.hpp"
#include "report/escape.hpp"
#include "report/figures.hpp"
#include "report/first_screen.hpp"
#include "report/html_fits.hpp"
#include "report/html_runs.hpp"
#include "report/study_files.hpp"
#include "report/synthetic.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string page_of(const Analysis& analysis) { return report_html(analysis, make_figures(analysis)); }

/// The page without the embedded library: the part that is ours.
std::string own_part(const std::string& page) {
  const std::size_t plotly = page.find("<script>");
  const std::size_t end = page.find("</script>", plotly);
  return page.substr(0, plotly) + page.substr(end);
}

Json figures_of(const std::string& page) {
  const std::string open = "id=\"figures\">";
  const std::size_t begin = page.find(open) + open.size();
  return Json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

/// Every element that was opened is closed, in order; void elements stand alone. Returns what is wrong, or nothing.
std::string unbalanced(const std::string& html) {
  static const std::set<std::string> kVoid = {"meta", "br", "link", "img", "hr", "input"};
  std::vector<std::string> open;
  std::size_t at = 0;
  while ((at = html.find('<', at)) != std::string::npos) {
    if (html.compare(at, 2, "<!") == 0) {
      at = html.find('>', at);
      continue;
    }
    const bool closing = html[at + 1] == '/';
    const std::size_t start = at + (closing ? 2 : 1);
    const std::size_t end = html.find_first_of(" >\n", start);
    const std::string name = html.substr(start, end - start);
    at = html.find('>', end);
    if (closing) {
      if (open.empty() || open.back() != name)
        return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
      open.pop_back();
    } else if (!kVoid.contains(name)) {
      open.push_back(name);
      if (name == "script" || name == "style") at = html.find("</" + name, at);
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> is never closed";
}

TEST(ReportPage, EveryElementIsClosedInOrder) { EXPECT_EQ(unbalanced(page_of(test::toy_analysis())), ""); }

TEST(ReportPage, TheBalanceCheckSeesAMissingEnd) {
  EXPECT_NE(unbalanced("<p><b>x</p>"), "");
  EXPECT_NE(unbalanced("<p>x"), "");
}

TEST(ReportPage, HoldsEverySectionOnceAndAPlaceForEveryFigure) {
  const std::string page = page_of(test::toy_analysis());
  for (const char* id : {"answers", "choice", "allocation", "fits", "isoflop", "comparison", "loss", "conventions",
                         "sweeps", "curves", "excluded", "notes", "provenance", "checklist"}) {
    const std::string open = fmt::format("<section id=\"{}\">", id);
    EXPECT_THAT(page, HasSubstr(open));
    EXPECT_EQ(page.find(open), page.rfind(open)) << id;
  }
  const Json figures = figures_of(page);
  EXPECT_EQ(figures.size(), 10U);
  for (const auto& figure : figures) {
    EXPECT_THAT(page, HasSubstr(fmt::format("id=\"plot_{}\"", figure.at("id").get<std::string>())));
    EXPECT_FALSE(figure.at("data").empty());
  }
}

TEST(ReportPage, LoadsNothingFromAnywhere) {
  const std::string page = own_part(page_of(test::toy_analysis()));
  EXPECT_THAT(page,
              HasSubstr("Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; form-action 'none'; "
                        "script-src 'unsafe-inline'"));
  EXPECT_THAT(page, Not(HasSubstr("http://")));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
  EXPECT_THAT(page, Not(HasSubstr(" src=")));
  EXPECT_THAT(page, Not(HasSubstr("@import")));
  EXPECT_THAT(page, Not(HasSubstr("scattergl")));
}

TEST(ReportPage, NamesFromOutsideCannotBecomeMarkupOrEndAScript) {
  Analysis analysis = test::toy_analysis();
  const std::string evil = "</script><img src=x onerror=alert(1)>\"'&";
  analysis.study = evil;
  analysis.warnings = {evil};
  analysis.selection.excluded = {{evil, evil}};
  analysis.comparison->first = evil;
  analysis.records[0].context.device = evil;
  for (auto& o : analysis.selection.observations) o.shape = evil;
  for (auto& s : analysis.selection.sweeps) s.shape = evil;
  for (auto& c : analysis.curves) c.shape = evil;
  const std::string page = page_of(analysis);
  EXPECT_THAT(page, Not(HasSubstr(evil)));
  EXPECT_THAT(own_part(page), Not(HasSubstr("<img")));
  EXPECT_EQ(unbalanced(page), "");
  // Figures, budgets, Plotly, page script, slider: five ends and no more.
  std::size_t ends = 0;
  for (std::size_t at = page.find("</script"); at != std::string::npos; at = page.find("</script", at + 1)) ++ends;
  EXPECT_EQ(ends, 5U);
  // Plotly reads a little markup in texts: what it gets must hold entities.
  const Json figures = figures_of(page);
  EXPECT_THAT(figures.dump(), Not(HasSubstr("<img")));
}

TEST(ReportPage, BytesThatAreNotTextDoNotStopIt) {
  Analysis analysis = test::toy_analysis();
  for (auto& s : analysis.selection.sweeps) s.shape = "caf\xE9";
  EXPECT_NO_THROW(static_cast<void>(page_of(analysis)));
}

TEST(ReportPage, AFitThatDidNotConvergeAlwaysSaysSo) {
  Analysis analysis = test::toy_analysis();
  EXPECT_THAT(page_of(analysis), Not(HasSubstr("not converged")));
  analysis.parametric.convergence.status = FitStatus::stalled;
  EXPECT_THAT(first_screen(analysis, {}), HasSubstr("not converged: stalled"));
  EXPECT_THAT(fits_section(analysis), HasSubstr("not converged: stalled"));
  EXPECT_THAT(summary_text(analysis, "s"), HasSubstr("not converged: stalled"));
  analysis.conventions[1].isoflop.convergence.status = FitStatus::too_few_points;
  EXPECT_THAT(conventions_section(analysis), HasSubstr("not converged: too_few_points"));
}

TEST(ReportPage, TheLearningRatesOfEveryPointTheLawAndTheBranchingCheckStandInIt) {
  Analysis analysis = test::toy_analysis();
  auto& sweeps = analysis.selection.sweeps;
  for (LrSweep& s : sweeps) {
    s.points = {{0.004, 2, 1}, {0.008, 2, 1}};
    s.status = SweepStatus::interior;
    s.best_lr = 20 * std::pow(s.params, -0.7) * std::pow(s.tokens, -0.1);
  }
  sweeps[1].status = SweepStatus::edge_low;
  sweeps[0].ln_lr_stderr = 0.123;
  analysis.lr_law = fit_lr_law(sweeps);
  ASSERT_TRUE(analysis.lr_law.fitted());
  BranchingPoint point{
      .shape = "d16 L2", .tokens = 1e6, .lr = 0.008, .branch_nats = {2.01}, .scratch_nats = {2, 2.004}};
  point.difference_nats = 0.008;
  point.allowed_nats = 0.005;
  point.status = BranchStatus::differs;
  analysis.selection.branching.points = {point};
  analysis.selection.branching.seed_sd_nats = 0.002;
  analysis.added_rates = {"d16 L2 at 1M tokens: 0.002"};
  const std::string section = sweeps_section(analysis);
  for (const std::string& text :
       {fmt::format("bracketed at {} of {} points; not at {} (edge_low)", sweeps.size() - 1, sweeps.size(),
                    describe_point(sweeps[1])),
        std::string("N^-0.700 D^-0.100"), std::string("± 12 %"), std::string("branching check: 0 of 1"),
        std::string("differs by +0.0080 nats, 0.0050 allowed"), std::string("Branching check: branches of a trunk"),
        std::string("d16 L2 at 1M tokens: 0.002"), std::string("best rate is the lowest tried")}) {
    EXPECT_THAT(section, HasSubstr(text));
  }
  EXPECT_EQ(unbalanced(section), "");
  const Json value = learning_rates_json(analysis);
  EXPECT_EQ(value.at("schema"), "scalelaw.lr_law/1");
  EXPECT_EQ(value.at("sweeps").size(), sweeps.size());
  EXPECT_EQ(value.at("branching").at("points")[0].at("status"), "differs");
  EXPECT_NEAR(value.at("params").at("params_exponent").get<double>(), -0.7, 1e-6);
}

TEST(ReportPage, SaysSimulatedInTheTitleOfASimulatedStudy) {
  Analysis analysis = test::toy_analysis();
  EXPECT_THAT(page_of(analysis), HasSubstr("<title>toy (trained)</title>"));
  analysis.records = test::toy_records(RunSource::simulated);
  EXPECT_THAT(page_of(analysis), HasSubstr("<title>toy (SIMULATED, no model was trained)</title>"));
  EXPECT_THAT(page_of(analysis), HasSubstr("<h1>toy (SIMULATED, no model was trained)</h1>"));
}

TEST(ReportPage, NamesWhatWasLeftOutAndWhy) {
  const std::string text = excluded_section(test::toy_analysis());
  EXPECT_THAT(text, HasSubstr("0123456789abcdef"));
  EXPECT_THAT(text, HasSubstr("diverged at step 12"));
  EXPECT_THAT(text, HasSubstr("the loss still falls towards larger sizes"));
}

TEST(ReportPage, FlagsAParameterThatTheRunsDoNotIdentify) {
  EXPECT_THAT(fits_section(test::toy_analysis()), HasSubstr("not identified by these runs"));
}

TEST(ReportPage, AnEmptyStudyStillMakesAPage) {
  Analysis analysis;
  analysis.study = "empty";
  const std::string page = page_of(analysis);
  EXPECT_EQ(unbalanced(page), "");
  EXPECT_THAT(page, HasSubstr("not converged: too_few_points"));
  EXPECT_TRUE(figures_of(page).empty());
}

TEST(ReportPage, SameAnalysisGivesTheSameBytes) {
  EXPECT_EQ(page_of(test::toy_analysis()), page_of(test::toy_analysis()));
}

TEST(ScriptJson, HasNoAngleBracketAndReadsBackTheSame) {
  const Json value = {{"a", "</script><!--"}, {"b", NAN}, {"c", "10¹¹"}};
  const std::string text = script_json(value);
  EXPECT_THAT(text, Not(HasSubstr("<")));
  const Json back = Json::parse(text);
  EXPECT_EQ(back.at("a"), value.at("a"));
  EXPECT_TRUE(back.at("b").is_null());
  EXPECT_EQ(back.at("c"), value.at("c"));
}

TEST(ReportText, SentencesFromElsewhereGetThePagesPowers) {
  EXPECT_EQ(html_prose("budget 1e+18 FLOPs: <edge>"), "budget 10¹⁸ FLOPs: &lt;edge&gt;");
  EXPECT_EQ(html_prose("from 3.2e+11 to 5e-05, (8e10)"), "from 3.2×10¹¹ to 5×10⁻⁵, (8×10¹⁰)");
  EXPECT_EQ(html_prose("run 12e45ab, a1e5, 1.5e3k, e10, 10 k"), "run 12e45ab, a1e5, 1.5e3k, e10, 10 k");
  EXPECT_EQ(number_text(125663), "1.257×10⁵");
  EXPECT_EQ(number_text(0.00001), "10⁻⁵");
  EXPECT_EQ(number_text(1234), "1234");
}

/// Whatever the warnings and reasons of other rooms say.
TEST(ReportPage, WritesPowersInOneWay) {
  Analysis analysis = test::toy_analysis();
  analysis.warnings.push_back("no allocation for 1e+18 FLOPs: it lies 2e+05 times beyond");
  analysis.selection.excluded.push_back({"d16 L1", "3e+09 FLOPs are too few"});
  std::string text = own_part(page_of(analysis));
  for (const std::string element : {"script", "style", "code"}) {
    for (std::size_t at = 0; (at = text.find("<" + element)) != std::string::npos;) {
      text.erase(at, text.find("</" + element + ">", at) - at + 1);
    }
  }
  std::smatch plain;
  EXPECT_FALSE(std::regex_search(text, plain, std::regex(R"(.{0,40}\b\d+(\.\d+)?e[+-]?\d+\b.{0,40})"))) << plain.str();
  EXPECT_THAT(text, HasSubstr("No allocation for 10¹⁸ FLOPs: it lies 2×10⁵ times beyond."));
  EXPECT_THAT(text, HasSubstr("3×10⁹ FLOPs are too few"));
}

TEST(ReportText, WritesPowersOfTen) {
  EXPECT_EQ(power_text(1e11), "10¹¹");
  EXPECT_EQ(power_text(1.58e-12), "1.58×10⁻¹²");
  EXPECT_EQ(power_text(3e10), "3×10¹⁰");
  EXPECT_EQ(power_text(9.999e11), "10¹²");
}

TEST(ReportText, EscapesHtml) { EXPECT_EQ(html_escape("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;"); }

}  // namespace
}  // namespace scalelaw
