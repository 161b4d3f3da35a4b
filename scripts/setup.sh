#!/usr/bin/env bash
# Installs what scalelaw needs on Debian 12 (or a relative of it): packages of the system and, in ./.venv, LibTorch and
# Plotly from PyPI wheels. Skips what is there.
#   scripts/setup.sh            CUDA set-up where nvidia-smi answers, else the CPU subset (1.3 GB)
#   scripts/setup.sh --cpu | --cuda | --light      force one; --light: no LibTorch, analysis and simulation only
#   scripts/setup.sh --tests    also what only the tests need (GoogleTest, Chromium, SciPy ...)
set -euo pipefail
cd "$(dirname "$0")/.."

torch_version=2.15.0        # 2.11 and later build too: -DLIBTORCH_ROOT=... or LIBTORCH_ROOT
cuda_version=13.2           # the CUDA release that this torch wheel is made for
plotly_version=7.1.0
mode=auto
tests=no
for argument in "$@"; do
  case $argument in
    --cpu | --cuda | --light) mode=${argument#--} ;;
    --tests) tests=yes ;;
    *) echo "error: setup.sh: unknown option '$argument'; known: --cpu --cuda --light --tests" >&2; exit 2 ;;
  esac
done
if [ "$mode" = auto ]; then
  if command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1; then mode=cuda; else mode=cpu; fi
fi

packages=(ca-certificates git g++ cmake ninja-build ccache python3 python3-venv libfmt-dev libcli11-dev nlohmann-json3-dev
  libspdlog-dev libtomlplusplus-dev libeigen3-dev libboost-dev libssl-dev zlib1g-dev libzstd-dev libcsv-dev
  gnuplot-nox fonts-dejavu-core)
if [ "$tests" = yes ]; then
  packages+=(libgtest-dev libgmock-dev libbenchmark-dev chromium clang-format procps util-linux zstd
    patchelf binutils)
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "error: setup.sh: these packages are missing and you are not root: ${missing[*]}; install them, then run this again" >&2
      exit 4
    }
    as_root=(sudo)
  fi
  echo "setup: installing ${#missing[@]} Debian packages"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# A mark per set-up says that its wheels are complete; a set-up that was cut off is done again.
[ -x .venv/bin/python ] || python3 -m venv .venv
install_wheels() {  # name, pip arguments ...
  local mark=".venv/.scalelaw-$1"
  shift
  [ -e "$mark" ] && [ "$(cat "$mark")" = "$*" ] && return
  echo "setup: installing $*"
  .venv/bin/pip install -q --disable-pip-version-check "$@"
  echo "$*" >"$mark"
}
install_wheels plotly --no-deps "plotly==$plotly_version"
case $mode in
  cpu)  # a complete CUDA set-up serves the CPU trainer as well
    [ -e .venv/.scalelaw-cuda ] ||
      install_wheels cpu --no-deps "torch==$torch_version" "nvidia-cuda-runtime==$cuda_version.*" "nvidia-cuda-cupti==$cuda_version.*"
    ;;
  cuda)
    install_wheels cuda "torch==$torch_version"
    if ! command -v nvcc >/dev/null && [ ! -x /usr/local/cuda/bin/nvcc ]; then
      install_wheels nvcc "cuda-toolkit[nvcc,cccl,cudart]==$cuda_version.*"
    fi
    ;;
esac
[ "$tests" = no ] || install_wheels tests scipy safetensors numpy playwright
echo "$mode" >.venv/.scalelaw-mode
