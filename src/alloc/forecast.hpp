#pragma once
// A prediction that is written down before the run is made, and its score once the run is there.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields.hpp"
#include "fit/result.hpp"
#include "law/range.hpp"

namespace scalelaw::inline alloc {

inline constexpr std::string_view kForecastSchema = "scalelaw.forecast/1";
inline constexpr std::string_view kScoreSchema = "scalelaw.forecast_score/1";

/// A file that the forecast rests on.
struct ForecastInput {
  std::string file;
  std::string sha256;  ///< of its bytes
};
template <class Visit, FieldsOf<ForecastInput> T>
void fields(Visit&& visit, T& i) {
  visit("file", i.file, any(), "as it was named");
  visit("sha256", i.sha256, any(), "of its bytes");
}

/// Where the noise of one run comes from.
enum class RunNoise {
  seeds,      ///< runs that differ in their seed alone
  residuals,  ///< scatter of the residuals of the fit, which holds what the law misses as well
  unknown     ///< no interval for a run
};
constexpr std::array<std::string_view, 3> names_of(RunNoise) { return {"seeds", "residuals", "unknown"}; }

/// How many times beyond the runs behind the fit the point lies: of each quantity the ratio to the nearer end of what
/// they span, 1 within it; 0 where it is unknown.
struct Extrapolation {
  double params = 0, tokens = 0, flops = 0;
};
template <class Visit, FieldsOf<Extrapolation> T>
void fields(Visit&& visit, T& e) {
  visit("params", e.params, any(), "in N");
  visit("tokens", e.tokens, any(), "in D");
  visit("flops", e.flops, any(), "in C");
}

/// How the fit was made.
struct ForecastFit {
  std::int64_t n = 0;  ///< observations
  ObjectiveKind objective = ObjectiveKind::log_huber;
  double delta = 1e-3;
  std::int64_t dropped = 0;
  Weights weights = Weights::none;
  std::map<std::string, double> fixed = {};
  std::vector<double> hold = {};
  std::optional<double> holdout_above = {};
  std::optional<std::int64_t> min_steps = {};  ///< unknown of a fit file
  Resample resample = Resample::automatic;
  std::int64_t replicates = 0;
  std::int64_t seed = 0;
};
template <class Visit, FieldsOf<ForecastFit> T>
void fields(Visit&& visit, T& f) {
  visit("n", f.n, any(), "observations");
  visit("objective", f.objective, named<ObjectiveKind>(), "what was minimised");
  visit("delta", f.delta, any(), "of log-huber");
  visit("dropped", f.dropped, any(), "highest losses left out");
  visit("weights", f.weights, named<Weights>(), "how points count");
  visit("fixed", f.fixed, unless_empty(any()), "parameters held at a value");
  visit("hold", f.hold, unless_empty(any()), "budgets kept out of the fit");
  visit("holdout_above", f.holdout_above, unless_empty(any()), "runs with more FLOPs are kept out of the fit");
  visit("min_steps", f.min_steps, unless_empty(any()), "runs with fewer steps are left out");
  visit("resample", f.resample, named<Resample>(), "what the bootstrap drew");
  visit("replicates", f.replicates, any(), "of the bootstrap");
  visit("seed", f.seed, any(), "of the bootstrap");
}

/// What is predicted, from what, and how sure.
struct Forecast {
  std::string created;  ///< UTC
  std::string version;  ///< of the program
  std::string law;      ///< kind of the law: "chinchilla"
  std::map<std::string, double> constants = {};
  Convention convention = {};
  double params = 0, tokens = 0, flops = 0;  ///< the point; 0 where the law asks for none
  bool optimum = false;                      ///< N and D were not asked for: they are the law's optimum at `flops`
  double loss_nats = 0;
  std::optional<Interval> law_ci95 = {};  ///< of the law's value: bootstrap draws
  std::optional<Interval> run_ci95 = {};  ///< of the loss of one new run: the draws with the noise of a run
  RunNoise noise = RunNoise::unknown;
  double noise_sd = 0;             ///< of ln loss at the point
  std::int64_t noise_freedom = 0;  ///< degrees of freedom behind it
  Extrapolation extrapolation = {};
  ForecastFit fit = {};
  std::vector<ForecastInput> inputs = {};
};
template <class Visit, FieldsOf<Forecast> T>
void fields(Visit&& visit, T& f) {
  visit("created", f.created, any(), "UTC");
  visit("version", f.version, any(), "of the program");
  visit("law", f.law, any(), "its kind");
  visit("constants", f.constants, any(), "of the law");
  visit("convention", f.convention, any(), "what counts as N and C");
  visit("params", f.params, any(), "N asked for; 0 = the law asks for none");
  visit("tokens", f.tokens, any(), "D asked for");
  visit("flops", f.flops, any(), "C asked for");
  visit("optimum", f.optimum, any(), "whether N and D are the optimum at flops");
  visit("loss", f.loss_nats, any(), "predicted, nats per token");
  visit("law_ci95", f.law_ci95, unless_empty(any()), "of the law's value");
  visit("run_ci95", f.run_ci95, unless_empty(any()), "of the loss of one new run");
  visit("noise", f.noise, named<RunNoise>(), "where the noise of a run comes from");
  visit("noise_sd", f.noise_sd, any(), "of ln loss at the point");
  visit("noise_freedom", f.noise_freedom, any(), "degrees of freedom behind it");
  visit("extrapolation", f.extrapolation, any(), "times beyond the runs of the fit; 1 = within, 0 = unknown");
  visit("fit", f.fit, any(), "how the fit was made");
  visit("inputs", f.inputs, any(), "files and their SHA-256");
}

/// The point asked for: N and D, or C alone.
struct ForecastRequest {
  double params = 0, tokens = 0, flops = 0;
};

/// The loss of one new run. With C alone the point is the optimum of the fitted law under C = 6 N D (a law of the
/// compute takes C itself); the interval is of a run there, whatever optimum each draw has. Draw i of the bootstrap
/// gives law_i(point); each is combined with kNoiseDraws noises of a run, drawn independently of it: ln loss is normal
/// with the sd between seeds (NoiseModel::at) or of the residuals, sqrt(sum r^2 / (n - p)). The interval is made of the
/// quantiles of all combinations at the level of the fit's own intervals (interval_tail); where those are plain
/// percentiles, the noise is Student's t with its degrees of freedom. `inputs`, `created`, `version` and what `fit` the
/// result does not hold are the caller's. Errors (config): neither N and D nor C; a law without an optimum, where C
/// alone is asked for; (data): as predict.
[[nodiscard]] Forecast forecast(const FitResult& fit, const ForecastRequest& request);
constexpr int kNoiseDraws = 20;

/// "scalelaw.forecast/1" there and back. Errors (data): another schema; a key of a wrong type.
[[nodiscard]] Json to_json(const Forecast& forecast);
[[nodiscard]] Forecast forecast_from_json(const Json& value, const std::string& name);
/// Text for a terminal; ends with a newline.
[[nodiscard]] std::string describe(const Forecast& forecast);

/// One measured run against the forecast.
struct ScoredRun {
  std::string run;
  double params = 0, tokens = 0, flops = 0;
  double loss_nats = 0;
  double seeds = 1;            ///< runs that differ in their seed alone, whose mean this is
  double error_nats = 0;       ///< predicted - observed
  double error_percent = 0;    ///< of the observed loss
  std::optional<bool> inside;  ///< of the interval for one run; none where the forecast has none
  /// error_nats in units of the interval: half of it, on the side of the observed loss; -1 and 1 are its ends.
  std::optional<double> error_intervals;
};
template <class Visit, FieldsOf<ScoredRun> T>
void fields(Visit&& visit, T& r) {
  visit("run", r.run, any(), "id or name");
  visit("params", r.params, any(), "N");
  visit("tokens", r.tokens, any(), "D");
  visit("flops", r.flops, any(), "C");
  visit("loss", r.loss_nats, any(), "observed, nats per token");
  visit("seeds", r.seeds, any(), "runs whose mean it is");
  visit("error_nats", r.error_nats, any(), "predicted - observed");
  visit("error_percent", r.error_percent, any(), "of the observed loss");
  visit("inside", r.inside, unless_empty(any()), "of the interval for one run");
  visit("error_intervals", r.error_intervals, unless_empty(any()), "in half-widths of it");
}

struct ForecastScore {
  Forecast forecast;
  std::vector<ScoredRun> runs;  ///< nearest first
  std::vector<std::string> cautions = {};
};

/// A run is the forecast's where N and D (C, for a law of the compute) lie within this, relative.
constexpr double kSameRun = 0.01;
[[nodiscard]] bool at_point(const Forecast& forecast, const Observation& run);
/// The runs at the forecast's point. Errors (data): none is within kSameRun; it names the nearest.
[[nodiscard]] ForecastScore score(const Forecast& forecast, const std::vector<Observation>& points);

/// "scalelaw.forecast_score/1"
[[nodiscard]] Json to_json(const ForecastScore& score);
[[nodiscard]] std::string describe(const ForecastScore& score);

}  // namespace scalelaw::inline alloc
