#!/usr/bin/env bash
# Gets Webster's 1913 dictionary (40 MB of English) from the Debian package dict-gcide, without root, and builds a corpus of it.
#   scripts/get_corpus.sh [--out DIR] [--text FILE] [--any-version]
# --out          folder of the corpus (data/webster1913)
# --text         only the text, compressed by zstd, and no corpus; 'scalelaw corpus build --input FILE --documents entry'
#                makes the same corpus of it elsewhere
# --any-version  accept a package whose text is not the one this project's figures were made with
# $SCALELAW names the program to use; else build/release/scalelaw. A corpus that is there and whole is kept.
set -euo pipefail
export LC_ALL=C  # the text holds a few bytes that are not UTF-8
root=$(cd "$(dirname "$0")/.." && pwd)

package=dict-gcide
text_bytes=39952321
text_sha256=802beb667e1fb666203e750f1faea60d5c202ac5430c2083c4180494609f10a7  # of the text in version 0.48.5+nmu2

fail() {  # exit code, message
  echo "error: $2" >&2
  exit "$1"
}

out=$root/data/webster1913
text=
any_version=no
while [ $# -gt 0 ]; do
  case $1 in
    --out) [ $# -gt 1 ] || fail 2 "--out needs a folder"; out=$2; shift ;;
    --text) [ $# -gt 1 ] || fail 2 "--text needs a file"; text=$2; shift ;;
    --any-version) any_version=yes ;;
    --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) fail 2 "unknown option '$1'; scripts/get_corpus.sh --help lists them" ;;
  esac
  shift
done
case $out in /*) ;; *) out=$PWD/$out ;; esac
case $text in /* | "") ;; *) text=$PWD/$text ;; esac

own_text() {
  echo "Your own text instead:  scalelaw corpus build --input FILES_OR_FOLDERS --out data/NAME   (plain, .gz, .zst or JSON lines)"
}

tools=(apt-get apt-cache dpkg-deb gzip sha256sum)
if [ -n "$text" ]; then
  tools+=(zstd)
else
  scalelaw=${SCALELAW:-$root/build/release/scalelaw}
  [ -x "$scalelaw" ] || fail 4 "$scalelaw: no such program; build it first ('cmake --preset release && cmake --build --preset release'), or name one in SCALELAW"
  scalelaw=$(cd "$(dirname "$scalelaw")" && pwd)/$(basename "$scalelaw")
  if "$scalelaw" --quiet corpus info "$out" --check > /dev/null 2>&1; then
    echo "corpus: $out is there and whole"
    own_text
    exit 0
  fi
fi

for tool in "${tools[@]}"; do
  command -v $tool > /dev/null || fail 4 "$tool not found: this script needs Debian or Ubuntu. $(own_text)"
done
as_root=()
if [ "$(id -u)" = 0 ]; then as_root=(-o APT::Sandbox::User=root); fi  # else apt warns that _apt cannot write to our folder
has_package() { apt-cache show --no-all-versions $package > /dev/null 2>&1; }
if ! has_package; then
  [ "$(id -u)" = 0 ] || fail 4 "apt does not know the package $package; run 'sudo apt-get update' once, then this script again. $(own_text)"
  apt-get -q update > /dev/null || fail 4 "'apt-get update' failed; is the machine online?"
  has_package || fail 4 "apt does not know the package $package even after 'apt-get update'. $(own_text)"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get -q "${as_root[@]}" download $package > apt.log 2>&1) ||
  fail 4 "'apt-get download $package' failed: $(tail -n 1 "$work/apt.log"); if the package lists are old, run 'apt-get update' first"
dpkg-deb -x "$work"/$package*.deb "$work/files"
compressed=$(find "$work/files" -name 'gcide.dict.dz')
[ -n "$compressed" ] || fail 3 "the package $package holds no gcide.dict.dz; its layout has changed. $(own_text)"
gzip -dc < "$compressed" > "$work/gcide.dict"

bytes=$(stat -c %s "$work/gcide.dict")
sha256=$(sha256sum < "$work/gcide.dict" | cut -d ' ' -f 1)
version=$(dpkg-deb -f "$work"/$package*.deb Version)
if [ "$sha256" != $text_sha256 ]; then
  differs="the text of $package $version ($bytes bytes, SHA-256 $sha256) is not the known one ($text_bytes bytes, $text_sha256)"
  [ $any_version = yes ] || fail 3 "$differs; --any-version takes it all the same, but losses will not be comparable with this project's"
  if [ "$bytes" -lt 30000000 ] || [ "$bytes" -gt 80000000 ]; then fail 3 "$differs, and its size is far off"; fi
  echo "warning: $differs" >&2
fi

# The file begins with notices about itself; the dictionary begins with the first headword, written "word \pronunciation\".
sed -n '/^[^ ].* \\.*\\/,$p' "$work/gcide.dict" > "$work/gcide.txt"
if [ -n "$text" ]; then
  zstd -q -19 -T0 -f "$work/gcide.txt" -o "$text"
  exit 0
fi
(cd "$work" && "$scalelaw" corpus build --input gcide.txt --documents entry --name webster1913 --out "$out")
identity() { sed -n 's/^ "sha256": "\([0-9a-f]*\)",$/\1/p' "$1"; }
if [ $any_version = no ] && [ "$(identity "$out/manifest.json")" != "$(identity "$root/data/webster1913.manifest.json")" ]; then
  fail 3 "$out: the corpus differs from data/webster1913.manifest.json although the text is the same: this is a bug of scalelaw"
fi
echo "The text: The Collaborative International Dictionary of English (Webster 1913 and WordNet), GPL, package $package $version."
own_text
