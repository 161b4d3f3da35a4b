#!/usr/bin/env bash
# Installs what scalelaw needs on Debian 12 (or a relative of it): packages of the system and, in ./.venv, LibTorch and
# Plotly from PyPI wheels. Skips what is there.
#   scripts/setup.sh            as --cuda where nvidia-smi lists a GPU, else the CPU subset (0.6 GB to download, 1.3 GB on disk)
#   scripts/setup.sh --cuda     for a GPU: LibTorch with the CUDA libraries that it is linked with (2.4 GB to download, 3.9 GB on
#                               disk) and the compiler (0.1, 0.3); scripts/build.sh then demands the CUDA trainer
#   scripts/setup.sh --cpu      the CPU subset; scripts/build.sh then builds no CUDA trainer, even beside a GPU
#   scripts/setup.sh --light    no LibTorch: analysis and simulation only
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
if [ "$mode" = auto ] && command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q '^GPU '; then mode=cuda; fi

packages=(ca-certificates git g++ cmake ninja-build ccache python3 python3-venv libfmt-dev libcli11-dev nlohmann-json3-dev
  libtomlplusplus-dev libeigen3-dev libboost-dev libssl-dev zlib1g-dev libzstd-dev libcsv-dev
  gnuplot-nox fonts-dejavu-core)
if [ "$tests" = yes ]; then
  packages+=(libgtest-dev libgmock-dev libbenchmark-dev chromium clang libclang-rt-dev clang-format clang-tidy procps util-linux zstd
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
cpu_wheels=("torch==$torch_version" "nvidia-cuda-runtime==$cuda_version.*" "nvidia-cuda-cupti==$cuda_version.*")
# What libtorch_cuda.so is linked with, in the releases that this torch asks for, and NVRTC, which cuBLAS loads. Left out of its
# requirements: cuSOLVER and nvJitLink, which are loaded only for linear algebra and sparse products, and all that is for Python.
cuda_wheels=("nvidia-cuda-nvrtc==$cuda_version.*" "nvidia-cublas==13.4.1.*" "nvidia-cufft==12.2.0.*" "nvidia-cufile==1.17.1.*"
  "nvidia-cusparse==12.7.10.*" nvidia-cusparselt-cu13==0.8.1 "nvidia-cudnn-cu13==9.26.0.*" nvidia-nccl-cu13==2.30.7
  nvidia-nvshmem-cu13==3.7.2)
compiler_wheels=("nvidia-cuda-nvcc==$cuda_version.*" "nvidia-cuda-crt==$cuda_version.*" "nvidia-nvvm==$cuda_version.*")
case $mode in
  cpu | auto)  # a complete CUDA set-up serves the CPU trainer as well
    [ -e .venv/.scalelaw-cuda ] || install_wheels cpu --no-deps "${cpu_wheels[@]}"
    ;;
  cuda) install_wheels cuda --no-deps "${cpu_wheels[@]}" "${cuda_wheels[@]}" "${compiler_wheels[@]}" ;;
esac
[ "$tests" = no ] || install_wheels tests scipy safetensors numpy playwright
echo "$mode" >.venv/.scalelaw-mode  # read by scripts/build.sh; auto: no GPU was listed
