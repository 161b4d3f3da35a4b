#!/usr/bin/env bash
# Runs a test program that needs a CUDA device: run_on_device.sh PROGRAM. Ends with 77, "skipped", where there is none or
# where the program cannot even start because this LibTorch comes without its CUDA libraries.
set -euo pipefail
missing=$(ldd "$1" | awk '/not found/ {print $1}' | sort -u | head -n 1)
if [ -n "$missing" ]; then
  echo "skipped: no CUDA device can be used, $missing is not installed"
  exit 77
fi
output=$("$1" 2>&1) || { echo "$output"; exit 1; }
echo "$output"
if ! grep -q '^\[       OK \]' <<<"$output"; then
  echo "skipped: no CUDA device"
  exit 77
fi
