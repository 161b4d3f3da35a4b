// Files as people have them: what is read, what is said, what is refused with the line that mends it.
#include "records/read_observations.hpp"

#include <zlib.h>

#include <cmath>

#include "core/reading.hpp"
#include "error_of.hpp"
#include "os/files.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using test::read_case;
using test::read_text;
using test::refused;
using testing::AllOf;
using testing::HasSubstr;

void expect_base(const ReadObservations& got, double relative, const std::string& name) {
  const ReadObservations base = read_case("formats/00-base.csv");
  ASSERT_EQ(base.points.size(), 30U);
  EXPECT_EQ(base.report.text(), "") << "the plain form needs no word";
  ASSERT_EQ(got.points.size(), base.points.size()) << name;
  for (std::size_t i = 0; i < base.points.size(); ++i) {
    EXPECT_NEAR(got.points[i].params / base.points[i].params, 1, 1e-15) << name << " " << i;
    EXPECT_NEAR(got.points[i].tokens / base.points[i].tokens, 1, relative) << name << " " << i;
    EXPECT_NEAR(got.points[i].loss_nats, base.points[i].loss_nats, 5.1e-7) << name << " " << i;
  }
}

TEST(ReadCases, EveryFormOfTheSameTableIsTheSameTable) {
  const std::vector<std::pair<const char*, const char*>> forms = {
      {"01-tab.tsv", "read as: tab separated\n"},
      {"03-semicolon-decimal-comma.csv", "read as: semicolon separated, decimal comma\n"},
      {"05-units.csv", "read as: counts as '20M'\n"},
      {"10-comments.csv", "read as: 2 comment lines\n"},
      {"14-underscore.csv", "read as: counts as '20_000_000'\n"},
      {"15-utf16.csv", "read as: UTF-16\n"},
      {"17-array.json", "read as: JSON\n"}};
  for (const auto& [name, said] : forms) {
    const ReadObservations got = read_case(std::string("formats/") + name);
    expect_base(got, 0, name);
    EXPECT_EQ(got.report.text(), said) << name;
  }
  const ReadObservations steps = read_case("formats/29-steps.csv");
  expect_base(steps, 3e-4, "tokens in whole steps");
  EXPECT_EQ(steps.report.text(), "read as: tokens = 'steps' x 'batch_tokens'\n");
}

TEST(ReadCases, RowsWithoutANumberAreLeftOutByName) {
  for (const char* name : {"nan.csv", "none.csv", "status.csv"}) {
    const ReadObservations got = read_case(std::string("formats/") + name);
    expect_base(got, 0, name);
    EXPECT_EQ(got.report.rows, 30 + got.report.skipped.size());
    EXPECT_THAT(got.report.text(),
                HasSubstr(fmt::format("left out: {} of {} rows: row ", got.report.skipped.size(), got.report.rows)));
  }
  EXPECT_THAT(read_case("formats/none.csv").report.left_out(),
              AllOf(HasSubstr("row 32: column 'loss' is None"), HasSubstr("row 34: column 'loss' is diverged")));
  EXPECT_THAT(read_case("formats/status.csv").report.left_out(),
              AllOf(HasSubstr("column 'loss' is nan, status is crashed"), HasSubstr("status is running")));
}

TEST(ReadCases, TwoColumnsOfOneNameAreRefused) {
  const std::string error = error_of(ExitCode::data, [] { (void)read_case("formats/21-dup-header.csv"); });
  EXPECT_THAT(error, AllOf(HasSubstr("2 columns may be loss"), HasSubstr("column 3"), HasSubstr("column 4"),
                           HasSubstr("--columns 'loss=#4'")));
  expect_base(read_case("formats/21-dup-header.csv", {.columns = {{"loss", "#4"}}}), 0, "the fourth column");
}

