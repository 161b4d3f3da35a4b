// The test program, and, called with "fake-trainer", the trainer its tests use.
#include <gmock/gmock.h>

#include "study/fake_trainer.hpp"

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "fake-trainer") {
    return scalelaw::testing::fake_trainer_main({argv + 2, argv + argc});
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
