#!/usr/bin/env bash
# Makes the VS Code extension: package-vsix.sh OUT.vsix. Needs npm and its registry; the sources stay as they are.
set -euo pipefail
out=$(realpath -m "${1:?package-vsix.sh OUT.vsix}")
here=$(dirname "$(realpath "$0")")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp -r "$here/vscode/." "$folder"
cp "$here/../../LICENSE" "$folder/LICENSE"
cd "$folder"
npm ci --no-audit --no-fund --loglevel=error
npx --no-install vsce package --allow-missing-repository --out "$out"
