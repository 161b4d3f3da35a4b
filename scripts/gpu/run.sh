#!/usr/bin/env bash
# Proves the CUDA half of scalelaw on this machine, in less than eight minutes and without a network: run.sh of the bundle
# that scripts/gpu_bundle.sh makes.
#   ./run.sh [--cpu] [--total SECONDS] [PHASE...]
# PHASE   device tests agreement speed quick ladder, or 1 to 6; all of them where none is named
# --cpu   the same on the CPU where that makes sense, to try the bundle where there is no GPU
# --total the time for all phases (470 s); what does not fit is left out and said so
# Results go to $OUT, or else to ./results: summary.txt (a line for each phase), results.json, log.txt, records.jsonl (of
# the studies trained), speeds.json (for 'scalelaw plan --speeds'). A phase that is run again replaces its own results.
# scripts/gpu_results.py makes tables of them.
#
# LibTorch is looked for in $LIBTORCH_ROOT (a folder with lib/), else in the PyTorch of python3 ($PYTHON names another).
# Exit codes: 0 all well; 1 a phase failed; 2 usage; 4 something is missing here; 130 interrupted.
set -euo pipefail
for word in "$@"; do
  case $word in --help | -h) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
done
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
fail() {
  echo "error: run.sh: $1" >&2
  exit 4
}

command -v "$python" >/dev/null || fail "$python is not here; install python3 (its standard library is enough), or name one in PYTHON"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' || fail "$python is older than Python 3.9; name a newer one in PYTHON"
root=${LIBTORCH_ROOT:-$("$python" -c 'import importlib.util as u; s = u.find_spec("torch"); print(s.submodule_search_locations[0] if s else "")')}
[ -n "$root" ] || fail "no LibTorch: $python has no torch; name a folder with LibTorch's lib/ in LIBTORCH_ROOT"
[ -e "$root/lib/libtorch_cpu.so" ] || fail "LIBTORCH_ROOT $root: there is no lib/libtorch_cpu.so in it"
root=$(cd "$root" && pwd)
wanted=$(sed -n 's/.*"torch": "\([0-9.]*\)".*/\1/p' "$here/bundle.json")
[ -n "$wanted" ] || fail "$here/bundle.json is damaged; copy the bundle once more"
found=$(cat "$root/build-version" "$root/version.py" 2>/dev/null | grep -o '[0-9]\+\.[0-9]\+\.[0-9]\+' | head -n 1 || true)
[ -z "$found" ] || [ "$found" = "$wanted" ] ||
  fail "$root is LibTorch $found, but this bundle is for $wanted; make one with scripts/gpu_bundle.sh --torch $found"
# The programs name the CUDA runtime themselves. It is LibTorch's: pip puts it beside torch/. Where a LibTorch has it under
# another name, the bundle's own serves.
runtime=$here/cuda
for file in "$root"/../nvidia/*/lib/libcudart.so.*; do
  [ ! -e "$file" ] || runtime=$(dirname "$file")
done
export LD_LIBRARY_PATH="$root/lib:$runtime${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$python" "$here/phases.py" "$@"
