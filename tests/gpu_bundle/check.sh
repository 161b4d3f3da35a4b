#!/usr/bin/env bash
# Builds the GPU bundle and runs its CPU part as a stranger would: in another folder, with LibTorch somewhere else, and with
# the build trees, .venv and the wheel cache of this checkout hidden. Says "skipped" where pip or apt cannot fetch.
#   tests/gpu_bundle/check.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
torch=2.11.0
fail() {
  echo "error: gpu_bundle/check.sh: $1" >&2
  exit 1
}

foreign=$(mktemp -d)
trap 'rm -rf "$foreign"' EXIT
if ! CMAKE_ARGS=-DSCALELAW_WERROR=ON scripts/gpu_bundle.sh --torch $torch --out "$foreign/bundle" 2>"$foreign/error"; then
  if grep -q 'cannot fetch' "$foreign/error"; then
    echo "gpu_bundle: skipped: $(tail -n 1 "$foreign/error")"
    exit 0
  fi
  cat "$foreign/error" >&2
  exit 1
fi

# LibTorch as pip would lay it out elsewhere: the wheel's libraries, and beside them those of CUDA that the CPU half loads.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/scalelaw
mkdir -p "$foreign/site/torch"
cp -r "$cache/torch-$torch/torch/lib" "$foreign/site/torch/lib"
cp "$cache/torch-$torch/torch/version.py" "$foreign/site/torch/"
cp -r "$cache/torch-$torch/nvidia" "$foreign/site/nvidia"
cat >"$foreign/try.sh" <<'EOF'
set -euo pipefail
own_mounts=$1 root=$2 foreign=$3 cache=$4
hide() { [ ! -d "$1" ] || mount -t tmpfs tmpfs "$1"; }
if [ "$own_mounts" = yes ]; then
  mount --make-rprivate /
  for folder in "$root/build" "$root/.venv" "$cache"; do hide "$folder"; done
  [ -z "$(ls "$root/build")" ] || exit 1
  case $(realpath "$(command -v python3)") in
    /usr/local/*) ;;
    *) for folder in /usr/local/lib /usr/local/cuda*; do hide "$(realpath "$folder")"; done ;;  # a CUDA of this machine
  esac
  echo "gpu_bundle: build trees, .venv, cache and what /usr/local has of CUDA are hidden"
else
  echo "gpu_bundle: nothing is hidden, since this machine grants no mounts of one's own"
fi
cd "$foreign"
expect() {  # exit code, words, arguments of run.sh ...
  local code=0 want=$1 words=$2
  shift 2
  bundle/run.sh "$@" >said 2>&1 || code=$?
  [ $code = "$want" ] && [ "$(wc -l <said)" -le 2 ] && grep -q -- "$words" said || { echo "run.sh $* ended with $code, not $want, and said:"; cat said; exit 1; }
}
LIBTORCH_ROOT=$foreign expect 4 "no lib/libtorch_cpu.so"
mkdir -p other/lib && touch other/lib/libtorch_cpu.so && echo "2.9.1" >other/build-version
LIBTORCH_ROOT=$foreign/other expect 4 "scripts/gpu_bundle.sh --torch 2.9.1"
export LIBTORCH_ROOT=$foreign/site/torch
expect 2 "unknown phase 7" --cpu 7
unset OUT
export CUDA_VISIBLE_DEVICES=  # a machine with a GPU is to find none
bundle/run.sh --cpu
EOF
own_mounts=yes
namespace=(unshare --mount)
[ "$(id -u)" = 0 ] || namespace=(unshare --map-root-user --mount)
"${namespace[@]}" true 2>/dev/null || { own_mounts=no; namespace=(); }
"${namespace[@]}" bash "$foreign/try.sh" "$own_mounts" "$root" "$foreign" "$cache" || fail "the bundle does not work there; what it said is above"

results=$foreign/results
[ "$(find "$results" -type f | wc -l)" -le 6 ] || fail "more than six files in the results: $(ls "$results")"
[ "$(grep -c '^ok ' "$results/summary.txt")" = 6 ] || fail "not every phase is ok"
python3 scripts/gpu_results.py "$results" >"$foreign/tables"
python3 - "$results" <<'EOF'
import json, sys
folder = sys.argv[1]
phases = json.load(open(folder + "/results.json"))["phases"]
kernels = phases["tests"]["programs"][0]
assert kernels["exit"] == 0 and kernels["skipped"] == kernels["tests"] > 0, kernels
assert "no CUDA device" in kernels["skips"][0], kernels
# The other wants all of LibTorch's CUDA libraries, which are not here. What it names itself, the runtime, it must find.
device = phases["tests"]["programs"][1]
assert device["exit"] == 0 or ("loading shared libraries" in device["error"] and "libcudart" not in device["error"]), device
assert len(phases["agreement"]["rows"]) == 12 and all(row["ok"] for row in phases["agreement"]["rows"])
assert len(phases["speed"]["rows"]) == 4 and all(row["tokens_per_s"] > 0 for row in phases["speed"]["rows"])
assert phases["quick"]["compared"] >= 9, phases["quick"]
assert phases["quick"]["worst"] < 0.01, phases["quick"]
assert len(phases["ladder"]["runs"]) >= 4
records = [json.loads(line) for line in open(folder + "/records.jsonl")]
assert len(records) >= phases["quick"]["compared"] + len(phases["ladder"]["runs"])
assert len(json.load(open(folder + "/speeds.json"))["rows"]) == 4
EOF
echo "gpu_bundle: its CPU part passes in another folder: $(wc -l <"$foreign/tables") lines of tables"
