#include "models/torch/work.hpp"

namespace scalelaw::torch_engine {

Work make_work(const ModelSpec& model, std::int64_t members, std::int64_t windows, const at::TensorOptions& options,
               bool sdpa, bool backward) {
  return torch_work(model, members, windows, sdpa, backward,
                    [&](at::IntArrayRef shape) { return at::zeros(shape, options); });
}

}  // namespace scalelaw::torch_engine
