// Which records of a study's folder are analysed together.
#include "study/members.hpp"

#include <gmock/gmock.h>

#include "error_of.hpp"
#include "study/status.hpp"
#include "study_fixture.hpp"

namespace scalelaw::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Members : public StudyTest {
 protected:
  StudyConfig simulated_config() const {
    StudyConfig config = small_config();
    config.backend.kind = BackendKind::simulate;
    return config;
  }
  StudyOptions simulated(bool keep = false) const {
    StudyOptions o = options(folder_);
    o.backend.simulate = true;
    o.corpus.reset();
    o.keep_runs = keep;
    return o;
  }
  StudyOptions trained(char corpus, bool keep = false) const {
    StudyOptions o = options(folder_);
    o.corpus = CorpusFacts{std::string(64, corpus), 100000000};
    o.keep_runs = keep;
    return o;
  }
  std::size_t count() const { return load_study_records(folder_, {}).records.size(); }
};

void replace_once(std::string& text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
}

TEST_F(Members, AnotherCorpusInTheSameFolderIsRefusedBeforeAnythingIsMade) {
  ASSERT_EQ(run_study(small_config(), trained('a')).exit_code(), ExitCode::ok);
  const auto before = losses(folder_);
  const std::string error = error_of(ExitCode::usage, [&] { (void)run_study(small_config(), trained('b')); });
  for (const char* part : {"36 runs", "corpus", "aaaaaaaaaaaa", "--out", "--keep-runs"}) {
    EXPECT_THAT(error, HasSubstr(part));
  }
  EXPECT_EQ(losses(folder_), before);
  EXPECT_EQ(load_study_config(folder_).corpus.sha256, std::string(64, 'a')) << "study.toml is as it was";
}

TEST_F(Members, KeptRunsOfAnotherCorpusAreCountedNamedAndLeftOut) {
  ASSERT_EQ(run_study(small_config(), trained('a')).exit_code(), ExitCode::ok);
  const StudySummary summary = run_study(small_config(), trained('b', true));
  EXPECT_THAT(summary.others, ElementsAre(HasSubstr("36 runs: another corpus, aaaaaaaaaaaa")));
  const StudyRecords study = load_study_records(folder_, {});
  EXPECT_EQ(study.records.size(), 36U);
  for (const RunRecord& r : study.records) EXPECT_EQ(r.spec.data.corpus_sha256, std::string(64, 'b'));
  EXPECT_THAT(study.notes, ElementsAre(HasSubstr("36 runs: another corpus, aaaaaaaaaaaa")));
  // the same command again needs no flag: nothing changed
  EXPECT_EQ(run_study(small_config(), trained('b')).made, 0);
  // the others on request, or all
  EXPECT_EQ(load_study_records(folder_, {.where = {"corpus=aaaa"}, .pool = false}).records.size(), 36U);
  EXPECT_EQ(load_study_records(folder_, {.where = {}, .pool = true}).records.size(), 72U);
}

// What was accepted once is asked about again only where the plan itself changes.
TEST_F(Members, AFolderWithKeptRunsAsksAgainOnlyWhenThePlanChanges) {
  ASSERT_EQ(run_study(small_config(), trained('a')).exit_code(), ExitCode::ok);
  ASSERT_EQ(run_study(small_config(), trained('b', true)).exit_code(), ExitCode::ok);
  StudyConfig config = small_config();
  config.analysis.bootstrap = 17;
  config.backend.workers = 3;
  config.compare.studies = 20;
  const StudySummary again = run_study(config, trained('b'));
  EXPECT_TRUE(again.config_changed);
  EXPECT_EQ(again.made, 0);
  EXPECT_THAT(again.others, ElementsAre(HasSubstr("36 runs: another corpus")));
  EXPECT_EQ(load_study_config(folder_).analysis.bootstrap, 17);
  EXPECT_THROW((void)run_study(config, trained('c')), Error);
  EXPECT_THROW((void)run_study(config, trained('a')), Error);
  StudyConfig fewer = config;
  fewer.design.seeds = {1};
  EXPECT_THROW((void)run_study(fewer, trained('b')), Error);
  StudyConfig model = config;
  model.model.spec.context = 32;
  EXPECT_THROW((void)run_study(model, trained('b')), Error);
}

