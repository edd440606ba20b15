#!/usr/bin/env bash
# run.sh READ_FIELDS: makes real traffic and compares what weir and tshark read in it. Status 77: a tool is missing, or
# network namespaces cannot be made here.
set -euo pipefail

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