TEST(ReadCases, ImplausibleUnitsAreWarnedOf) {
  EXPECT_THAT(read_case("formats/30-mixed-units.csv").report.text(),
              AllOf(HasSubstr("warning: "), HasSubstr("C is about 1e9 times 6 N D"), HasSubstr("--tokens-unit B")));
  ReadOptions scaled;
  scaled.tokens_unit = 9;
  const ReadObservations mended = read_case("formats/30-mixed-units.csv", scaled);
  expect_base(mended, 0, "mixed units");
  EXPECT_EQ(mended.report.text(), "read as: tokens = 'tokens' (billions)\n");
  EXPECT_THAT(read_case("millions_billions.csv").report.text(),
              AllOf(HasSubstr("no training run is that small"), HasSubstr("--params-unit M --tokens-unit B")));
  scaled.params_unit = 6;
  EXPECT_EQ(read_case("millions_billions.csv", scaled).report.warnings.size(), 0U);
}

TEST(ReadCases, DashboardExport) {
  const std::string several = error_of(ExitCode::data, [] { (void)read_case("wandb.csv"); });
  EXPECT_THAT(several,
              AllOf(HasSubstr("'eval/c4/loss' (column 6), 'eval/wiki/loss' (column 7), 'eval/loss' (column 8)"),
                    HasSubstr("--columns 'loss=eval/c4/loss|eval/wiki/loss|eval/loss'")));
  const ReadObservations got = read_case("wandb.csv", {.columns = {{"loss", "eval/loss"}}});
  EXPECT_EQ(got.points.size(), 57U);
  EXPECT_EQ(got.points[0].params, 118e6);
  EXPECT_EQ(got.points[0].tokens, 1.41e9);
  EXPECT_EQ(got.points[0].loss_nats, 3.5129);
  EXPECT_EQ(got.points[0].run, "exp05-d64");
  EXPECT_THAT(got.report.read_as(), AllOf(HasSubstr("params = 'config/model/n_params'"),
                                          HasSubstr("loss = 'eval/loss'"), HasSubstr("run = 'Name'")));
  EXPECT_THAT(got.report.left_out(), HasSubstr("left out: 3 of 60 rows: row 7 (exp09-d64): column 'eval/loss' is NaN, "
                                               "State is crashed; row "));
}

TEST(ReadCases, JsonLines) {
  const ReadObservations got = read_case("runs.jsonl");
  EXPECT_EQ(got.points.size(), 57U);
  EXPECT_EQ(got.points[0].params, 117933375.44462346);
  EXPECT_EQ(got.points[0].loss_nats, 3.512916549200409);
  EXPECT_EQ(got.report.skipped.size(), 3U);
}

TEST(ReadCases, RowsOfOneRunShareAGroup) {
  const ReadObservations got = read_case("checkpoints_of_runs.csv");
  EXPECT_TRUE(got.report.grouped);
  EXPECT_EQ(got.points[0].group, "r0");
  EXPECT_THAT(got.report.read_as(), HasSubstr("rows of one 'run' are one group, 5 of them"));
  EXPECT_EQ(read_text("run,group,params,tokens,loss\na,g,1e6,1e8,3\na,g,1e6,2e8,2.9\n").points[0].group, "g");
}

TEST(ReadTables, NamesInAnyCaseAndFromAnyHouse) {
  for (const char* header : {"N,D,Loss", "Params,Tokens,val_loss", "num_params,n_tokens,eval/loss", "PARAMETERS,D,LOSS",
                             "model.n_params,data.tokens,validation loss", "n_params,training-tokens,run a - eval/loss",
                             "model_size,total_tokens,Final Loss", "config/n_params/value,tokens seen,test_loss"}) {
    const auto got = read_text(std::string(header) + "\n1e6,2e8,3.5\n2e6,4e8,3.25\n");
    EXPECT_EQ(got.points[1].params, 2e6) << header;
    EXPECT_EQ(got.points[1].tokens, 4e8) << header;
    EXPECT_EQ(got.points[1].loss_nats, 3.25) << header;
    EXPECT_THAT(got.report.read_as(), testing::StartsWith("read as: params = '")) << header;
  }
  const auto lr = read_text("params,tokens,loss,learning_rate,val_loss\n1e6,2e8,3.5,0.1,9\n");
  EXPECT_EQ(lr.points[0].lr, 0.1);
  EXPECT_EQ(lr.points[0].loss_nats, 3.5) << "our own name wins";
  EXPECT_EQ(read_text("params,tokens,train/loss,eval/loss\n1e6,2e8,3.5,3.6\n").points[0].loss_nats, 3.6);
}

