#include "select/sweep.hpp"

#include "core/format.hpp"

namespace scalelaw::inline select {

std::string describe_point(const LrSweep& sweep) {
  return fmt::format("{} at {} tokens", sweep.shape, short_count(sweep.tokens));
}

Json to_json(const LrSweep& s) {
  Json points = Json::array();
  for (const LrSweep::Point& p : s.points) points.push_back({{"lr", p.lr}, {"loss", p.loss_nats}, {"seeds", p.seeds}});
  const auto or_null = [](const std::optional<double>& x) { return x ? finite_or_null(*x) : Json(); };
  return {{"shape", s.shape},
          {"params", s.params},
          {"tokens", s.tokens},
          {"status", s.status},
          {"best_lr", s.best_lr},
          {"best_loss", s.best_loss_nats},
          {"ln_lr_stderr", or_null(s.ln_lr_stderr)},
          {"loss_stderr", or_null(s.loss_stderr)},
          {"diverged_lr", s.diverged_lr > 0 ? Json(s.diverged_lr) : Json()},
          {"points", points}};
}

}  // namespace scalelaw::inline select
