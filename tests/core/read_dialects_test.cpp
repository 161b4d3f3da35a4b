// Random tables in random dialects read back to the numbers written, or are refused with the option that mends them.
#include <cmath>
#include <functional>

#include "core/format.hpp"
#include "core/reading.hpp"
#include "core/rng.hpp"

namespace scalelaw {
namespace {

using test::refused;

template <class T>
const T& any_of(Rng& rng, const std::vector<T>& choices) {
  return choices[uniform_below(rng, choices.size())];
}
bool coin(Rng& rng) { return uniform_below(rng, 2) == 1; }

/// How one file writes its numbers.
struct Dialect {
  char separator = ',';
  bool comma = false;     ///< decimal
  std::string thousands;  ///< between digits of counts
  int form = 0;           ///< of counts: digits, exponent, suffix
  int unit = 0;           ///< of the params column's header
};

std::string grouped(const std::string& digits, const std::string& mark) {
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out += mark;
    out += digits[i];
  }
  return out;
}

std::string decimal(std::string text, const Dialect& d) {
  if (d.comma) std::ranges::replace(text, '.', ',');
  return text;
}

/// A count as this dialect writes it, and the number that stands there.
std::string count_text(double& x, const Dialect& d) {
  switch (d.form) {
    case 0:
      return grouped(fmt::format("{:.0f}", x), d.thousands);
    case 1: {
      const std::string text = fmt::format("{:.5e}", x);
      x = std::stod(text);
      return decimal(text, d);
    }
    default: {
      const int k = static_cast<int>(std::log10(x)) / 3;
      const std::string digits = fmt::format("{:.4f}", x / std::pow(10, 3 * k));
      x = std::stod(fmt::format("{}e{}", digits, 3 * k));
      return decimal(digits, d) + std::vector<std::string>{"", "k", "M", "B", "T"}.at(static_cast<std::size_t>(k));
    }
  }
}

Dialect random_dialect(Rng& rng) {
  Dialect d;
  d.comma = coin(rng);
  d.separator = d.comma ? any_of<char>(rng, {';', '\t', '|'}) : any_of<char>(rng, {',', ';', '\t', '|'});
  d.form = static_cast<int>(uniform_below(rng, 3));
  std::vector<std::string> marks = {"", "_", "'", d.comma ? "." : ","};
  if (d.form == 0) d.thousands = any_of(rng, marks);
  return d;
}

std::string quoted(const std::string& cell, char separator) {
  return cell.find(separator) == std::string::npos ? cell : "\"" + cell + "\"";
}

/// Rows and their text in a dialect: headers of any house, columns in any order, comments, an index, another column.
struct Written {
  std::vector<Observation> rows;
  std::string text;
};

Written write_random(Rng& rng, const Dialect& d) {
  Written out;
  const std::string params = any_of<std::string>(rng, {"params", "N", "num_params", "Parameters", "model/n_params"});
  const std::string tokens = any_of<std::string>(rng, {"tokens", "D", "n_tokens", "training_tokens", "Tokens Seen"});
  const std::string loss = any_of<std::string>(rng, {"loss", "Loss", "val_loss", "eval/loss", "run-3 - eval/loss"});
  std::vector<std::string> header = {params, tokens, loss, "lr", "remark"};
  std::vector<std::size_t> order = {0, 1, 2, 3, 4};
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[uniform_below(rng, i)]);
  const bool index = coin(rng), crlf = coin(rng), comments = coin(rng);
  const std::string sep(1, d.separator), end = crlf ? "\r\n" : "\n";
  if (comments) out.text += "# written by " + sep + " hand" + end;
  const auto line = [&](const std::vector<std::string>& cells, const std::string& number) {
    if (index) out.text += number + sep;
    for (std::size_t i = 0; i < order.size(); ++i)
      out.text += (i > 0 ? sep : "") + quoted(cells[order[i]], d.separator);
    out.text += end;
  };
  line(header, "");
  for (int r = 0; r < 12; ++r) {
    Observation o;
    o.params = std::round(std::pow(10, 5 + 5 * uniform01(rng)));
    o.tokens = std::round(std::pow(10, 10.5 + 3 * uniform01(rng)));
    const std::string n = count_text(o.params, d), t = count_text(o.tokens, d);
    const std::string l = fmt::format("{:.4f}", 1.5 + 3 * uniform01(rng)), rate = fmt::format("{:.3e}", uniform01(rng));
    o.loss_nats = std::stod(l);
    o.lr = std::stod(rate);
    line({n, t, decimal(l, d), decimal(rate, d), "a, b"}, std::to_string(r));
    if (comments && r == 5) out.text += "# half" + end;
    if (coin(rng)) line({n, t, any_of<std::string>(rng, {"", "nan", "None", "diverged"}), decimal(rate, d), ""}, "x");
    out.rows.push_back(o);
  }
  return out;
}

