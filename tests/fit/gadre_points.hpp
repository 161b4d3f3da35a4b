#pragma once
// The five runs that Gadre et al. 2024 (arXiv 2403.08540, table 2) fit the four parameters of their law to: RedPajama,
// loss on C4, from exp_data/models of their repository (mlfoundations/scaling).
#include <string>
#include <vector>

#include "records/observation.hpp"

namespace scalelaw::test {

inline std::vector<Observation> gadre_points() {
  struct Run {
    const char* name;
    double params, tokens, loss;
  };
  std::vector<Observation> points;
  for (const Run& run :
       {Run{"d96 M20", 10569312, 211386240, 5.38702091510821}, Run{"d512 M20", 78914048, 1578280960, 3.899942990231468},
        Run{"d576 M20", 153677376, 3073547520, 3.531147408490181},
        Run{"d1024 M20", 411616256, 8232325120, 3.149769456671634},
        Run{"d96 M320", 10569312, 3382179840, 4.572292613487238}}) {
    Observation o;
    o.params = run.params;
    o.tokens = run.tokens;
    o.flops = 6 * o.params * o.tokens;
    o.loss_nats = run.loss;
    o.run = run.name;
    points.push_back(o);
  }
  return points;
}

/// Of their run of 6.9e9 parameters and 1.38e11 tokens.
inline constexpr double kGadreLargest = 2.424993099368689;

}  // namespace scalelaw::test
