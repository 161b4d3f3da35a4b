#pragma once
// Watches every operation of LibTorch and notes what a step on a device must not do: make or take a tensor elsewhere,
// copy between devices, or ask the host for a value.
#include <ATen/record_function.h>
#include <torch/torch.h>

#include <mutex>
#include <set>
#include <string>

namespace scalelaw::cuda {

class DeviceObserver {
 public:
  explicit DeviceObserver(const at::Device& expected) {
    seen().clear();
    operations() = 0;
    wanted() = expected.type();
    handle_ = at::addGlobalCallback(
        at::RecordFunctionCallback(
            [](const at::RecordFunction& f) -> std::unique_ptr<at::ObserverContext> {
              look(f, f.inputs(), "takes");
              return nullptr;
            },
            [](const at::RecordFunction& f, at::ObserverContext*) { look(f, f.outputs(), "makes"); })
            .needsInputs(true)
            .needsOutputs(true)
            .scopes({at::RecordScope::FUNCTION}));
  }
  DeviceObserver(const DeviceObserver&) = delete;
  DeviceObserver& operator=(const DeviceObserver&) = delete;
  ~DeviceObserver() { at::removeCallback(handle_); }

  /// "aten::add takes a tensor on cpu", each once.
  [[nodiscard]] const std::set<std::string>& violations() const { return seen(); }
  [[nodiscard]] int operations_seen() const { return operations(); }

 private:
  static std::set<std::string>& seen() {
    static std::set<std::string> one;
    return one;
  }
  static int& operations() {
    static int one = 0;
    return one;
  }
  static at::DeviceType& wanted() {
    static at::DeviceType one = at::kCPU;
    return one;
  }

  template <class Values>
  static void look(const at::RecordFunction& f, const Values& values, const char* does) {
    static std::mutex mutex;  // SDPA's backward may run on a thread of its own
    const std::lock_guard lock(mutex);
    const std::string name = f.name();
    ++operations();
    static const std::set<std::string> asks_the_host = {"aten::item", "aten::_local_scalar_dense", "aten::is_nonzero",
                                                        "aten::nonzero", "aten::equal"};
    if (asks_the_host.contains(name)) seen().insert(name + " asks the host");
    for (const c10::IValue& value : values) {
      if (value.isTensor()) {
        check(name, value.toTensor(), does);
      } else if (value.isTensorList()) {
        for (const at::Tensor& tensor : value.toTensorVector()) check(name, tensor, does);
      }
    }
  }
  static void check(const std::string& name, const at::Tensor& tensor, const char* does) {
    if (!tensor.defined() || tensor.device().type() == wanted()) return;
    // a number in an expression travels as a tensor without dimensions on the CPU and becomes a kernel's argument
    if (tensor.device().is_cpu() && tensor.dim() == 0 && tensor.unsafeGetTensorImpl()->is_wrapped_number()) return;
    // SDPA's seed and offset of a dropout that is not used: whole numbers without dimensions, on the CPU outside a
    // graph
    if (tensor.device().is_cpu() && tensor.dim() == 0 && at::isIntegralType(tensor.scalar_type(), false)) return;
    seen().insert(name + " " + does + " a tensor on " + tensor.device().str());
  }

  at::CallbackHandle handle_ = 0;
};

}  // namespace scalelaw::cuda
