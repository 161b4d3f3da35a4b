#!/usr/bin/env bash
# From a fresh clone to a scaling-law study: sets up, builds, gets a corpus, trains the quick study and prints its results.
# Run it again at any time: what is there is kept, finished runs are not trained again.
#   scripts/quickstart.sh [--cpu | --cuda]
set -euo pipefail
cd "$(dirname "$0")/.."
start=$(date +%s)
scripts/setup.sh "$@"
scripts/build.sh release
echo "quickstart: set up and built in $(($(date +%s) - start)) s"
scripts/get_corpus.sh
build/release/scalelaw study configs/quick.toml
