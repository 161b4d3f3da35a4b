#!/usr/bin/env bash
# Sets everything up, builds with warnings as errors, makes the quick study, and runs every test. CI runs exactly this.
# Under address and undefined-behaviour sanitizers it runs the tests of the native engine and of what reads, plans and
# stores; those of the other torch-free modules take minutes more, by hand: the asan preset (CONTRIBUTING.md).
#   scripts/test.sh [--cpu | --cuda]
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh --tests "$@"

git ls-files '*.cpp' '*.hpp' '*.cu' | xargs clang-format --dry-run -Werror

scripts/build.sh ci
build/release/scalelaw --version
scripts/quickstart.sh "$@"   # the README's first command; the tests below look at its study
ctest --preset ci -j "$(nproc)"

for isa in baseline avx2 avx512; do  # amx, the highest, is no limit; a set that is not here is passed over
  SCALELAW_MAX_ISA=$isa ctest --preset ci -j "$(nproc)" -L '^(core|fit|native)$'
done

scripts/build.sh asan test_native test_core test_corpus test_design test_study
ctest --preset asan -j "$(nproc)" -L '^(native|core|corpus|design|study)$'

tests/gpu_bundle/check.sh
