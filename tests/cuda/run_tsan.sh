#!/usr/bin/env bash
# Runs a test program built with the thread sanitizer: run_tsan.sh PROGRAM [ARGUMENT...]. The sanitizer cannot start where the
# kernel scatters a program's memory too widely (vm.mmap_rnd_bits above 28 with the GCC of 2022), so the memory is not scattered,
# where that may be asked for (in some containers it may not). Ends with 77, "skipped", where it still cannot start.
set -euo pipefail
start=()
if setarch "$(uname -m)" -R true 2>/dev/null; then
  start=(setarch "$(uname -m)" -R)
fi
if ! said=$("${start[@]}" "$1" --gtest_list_tests 2>&1) && grep -q 'FATAL: ThreadSanitizer' <<<"$said"; then
  echo "skipped: $(grep -m 1 'FATAL: ThreadSanitizer' <<<"$said"); a lower vm.mmap_rnd_bits helps"
  exit 77
fi
exec "${start[@]}" "$@"
