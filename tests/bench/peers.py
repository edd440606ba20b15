"""The table of tests/bench/peers.sh: peers.py SHAPE COUNT, on standard input one line a measurement: NAME LEAST MEDIAN
SENT, all of one run."""
import sys

NAMES = {
    "none": "no filter",
    "native": "weir, native XDP",
    "generic": "weir, generic XDP",
    "nft": "nftables netdev, one rule a rule",
    "nftset": "nftables netdev, one concatenated set",
    "ipt": "iptables-legacy, raw",
    "iptnft": "iptables-nft, raw",
}


def main():
    shape, count = sys.argv[1:]
    best = {}
    for line in sys.stdin:
        name, least = line.split()[:2]
        best[name] = min(best.get(name, float("inf")), float(least))
    bare = best["none"]
    weir = max(best["native"] - bare, 1.0)  # below a nanosecond a ratio says nothing
    print(f"{shape}, {count} rules: ns a packet end to end; what the filter adds; times what weir adds in native mode")
    for name, label in NAMES.items():
        if name not in best:
            continue
        added = best[name] - bare
        ratio = "" if name == "none" else f"{added / weir:>9.1f}x"
        print(f"  {label:<40} {best[name]:>10.0f} {added:>10.0f} {ratio}")


main()
