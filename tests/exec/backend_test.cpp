#include "exec/backend.hpp"

#include <gmock/gmock.h>

#include "error_of.hpp"

namespace scalelaw {
namespace {

using ::testing::HasSubstr;

const Environment kBare{.cpu_trainer = "", .cuda_trainer = "", .cuda_devices = 0, .cores = 4};
const Environment kCpu{.cpu_trainer = "/b/scalelaw-trainer", .cuda_trainer = "", .cuda_devices = 0, .cores = 4};
const Environment kGpu{
    .cpu_trainer = "/b/scalelaw-trainer", .cuda_trainer = "/b/scalelaw-trainer-cuda", .cuda_devices = 2, .cores = 4};

BackendChoice choose(BackendKind kind, AskedDevice device, const Environment& environment) {
  BackendConfig config;
  config.kind = kind;
  config.device = device;
  config.command = {"sh", "{job}"};
  return choose_backend(config, 1, environment);
}

void expect_device_error(BackendKind kind, AskedDevice device, const Environment& environment,
                         const std::string& text) {
  EXPECT_THAT(error_of(ExitCode::device, [&] { (void)choose(kind, device, environment); }), HasSubstr(text));
}

TEST(ChooseBackend, AutoWithoutCudaSimulatesAndSaysWhyAsItsPlanDoes) {
  for (const Environment& environment : {kBare, kCpu}) {
    const BackendChoice choice = choose(BackendKind::automatic, AskedDevice::automatic, environment);
    EXPECT_TRUE(choice.simulate);
    EXPECT_EQ(choice.fallback, "no CUDA device here");
    EXPECT_TRUE(planned_backend({}, 1, environment).simulate) << "plan says what study does";
    EXPECT_EQ(planned_backend({}, 1, environment).fallback, choice.fallback);
  }
}

TEST(ChooseBackend, AutoWithACudaDeviceButNoCudaTrainerSimulatesAndSaysWhy) {
  Environment environment = kGpu;
  environment.cuda_trainer.clear();
  const BackendChoice choice = choose(BackendKind::automatic, AskedDevice::automatic, environment);
  EXPECT_TRUE(choice.simulate);
  EXPECT_THAT(choice.fallback, HasSubstr("scalelaw-trainer-cuda is not built"));
}

TEST(ChooseBackend, AutoWithCudaTrainsThereWithOneWorkerADevice) {
  const BackendChoice choice = choose(BackendKind::automatic, AskedDevice::automatic, kGpu);
  EXPECT_FALSE(choice.simulate);
  EXPECT_EQ(choice.device, DeviceKind::cuda);
  EXPECT_EQ(choice.workers, 2);
  EXPECT_EQ(choice.command.front(), "/b/scalelaw-trainer-cuda");
}

TEST(ChooseBackend, SeveralJobsMayShareADevice) {
  BackendConfig config;
  config.kind = BackendKind::train;
  config.jobs_per_device = 3;
  EXPECT_EQ(choose_backend(config, 1, kGpu).workers, 6);
  EXPECT_EQ(choose_backend(config, 1, kCpu).workers, 4);
  config.workers = 5;
  EXPECT_EQ(choose_backend(config, 1, kGpu).workers, 5);
}

TEST(VisibleDevice, IsTheUsersOwnWhereTheyNamedSome) {
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_EQ(visible_device(1), "1");
  ::setenv("CUDA_VISIBLE_DEVICES", "3,GPU-8a2f", 1);
  EXPECT_EQ(visible_device(0), "3");
  EXPECT_EQ(visible_device(1), "GPU-8a2f");
  EXPECT_EQ(visible_device(2), "2");
  ::unsetenv("CUDA_VISIBLE_DEVICES");
}

TEST(ChooseBackend, TrainOnDeviceAutoTakesCudaIfPossibleElseTheCpuWithOneWorkerACore) {
  EXPECT_EQ(choose(BackendKind::train, AskedDevice::automatic, kGpu).device, DeviceKind::cuda);
  EXPECT_EQ(choose(BackendKind::train, AskedDevice::automatic, kCpu).device, DeviceKind::cpu);
  EXPECT_EQ(choose(BackendKind::train, AskedDevice::automatic, kCpu).workers, 4);
  EXPECT_EQ(choose(BackendKind::train, AskedDevice::cpu, kGpu).device, DeviceKind::cpu);
}

TEST(ChooseBackend, ThreadsPerWorkerDivideTheCores) {
  BackendConfig config;
  config.kind = BackendKind::train;
  EXPECT_EQ(choose_backend(config, 2, kCpu).workers, 2);
  EXPECT_EQ(choose_backend(config, 16, kCpu).workers, 1);
  config.workers = 7;
  EXPECT_EQ(choose_backend(config, 1, kCpu).workers, 7);
}

TEST(ChooseBackend, AMissingTrainerIsADeviceErrorThatSaysHowToBuildIt) {
  expect_device_error(BackendKind::train, AskedDevice::cpu, kBare, "cmake --build --preset release");
  Environment environment = kGpu;
  environment.cuda_trainer.clear();
  expect_device_error(BackendKind::train, AskedDevice::cuda, environment, "cmake --preset cuda");
}

TEST(ChooseBackend, CudaAskedForWhereThereIsNoneIsADeviceError) {
  expect_device_error(BackendKind::train, AskedDevice::cuda, kCpu, "no CUDA device");
  expect_device_error(BackendKind::automatic, AskedDevice::cuda, kCpu, "no CUDA device");
}

TEST(ChooseBackend, ACommandIsTakenAsGiven) {
  const BackendChoice choice = choose(BackendKind::command, AskedDevice::automatic, kBare);
  EXPECT_EQ(choice.command, (std::vector<std::string>{"sh", "{job}"}));
  EXPECT_EQ(choice.device, DeviceKind::cpu);
}

}  // namespace
}  // namespace scalelaw
