#include "os/files.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>
#include <vector>

#include "error_of.hpp"
#include "os/error.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  return names;
}

/// No file may grow beyond this: what a full disk looks like to write(2), without root.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = ::signal(SIGXFSZ, SIG_IGN);  // so that write fails with EFBIG
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = SIG_DFL;
};

TEST(WriteFileAtomic, WritesEveryByteAndLeavesNoOtherFile) {
  const TempFolder folder;
  const std::string bytes("a\0b\r\n\xff", 6);
  write_file_atomic(folder / "new/sub/file", bytes);
  EXPECT_EQ(read_text_file(folder / "new/sub/file"), bytes);
  write_file_atomic(folder / "new/sub/file", "");
  EXPECT_EQ(read_text_file(folder / "new/sub/file"), "");
  EXPECT_EQ(names_in(folder / "new/sub"), std::vector<std::string>{"file"});
}

TEST(WriteFileAtomic, AFullDiskLeavesTheOldFileAndNothingElse) {
  const TempFolder folder;
  write_file_atomic(folder / "file", "old");
  std::string message;
  {
    const FileSizeLimit limit(1000);
    message = error_of(ExitCode::device, [&] { write_file_atomic(folder / "file", std::string(100'000, 'x')); });
  }
  EXPECT_THAT(message, HasSubstr((folder / "file").string()));
  EXPECT_EQ(read_text_file(folder / "file"), "old");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"file"});
}

TEST(WriteFileAtomic, AMissingPermissionOrAFileAsFolderIsAnEnvironmentError) {
  const TempFolder folder;
  write_file_atomic(folder / "file", "x");
  EXPECT_THAT(error_of(ExitCode::device, [&] { write_file_atomic(folder / "file/below", "y"); }), HasSubstr("file"));
  fs::create_directory(folder / "target");
  const std::string message = error_of(ExitCode::device, [&] { write_file_atomic(folder / "target", "y"); });
  EXPECT_THAT(message, HasSubstr("target"));
  EXPECT_EQ(names_in(folder.path()).size(), 2U) << "the temporary file was left behind";
}

TEST(WriteFileAtomic, AReaderSeesTheOldOrTheNewBytesOnly) {
  const TempFolder folder;
  const std::string a(200'000, 'a'), b(300'000, 'b');
  write_file_atomic(folder / "file", a);
  std::jthread writer([&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) write_file_atomic(folder / "file", i % 2 == 0 ? b : a);
  });
  for (int i = 0; i < 300; ++i) {
    const std::string seen = read_text_file(folder / "file");
    ASSERT_TRUE(seen == a || seen == b) << seen.size() << " bytes";
  }
}

TEST(AppendLine, FullDeviceIsAnEnvironmentErrorWithAdvice) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "this system has no /dev/full";
  const std::string message = error_of(ExitCode::device, [] { append_line("/dev/full", "x"); });
  EXPECT_THAT(message, HasSubstr("/dev/full"));
  EXPECT_THAT(message, HasSubstr("free some space"));
}

TEST(AppendLine, LinesOfConcurrentProcessesNeverMix) {
  const TempFolder folder;
  const fs::path log = folder / "events.jsonl";
  constexpr int kProcesses = 4, kLines = 200;
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int i = 0; i < kLines; ++i) append_line(log, std::string(500, static_cast<char>('a' + p)));
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  std::ifstream in(log);
  int lines = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    ASSERT_EQ(line.size(), 500U);
    ASSERT_EQ(line.find_first_not_of(line[0]), std::string::npos);
  }
  EXPECT_EQ(lines, kProcesses * kLines);
}

TEST(ReadTextFile, MissingFileAndFolderAreDataErrorsThatNameThePath) {
  const TempFolder folder;
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read_text_file(folder / "none"); }),
              HasSubstr((folder / "none").string()));
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read_text_file(folder.path()); }), HasSubstr("is a folder"));
}

TEST(MakeFolder, MakesParentsAndAcceptsWhatIsThere) {
  const TempFolder folder;
  make_folder(folder / "a/b/c");
  make_folder(folder / "a/b/c");
  EXPECT_TRUE(fs::is_directory(folder / "a/b/c"));
  write_file_atomic(folder / "file", "x");
  EXPECT_THAT(error_of(ExitCode::device, [&] { make_folder(folder / "file/x"); }), HasSubstr("file"));
  error_of(ExitCode::device, [&] { make_folder(folder / "file"); });
}

TEST(ProgramFolder, HoldsThisTest) {
  bool found = false;
  for (const auto& name : names_in(program_folder())) found = found || name.starts_with("test_os");
  EXPECT_TRUE(found) << program_folder();
}

}  // namespace
}  // namespace scalelaw