TEST(ReadTables, UnitsOfTheHeader) {
  EXPECT_EQ(read_text("Params (M),Tokens [billions],loss\n70,1.4,3\n80,1.5,3\n").points[0].params, 70e6);
  EXPECT_EQ(read_text("params_M,tokens_B,loss\n70,1.4,3\n").points[0].tokens, 1.4e9);
  EXPECT_EQ(read_text("params,flops (PF-days),loss\n1e9,1,3\n").points[0].flops, 8.64e19);
  EXPECT_THAT(read_text("Params (M),D,loss\n70,1.4e9,3\n").report.read_as(),
              HasSubstr("params = 'Params (M)' (millions), tokens = 'D'"));
}

TEST(ReadTables, UnitsOfTheLoss) {
  const auto loss = [](const std::string& header, const std::string& unit = "") {
    ReadOptions options;
    options.loss_unit = find_named<LossUnit>(unit);
    const auto got = read_text("params,tokens," + header + ",loss_stderr\n1e6,2e8,8,0.4\n2e6,2e8,7,0.4\n", options);
    return std::pair(got.points[0].loss_nats, *got.points[0].loss_stderr);
  };
  EXPECT_EQ(loss("loss"), std::pair(8.0, 0.4));
  EXPECT_EQ(loss("loss", "bits"), std::pair(8 * std::log(2.0), 0.4 * std::log(2.0)));
  EXPECT_EQ(loss("perplexity"), std::pair(std::log(8.0), 0.05));
  EXPECT_EQ(loss("val_ppl"), std::pair(std::log(8.0), 0.05));
  EXPECT_EQ(loss("loss", "perplexity"), std::pair(std::log(8.0), 0.05));
  EXPECT_EQ(loss("bpb").first, 8 * std::log(2.0));
  EXPECT_EQ(loss("loss (bits)").first, 8 * std::log(2.0));
  EXPECT_EQ(loss("bits_per_byte", "nats").first, 8.0) << "the option has the last word";
  EXPECT_THAT(read_text("params,tokens,bpb\n1e6,2e8,1\n").report.read_as(), HasSubstr("bits a byte: x ln 2"));
  EXPECT_THAT(refused("params,tokens,ppl\n1e6,2e8,0.9\n"), HasSubstr("--loss-unit nats"));
  EXPECT_THAT(read_text("params,tokens,loss\n1e6,2e8,40\n").report.text(), HasSubstr("--loss-unit perplexity"));
}

TEST(ReadTables, WhatMayBeReadInTwoWaysIsRefused) {
  EXPECT_THAT(refused("params;tokens;loss\n1,234;5000000;3\n"),
              AllOf(HasSubstr("row 2: column 'params' is \"1,234\""), HasSubstr("--decimal comma or --decimal point")));
  ReadOptions point;
  point.decimal = DecimalMark::point;
  EXPECT_EQ(read_text("params;tokens;loss\n1,234;5000000;3\n", point).points[0].params, 1234);
  EXPECT_EQ(read_text("params;tokens;loss\n1,234;5000000;3,5\n").points[0].params, 1.234);
  EXPECT_EQ(read_text("params;tokens;loss\n1,234;5,000,000;3\n").points[0].params, 1234);
  EXPECT_THAT(refused("params;tokens;loss\n1e6;5e6;3,55\n1e6;5e6;3.55\n"),
              AllOf(HasSubstr("row 2"), HasSubstr("row 3"), HasSubstr("--decimal")));
  EXPECT_THAT(refused("params,tokens,loss\n117,933,375,1e9,3\n"), HasSubstr("quote such cells"));
  EXPECT_EQ(read_text("params,tokens,loss\n\"117,933,375\",1e9,3.1\n").points[0].params, 117933375);
  EXPECT_THAT(refused("n_params,num_params,tokens,loss\n1e6,2e6,1e8,3\n"), HasSubstr("--columns 'params=n_params'"));
  EXPECT_THAT(refused("params,tokens,loss,Loss\n1e6,1e8,3,4\n"), HasSubstr("2 columns may be loss"));
  EXPECT_THAT(refused("params,tokens,\"eval, loss\",val_loss,dev_loss\n1e6,1e8,3,4,5\n"),
              HasSubstr("val_loss|dev_loss"));
  EXPECT_EQ(
      read_text("params,tokens,\"eval, loss\"\n1e6,1e8,3\n", {.columns = {{"loss", "eval, loss"}}}).points[0].loss_nats,
      3);
  EXPECT_THAT(refused("params,steps,batch_size,loss\n1e6,100,512,3\n"), HasSubstr("--columns batch_tokens=batch_size"));
  EXPECT_EQ(read_text("params,steps,batch_size,seq_len,loss\n1e6,100,512,1024,3\n").points[0].tokens,
            100. * 512 * 1024);
}

