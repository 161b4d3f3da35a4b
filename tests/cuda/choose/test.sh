#!/usr/bin/env bash
# Which CUDA toolkit cmake/FindNvcc.cmake takes, and what cmake/ChooseCuda.cmake says where there is none, on made-up
# toolkits; what scripts/build.sh asks of CMake after each set-up: test.sh CMAKE GENERATOR BUILD_PROGRAM. Independent of
# what the machine has.
set -euo pipefail
cmake=$1 generator=$2 program=$3
source=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

# toolkit ROOT VERSION LIBRARY_FOLDER RUNTIME_NAME: an nvcc that says where its headers and libraries are, as the real one does
toolkit() {
  mkdir -p "$1/bin" "$1/include" "$1/$3"
  printf '#define CUDART_VERSION  %s\n' "$2" >"$1/include/cuda_runtime_api.h"
  touch "$1/$3/$4" "$1/$3/libcudart_static.a"
  cat >"$1/bin/nvcc" <<END
#!/bin/sh
echo '#\$ TOP=$1/bin/..'
echo '#\$ INCLUDES="-I$1/bin/../include"  '
echo '#\$ LIBRARIES=  "-L$1/bin/../$3/stubs" "-L$1/bin/../$3"'
echo "nvcc fatal   : Don't know what to do with '\$2'"
exit 1
END
  chmod +x "$1/bin/nvcc"
}
wheels=$folder/site/nvidia/cu13
toolkit "$wheels" 13020 lib libcudart.so.13
toolkit "$folder/older" 13000 lib64 libcudart.so
toolkit "$folder/newer" 13100 lib64 libcudart.so
toolkit "$folder/cuda12" 12080 lib64 libcudart.so
toolkit "$folder/bare" 13030 lib64 libcudart.so
rm "$folder"/bare/lib64/*
mkdir -p "$folder/gpu" "$folder/no_gpu" "$folder/site/torch/lib" "$folder/alone/lib"
printf '#!/bin/sh\n[ "$1" = -L ] && echo "GPU 0: NVIDIA Something (UUID: GPU-1)"\n' >"$folder/gpu/nvidia-smi"
printf '#!/bin/sh\necho "NVIDIA-SMI has failed"\nexit 9\n' >"$folder/no_gpu/nvidia-smi"
chmod +x "$folder"/*gpu/nvidia-smi

# expect STATUS TEXT ENVIRONMENT... -- OPTIONS...: how a configure ends and a text that it prints
expect() {
  local status=$1 text=$2 ended=0 environment=()
  shift 2
  while [ "$1" != -- ]; do environment+=("$1"); shift; done
  shift
  rm -rf "$folder/build"
  env -i PATH=/nowhere "${environment[@]}" "$cmake" -G "$generator" -DCMAKE_MAKE_PROGRAM="$program" -S "$source" -B "$folder/build" \
    "$@" >"$folder/out" 2>&1 || ended=1
  # CMake breaks the lines of an error
  if [ "$ended" != "$status" ] || ! tr -s ' \n' ' ' <"$folder/out" | grep -qF -- "$text"; then
    echo "FAILED: expected status $status and '$text' with ${environment[*]} -- $*; got status $ended and:"
    cat "$folder/out"
    failures=$((failures + 1))
  fi
}
auto=-DSCALELAW_CUDA=AUTO on=-DSCALELAW_CUDA=ON
beside=-DLIBTORCH=$folder/site/torch alone=-DLIBTORCH=$folder/alone

# Only the wheels; wheels newer than the system; a system newer than the wheels brings its own runtime.
expect 0 "builds TRUE, nvcc $wheels/bin/nvcc, runtime $wheels/lib/libcudart.so.13, static $wheels/lib/libcudart_static.a" -- $on "$beside"
expect 0 "nvcc $wheels/bin/nvcc" PATH="$folder/older/bin" -- $auto "$beside"
expect 0 "nvcc $folder/newer/bin/nvcc, runtime $folder/newer/lib64/libcudart.so," PATH="$folder/newer/bin" -- $auto "$beside"
# A system that is asked for, or is all there is.
for asked in CUDACXX="$folder/older/bin/nvcc" CUDA_HOME="$folder/older" CUDA_PATH="$folder/older" CUDAToolkit_ROOT="$folder/older"; do
  expect 0 "nvcc $folder/older/bin/nvcc, runtime $wheels/lib/libcudart.so.13, static $folder/older" "$asked" -- $auto "$beside"
done
expect 0 "nvcc $folder/older/bin/nvcc" -- $auto "$beside" -DCMAKE_CUDA_COMPILER="$folder/older/bin/nvcc"
expect 0 "nvcc $folder/older/bin/nvcc" -- $auto "$beside" -DCUDAToolkit_ROOT="$folder/older"
expect 0 "nvcc $folder/older/bin/nvcc, runtime $folder/older/lib64/libcudart.so," PATH="$folder/older/bin" -- $on "$alone"
expect 0 "nvcc $folder/older/bin/nvcc" PATH="$folder/cuda12/bin:$folder/older/bin" CUDACXX="$folder/older/bin/nvcc" -- $on "$alone"

# What does not fit or is not there: an error where CUDA is wanted.
expect 1 "is ON, but no nvcc was found; scripts/setup.sh --cuda installs it" -- $on "$alone"
expect 1 "nvcc is of CUDA 12.8 and this LibTorch of CUDA 13; scripts/setup.sh" PATH="$folder/cuda12/bin" -- $on "$alone"
expect 1 "CUDA_HOME=$folder/gone names no nvcc" CUDA_HOME="$folder/gone" -- $on "$beside"
expect 1 "$folder/bare/bin/nvcc comes without libcudart" CUDACXX="$folder/bare/bin/nvcc" -- $on "$alone"
expect 1 "is ON, but this LibTorch has no CUDA libraries" -- $on "$beside" -DCPU_ONLY=ON
# AUTO: an error beside a device, one line elsewhere.
expect 1 "nvidia-smi lists a CUDA device, but no nvcc was found; scripts/setup.sh --cuda" PATH="$folder/gpu" -- $auto "$alone"
expect 1 "nvidia-smi lists a CUDA device, but this LibTorch has no CUDA libraries" PATH="$folder/gpu" -- $auto "$beside" -DCPU_ONLY=ON
expect 0 "scalelaw-trainer-cuda is not built: no nvcc was found" PATH="$folder/no_gpu" -- $auto "$alone"
expect 0 "scalelaw-trainer-cuda is not built: no nvcc was found" -- $auto "$alone"
expect 0 "builds FALSE, nvcc ," PATH="$folder/gpu" -- -DSCALELAW_CUDA=OFF "$beside"

# asks MODE PRESET OPTION: what build.sh adds after `setup.sh --MODE`; auto: no GPU was listed
mkdir -p "$folder/checkout/scripts" "$folder/checkout/.venv" "$folder/stub"
cp "$source/../../../scripts/build.sh" "$folder/checkout/scripts"
printf '#!/bin/sh\necho "$*" >>"%s"\n' "$folder/asked" >"$folder/stub/cmake"
chmod +x "$folder/stub/cmake"
asks() {
  echo "$1" >"$folder/checkout/.venv/.scalelaw-mode"
  rm -f "$folder/asked"
  CMAKE_ARGS= PATH="$folder/stub:$PATH" "$folder/checkout/scripts/build.sh" "$2"
  if [ "$(head -n 1 "$folder/asked")" != "--preset $2${3:+ $3}" ]; then
    echo "FAILED: expected '$3' of the preset $2 after set-up for $1, got: $(head -n 1 "$folder/asked")"
    failures=$((failures + 1))
  fi
}
asks cuda release -DSCALELAW_CUDA=ON
asks cuda ci -DSCALELAW_CUDA=ON
asks cpu release -DSCALELAW_CUDA=OFF
asks auto release -DSCALELAW_CUDA=AUTO
asks light release "-DSCALELAW_TRAINING=OFF -DSCALELAW_CUDA=AUTO"
asks cpu cuda ""

[ "$failures" = 0 ]
