#pragma once
// Stacks of a small shape on the CUDA device, or on what stands in for it.
#include <gtest/gtest.h>

#include <string>

#include "cuda/stacked.hpp"
#include "os/error.hpp"

namespace scalelaw::cuda {

/// Why there is no CUDA device to test on, or "".
inline std::string why_no_cuda() {
  try {
    (void)open_device(DeviceKind::cuda);
    return "";
  } catch (const Error& e) {
    return e.what();
  }
}
#define SCALELAW_NEED_CUDA() \
  if (const std::string why = why_no_cuda(); !why.empty()) GTEST_SKIP() << "no CUDA device: " << why

/// Untied with learned scales of scores, tied without.
inline ModelSpec small_shape(bool tied = false) {
  ModelSpec m;
  m.d_model = 16;
  m.n_layer = 2;
  m.d_head = 8;
  m.n_head = 2;
  m.d_ff = 40;
  m.context = 12;
  m.vocab = 20;
  m.tie_embeddings = tied;
  m.qk_scale.name = tied ? QkScale::none : QkScale::learned;
  return m;
}

}  // namespace scalelaw::cuda