TEST(ReadTables, Shapes) {
  const auto params = [](const std::string& text) { return read_text(text).points.at(0).params; };
  EXPECT_EQ(params("params|tokens|loss\n1e6|1e8|3\n"), 1e6);
  EXPECT_EQ(params("| params | tokens | loss |\n|---|---:|---|\n| 1e6 | 1e8 | 3 |\n"), 1e6);
  EXPECT_EQ(params("params  tokens  loss\n  1e6   1e8     3\n"), 1e6);
  EXPECT_EQ(params("# params tokens loss\n1e6 1e8 3\n"), 1e6) << "NumPy's header is a comment";
  EXPECT_EQ(params("\"params\" \"tokens\" \"loss\"\n\"1\" 1e6 1e8 3\n"), 1e6) << "R's row names have no header";
  EXPECT_EQ(params(",params,tokens,loss\n0,1e6,1e8,3\n"), 1e6) << "an index of pandas";
  EXPECT_EQ(params("Unnamed: 0;params;tokens;loss\n0;1e6;1e8;3\n"), 1e6);
  EXPECT_EQ(params("params,tokens,loss\n1e6,1e8,3,\n2e6,1e8,3,\n"), 1e6) << "a closing comma";
  EXPECT_EQ(params("\nparams,tokens,loss\n\n,,\n1e6,1e8,3\n"), 1e6) << "empty rows";
  EXPECT_EQ(read_text("params,tokens,loss\n1e6,1e8,3\nparams,tokens,loss\n2e6,1e8,3\n").points.size(), 2U);
  EXPECT_EQ(params("params,tokens,loss\r1e6,1e8,3\r"), 1e6);
  EXPECT_EQ(params(R"({"params": [1e6, 2e6], "tokens": [1e8, 1e8], "loss": [3, NaN]})"), 1e6);
  EXPECT_EQ(params(R"({"params": {"0": 1e6}, "tokens": {"0": 1e8}, "loss": {"0": 3}})"), 1e6) << "pandas";
  EXPECT_EQ(params(R"({"columns": ["params", "tokens", "loss"], "index": [0], "data": [[1e6, 1e8, 3]]})"), 1e6);
  EXPECT_EQ(params(R"({"about": "x", "runs": [{"params": "1M", "tokens": 1e8, "loss": 3}]})"), 1e6);
  EXPECT_EQ(params(R"([{"config": {"n_params": 1e6, "data": {"tokens": 1e8}}, "summary": {"val_loss": 3}}])"), 1e6);
  EXPECT_EQ(params("{\"N\": 1e6, \"D\": 1e8, \"loss\": 3}\n"), 1e6) << "one line";
  EXPECT_THAT(refused("{\"params\": 1}\n{\"params\": \n"), HasSubstr("line 2: not a JSON object"));
  EXPECT_THAT(refused("[1, 2]"), HasSubstr("holds no objects"));
}

