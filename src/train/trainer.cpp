#include "train/trainer.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "core/build_info.hpp"
#include "core/format.hpp"
#include "os/files.hpp"
#include "train/checkpoint.hpp"
#include "train/result.hpp"
#include "train/trunk_plan.hpp"

namespace scalelaw::inline train {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string precision_reason(const RunSpec& spec, const Device& device) {
  if (spec.precision == Precision::bf16) return "bf16: the study's; factors of products, fp32 elsewhere";
  return device.kind == DeviceKind::cpu ? "fp32: the study's" : "fp32: the study's; TF32 is off";
}

/// A job at work. Members in the order in which run_job uses them.
class Trainer {
 public:
  Trainer(const Job& job, const std::filesystem::path& study, const TrainerHooks& hooks)
      : job_(job), study_(study), folder_(study / "jobs" / job.id), hooks_(hooks), plan_(plan_trunk(job)) {
    for (const RunSpec& spec : job.runs) ids_.push_back(run_id(spec));
  }

  ExitCode run() {
    started_ = Clock::now();
    context_.started = utc_now();
    for (const Branch& branch : plan_.branches) {
      if (std::filesystem::exists(branch_file(branch))) write_records(read_json_file(branch_file(branch)));
    }
    const std::int64_t batch = job_.runs.front().data.batch_tokens;
    hooks_.report({{"event", TrainerEvent::start},
                   {"job", job_.id},
                   {"members", plan_.members.size()},
                   {"runs", job_.runs.size()},
                   {"tokens_total", plan_.member_steps_before(plan_.branches.size()) * batch}});
    std::size_t last = 0;  // one past the last branch that is still to do
    for (std::size_t b = 0; b < plan_.branches.size(); ++b) last = missing_runs(b).empty() ? last : b + 1;
    if (last > 0) {
      prepare();
      JobState state = first_state();
      for (; state.branch < last; ++state.branch) {
        if (!train_branch(state)) return ExitCode::interrupted;
      }
    }
    clean_up();
    hooks_.report({{"event", TrainerEvent::done}});
    return ExitCode::ok;
  }

 private:
  std::filesystem::path record_file(const std::string& id) const { return study_ / "runs" / (id + ".json"); }
  std::filesystem::path checkpoint_file() const { return folder_ / "checkpoint.safetensors"; }
  std::filesystem::path branch_file(const Branch& branch) const {
    const std::int64_t batch = job_.runs.front().data.batch_tokens;
    return folder_ / fmt::format("branch_{}_{}.json", branch.trunk_step * batch, branch.steps * batch);
  }

  std::vector<std::size_t> missing_runs(std::size_t branch) const {
    std::vector<std::size_t> missing;
    for (const std::size_t run : plan_.branches[branch].runs) {
      if (!std::filesystem::exists(record_file(ids_[run]))) missing.push_back(run);
    }
    return missing;
  }

  /// The spec with which each member trains the trunk towards a branch: that of its longest run, whose rate is constant
  /// there.
  std::vector<RunSpec> trunk_specs(std::size_t branch) const {
    std::vector<RunSpec> specs;
    for (const std::size_t member : plan_.members_from(branch))
      specs.push_back(job_.runs[plan_.members[member].back()]);
    return specs;
  }

  void prepare() {
    const RunSpec& spec = job_.runs.front();
    const Device device = open_device(job_.device);
    const EngineChoice engine = engine_of(job_, device);
    corpus_ = load_corpus(job_.corpus);
    if (corpus_.manifest.sha256 != spec.data.corpus_sha256) {
      fail_data("{}: this corpus has sha256 {}, the job's runs name {}; give the corpus they were planned with",
                job_.corpus, corpus_.manifest.sha256, spec.data.corpus_sha256);
    }
    if (corpus_.manifest.tokenizer.vocab > spec.model.vocab) {
      fail_config("job {}: model.vocab is {}, but the corpus has {} token ids; raise it", job_.id, spec.model.vocab,
                  corpus_.manifest.tokenizer.vocab);
    }
    const auto shortest = std::min_element(plan_.branches.begin(), plan_.branches.end(),
                                           [](const Branch& a, const Branch& b) { return a.steps < b.steps; });
    constexpr std::int64_t kPoints = 200;
    setup_ = make_setup(spec.model, device, spec.precision, engine, corpus_,
                        std::max<std::int64_t>(1, shortest->steps / kPoints));
    setup_.graph = job_.trainer.graph;
    setup_.micro_tokens = job_.trainer.micro_tokens;
    const BuildInfo build = build_info();
    context_.version = build.version;
    context_.git = build.git;
    context_.compiler = build.compiler;
    context_.torch = torch_version();
    context_.engine = engine.reason;
    context_.device = device.name;
    context_.precision = precision_reason(spec, device);
    context_.host = host_name();
    context_.threads = job_.threads;
  }