TEST(ReadDialects, RandomTablesReadBackAsWritten) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Rng rng = make_rng(seed, "dialects");
    const Dialect d = random_dialect(rng);
    const Written w = write_random(rng, d);
    const ReadObservations got = test::read_text(w.text);
    ASSERT_EQ(got.points.size(), w.rows.size()) << w.text;
    EXPECT_EQ(got.report.rows, w.rows.size() + got.report.skipped.size());
    for (std::size_t i = 0; i < w.rows.size(); ++i) {
      ASSERT_EQ(got.points[i].params, w.rows[i].params) << seed << " " << i << "\n" << w.text;
      ASSERT_EQ(got.points[i].tokens, w.rows[i].tokens) << seed << " " << i << "\n" << w.text;
      ASSERT_EQ(got.points[i].loss_nats, w.rows[i].loss_nats) << seed << "\n" << w.text;
      ASSERT_EQ(got.points[i].lr, w.rows[i].lr) << seed << "\n" << w.text;
    }
    EXPECT_EQ(got.report.warnings.size(), 0U) << got.report.text();
  }
}

TEST(ReadDialects, RandomJsonReadsBackAsWritten) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Rng rng = make_rng(seed, "json");
    std::vector<Json> rows;
    std::vector<Observation> want;
    for (int r = 0; r < 8; ++r) {
      Observation o;
      o.params = std::pow(10, 5 + 5 * uniform01(rng));
      o.tokens = std::pow(10, 10.5 + 3 * uniform01(rng));
      o.loss_nats = 1.5 + uniform01(rng);
      want.push_back(o);
      rows.push_back({{"config", {{"n_params", o.params}, {"tokens", o.tokens}}}, {"eval", {{"loss", o.loss_nats}}}});
    }
    std::string text;
    switch (uniform_below(rng, 4)) {
      case 0:
        text = Json(rows).dump();
        break;
      case 1:
        for (const Json& row : rows) text += row.dump() + "\n";
        break;
      case 2:
        text = Json{{"note", "all runs"}, {"runs", rows}}.dump(2);
        break;
      default: {
        Json columns;
        for (std::size_t i = 0; i < want.size(); ++i) {
          columns["N"].push_back(want[i].params);
          columns["D"].push_back(want[i].tokens);
          columns["loss"].push_back(want[i].loss_nats);
        }
        text = columns.dump();
      }
    }
    const ReadObservations got = test::read_text(text);
    ASSERT_EQ(got.points.size(), want.size()) << text;
    for (std::size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(got.points[i].params, want[i].params);
      EXPECT_EQ(got.points[i].tokens, want[i].tokens);
      EXPECT_EQ(got.points[i].loss_nats, want[i].loss_nats);
    }
  }
}

TEST(ReadDialects, PlainTablesStayAsTheyAreToTheLastBit) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng = make_rng(seed, "plain");
    std::vector<Observation> points;
    for (int r = 0; r < 20; ++r) {
      Observation o;
      o.params = std::pow(10, 4 + 5 * uniform01(rng));
      o.tokens = std::pow(10, 9.5 + 3 * uniform01(rng));
      o.flops = 6 * o.params * o.tokens * (1 + 0.1 * uniform01(rng));
      o.loss_nats = 1 + 4 * uniform01(rng);
      if (coin(rng)) o.lr = uniform01(rng);
      if (coin(rng)) o.steps = std::round(1e4 * uniform01(rng)) + 1;
      points.push_back(o);
    }
    const ReadObservations got = test::read_text(observations_csv(points));
    EXPECT_EQ(got.report.text(), "");
    ASSERT_EQ(got.points.size(), points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      EXPECT_EQ(got.points[i].params, points[i].params);
      EXPECT_EQ(got.points[i].tokens, points[i].tokens);
      EXPECT_EQ(got.points[i].flops, points[i].flops);
      EXPECT_EQ(got.points[i].loss_nats, points[i].loss_nats);
      EXPECT_EQ(got.points[i].lr, points[i].lr);
      EXPECT_EQ(got.points[i].steps, points[i].steps);
    }
  }
}

TEST(ReadDialects, GarbageIsAnErrorThatNamesItsPlace) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Rng rng = make_rng(seed, "garbage");
    const std::string bad = any_of<std::string>(rng, {"abc", "12,34,5", "1.2.3.4", "7 apples", "--", "0x1p3", "1e"});
    const std::size_t column = uniform_below(rng, 3), row = uniform_below(rng, 5);
    std::string text = "params;tokens;loss\n";
    for (std::size_t r = 0; r < 5; ++r) {
      std::vector<std::string> cells = {"1000000", "200000000", "3.1234"};
      if (r == row) cells[column] = bad;
      text += cells[0] + ";" + cells[1] + ";" + cells[2] + "\n";
    }
    if (bad == "--") continue;  // a dash is an empty cell
    EXPECT_THAT(refused(text),
                testing::AllOf(testing::HasSubstr(fmt::format("row {}", row + 2)), testing::HasSubstr(bad)));
  }
}

}  // namespace
}  // namespace scalelaw
