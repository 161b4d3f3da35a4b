#include "os/process.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "error_of.hpp"
#include "os/files.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// A command of the shell whose two streams are read.
Program shell(const std::string& command) {
  return {.argv = {"sh", "-c", command}, .file = "/bin/sh", .output = Stream::pipe, .error = Stream::pipe};
}

std::string said_by(const Program& program) { return Process(program).read_all(); }

std::string end_of(const std::string& command) { return describe(Process(shell(command)).wait()); }

/// Tells when the last process that has its write end is gone.
struct Witness {
  UniqueFd read, write;

  Witness() {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }
  /// Whether all of them end within the time, this process's own write end aside.
  [[nodiscard]] bool sees_the_end(int within_ms) {
    write.reset();
    pollfd news{read.get(), POLLIN, 0};
    char byte = 0;
    return ::poll(&news, 1, within_ms) == 1 && ::read(read.get(), &byte, 1) == 0;
  }
};

constexpr int kSoon_ms = 30000, kMoment_ms = 100;

TEST(UniqueFd, HasOneOwnerAndIsClosedWithIt) {
  const auto is_open = [](int fd) { return ::fcntl(fd, F_GETFD) >= 0; };
  EXPECT_FALSE(UniqueFd());
  UniqueFd a(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int fd = a.get();
  ASSERT_TRUE(a);
  UniqueFd b = std::move(a);
  EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): it has none
  EXPECT_EQ(b.get(), fd);
  const int other = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  b = UniqueFd(other);
  EXPECT_FALSE(is_open(fd));
  EXPECT_EQ(b.release(), other);
  EXPECT_TRUE(is_open(other));
  { const UniqueFd last(other); }
  EXPECT_FALSE(is_open(other));
}

TEST(Process, GivesWhatIsPrintedAndTheExitCode) {
  Process process(shell("echo one; echo two >&2; printf three; exit 4"));
  EXPECT_EQ(process.read_all(), "one\ntwo\nthree");
  EXPECT_EQ(process.output(), -1) << "its end was read";
  const ProcessEnd end = process.wait();
  EXPECT_EQ(end.exit_code(), 4);
  EXPECT_EQ(describe(end), "exit code 4");
  EXPECT_EQ(process.wait().status, end.status) << "asked again";
}

TEST(Process, SaysWhichSignalEndedIt) {
  EXPECT_EQ(end_of("kill -9 $$"), "killed by signal 9 (Killed)");
  EXPECT_EQ(end_of("kill -TERM $$"), "killed by signal 15 (Terminated)");
  EXPECT_EQ(end_of("exit 0"), "exit code 0");
  EXPECT_EQ(Process(shell("kill -9 $$")).wait().exit_code(), -1);
}

TEST(Process, AMissingProgramIsAnErrorThatNamesIt) {
  EXPECT_THAT(error_of(ExitCode::device, [] { const Process process({.argv = {"/no/such/program"}}); }),
              AllOf(HasSubstr("cannot start /no/such/program"), HasSubstr("No such file")));
  EXPECT_THAT(error_of(ExitCode::device, [] { const Process process({.argv = {"sh"}}); }), HasSubstr("cannot start sh"))
      << "it is not looked for unless asked";
  Program program = shell("");
  program.file = "/no/such/program";
  program.must_start = false;
  Process process(program);
  EXPECT_EQ(process.read_all(), "error: cannot start /no/such/program: No such file or directory\n");
  EXPECT_EQ(process.wait().exit_code(), 127);
}

TEST(Process, ReadsWhatIsThereWithoutWaiting) {
  const TempFolder folder;
  const std::string go = (folder / "go").string();
  ASSERT_EQ(::mkfifo(go.c_str(), 0600), 0);
  Process process(shell("echo one; read word <'" + go + "'; echo two"));
  pollfd news{process.output(), POLLIN, 0};
  ASSERT_EQ(::poll(&news, 1, kSoon_ms), 1);
  EXPECT_EQ(process.read_available(), "one\n");
  EXPECT_EQ(process.read_available(), "");
  EXPECT_FALSE(process.try_wait());
  const UniqueFd word(::open(go.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::write(word.get(), "x\n", 2), 2);
  EXPECT_EQ(process.read_all(), "two\n");
  EXPECT_EQ(process.wait().status, 0);
}

TEST(Process, ItsStreamsGoWhereTheyAreSent) {
  const TempFolder folder;
  write_file_atomic(folder / "log", "before\n");
  Program program = shell("cat; echo out; echo err >&2");
  program.no_input = true;
  program.error = Stream::file;
  program.log = folder / "log";
  EXPECT_EQ(said_by(program), "out\n");
  EXPECT_EQ(read_text_file(folder / "log"), "before\nerr\n");
  program.error = Stream::null;
  EXPECT_EQ(said_by(program), "out\n");
  program.error = Stream::file;
  program.log = folder / "none/log";
  EXPECT_THAT(error_of(ExitCode::device, [&] { const Process process(program); }),
              HasSubstr("cannot open " + program.log.string()));
}

TEST(Process, StartsWithoutAStandardInputOfOurs) {
  const UniqueFd kept(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10));
  ::close(STDIN_FILENO);  // so that a pipe would get its number
  Program program = shell("cat; echo out");
  program.no_input = true;
  EXPECT_EQ(said_by(program), "out\n");
  ::dup2(kept.get(), STDIN_FILENO);
}

