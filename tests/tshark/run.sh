#!/usr/bin/env bash
# WEIR_TSHARK=1 run.sh READ_FIELDS: makes real traffic and compares what weir and tshark read in it. It takes ten minutes, most of them
# waiting for servers: so status 77 (skipped) without WEIR_TSHARK, and where a tool is missing or namespaces cannot be made.
set -euo pipefail

[ "${WEIR_TSHARK:-}" = 1 ] || { echo "skipped: takes ten minutes; WEIR_TSHARK=1 runs it"; exit 77; }

here=$(dirname "$(realpath "$0")")
for tool in tshark tcpdump dig dnsmasq curl openssl python3 ip; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
ip netns add weir-probe-$$ 2>/dev/null || { echo "skipped: no network namespaces here"; exit 77; }
ip netns del weir-probe-$$
captures=$(mktemp -d)
trap 'rm -rf "$captures"' EXIT
chmod 755 "$captures" # tcpdump writes as a user of its own
bash "$here/make_captures.sh" "$captures"
python3 "$here/agree.py" "$1" "$captures"/*.pcap