TEST(ReadTables, CountsUnderAConvention) {
  const ReadOptions body = {.convention = {.params = ParamsCount::non_embedding, .flops = FlopsCount::six_nd}};
  EXPECT_THAT(refused("params,tokens,loss\n1e6,1e8,3\n", body),
              AllOf(HasSubstr("--convention non_embedding needs a column params_non_embedding"),
                    HasSubstr("params, tokens, loss")));
  const auto got = read_text("params,params_non_embedding,tokens,flops,loss\n1e6,7e5,1e8,1,3\n", body);
  EXPECT_EQ(got.points[0].params, 7e5);
  EXPECT_EQ(got.points[0].flops, 6 * 7e5 * 1e8) << "FLOPs given belong to the other count";
  const ReadOptions exact = {.convention = {.params = ParamsCount::total, .flops = FlopsCount::exact}};
  EXPECT_THAT(refused("params,tokens,flops,loss\n1e6,1e8,6e14,3\n", exact), HasSubstr("--compute exact needs"));
  EXPECT_EQ(read_text("params,tokens,flops,flops_exact,loss\n1e6,1e8,6e14,8e14,3\n", exact).points[0].flops, 8e14);
}

TEST(ReadTables, ALawOfOneQuantityNeedsNoOther) {
  EXPECT_THAT(refused("N,loss\n1e6,3\n"), HasSubstr("two of 'params', 'tokens', 'flops'"));
  const auto got = read_text("N,loss\n1e6,3\n2e6,2.9\n", {.needs = Quantity::params});
  EXPECT_EQ(got.points[1].params, 2e6);
  EXPECT_EQ(got.points[1].tokens, 0);
  EXPECT_THAT(refused("D,loss\n1e6,3\n", {.needs = Quantity::params}),
              HasSubstr("needs a column 'loss' and a column 'params'"));
  EXPECT_EQ(read_text("params,tokens,loss\n1e6,2e8,-3\n", {.any_sign = true}).points[0].loss_nats, -3);
}

TEST(ReadTables, SwappedColumnsAndRepeatedRowsAreWarnedOf) {
  EXPECT_THAT(read_text("params,tokens,loss\n1e9,1e7,3\n2e9,1e7,3.1\n").report.text(),
              HasSubstr("if N and D are swapped"));
  EXPECT_EQ(read_text("params,tokens,loss\n1e9,1e7,3\n2e9,1e11,3.1\n").report.text(), "");
  const std::string swapped = "params,tokens,loss\n1e9,1e7,3\n2e9,1e7,3.1\n3e9,2e7,3\n2e7,3e7,3.4\n";
  EXPECT_THAT(read_text(swapped).report.text(), HasSubstr("3 of 4 rows have more params than tokens"));
  EXPECT_EQ(read_text(swapped + "1e7,5e7,3.5\n").report.text(), "") << "three of five may be";
  EXPECT_THAT(read_text("params,tokens,loss\n1e6,1e8,3\n1e6,2e8,3\n1e6,1e8,3\n").report.text(),
              HasSubstr("1 row repeats an earlier row cell for cell, first row 4"));
}

/// Rows of a table, the first `bad` of which hold the cell in place of N.
std::string with_bad_cells(const std::string& cell, int bad, int rows) {
  std::string text = "run,N,tokens,loss\n";
  for (int i = 0; i < rows; ++i) text += fmt::format("r{},{},{}e8,3.{}\n", i, i < bad ? cell : "1e6", i + 1, i);
  return text;
}

TEST(ReadTables, AFewNumbersThatCannotBeUsedCostTheirRows) {
  for (const char* cell : {"0", "-5", "1e999", "-1e999", "1e-999"}) {
    const auto got = read_text(with_bad_cells(cell, 1, 12));
    EXPECT_EQ(got.points.size(), 11U) << cell;
    EXPECT_EQ(got.report.left_out(), fmt::format("left out: 1 of 12 rows: row 2 (r0): column 'N' is {}; it must be "
                                                 "positive and finite",
                                                 cell));
    EXPECT_EQ(read_text(with_bad_cells(cell, 2, 20)).report.skipped.size(), 2U) << cell;
    EXPECT_EQ(read_text(with_bad_cells(cell, 1, 5)).report.skipped.size(), 1U) << "one of few is not many";
  }
  std::string text = "params,tokens,loss,weight\n1e6,2e8,0,1\n1e6,3e8,3,-1\n";
  for (int i = 4; i < 35; ++i) text += fmt::format("1e6,{}e8,2.9,1\n", i);
  const auto losses = read_text(text);
  EXPECT_EQ(losses.report.skipped.size(), 2U);
  EXPECT_THAT(losses.report.left_out(), AllOf(HasSubstr("column 'loss' is 0; it must be positive"),
                                              HasSubstr("column 'weight' is -1; it must be 0 or more")));
}

