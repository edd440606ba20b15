// Tested by tests/unit/runtime/accounts_test.cpp.
#include "runtime/kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/ethtool.h>
#include <linux/membarrier.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>

#include <fmt/format.h>

#include "runtime/handles.h"

namespace weir::runtime {

Error kernel_error(int number, const std::string& what) {
    number = number < 0 ? -number : number;
    std::string help;
    if (number == EPERM || number == EACCES)
        help = "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON";
    else if (number == ENOMEM)
        help = "the kernel has no room for the policy's maps";
    return {fmt::format("{} failed: {}", what, std::strerror(number)), std::move(help), number};
}

void quiet_libbpf() {
    libbpf_set_print([](libbpf_print_level, const char*, va_list) { return 0; });
}

bool may_load_programs() {
    // r0 = XDP_PASS; exit
    const std::array<bpf_insn, 2> program{bpf_insn{0xb7, 0, 0, 0, 2}, bpf_insn{0x95, 0, 0, 0, 0}};
    const UniqueFd fd(bpf_prog_load(BPF_PROG_TYPE_XDP, "weir_probe", "GPL", program.data(), program.size(), nullptr));
    return static_cast<bool>(fd);
}

Result<unsigned> interface_index(const std::string& name) {
    // Not if_nametoindex(): where it has no descriptor for a socket it says the same as where there is no interface.
    const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd) return kernel_error(errno, fmt::format("looking for interface `{}`", name));
    ifreq wanted{};
    const bool is_name = !name.empty() && name.size() < sizeof(wanted.ifr_name);
    if (is_name) std::memcpy(wanted.ifr_name, name.data(), name.size());
    if (is_name && ioctl(fd.get(), SIOCGIFINDEX, &wanted) == 0) return static_cast<unsigned>(wanted.ifr_ifindex);
    if (is_name && errno != ENODEV) return kernel_error(errno, fmt::format("looking for interface `{}`", name));
    std::string known;
    if (struct if_nameindex* all = if_nameindex()) {
        for (struct if_nameindex* i = all; i->if_index != 0; ++i)
            known += (known.empty() ? "" : ", ") + std::string(i->if_name);
        if_freenameindex(all);
    }
    return Error{fmt::format("there is no interface `{}`", name), "interfaces here: " + known, ENODEV};
}

std::string interface_name(unsigned index) {
    char name[IF_NAMESIZE] = {};
    if (if_indextoname(index, name) == nullptr) return fmt::format("if{}", index);
    return name;
}

std::uint32_t program_id(int program_fd) {
    bpf_prog_info info{};
    __u32 length = sizeof(info);
    return bpf_obj_get_info_by_fd(program_fd, &info, &length) == 0 ? info.id : 0;
}

unsigned possible_cpus() {
    const int cpus = libbpf_num_possible_cpus();
    return cpus > 0 ? static_cast<unsigned>(cpus) : 1;
}

void wait_for_packets() {
    // A global barrier is a grace period of RCU, under which programs run. Kernels with nohz_full CPUs have none; there
    // a packet has left long before this.
    constexpr timespec kLong{.tv_sec = 0, .tv_nsec = 100'000'000};
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0) nanosleep(&kLong, nullptr);
}

