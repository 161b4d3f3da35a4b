#!/usr/bin/env bash
# Sets everything up, builds with warnings as errors, trains half of the quick study, and tests what a newcomer stands on.
#   scripts/test.sh [--all] [--cpu | --cuda]
# --all   every test, slow ones too; the tests of kernels under each instruction set; sanitizers; clang and clang-tidy; the
#         bundle for a machine with a GPU. CI runs exactly this.
# Without --all the programs and the tests of the rooms below are built and run: what a fit, an allocation and a trained
# loss rest on.
set -euo pipefail
cd "$(dirname "$0")/.."
all=
rest=()
for argument in "$@"; do
  case $argument in
    --all) all=yes ;;
    --cpu | --cuda) rest+=("$argument") ;;
    *) echo "error: test.sh: unknown option '$argument'; known: --all --cpu --cuda" >&2; exit 2 ;;
  esac
done
phase() { echo "== $((SECONDS / 60)) min $((SECONDS % 60)) s: $1"; }

phase "packages"
scripts/setup.sh --tests "${rest[@]}"
git ls-files '*.cpp' '*.hpp' '*.cu' | xargs clang-format --dry-run -Werror

if [ -z "$all" ]; then
  phase "programs and the tests of what a newcomer stands on"
  rooms=(rules law records fit alloc native)
  scripts/build.sh ci scalelaw scalelaw-trainer "${rooms[@]/#/test_}"
  scripts/get_corpus.sh
  phase "half of the quick study"
  # Half of the quick study's budgets, a quarter of its time; scripts/quickstart.sh trains the whole.
  build/release/scalelaw study configs/quick.toml --set 'design.budgets=[4e10,8e10,1.6e11]' --out studies/quick_half
  phase "tests"
  ctest --preset ci -j "$(nproc)" -L "^($(IFS='|'; echo "${rooms[*]}"))\$"
  phase "all passed"
  exit
fi

phase "everything, by g++"
# Where no GPU can run it, the CUDA half is built once, in the bundle below, which is skipped where pip cannot fetch.
if ! nvidia-smi -L 2>/dev/null | grep -q '^GPU' && [[ " ${rest[*]} " != *" --cuda "* ]]; then
  export CMAKE_ARGS="${CMAKE_ARGS:-} -DSCALELAW_CUDA=OFF"
fi
scripts/build.sh ci
build/release/scalelaw --version
phase "the quick study"
scripts/quickstart.sh "${rest[@]}"   # the README's first command; the tests below look at its study
phase "tests"
ctest --preset ci -j "$(nproc)"

phase "tests of kernels and fits under lower instruction sets"
highest=$(build/release/scalelaw doctor | sed -n 's/.*kernels for \([a-z0-9]*\).*/\1/p' || true)  # tested just now; doctor ends with 4 without a GPU
[ -n "$highest" ] || { echo "error: test.sh: doctor does not say which kernels it has" >&2; exit 1; }
for isa in baseline avx2 avx512 amx; do
  [ "$isa" != "$highest" ] || break
  SCALELAW_MAX_ISA=$isa ctest --preset ci -j "$(nproc)" -L '^(os|core|fit|native|native_torch)$'
done

# A second compiler, clang, builds every torch-free library and the program, under address and undefined-behaviour
# sanitizers; tests of the native engine and of what reads, plans, stores and starts processes. Those of the other
# torch-free rooms take minutes more, by hand: the asan preset (CONTRIBUTING.md).
phase "clang with sanitizers"
sanitized=(native os core records corpus design study exec)
scripts/build.sh asan scalelaw "${sanitized[@]/#/test_}"
# Left out here, since they take a quarter of the time: twelve kills of a study of several rounds, while the kills of
# a plain study stay, and the ladders of many budgets.
ctest --preset asan -j "$(nproc)" -L "^($(IFS='|'; echo "${sanitized[*]}"))\$" -E '^(Rounds\.KilledAtRandomMoments|IsoflopLadder\.CoversBothSides)'

phase "clang-tidy"
# Without arguments: cli and the native engine too, minutes more.
scripts/tidy.sh os core records law corpus design sim select fit study exec alloc inference analysis report tutorial

phase "the bundle for a machine with a GPU"
tests/gpu_bundle/check.sh
phase "all passed"