TEST_F(Members, StatusCountsRunsOfThePlanAndThoseKeptApart) {
  ASSERT_EQ(run_study(small_config(), trained('a')).exit_code(), ExitCode::ok);
  StudyConfig fewer = small_config();
  fewer.design.seeds = {1};
  ASSERT_EQ(run_study(fewer, trained('b', true)).exit_code(), ExitCode::ok);
  StudyStatus status = study_status(folder_);
  EXPECT_EQ(status.completed, 18);
  EXPECT_EQ(status.others_kept, 36);
  EXPECT_THAT(status.others, ElementsAre(HasSubstr("36 runs: another corpus, aaaaaaaaaaaa")));
  EXPECT_THAT(describe(status), HasSubstr("of the plan 18 completed, 0 diverged, 0 failed; the last start planned 18"));
  EXPECT_THAT(describe(status), HasSubstr("others kept: 36 records\n  36 runs: another corpus"));
  EXPECT_EQ(to_json(status).at("others_kept"), 36);
  for (const auto& [id, record] : read_records(folder_).records) {  // as a study that has just begun
    if (record.spec.data.corpus_sha256 == std::string(64, 'b')) std::filesystem::remove(record_path(folder_, id));
  }
  status = study_status(folder_);
  EXPECT_EQ(status.completed, 0);
  EXPECT_EQ(status.others_kept, 36);
}

// A study.toml that nobody accepted plans none of the finished runs: they are analysed, hence counted.
TEST_F(Members, AFailedRunDoesNotTurnTheOthersIntoKeptOnes) {
  ASSERT_EQ(run_study(small_config(), trained('a')).exit_code(), ExitCode::ok);
  std::string text = read_text_file(config_path(folder_));
  replace_once(text, "seeds = [0, 1]", "seeds = [7]");
  write_file_atomic(config_path(folder_), text);
  RunRecord record = read_records(folder_).records.begin()->second;
  record.outcome.status = RunStatus::failed;
  record.loss.nats.reset();
  write_record(folder_, record);
  const StudyStatus status = study_status(folder_);
  EXPECT_EQ(status.failed, 1);
  EXPECT_EQ(status.completed, 35);
  EXPECT_EQ(status.others_kept, 0);
}

// Heads follow from the width, so a population has several: a failed run of each width is named.
TEST_F(Members, AFailedRunOfEachWidthIsNamed) {
  ASSERT_EQ(run_study(small_config(), trained('a')).exit_code(), ExitCode::ok);
  std::set<std::int64_t> failed, heads;
  for (auto [id, record] : read_records(folder_).records) {
    heads.insert(record.spec.model.d_head);
    if (!failed.insert(record.spec.model.d_model).second) continue;
    record.outcome.status = RunStatus::failed;
    record.loss.nats.reset();
    write_record(folder_, record);
  }
  ASSERT_GT(heads.size(), 1U) << "or nothing is tried";
  EXPECT_EQ(study_status(folder_).failed, std::ssize(failed));
  const StudyRecords study = load_study_records(folder_, {});
  EXPECT_EQ(
      std::ranges::count_if(study.records, [](const RunRecord& r) { return r.outcome.status == RunStatus::failed; }),
      std::ssize(failed));
}

// study.toml of a version that took a seed twice and any rate: finished, so it is read as it stands.
TEST_F(Members, AnOlderStudyTomlMayHoldWhatIsRefusedToday) {
  ASSERT_EQ(run_study(small_config(), trained('a')).exit_code(), ExitCode::ok);
  std::string text = read_text_file(config_path(folder_));
  replace_once(text, "seeds = [0, 1]", "seeds = [0, 1, 0]");
  replace_once(text, "learning_rates = [0.004, 0.008]", "learning_rates = [0.004, 0.008, 20.0]");
  write_file_atomic(config_path(folder_), text);
  EXPECT_THROW((void)read_study_config(config_path(folder_)), Error);
  EXPECT_EQ(count(), 36U);
  EXPECT_EQ(study_status(folder_).completed, 36);
  EXPECT_TRUE(run_study(small_config(), trained('a')).config_changed);
}