  JobState first_state() {
    if (std::filesystem::exists(checkpoint_file())) {
      try {
        ExpectedState expected{.job_id = job_.id, .trunk = {}, .runs = job_.runs, .run_ids = ids_};
        for (std::size_t b = 0; b < plan_.branches.size(); ++b) expected.trunk.push_back(trunk_specs(b));
        JobState state = load_checkpoint(checkpoint_file(), expected, setup_);
        bool behind = false;  // records that it has passed were removed since
        for (std::size_t b = 0; b < state.branch; ++b) behind = behind || !missing_runs(b).empty();
        if (!behind) return state;
        hooks_.report({{"event", TrainerEvent::note},
                       {"message", "records are missing that the checkpoint has passed; starting again"}});
      } catch (const Error& e) {
        hooks_.report(
            {{"event", TrainerEvent::note}, {"message", fmt::format("{}; starting this job again", e.what())}});
      }
    }
    JobState state;
    state.trunk = make_stack(setup_, trunk_specs(0));
    return state;
  }

  /// Takes the trunk to the next branch point and trains the branch. @return false if it was interrupted.
  bool train_branch(JobState& state) {
    const Branch& branch = plan_.branches[state.branch];
    keep_members(state);
    if (!state.cooldown) {
      if (!advance(state, state.trunk, branch.trunk_step)) return false;
      state.runs = missing_runs(state.branch);
      if (state.runs.empty()) return true;
      std::vector<std::size_t> rows;
      std::vector<RunSpec> specs;
      const std::vector<std::size_t> members = plan_.members_from(state.branch);
      for (const std::size_t run : state.runs) {
        const auto it = std::find(members.begin(), members.end(), plan_.member_of[run]);
        rows.push_back(static_cast<std::size_t>(it - members.begin()));
        specs.push_back(job_.runs[run]);
      }
      state.cooldown = copy_members(setup_, state.trunk, rows, specs);
      checkpoint(state);
    }
    if (!advance(state, *state.cooldown, branch.steps)) return false;
    finish_branch(state);
    state.cooldown.reset();
    state.runs.clear();
    return true;
  }

  /// Drops the members of the trunk that no later branch needs: a function of the plan alone, so a resumed job does the
  /// same.
  void keep_members(JobState& state) {
    if (state.branch == 0 || state.cooldown) return;
    const std::vector<std::size_t> before = plan_.members_from(state.branch - 1),
                                   now = plan_.members_from(state.branch);
    if (before.size() == now.size() || state.trunk.specs.size() == now.size()) return;
    std::vector<std::size_t> rows;
    for (const std::size_t member : now) {
      rows.push_back(static_cast<std::size_t>(std::find(before.begin(), before.end(), member) - before.begin()));
    }
    state.trunk = copy_members(setup_, state.trunk, rows, trunk_specs(state.branch));
  }

  bool advance(JobState& state, Stack& stack, std::int64_t until) {
    const bool in_cooldown = &stack != &state.trunk;
    const std::int64_t first = stack.step;
    const double trained_before = state.trained_s;
    const auto begin = Clock::now();
    bool stopped = false;
    const bool reached = train_stack(setup_, stack, until, [&] {
      state.trained_s = trained_before + since(begin);
      report_progress(state, stack, in_cooldown);
      stopped = hooks_.stop();
      if (since(last_checkpoint_) > job_.trainer.checkpoint_every_s && !stopped) checkpoint(state);
      return !stopped;
    });
    note_repetition(stack.repetition);
    trained_steps_ += (stack.step - first) * stack.members();
    training_s_ += since(begin);
    if (!stopped && !reached) throw std::logic_error("training stopped by itself");
    if (stopped) checkpoint(state);
    return !stopped;
  }

  /// A graph that could not be used once is not tried again in this job.
  void note_repetition(const StepRepeater::Status& repetition) {
    if (graph_refused_) return;
    context_.graph = repetition.what;
    graph_refused_ = repetition.fell_back;
    if (!graph_refused_) return;
    setup_.graph = AskedGraph::off;
    hooks_.report({{"event", TrainerEvent::note}, {"message", repetition.what}});
  }

