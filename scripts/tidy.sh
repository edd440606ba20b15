#!/usr/bin/env bash
# Runs clang-tidy-19 over the sources that changed: tidy.sh [BASE]. BASE is a revision (HEAD where none is given: what is not
# committed). Needs a configured build/ and Debian's clang-tidy-19, which nothing else needs. Ends with status 1 on a finding.
set -euo pipefail
cd "$(dirname "$0")/.."
base=${1:-HEAD}
command -v clang-tidy-19 >/dev/null || { echo "tidy: install clang-tidy-19: apt-get install clang-tidy-19" >&2; exit 3; }
[ -f build/compile_commands.json ] || { echo "tidy: configure first: bash scripts/build.sh" >&2; exit 3; }
mapfile -t sources < <({ git diff --name-only --diff-filter=d "$base"; git ls-files --others --exclude-standard; } |
    grep -E '^(grammar|compiler|runtime|tooling|service|cli)/.*\.cpp$' | sort -u)
[ ${#sources[@]} -gt 0 ] || { echo "no source changed since $base"; exit 0; }
exec clang-tidy-19 -p build --quiet --warnings-as-errors='*' "${sources[@]}"
