#!/usr/bin/env bash
# Sets everything up, builds with warnings as errors, and runs every test: once as users run the program, and once more,
# without the trainer and the slow ones, under the address and undefined-behaviour sanitizers. CI runs exactly this.
#   scripts/test.sh [--cpu | --cuda]
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh --tests "$@"

git ls-files '*.cpp' '*.hpp' '*.cu' | xargs clang-format --dry-run -Werror

scripts/build.sh ci
build/release/scalelaw --version
scripts/quickstart.sh "$@"   # the README's first command; the tests below look at its study
ctest --preset ci -j "$(nproc)"

scripts/build.sh asan
ctest --preset asan -j "$(nproc)" -LE slow
