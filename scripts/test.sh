#!/usr/bin/env bash
# Does all the set-up, builds, and runs every test. The kernel's tests are skipped, and counted as skipped, where this
# process may not load BPF programs. Arguments go to ctest (for example: -R verdict). The last lines are ctest's summary.
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/install-dependencies.sh
bash scripts/build.sh
exec ctest --test-dir build --output-on-failure --parallel "$(nproc)" "$@"
