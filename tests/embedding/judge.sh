#!/usr/bin/env bash
# judge.sh PROGRAM SOURCE: the example judges the demo's capture; every evaluator that runs here says the same of it.
set -euo pipefail
program=$1 source=$2
answers=$("$program" "$source/rules/demo/edge.rules" "$source/tests/data/demo.pcap")
for evaluator in native oracle; do
    grep -q "^$evaluator: drop by " <<<"$answers"
done
# The same number of lines, and the same words, whichever evaluator it is.
[ "$(grep '^native: ' <<<"$answers" | sed 's/^native: //')" = "$(grep '^oracle: ' <<<"$answers" | sed 's/^oracle: //')" ]
if grep -q '^kernel: ' <<<"$answers"; then
    [ "$(grep '^native: ' <<<"$answers" | sed 's/^native: //')" = "$(grep '^kernel: ' <<<"$answers" | sed 's/^kernel: //')" ]
fi