TEST_F(Members, SimulatedRunsNeverJoinTrainedOnes) {
  ASSERT_EQ(run_study(small_config(), trained('a')).exit_code(), ExitCode::ok);
  EXPECT_THROW((void)run_study(simulated_config(), simulated()), Error);
  (void)run_study(simulated_config(), simulated(true));
  const StudyRecords study = load_study_records(folder_, {});
  EXPECT_EQ(study.records.size(), 36U);
  for (const RunRecord& r : study.records) EXPECT_EQ(r.source, RunSource::simulated);
  EXPECT_THAT(study.notes, ElementsAre(HasSubstr("another source, trained")));
}

TEST_F(Members, AConfigThatOnlyAddsRunsIsTakenAndAllAreAnalysed) {
  ASSERT_EQ(run_study(small_config(), trained('a')).exit_code(), ExitCode::ok);
  StudyConfig more = small_config();
  more.design.seeds = {0, 1, 2};
  const StudySummary summary = run_study(more, trained('a'));
  EXPECT_THAT(summary.others, IsEmpty());
  EXPECT_EQ(count(), 54U);
  StudyConfig other_analysis = more;  // no run depends on it
  other_analysis.analysis.bootstrap = 17;
  EXPECT_NO_THROW((void)run_study(other_analysis, trained('a')));
}

TEST_F(Members, OneThatTakesRunsAwayAsks) {
  ASSERT_EQ(run_study(small_config(), trained('a')).exit_code(), ExitCode::ok);
  StudyConfig fewer = small_config();
  fewer.design.learning_rates = {0.004, 0.016};
  EXPECT_THROW((void)run_study(fewer, trained('a')), Error);
  const StudySummary summary = run_study(fewer, trained('a', true));
  EXPECT_THAT(summary.others, ElementsAre(HasSubstr("18 runs of the same population that the plan does not hold")));
  EXPECT_EQ(count(), 36U);
}

TEST_F(Members, RunsThatResultsCalledForAreMembers) {
  StudyConfig config = small_config();
  config.design.lr_extend = 2;
  config.design.branch_checks = 2;
  const StudySummary summary = run_study(config, trained('a'));
  ASSERT_FALSE(summary.added.empty());
  const StudyRecords study = load_study_records(folder_, {});
  EXPECT_EQ(static_cast<std::int64_t>(study.records.size()), summary.planned);
  EXPECT_THAT(study.notes, IsEmpty());
}

// A study.toml of an earlier version names no corpus hash, and may say auto.
TEST_F(Members, AnOlderStudyTomlIsReadByWhatTheRecordsSay) {
  ASSERT_EQ(run_study(small_config(), trained('a')).exit_code(), ExitCode::ok);
  StudyConfig old = small_config();
  write_study_config(folder_, old);
  EXPECT_EQ(count(), 36U);
  old.backend.kind = BackendKind::automatic;
  write_study_config(folder_, old);
  EXPECT_EQ(count(), 36U);
  EXPECT_FALSE(run_study(small_config(), trained('a')).config_changed);
  // two corpora under such a file: nobody can say which is meant
  ASSERT_EQ(run_study(small_config(), trained('b', true)).exit_code(), ExitCode::ok);
  write_study_config(folder_, old);
  EXPECT_THROW((void)load_study_records(folder_, {}), Error);
}

TEST_F(Members, ARecordOfNoPlanIsAnalysedWhereNoneIsOfTheStudys) {
  ASSERT_EQ(run_study(small_config(), trained('a')).exit_code(), ExitCode::ok);
  StudyConfig foreign = small_config();
  foreign.corpus.sha256 = std::string(64, 'c');
  write_study_config(folder_, foreign);
  const StudyRecords study = load_study_records(folder_, {});
  EXPECT_EQ(study.records.size(), 36U);
  EXPECT_THAT(study.notes, ElementsAre(HasSubstr("none of the 36 runs is one that study.toml plans")));
}

TEST_F(Members, ACutStudyIsAnalysedAsFarAsItGot) {
  ASSERT_EQ(run_study(small_config(), trained('a')).exit_code(), ExitCode::ok);
  std::size_t removed = 0;
  for (const auto& [id, record] : read_records(folder_).records) {
    if (removed == 7) break;
    std::filesystem::remove(record_path(folder_, id));
    ++removed;
  }
  EXPECT_EQ(count(), 29U);
}

}  // namespace
}  // namespace scalelaw::testing
