// scalelaw corpus as a program: output, exit codes, and what a failed build leaves behind.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <thread>

#include "core/json.hpp"
#include "core/rng.hpp"
#include "corpus/corpus.hpp"
#include "os/files.hpp"
#include "program.hpp"
#include "wait_until.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

const std::string kProgram = std::string(SCALELAW_BINARY_DIR) + "/scalelaw";

std::string some_text(std::size_t bytes) {
  Rng rng = make_rng(1, "cli-corpus-test");
  std::string text;
  while (text.size() < bytes) {
    const std::uint64_t length = 20 + uniform_below(rng, 200);
    for (std::uint64_t i = 0; i < length; ++i) text += static_cast<char>('a' + uniform_below(rng, 20));
    text += "\n\n";
  }
  return text;
}

class CorpusCommand : public testing::Test {
 protected:
  void SetUp() override { write_file_atomic(folder_ / "text.txt", some_text(400'000)); }
  /// Runs a shell command in the test's folder; $scalelaw is the program.
  [[nodiscard]] ProgramResult shell(const std::string& command) const {
    return run_program({"sh", "-c", command}, {.folder = folder_, .environment = {{"scalelaw", kProgram}}});
  }
  /// The command must end with this code and one line of error, and leave no folder of that name nor a temporary one.
  [[nodiscard]] std::string failed(int code, const std::string& command, const std::string& out = "c") const {
    const ProgramResult e = shell(command);
    e.expect_error(code, "");
    EXPECT_FALSE(fs::exists(folder_ / out));
    EXPECT_FALSE(fs::exists(folder_ / (out + ".tmp")));
    return e.err;
  }
  TempFolder folder_;
};

TEST_F(CorpusCommand, BuildsShowsAndChecks) {
  const ProgramResult built =
      shell("$scalelaw corpus build --input text.txt --out c --name mine --validation-fraction 0.1");
  ASSERT_EQ(built.code, 0) << built.err;
  EXPECT_EQ(built.err, "");
  EXPECT_THAT(built.out, testing::AllOf(HasSubstr("mine"), HasSubstr("bigram entropy"), HasSubstr("text.txt")));
  EXPECT_EQ(shell("$scalelaw corpus info c").out, built.out);
  const ProgramResult checked = shell("$scalelaw corpus info c --check --json -");
  EXPECT_EQ(checked.code, 0);
  EXPECT_EQ(Json::parse(checked.out), read_json_file(folder_ / "c/manifest.json"));
  EXPECT_EQ(shell("$scalelaw --quiet corpus info c").out, "");
  EXPECT_EQ(shell("$scalelaw corpus info c --json info.json").code, 0);
  EXPECT_EQ(read_json_file(folder_ / "info.json")["name"], "mine");
}

TEST_F(CorpusCommand, StandardInputIsThatOfAFile) {
  ASSERT_EQ(shell("$scalelaw corpus build --input text.txt --out a --validation-fraction 0.1").code, 0);
  ASSERT_EQ(shell("$scalelaw corpus build --input - --out b --validation-fraction 0.1 < text.txt").code, 0);
  ASSERT_EQ(shell("gzip -c text.txt | $scalelaw corpus build --input - --out d --validation-fraction 0.1").code, 0);
  const std::string sha256 = load_manifest(folder_ / "a").sha256;
  EXPECT_EQ(load_manifest(folder_ / "b").sha256, sha256);
  EXPECT_EQ(load_manifest(folder_ / "d").sha256, sha256);
}

TEST_F(CorpusCommand, SynthesizesAStreamOfKnownEntropy) {
  const ProgramResult e =
      shell("$scalelaw corpus synth --out m --order 1 --symbols 8 --tokens 200000 --seed 3 --json -");
  ASSERT_EQ(e.code, 0) << e.err;
  const Json manifest = Json::parse(e.out);
  EXPECT_NEAR(manifest["entropy_rate_nats"].get<double>(), manifest["entropy_nats"]["bigram"].get<double>(), 0.01);
  EXPECT_EQ(manifest["generator"]["params"]["seed"], 3);
  EXPECT_EQ(shell("$scalelaw corpus info m --check").code, 0);
}

TEST_F(CorpusCommand, WrongInputEndsWithOneLineAndExitCodeThree) {
  write_file_atomic(folder_ / "empty.txt", "");
  write_file_atomic(folder_ / "small.txt", some_text(3000));
  write_file_atomic(folder_ / "bad.jsonl", "{\"text\": \"a\"}\n{\"body\": \"b\"}\n");
  EXPECT_THAT(failed(3, "$scalelaw corpus build --input none.txt --out c"), HasSubstr("none.txt: no such file"));
  EXPECT_THAT(failed(3, "$scalelaw corpus build --input 'x*.txt' --out c"), HasSubstr("matches no file"));
  EXPECT_THAT(failed(3, "$scalelaw corpus build --input empty.txt --out c"), HasSubstr("no text"));
  EXPECT_THAT(failed(3, "$scalelaw corpus build --input small.txt --out c"), HasSubstr("at least 100000"));
  EXPECT_THAT(failed(3, "$scalelaw corpus build --input bad.jsonl --out c"),
              testing::AllOf(HasSubstr("bad.jsonl:2"), HasSubstr("body"), HasSubstr("--field")));
  EXPECT_THAT(failed(3, "$scalelaw corpus build --input - --out c < /dev/null"), HasSubstr("no text"));
  EXPECT_THAT(failed(3, "gzip -c text.txt | head -c 5000 | $scalelaw corpus build --input - --out c"),
              testing::AllOf(HasSubstr("standard input"), HasSubstr("cut off")));
  EXPECT_THAT(failed(3, "$scalelaw corpus info c"), HasSubstr("scalelaw corpus build"));
}

TEST_F(CorpusCommand, WrongUsageEndsWithOneLineAndExitCodeTwo) {
  EXPECT_THAT(failed(2, "$scalelaw corpus build --out c"), HasSubstr("--input"));
  EXPECT_THAT(failed(2, "$scalelaw corpus build --input text.txt --out c --format csv"), HasSubstr("--format"));
  EXPECT_THAT(failed(2, "$scalelaw corpus build --input text.txt --out c --validation-fraction 2"),
              HasSubstr("--validation-fraction"));
  EXPECT_THAT(failed(2, "$scalelaw corpus build --input text.txt --out c --documents json-line"),
              HasSubstr("--format jsonl"));
  EXPECT_THAT(failed(2, "$scalelaw corpus build --input text.txt --out c --documents stream"),
              HasSubstr("{blank-line,entry,file,json-line}"));
  EXPECT_THAT(failed(2, "$scalelaw corpus synth --out c --symbols 1000"), HasSubstr("2 .. 256"));
  (void)failed(2, "$scalelaw corpus");
  const ProgramResult e = shell("mkdir mine && touch mine/notes && $scalelaw corpus build --input text.txt --out mine");
  EXPECT_EQ(e.code, 2);
  EXPECT_THAT(e.err, HasSubstr("notes"));
  EXPECT_TRUE(fs::exists(folder_ / "mine/notes"));
}

TEST_F(CorpusCommand, AFullDiskEndsWithExitCodeFourAndLeavesNothing) {
  fs::create_directory(folder_ / "disk");
  const std::string mount = "unshare -rm sh -c 'mount -t tmpfs -o size=200k tmpfs disk && ";
  if (shell(mount + "true'").code != 0)
    GTEST_SKIP() << "no file system may be mounted here, not even in a namespace of our own";
  const ProgramResult e = shell(
      "export scalelaw; " + mount +
      "{ $scalelaw corpus build --input text.txt --out disk/c --validation-fraction 0.1; echo code $?; ls -A disk; }'");
  EXPECT_EQ(e.out, "code 4\n") << "files are left on the full disk, or another exit code";
  EXPECT_THAT(e.err, testing::AllOf(testing::StartsWith("error: cannot write"), HasSubstr("No space left"),
                                    HasSubstr("free some space")));
}

TEST_F(CorpusCommand, AFileSizeLimitIsLikeAFullDisk) {
  const std::string message = failed(
      4, "trap '' XFSZ; ulimit -f 100; $scalelaw corpus build --input text.txt --out c --validation-fraction 0.1");
  EXPECT_THAT(message, HasSubstr("train.bin"));
}

TEST_F(CorpusCommand, AFolderThatCannotBeWrittenEndsWithExitCodeFour) {
  EXPECT_THAT(failed(4, "$scalelaw corpus build --input text.txt --out text.txt/c", "text.txt/c"),
              HasSubstr("text.txt"));
}

/// A build that waits for more of its input.
class WaitingBuild {
 public:
  explicit WaitingBuild(const std::string& out) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    const UniqueFd input(ends[0]), ours(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10));
    feed_ = UniqueFd(ends[1]);
    ::signal(SIGINT, SIG_DFL);  // which a shell's background jobs ignore
    ::dup2(input.get(), STDIN_FILENO);
    process_.emplace(
        Program{.argv = {kProgram, "--quiet", "corpus", "build", "--input", "-", "--out", out}, .error = Stream::null});
    ::dup2(ours.get(), STDIN_FILENO);
    const std::string text = some_text(10'000);  // less than a chunk: the program waits for more
    EXPECT_EQ(::write(feed_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  /// How it ends after one Ctrl-C; none where that does not end it within ten seconds.
  [[nodiscard]] std::optional<ProcessEnd> interrupt() {
    process_->signal(SIGINT);
    if (!wait_for_end(process_->pid(), std::chrono::seconds(10))) return std::nullopt;
    return process_->wait();
  }

 private:
  UniqueFd feed_;
  std::optional<Process> process_;
};

TEST_F(CorpusCommand, CtrlCEndsWithExitCode130AndLeavesNothing) {
  const std::string out = (folder_ / "c").string();
  WaitingBuild build(out);
  ASSERT_TRUE(wait_until({.folder = folder_}, [&] { return fs::exists(out + ".tmp/validation.bin"); }));
  const std::optional<ProcessEnd> end = build.interrupt();
  ASSERT_TRUE(end);
  EXPECT_EQ(end->exit_code(), 130) << describe(*end);
  EXPECT_FALSE(fs::exists(out));
  EXPECT_FALSE(fs::exists(out + ".tmp"));
}

TEST_F(CorpusCommand, APipeWithoutAWriterIsLeftWithCtrlC) {
  const std::string pipe = (folder_ / "pipe").string(), out = (folder_ / "c").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(shell("timeout --preserve-status -k 5 -s INT 0.5 $scalelaw corpus build --input pipe --out c").code, 130);
  EXPECT_FALSE(fs::exists(out));
  const ProgramResult fed = shell(
      "cat text.txt > pipe & $scalelaw corpus build --input pipe --out c --validation-fraction 0.1; code=$?; wait; "
      "exit $code");
  EXPECT_EQ(fed.code, 0) << fed.err;
  EXPECT_TRUE(fs::exists(out));
}

TEST_F(CorpusCommand, NoMomentIsBlindToCtrlC) {
  for (int i = 0; i < 60; ++i) {  // before it catches signals, while it opens its files, in the wait for input
    const std::string out = (folder_ / fmt::format("c{}", i)).string();
    WaitingBuild build(out);
    std::this_thread::sleep_for(std::chrono::microseconds(400 * i));  // the moment is the point
    const std::optional<ProcessEnd> end = build.interrupt();
    ASSERT_TRUE(end) << "one Ctrl-C after " << 400 * i << " us was overlooked";
    EXPECT_TRUE(WIFSIGNALED(end->status) || end->exit_code() == 130) << describe(*end);
    EXPECT_FALSE(fs::exists(out));
    EXPECT_FALSE(fs::exists(out + ".tmp"));
  }
}

}  // namespace
}  // namespace scalelaw
