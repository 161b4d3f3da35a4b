#include "fit/result.hpp"

namespace scalelaw {

bool shows_parameter(const Law& law, std::size_t k) {
  return !(law.form().constants[k].role == Role::offset && law.values[k] == 0);
}

}  // namespace scalelaw
