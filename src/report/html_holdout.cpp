#include "report/html_holdout.hpp"

#include <cmath>

#include "core/format.hpp"
#include "fit/holdout.hpp"
#include "report/escape.hpp"

namespace scalelaw::inline report {

std::string holdout_section(const Analysis& analysis) {
  const Holdout& h = analysis.parametric.holdout;
  if (h.n == 0) return "";
  std::string rows;
  for (const Holdout::Point& p : h.points) {
    rows += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.4f}</td><td>{:.4f}</td><td>{:+.2f} %</td></tr>\n",
                        short_count(p.params), short_count(p.tokens), power_text(p.flops), p.loss_nats,
                        p.predicted_nats, 100 * std::log(p.predicted_nats / p.loss_nats));
  }
  return "<h3>Runs held out of the fit</h3>\n<p>" + html_prose(describe(h)) +
         "</p>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">N</th><th scope=\"col\">D</th>"
         "<th scope=\"col\">C (FLOPs)</th><th scope=\"col\">measured (nats)</th><th scope=\"col\">predicted</th>"
         "<th scope=\"col\">ln predicted / measured</th></tr></thead>\n<tbody>\n" +
         rows + "</tbody></table></div>\n";
}

}  // namespace scalelaw::inline report
