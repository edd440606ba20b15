set -e
mount -t bpf bpf /sys/fs/bpf
echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
ip link add a0 type veth peer name b0
for i in a0 b0; do ip link set $i arp off up; done
./make policy.rules engine.bundle
