// The page in a real browser, and the plots through a real gnuplot.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "error_of.hpp"
#include "os/files.hpp"
#include "program.hpp"
#include "python.hpp"
#include "report/figures.hpp"
#include "report/figures_runs.hpp"
#include "report/gnuplot.hpp"
#include "report/html.hpp"
#include "report/synthetic.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

ProgramResult check_page(const fs::path& page) {
  return run_program({test_python(), SCALELAW_SOURCE_DIR "/tests/report/check_page.py", page.string()});
}

TEST(ReportInBrowser, EveryPlotIsDrawnWithoutErrorRequestOrPolicyViolation) {
  const fs::path folder = fresh_folder("browser");
  const Analysis analysis = test::toy_analysis();
  write_file_atomic(folder / "report.html", report_html(analysis, make_figures(analysis)));
  const ProgramResult result = check_page(folder / "report.html");
  if (result.code == 77 || result.code == 127) GTEST_SKIP() << "no browser to check with: " << result.out;
  EXPECT_EQ(result.code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("10 plots drawn, 13 sections, first screen 900 px, slider"));
}

TEST(ReportInBrowser, TheCheckSeesABrokenFigureAndAForeignRequest) {
  const fs::path folder = fresh_folder("broken");
  const Analysis analysis = test::toy_analysis();
  std::string page = report_html(analysis, make_figures(analysis));
  const std::string place = "id=\"plot_isoflop\"";
  page.replace(page.find(place), place.size(), "id=\"plot_gone\"");
  const std::string end = "</main>";
  page.insert(page.find(end), "<img alt=\"\" src=\"http://192.0.2.1/x.png\">");
  write_file_atomic(folder / "report.html", page);
  const ProgramResult result = check_page(folder / "report.html");
  if (result.code == 77 || result.code == 127) GTEST_SKIP() << "no browser to check with: " << result.out;
  EXPECT_EQ(result.code, 1) << result.err;
  EXPECT_THAT(result.out, HasSubstr("plot_gone is empty"));
  EXPECT_THAT(result.out, HasSubstr("content security policy: img-src"));
}

TEST(Gnuplot, DrawsEveryFigureInEveryFormat) {
  if (!gnuplot_program()) GTEST_SKIP() << "gnuplot is not installed";
  const fs::path folder = fresh_folder("gnuplot");
  const std::map<FigureFormat, std::string> starts = {
      {FigureFormat::svg, "<?xml"}, {FigureFormat::png, "\x89PNG"}, {FigureFormat::pdf, "%PDF"}};
  for (const auto& [format, start] : starts) {
    for (const auto& figure : make_figures(test::toy_analysis())) {
      const fs::path path = folder / fmt::format("{}.{}", figure.id, format);
      draw_figure(figure, path, format);
      EXPECT_TRUE(read_text_file(path).starts_with(start)) << path;
    }
  }
}

TEST(Gnuplot, TextFromOutsideIsNeverRunNorEndsAString) {
  if (!gnuplot_program()) GTEST_SKIP() << "gnuplot is not installed";
  const fs::path folder = fresh_folder("injection");
  const fs::path proof = folder / "proof";
  Figure figure{.id = "evil",
                .kind = FigureKind::curves,
                .title = fmt::format("'; system('touch {0}'); set title '`touch {0}`\n", proof.string()),
                .caption = ""};
  const std::string evil = fmt::format("it's `touch {0}` $(touch {0})\nsystem('touch {0}')\nEND\n", proof.string());
  figure.panels = {{.title = evil,
                    .x = {evil, Scaling::linear},
                    .y = {"y_{a} ^b @c", Scaling::log_counts},
                    .series = {{.name = evil, .color = "#0072B2", .x = {1, 2, 3}, .y = {1, 10, 5}}}}};
  draw_figure(figure, folder / "evil.svg", FigureFormat::svg);
  EXPECT_FALSE(fs::exists(proof));
  EXPECT_THAT(read_text_file(folder / "evil.svg"), HasSubstr("y_{a} ^b @c"));
}

TEST(Gnuplot, AFailureIsOneLineAndLeavesThePictureThatWasThere) {
  if (!gnuplot_program()) GTEST_SKIP() << "gnuplot is not installed";
  const fs::path folder = fresh_folder("failure");
  write_file_atomic(folder / "bad.svg", "old");
  Figure figure{.id = "bad", .kind = FigureKind::curves, .title = "bad", .caption = ""};
  figure.panels = {{.title = "",
                    .x = {"x", Scaling::linear},
                    .y = {"y", Scaling::linear},
                    .series = {{.name = "s", .color = "no colour", .x = {1}, .y = {1}}}}};
  EXPECT_THAT(error_of(ExitCode::device, [&] { draw_figure(figure, folder / "bad.svg", FigureFormat::svg); }),
              HasSubstr("gnuplot failed"));
  EXPECT_EQ(read_text_file(folder / "bad.svg"), "old");
}

TEST(Gnuplot, MissingProgramSaysHowToInstallIt) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  const Figure figure = isoflop_figure(test::toy_analysis());
  EXPECT_THAT(error_of(ExitCode::device, [&] { draw_figure(figure, "x.svg", FigureFormat::svg); }),
              HasSubstr("apt-get install gnuplot-nox"));
  setenv("PATH", path.c_str(), 1);
}

}  // namespace
}  // namespace scalelaw
