#!/usr/bin/env bash
# run.sh WEIR FILE ENGINE…: runs the policy's tests on each engine. Status 77 (skipped) where the kernel lets nobody load a
# BPF program; bpftool says whether it does, so that a fault of weir's own is no reason to skip.
set -euo pipefail
weir=$1 file=$2
shift 2
for engine; do
    status=0
    "$weir" test --engine "$engine" "$file" || status=$?
    if [ $status -eq 3 ] && ! bpftool prog list >/dev/null 2>&1; then exit 77; fi
    [ $status -eq 0 ] || exit $status
done
