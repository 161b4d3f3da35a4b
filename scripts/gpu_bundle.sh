#!/usr/bin/env bash
# Builds, on a machine without a GPU, a folder that proves the CUDA half of this project on a machine that has one. Nothing
# is needed there but an NVIDIA driver, python3, and PyTorch (or LibTorch alone) of the version named here; no network.
#   scripts/gpu_bundle.sh [--torch 2.11.0] [--out DIR]
# --torch    version of PyTorch on the machine with the GPU (2.11.0; 2.15.0 works too)
# --out      folder of the bundle (build/gpu_bundle_VERSION)
# There: ./run.sh, or ./run.sh --help. docs/CUDA.md says what it does and how its results become tables.
#
# PyTorch's wheel (530 MB) and the CUDA compiler of the release that it is made for (150 MB) are fetched by pip once into
# ~/.cache/scalelaw (or $XDG_CACHE_HOME/scalelaw); of the wheel only libraries and headers are unpacked. Ends with 4, and a
# line that says "cannot fetch", where pip or apt reach no packages.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"

fail() {  # exit code, message
  echo "error: gpu_bundle.sh: $2" >&2
  exit "$1"
}

torch=2.11.0
out=
while [ $# -gt 0 ]; do
  case $1 in
    --torch) [ $# -gt 1 ] || fail 2 "--torch needs a version"; torch=$2; shift ;;
    --out) [ $# -gt 1 ] || fail 2 "--out needs a folder"; out=$2; shift ;;
    --help | -h) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail 2 "unknown option '$1'; scripts/gpu_bundle.sh --help lists them" ;;
  esac
  shift
