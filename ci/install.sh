#!/usr/bin/env bash
# Puts `weir` into ~/.local/bin, unless it is in PATH already: built from the sources that this script belongs to, on
# Debian 12. In GitHub's jobs the folder is added to PATH.
set -euo pipefail
source=$(realpath "$(dirname "$0")/..")
target=$HOME/.local/bin
if [ -n "${GITHUB_PATH:-}" ]; then echo "$target" >> "$GITHUB_PATH"; fi
export PATH=$target:$PATH
if command -v weir > /dev/null && weir --version; then exit 0; fi
bash "$source/scripts/install-dependencies.sh"
if command -v weir > /dev/null && weir --version; then exit 0; fi   # from a cache: only its libraries were missing
bash "$source/scripts/build.sh" --target weir
install -D -m 0755 "$source/build/weir" "$target/weir"
weir --version
