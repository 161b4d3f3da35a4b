#!/usr/bin/env bash
# Configures and builds a preset after scripts/setup.sh: scripts/build.sh PRESET [TARGET...]. Extra CMake options: $CMAKE_ARGS;
# another folder than build/PRESET: $BUILD_FOLDER.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:?preset: release, ci, light, asan, dev, cuda}
shift
arguments=()
mode=$(cat .venv/.scalelaw-mode 2>/dev/null || echo cpu)
if [ "$mode" = light ] && [ "$preset" = release ]; then
  arguments+=(-DSCALELAW_TRAINING=OFF)
fi
if ! command -v nvcc >/dev/null; then  # a compiler that is not on the path: the toolkit's usual place, or the wheel's
  for nvcc in /usr/local/cuda/bin/nvcc .venv/lib/python3*/site-packages/nvidia/cu*/bin/nvcc; do
    if [ -x "$nvcc" ]; then
      arguments+=("-DCMAKE_CUDA_COMPILER=$(realpath "$nvcc")" "-DCUDAToolkit_ROOT=$(realpath "$(dirname "$nvcc")/..")")
      break
    fi
  done
fi
# A torch compile job takes about 1 GB: no more jobs than memory allows.
jobs=$(nproc)
memory_gb=$(awk '/MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
[ "$memory_gb" -ge $((jobs * 2)) ] || jobs=$((memory_gb > 3 ? memory_gb / 2 : 1))
build=(--preset "$preset")
if [ -n "${BUILD_FOLDER:-}" ]; then
  arguments+=(-B "$BUILD_FOLDER")
  build=("$BUILD_FOLDER")
fi
cmake --preset "$preset" "${arguments[@]}" ${CMAKE_ARGS:-} >build.log 2>&1 || { cat build.log >&2; exit 1; }
rm -f build.log
targets=()
[ $# -eq 0 ] || targets=(--target "$@")
cmake --build "${build[@]}" -j "$jobs" "${targets[@]}"