done
[[ $torch =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail 2 "--torch $torch: give it as 2.11.0"
out=$(realpath -m "${out:-build/gpu_bundle_$torch}")
most_mib=40
if [ -e "$out" ] && [ -n "$(ls -A "$out")" ] && ! grep -qs '"scalelaw.gpu_bundle/1"' "$out/bundle.json"; then
  fail 2 "--out $out: this folder holds something else; name a new one, or an earlier bundle"
fi
for tool in patchelf zstd readelf strip; do
  command -v $tool >/dev/null || fail 1 "$tool is not here; scripts/setup.sh --tests installs it"
done

# ---- LibTorch of that version and its CUDA compiler ----------------------------------------------------------------------
cache=${XDG_CACHE_HOME:-$HOME/.cache}/scalelaw
site=$cache/torch-$torch  # torch/ and nvidia/, as pip lays them out
python=python3
[ ! -x .venv/bin/python ] || python=.venv/bin/python
fetch() {  # pip's arguments ...; what cannot be reached is another thing than what does not exist
  local said
  said=$("$python" -m pip --disable-pip-version-check -q "$@" 2>&1) && return
  tail -n 1 <<<"$said" >&2
  grep -qiE 'connection|resolution|timed out|unreachable|proxy|ssl' <<<"$said" && fail 4 "cannot fetch: pip reaches no packages"
  fail 1 "pip $1 failed, see above"
}
if [ ! -e "$site/.complete" ]; then
  echo "gpu_bundle: fetching torch $torch and its CUDA compiler"
  fetch download --no-deps --only-binary=:all: -d "$cache/wheels" "torch==$torch"
  rm -rf "$site"
  cuda=$("$python" - "$cache/wheels" "$torch" "$site" <<'EOF'
import pathlib, re, sys, zipfile
wheels, version, folder = sys.argv[1:]
wheel = next(pathlib.Path(wheels).glob(f"torch-{version}[-+]*.whl"))
with zipfile.ZipFile(wheel) as files:
    for name in files.namelist():
        if name.startswith(("torch/lib/", "torch/include/")) or name == "torch/version.py":
            files.extract(name, folder)
    (metadata,) = [name for name in files.namelist() if name.endswith(".dist-info/METADATA")]
    found = re.search(r"Requires-Dist: cuda-toolkit\[.*\]==(\d+\.\d+)", files.read(metadata).decode())
    print(found[1] if found else "")
EOF
  )
  [ -n "$cuda" ] || fail 1 "the wheel of torch $torch does not say which CUDA it is made for; 2.11.0 and 2.15.0 do"
  fetch install --no-deps --target "$site" nvidia-{cuda-nvcc,cuda-crt,nvvm,cuda-runtime,cuda-cupti}"==$cuda.*"
  for folder in "$site"/nvidia/cu*; do  # where nvcc 13.0 looks for its libraries
    [ -e "$folder/lib64" ] || ln -s lib "$folder/lib64"
  done
  rm -rf "$cache/wheels"
  touch "$site/.complete"
fi
libtorch=$site/torch
nvcc=$(find "$site/nvidia" -path '*/bin/nvcc' | head -n 1)

# ---- programs ------------------------------------------------------------------------------------------------------------
programs=(scalelaw scalelaw-trainer scalelaw-trainer-cuda bench_train bench_train-cuda test_cuda_device test_cuda_device_kernels)
build=$root/build/gpu_build_$torch  # as deep as build/release, so that ccache knows what both have
mkdir -p "$build"
echo "gpu_bundle: building ${#programs[@]} programs for LibTorch $torch"
LIBTORCH_ROOT=$libtorch CUDACXX=$nvcc CMAKE_ARGS="-DSCALELAW_TESTS=ON ${CMAKE_ARGS:-}" BUILD_FOLDER=$build scripts/build.sh cuda "${programs[@]}" >"$build.log" 2>&1 ||
  { tail -n 30 "$build.log" >&2; fail 1 "the build failed; all of it in $build.log"; }

rm -rf "$out"
mkdir -p "$out"/{bin,lib,cuda,data}
for program in "${programs[@]}"; do
  strip -o "$out/bin/$program" "$build/$program"
done

# Every shared library that is neither of LibTorch, of CUDA, nor of the C and C++ runtime.
libtorch_own='^(libtorch|libc10)'
theirs="$libtorch_own|^(libcu|libnv|libnccl|libgomp)"
runtime='^(linux-vdso|ld-linux|libc|libm|libdl|librt|libpthread|libresolv|libutil|libstdc\+\+|libgcc_s)[.-]'
for program in "$out"/bin/*; do
  ldd "$program" | awk '$3 ~ /^\// {print $1, $3}'
done | sort -u | while read -r name path; do
  [[ $name =~ $theirs || $name =~ $runtime ]] || cp -L "$path" "$out/lib/$name"
done
for file in "$out"/bin/* ; do patchelf --force-rpath --set-rpath '$ORIGIN/../lib' "$file"; done
for file in "$out"/lib/* ; do patchelf --force-rpath --set-rpath '$ORIGIN' "$file"; done

# ---- what the phases need ------------------------------------------------------------------------------------------------
cp -r configs "$out/configs"
cp scripts/gpu/run.sh scripts/gpu/*.py scripts/plain_decoder.py "$out/"
cp -L "$site"/nvidia/*/lib/libcudart.so.* "$out/cuda/"
cp data/records/quick.csv "$out/data/quick.csv"
cp data/webster1913.manifest.json "$out/data/"
text=$cache/webster1913.txt.zst
if [ ! -s "$text" ]; then
  scripts/get_corpus.sh --text "$text.new" || fail 4 "cannot fetch the text of the corpus"
  mv "$text.new" "$text"
fi
cp "$text" "$out/data/webster1913.txt.zst"
cat >"$out/bundle.json" <<EOF
{"schema": "scalelaw.gpu_bundle/1", "torch": "$torch", "git": "$(git describe --always --dirty 2>/dev/null || echo unknown)", "built": "$(date -u +%Y-%m-%dT%H:%M:%SZ)"}
EOF

# ---- what must hold ------------------------------------------------------------------------------------------------------
# Built on Debian 12, it must start on Debian 13 and Ubuntu 24.04 too: nothing newer than Debian 12's C and C++ runtime.
newest() { readelf -W --dyn-syms "$out"/bin/* "$out"/lib/* | grep -o "$1_[0-9][0-9.]*" | sed "s/$1_//" | sort -uV | tail -n 1; }
at_most() {  # name, version that is there, most
  [ "$(printf '%s\n' "$2" "$3" | sort -V | tail -n 1)" = "$3" ] || fail 1 "a program needs $1 $2, but Debian 12 has $3"
}
glibc=$(newest GLIBC); at_most GLIBC "$glibc" 2.36
glibcxx=$(newest GLIBCXX); at_most GLIBCXX "$glibcxx" 3.4.30
for file in "$out"/bin/*; do
  needed=$(LD_LIBRARY_PATH=$out/cuda ldd "$file")
  missing=$(awk '/not found/ {print $1}' <<<"$needed" | grep -Ev "$libtorch_own" || true)
  [ -z "$missing" ] || fail 1 "$(basename "$file") needs $missing, which the bundle does not hold"
  outside=$(awk '$3 ~ /^\// {print $1, $3}' <<<"$needed" | grep -v " $out/" | grep -Ev "$runtime" || true)
  [ -z "$outside" ] || fail 1 "$(basename "$file") takes $outside from this machine"
done
size_kib=$(du -sk --apparent-size "$out" | cut -f 1)
[ "$size_kib" -le $((most_mib * 1024)) ] || fail 1 "the bundle has $((size_kib / 1024)) MiB, more than $most_mib"
echo "gpu_bundle: $out, $((size_kib / 1024)) MiB, for LibTorch $torch; needs GLIBC $glibc, GLIBCXX $glibcxx; libraries carried: $(cd "$out/lib" && echo *)"
echo "gpu_bundle: take it to the machine with the GPU and start ./run.sh there"
