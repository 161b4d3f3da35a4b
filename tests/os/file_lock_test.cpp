#include "os/file_lock.hpp"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <optional>

#include "error_of.hpp"
#include "os/process.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;

TEST(FileLock, HeldItRefusesASecondTakerUntilItGoes) {
  const TempFolder folder;
  const auto file = folder / "lock";
  std::optional<FileLock> first(file);
  EXPECT_FALSE(is_locked(file)) << "opened only";
  EXPECT_TRUE(first->try_lock());
  EXPECT_TRUE(first->try_lock()) << "it has it";
  EXPECT_TRUE(is_locked(file));
  FileLock second(file);
  EXPECT_FALSE(second.try_lock());
  FileLock moved = std::move(*first);
  first.reset();
  EXPECT_FALSE(second.try_lock()) << "the lock has moved on";
  { const FileLock last = std::move(moved); }
  EXPECT_FALSE(is_locked(file));
  EXPECT_TRUE(second.try_lock());
}

TEST(FileLock, OfAFolderDoesTheSame) {
  const TempFolder folder;
  std::optional<FileLock> first = FileLock::of_folder(folder.path());
  FileLock second = FileLock::of_folder(folder.path());
  EXPECT_TRUE(first->try_lock());
  EXPECT_FALSE(second.try_lock());
  first.reset();
  EXPECT_TRUE(second.try_lock());
}

TEST(FileLock, IsFreeOnceItsHolderIsKilled) {
  const TempFolder folder;
  const auto file = folder / "lock";
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    FileLock lock(file);
    if (!lock.try_lock() || ::write(ready[1], "x", 1) != 1) ::_exit(1);
    for (;;) ::pause();
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  FileLock lock(file);
  EXPECT_FALSE(lock.try_lock());
  EXPECT_TRUE(is_locked(file));
  ::kill(holder, SIGKILL);
  ASSERT_EQ(::waitpid(holder, nullptr, 0), holder);
  EXPECT_FALSE(is_locked(file));
  EXPECT_TRUE(lock.try_lock());
  for (const int end : ready) ::close(end);
}

TEST(FileLock, AProgramThatIsGivenItHoldsItToItsEnd) {
  const TempFolder folder;
  const auto file = folder / "lock";
  std::optional<FileLock> first(file);
  ASSERT_TRUE(first->try_lock());
  const std::vector<std::string> waits{"sh", "-c", "exec sleep 100"};
  Process without({.argv = waits, .search_path = true});
  Process with({.argv = waits, .search_path = true, .keep_open = {first->fd()}});
  first.reset();
  EXPECT_TRUE(is_locked(file));
  with.signal(SIGKILL);
  with.wait();
  EXPECT_FALSE(is_locked(file)) << "the program that was not given it has it";
  EXPECT_FALSE(without.try_wait());
}

TEST(FileLock, IsWaitedForWhileItsHolderIsWorthIt) {
  const TempFolder folder;
  std::optional<FileLock> first(folder / "lock");
  ASSERT_TRUE(first->try_lock());
  FileLock second(folder / "lock");
  int asked = 0;
  EXPECT_FALSE(second.wait_lock(10s, [&] { return ++asked < 3; }));
  EXPECT_EQ(asked, 3);
  EXPECT_FALSE(second.wait_lock(20ms, [] { return true; }));
  EXPECT_TRUE(second.wait_lock(10s, [&] {
    first.reset();
    return true;
  }));
  EXPECT_TRUE(second.wait_lock(0ms, [] { return false; })) << "it has it";
}

TEST(FileLock, WhatCannotBeOpenedIsNamed) {
  const TempFolder folder;
  const auto missing = folder / "none/lock";
  EXPECT_THAT(error_of(ExitCode::device, [&] { const FileLock lock(missing); }),
              AllOf(HasSubstr("cannot open " + missing.string()), HasSubstr("No such file")));
  std::ofstream(folder / "file").put('x');
  EXPECT_THAT(error_of(ExitCode::device, [&] { (void)FileLock::of_folder(folder / "file"); }),
              HasSubstr("Not a directory"));
  EXPECT_FALSE(is_locked(folder / "other"));
  EXPECT_FALSE(std::filesystem::exists(folder / "other")) << "asking made it";
}

}  // namespace
}  // namespace scalelaw
