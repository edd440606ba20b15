#!/usr/bin/env bash
# Installs what weir is built, tested and shown with, from Debian 12's own packages. Quick where all is there already.
set -euo pipefail

packages=(
    # building
    build-essential ccache clang-19 clang-format-19 cmake git libbpf-dev libcli11-dev libcurl4-openssl-dev libelf-dev libfmt-dev libmicrohttpd-dev libpugixml-dev
    librdkafka-dev libssl-dev libzstd-dev linux-libc-dev llvm-19-dev nettle-dev ninja-build nlohmann-json3-dev pkg-config tao-pegtl-dev zlib1g-dev
    # testing and showing
    bpftool catch2 chromium chromium-driver faketime iproute2 ipset iptables iputils-ping jq libnats-dev nats-server netcat-openbsd nftables openssl procps
    prometheus python3-minimal python3-selenium python3-yaml libpython3-stdlib
    rsyslog systemd tcpdump util-linux
    curl file groff-base
)

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

# One sentence and status 3, as weir itself does where the world is at fault.
refuse() {
    echo "install-dependencies: $1" >&2
    exit 3
}
command -v apt-get >/dev/null || refuse "this is no Debian: install these yourself: ${missing[*]}"
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || refuse "root is needed, once: apt-get install ${missing[*]}"
    sudo=(sudo)
fi

echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet --option Acquire::Retries=3)
"${apt[@]}" update || refuse "apt-get update failed: is the network there?"
for package in "${missing[@]}"; do
    apt-cache show --quiet "$package" >/dev/null 2>&1 ||
        refuse "$package is not in this system's package lists: Debian 12 (main, updates, security) has it"
done
# Tests start servers of their own: the packages' services stay off. `systemctl unmask NAME` is the way back.
for service in nats-server prometheus rsyslog; do
    case " ${missing[*]} " in
        *" $service "*)
            "${sudo[@]}" mkdir -p /etc/systemd/system
            [ -e "/etc/systemd/system/$service.service" ] || "${sudo[@]}" ln -s /dev/null "/etc/systemd/system/$service.service"
            ;;
    esac
done
"${apt[@]}" install --yes --no-install-recommends "${missing[@]}" >/dev/null
