#!/usr/bin/env bash
# clang-tidy (.clang-tidy, every finding an error) over the torch-free source, a room at a time.
#   scripts/tidy.sh           all of src but train, and models/native
#   scripts/tidy.sh ROOM...   these rooms of src
# A room is one translation unit of its source files, so that what they include is read once.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --preset clang -B build/tidy -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DSCALELAW_TESTS=OFF >/dev/null
rooms=("$@")
units=()
if [ ${#rooms[@]} -eq 0 ]; then
  while read -r unit; do units+=("$unit"); done < <(find build/tidy/CMakeFiles -name 'unity_*.cxx')
  units+=(models/native/engine.cpp models/native/step.cpp models/native/dispatch.cpp)
else
  for room in "${rooms[@]}"; do
    pattern="*/unity_${room}_cxx.cxx"
    [ "$room" != cli ] || pattern='*/scalelaw.dir/Unity/unity_*.cxx'
    while read -r unit; do units+=("$unit"); done < <(find build/tidy/CMakeFiles -path "$pattern")
  done
fi
[ ${#units[@]} -gt 0 ] || { echo "error: tidy.sh: no room of that name" >&2; exit 2; }
printf '%s\n' "${units[@]}" | xargs -P "$(nproc)" -n 1 clang-tidy -p build/tidy --quiet 2> >(grep -v 'warnings generated' >&2)