TEST(Process, VariablesAreAddedChangedAndLeftOut) {
  for (const char* name : {"SCALELAW_A", "SCALELAW_B", "SCALELAW_OTHER"}) ::setenv(name, "ours", 1);
  Program program = shell("echo \"$SCALELAW_A $SCALELAW_B $SCALELAW_C ${SCALELAW_OTHER-none}\"");
  EXPECT_EQ(said_by(program), "ours ours  ours\n");
  program.environment = {{"SCALELAW_A", "1"}, {"SCALELAW_C", "3"}};
  program.without = {"SCALELAW_O"};
  EXPECT_EQ(said_by(program), "1 ours 3 none\n");
  EXPECT_STREQ(std::getenv("SCALELAW_A"), "ours") << "this process's own are as they were";
  for (const char* name : {"SCALELAW_A", "SCALELAW_B", "SCALELAW_OTHER"}) ::unsetenv(name);
}

TEST(Process, GetsNoDescriptorButThoseNamed) {
  const Witness first, second;
  Process other(shell("exec sleep 100"));
  std::string command;
  for (const int fd : {first.write.get(), second.write.get(), other.output()}) {
    command += "[ -e /proc/$$/fd/" + std::to_string(fd) + " ] && echo " + std::to_string(fd) + "; ";
  }
  Program program = shell(command);
  EXPECT_EQ(said_by(program), "");
  program.keep_open = {second.write.get()};
  EXPECT_EQ(said_by(program), std::to_string(second.write.get()) + "\n");
  EXPECT_NE(::fcntl(second.write.get(), F_GETFD) & FD_CLOEXEC, 0) << "for the next program";
}

TEST(Process, IsKilledWithItsParentIfAsked) {
  Witness witness;
  std::array<int, 2> started{};
  ASSERT_EQ(::pipe(started.data()), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    Program program{.argv = {"sleep", "100"}, .search_path = true};
    program.dies_with_parent = true;
    program.keep_open = {witness.write.get()};
    const Process process(program);
    if (::write(started[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(started[0], &byte, 1), 1);
  ::kill(parent, SIGKILL);
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
  EXPECT_TRUE(witness.sees_the_end(kSoon_ms)) << "it outlives its parent";
  for (const int end : started) ::close(end);
}

TEST(Process, OneThatIsNotWaitedForIsKilledWithItsOwner) {
  Witness witness;
  Program program = shell("sleep 100 & sleep 100");
  program.keep_open = {witness.write.get()};
  program.own_group = true;
  {
    Process first(program);
    const Process moved = std::move(first);
    EXPECT_FALSE(witness.sees_the_end(kMoment_ms));
  }
  EXPECT_TRUE(witness.sees_the_end(kSoon_ms)) << "it or its child lives on";
}

TEST(Process, ASignalReachesItsGroupEvenAfterItsEnd) {
  Witness witness;
  Program program = shell("sleep 100 & exit 3");
  program.keep_open = {witness.write.get()};
  program.own_group = true;
  Process process(program);
  EXPECT_EQ(process.wait().exit_code(), 3);
  EXPECT_FALSE(witness.sees_the_end(kMoment_ms)) << "its child lives on";
  process.signal(SIGKILL);
  EXPECT_TRUE(witness.sees_the_end(kSoon_ms));
  EXPECT_EQ(process.read_all(), "");
}

TEST(Process, StartsWithTheSignalMaskItIsGiven) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &blocked, &before);
  Program program = shell("kill -TERM $$; echo lives");
  EXPECT_EQ(said_by(program), "lives\n") << "ours";
  program.blocked_signals = before;
  EXPECT_EQ(said_by(program), "");
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST(Process, CountsTheProcessorTimeItTook) {
  Process busy(shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"));
  EXPECT_GT(busy.wait().processor_s, 0.001);
  Process idle(shell("sleep 0.2"));
  EXPECT_LT(idle.wait().processor_s, 0.2);
}

}  // namespace
}  // namespace scalelaw