namespace {
std::uint64_t now_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// How far this process's monotonic clock is ahead of the kernel's (time_namespaces(7)); behind it: as a negative number
// wraps.
std::uint64_t time_namespace_ns() {
    std::ifstream offsets("/proc/self/timens_offsets");
    std::string clock;
    for (std::int64_t s = 0, ns = 0; offsets >> clock >> s >> ns;)
        if (clock == "monotonic") return static_cast<std::uint64_t>(s * 1'000'000'000 + ns);
    return 0;  // a kernel without them
}

Result<ethtool_value> ethtool_flags(const std::string& interface, ethtool_value request) {
    const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq wanted{};
    std::strncpy(wanted.ifr_name, interface.c_str(), IFNAMSIZ - 1);
    wanted.ifr_data = reinterpret_cast<char*>(&request);
    if (!fd || ioctl(fd.get(), SIOCETHTOOL, &wanted) != 0)
        return kernel_error(errno, "reading the offloads of " + interface);
    return request;
}
}  // namespace

std::uint64_t monotonic_ns() {
    static const std::uint64_t kOffset_ns = time_namespace_ns();  // a process stays in its time namespace
    return now_ns(CLOCK_MONOTONIC) - kOffset_ns;
}
std::uint64_t realtime_ns() { return now_ns(CLOCK_REALTIME); }

std::string rfc3339(std::uint64_t realtime_ns) {
    const auto seconds = static_cast<std::time_t>(realtime_ns / 1'000'000'000);
    tm utc{};
    gmtime_r(&seconds, &utc);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                       utc.tm_hour, utc.tm_min, utc.tm_sec, realtime_ns % 1'000'000'000 / 1000);
}

Result<bool> disable_vlan_offload(const std::string& interface) {
    auto flags = ethtool_flags(interface, {ETHTOOL_GFLAGS, 0});
    if (!flags) return flags.error();
    if ((flags->data & ETH_FLAG_RXVLAN) == 0) return false;
    auto set = ethtool_flags(interface, {ETHTOOL_SFLAGS, flags->data & ~static_cast<std::uint32_t>(ETH_FLAG_RXVLAN)});
    if (!set) return set.error();
    return true;
}

Status enable_vlan_offload(const std::string& interface) {
    auto flags = ethtool_flags(interface, {ETHTOOL_GFLAGS, 0});
    if (!flags) return flags.error();
    auto set = ethtool_flags(interface, {ETHTOOL_SFLAGS, flags->data | ETH_FLAG_RXVLAN});
    if (!set) return set.error();
    return Done{};
}

namespace {
// "veth"; empty where it cannot be known.
std::string driver_of(const std::string& interface) {
    const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    ifreq wanted{};
    std::strncpy(wanted.ifr_name, interface.c_str(), IFNAMSIZ - 1);
    wanted.ifr_data = reinterpret_cast<char*>(&info);
    if (!fd || ioctl(fd.get(), SIOCETHTOOL, &wanted) != 0) return {};
    return std::string(info.driver, strnlen(info.driver, sizeof(info.driver)));
}
}  // namespace

Merging stop_merging(const std::string& interface) {
    Merging merging;
    const auto state = ethtool_flags(interface, {ETHTOOL_GGRO, 0});
    merging.was_on = state && state->data != 0 && ethtool_flags(interface, {ETHTOOL_SGRO, 0});
    const auto left = ethtool_flags(interface, {ETHTOOL_GGRO, 0});
    if (left && left->data != 0) merging.reason = "GRO cannot be turned off";
    // What these hand over was merged before it came to them.
    struct Source {
        std::string_view driver, reason;
    };
    constexpr std::string_view kBelow = "a device below it may merge packets: ethtool -K DEVICE gro off";
    constexpr Source kSources[] = {
        {"veth", "the other end of the pair may send merged packets: ethtool -K PEER tso off gso off"},
        {"tun", "the program that has the other end may send merged packets"},
        {"bridge", kBelow},
        {"bonding", kBelow},
        {"team", kBelow},
        {"802.1Q VLAN Support", kBelow},
        {"macvlan", kBelow},
        {"vxlan", kBelow},
        {"geneve", kBelow},
    };
    const std::string driver = driver_of(interface);
    for (const Source& source : kSources)
        if (driver == source.driver) merging.reason = source.reason;
    if (interface == "lo") merging.reason = "packets of the loopback are as large as the host makes them";
    return merging;
}

Status merge_again(const std::string& interface) {
    auto set = ethtool_flags(interface, {ETHTOOL_SGRO, 1});
    if (!set) return set.error();
    return Done{};
}

}  // namespace weir::runtime
