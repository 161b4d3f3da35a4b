#!/usr/bin/env bash
# Configures and builds a preset after scripts/setup.sh: scripts/build.sh PRESET [TARGET...]. Extra CMake options: $CMAKE_ARGS;
# another folder than build/PRESET: $BUILD_FOLDER.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:?preset: release, ci, light, asan, tsan, clang, dev, cuda}
shift
arguments=()
mode=$(cat .venv/.scalelaw-mode 2>/dev/null || echo auto)
if [ "$mode" = light ] && [ "$preset" = release ]; then
  arguments+=(-DSCALELAW_TRAINING=OFF)
fi
case $preset:$mode in  # what set-up was for; the cuda preset demands the CUDA trainer by itself
  cuda:*) ;;
  *:cuda) arguments+=(-DSCALELAW_CUDA=ON) ;;
  *:cpu) arguments+=(-DSCALELAW_CUDA=OFF) ;;
  *) arguments+=(-DSCALELAW_CUDA=AUTO) ;;
esac
# A torch compile job takes about 1 GB: no more jobs than memory allows.
jobs=$(nproc)
memory_gb=$(awk '/MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
[ "$memory_gb" -ge $((jobs * 2)) ] || jobs=$((memory_gb > 3 ? memory_gb / 2 : 1))
build=(--preset "$preset")
if [ -n "${BUILD_FOLDER:-}" ]; then
  arguments+=(-B "$BUILD_FOLDER")
  build=("$BUILD_FOLDER")
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cmake --preset "$preset" "${arguments[@]}" ${CMAKE_ARGS:-} >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
targets=()
[ $# -eq 0 ] || targets=(--target "$@")
cmake --build "${build[@]}" -j "$jobs" "${targets[@]}"