TEST(ReadTables, ManyNumbersThatCannotBeUsedAreRefusedWithTheFirst) {
  EXPECT_THAT(refused(with_bad_cells("0", 3, 12)),
              AllOf(HasSubstr("t.csv: row 2: column 'N' is 0; it must be positive"), HasSubstr("3 of 12 rows")));
  EXPECT_THAT(refused(with_bad_cells("-1", 12, 12)), HasSubstr("12 of 12 rows"));
  EXPECT_THAT(refused(with_bad_cells("0", 1, 3)), HasSubstr("row 2: column 'N' is 0"));
  EXPECT_THAT(refused(with_bad_cells("1e999", 1, 2)), HasSubstr("row 2: column 'N' is 1e999"));
  EXPECT_THAT(refused(with_bad_cells("many", 1, 12)),
              HasSubstr("row 2: column 'N' is \"many\", which is not a number"));
}

TEST(ReadTables, OneNameForRowsOfSeveralParamsIsOneForEach) {
  const auto got = read_text(
      "run,params,tokens,loss\nbase,1e6,1e8,3\nbase,1e6,2e8,2.9\nbase,2e6,1e8,2.8\nbase,2e6,2e8,2.7\nwide,4e6,1e8,2."
      "6\n");
  EXPECT_EQ(got.points[0].group, got.points[1].group);
  EXPECT_NE(got.points[0].group, got.points[2].group);
  EXPECT_EQ(got.points[0].run, "base (N 1M)");
  EXPECT_EQ(got.points[4].run, "wide");
  EXPECT_THAT(got.report.read_as(),
              AllOf(HasSubstr("rows of one 'run' ('base') have several params, and each of these is a run of its own"),
                    HasSubstr("rows of one 'run' are one group, 3 of them")));
  const auto chosen = read_text("run,group,params,tokens,loss\na,a,1e6,1e8,3\na,a,2e6,1e8,2.9\n");
  EXPECT_EQ(chosen.points[1].group, "a") << "a column group has the last word";
  const auto derived = read_text("run,flops,tokens,loss\na,1.2e15,1e8,3\na,2.41e15,2e8,2.9\nb,1e15,1e8,3\n");
  EXPECT_EQ(derived.points[0].group, derived.points[1].group) << "params that follow from a rounded C";
}

TEST(ReadInput, GzipAndUtf16AndWhatIsNoText) {
  const TempFolder folder;
  const std::string text = "params,tokens,loss\n1e6,1e8,3\n";
  gzFile out = ::gzopen((folder / "t.csv.gz").c_str(), "wb");
  ASSERT_NE(out, nullptr);
  ::gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
  ::gzclose(out);
  const auto read = [&](const char* name) { return read_observations_of(folder / name, {}); };
  EXPECT_EQ(read("t.csv.gz").points[0].params, 1e6);
  EXPECT_EQ(read("t.csv.gz").report.text(), "read as: gzip\n");
  std::string bytes = read_text_file(folder / "t.csv.gz");
  write_file_atomic(folder / "two.gz", bytes + bytes);
  EXPECT_EQ(read("two.gz").points.size(), 2U) << "two members, the header twice";
  bytes.resize(bytes.size() - 12);
  write_file_atomic(folder / "cut.gz", bytes);
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read("cut.gz"); }), HasSubstr("cut off"));
  std::string big = "\xFE\xFF";
  for (const char c : text) big += std::string(1, '\0') + c;
  write_file_atomic(folder / "big.csv", big);
  EXPECT_EQ(read("big.csv").points[0].tokens, 1e8);
  write_file_atomic(folder / "t.xlsx", "PK\x03\x04zzzz");
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read("t.xlsx"); }), HasSubstr("spreadsheet"));
  write_file_atomic(folder / "none.csv", "");
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read("none.csv"); }), HasSubstr("is empty"));
}

}  // namespace
}  // namespace scalelaw