  void report_progress(const JobState& state, const Stack& stack, bool in_cooldown) {
    constexpr double kEverySeconds = 1;
    if (since(last_progress_) < kEverySeconds) return;
    const std::int64_t batch = job_.runs.front().data.batch_tokens;
    const Branch& branch = plan_.branches[state.branch];
    const std::int64_t before = state.branch == 0 ? 0 : plan_.branches[state.branch - 1].trunk_step;
    const auto trunk_members = static_cast<std::int64_t>(plan_.members_from(state.branch).size());
    std::int64_t done = plan_.member_steps_before(state.branch) + (state.trunk.step - before) * trunk_members;
    if (in_cooldown) done += (stack.step - branch.trunk_step) * stack.members();
    const double speed = static_cast<double>((done - reported_steps_) * batch) / since(last_progress_);
    Json event = {{"event", TrainerEvent::progress},
                  {"tokens", done * batch},
                  {"tokens_total", plan_.member_steps_before(plan_.branches.size()) * batch},
                  {"loss", lowest_loss(stack.curve)}};
    if (reported_steps_ >= 0) event["tokens_per_s"] = finite_or_null(speed);
    hooks_.report(event);
    reported_steps_ = done;
    last_progress_ = Clock::now();
  }

  /// Lowest training loss among the members in the newest point of the curve, or null.
  static Json lowest_loss(const Curve& curve) {
    const std::size_t members = curve.loss_sum.size();
    double lowest = std::numeric_limits<double>::infinity();
    for (std::size_t i = curve.loss.size() - std::min(members, curve.loss.size()); i < curve.loss.size(); ++i) {
      if (curve.loss[i] < lowest) lowest = curve.loss[i];
    }
    return finite_or_null(lowest);
  }

  void checkpoint(const JobState& state) {
    save_checkpoint(checkpoint_file(), job_.id, ids_, setup_, state);
    last_checkpoint_ = Clock::now();
  }

  void finish_branch(const JobState& state) {
    const Stack& stack = *state.cooldown;
    const auto losses = evaluate(setup_, stack);
    const double batch = static_cast<double>(stack.specs.front().data.batch_tokens);
    const Throughput throughput{.tokens_per_s = training_s_ > 0
                                                    ? static_cast<double>(trained_steps_) * batch / training_s_ /
                                                          static_cast<double>(plan_.members.size())
                                                    : 0,
                                .wall_s = state.trained_s};
    Json result = {{"schema", "scalelaw.branch/1"}, {"records", Json::array()}, {"curves", Json::object()}};
    for (std::size_t k = 0; k < stack.specs.size(); ++k) {
      const RunRecord record = make_record(stack, k, losses[k], corpus_.manifest.bytes_per_token, throughput, context_);
      result["records"].push_back(to_json(record));
      result["curves"][record.id] = curve_csv(stack, k);
    }
    write_json_file(branch_file(plan_.branches[state.branch]), result);
    write_records(result);
  }

  /// Writes the records of a branch that are not there yet: each curve first, its record last.
  void write_records(const Json& result) {
    for (const Json& value : result.at("records")) {
      const std::string id = value.at("id").get<std::string>();
      if (std::find(ids_.begin(), ids_.end(), id) == ids_.end() || std::filesystem::exists(record_file(id))) continue;
      write_file_atomic(study_ / "curves" / (id + ".csv"), result.at("curves").at(id).get<std::string>());
      write_json_file(record_file(id), value);
      hooks_.report({{"event", TrainerEvent::record},
                     {"run", id},
                     {"loss", value.at("loss").at("nats")},
                     {"status", value.at("outcome").at("status")}});
    }
  }

  void clean_up() const {
    std::error_code ignored;
    std::filesystem::remove(checkpoint_file(), ignored);
    for (const Branch& branch : plan_.branches) std::filesystem::remove(branch_file(branch), ignored);
  }

  const Job& job_;
  std::filesystem::path study_, folder_;
  const TrainerHooks& hooks_;
  TrunkPlan plan_;
  std::vector<std::string> ids_;
  Corpus corpus_;
  StackSetup setup_;
  RunContext context_;
  Clock::time_point started_, last_checkpoint_ = Clock::now(), last_progress_ = Clock::now();
  std::int64_t reported_steps_ = -1;
  std::int64_t trained_steps_ = 0;  // member steps of this session
  double training_s_ = 0;           // of this session
  bool graph_refused_ = false;
};

}  // namespace

ExitCode run_job(const Job& job, const std::filesystem::path& study, const TrainerHooks& hooks) {
  check_job(job);
  return Trainer(job, study, hooks).run();
}

}  // namespace scalelaw::inline train
