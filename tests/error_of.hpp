#pragma once
// What an operation that must fail says.
#include <gtest/gtest.h>

#include <string>

#include "os/error.hpp"

namespace scalelaw {

/// The message of the Error that `call` throws with this exit code; a test failure (and "") where it does not.
template <class Call>
std::string error_of(ExitCode code, const Call& call) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(static_cast<int>(e.code()), static_cast<int>(code)) << e.what();
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << "an error is one line: " << e.what();
    return e.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

}  // namespace scalelaw
