#include "tests/kernel/wire.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "compiler/compiler.h"
#include "grammar/render.h"

namespace weir::test {
namespace {

namespace fs = std::filesystem;
constexpr int kQuiet_ms = 3000;      // that long without anything means that nothing comes
constexpr std::size_t kPortAt = 36;  // of the destination port of an untagged frame of ours

std::size_t entries(const char* folder) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

bool make_wires() {
    // No neighbour discovery or the like: all frames here are ours.
    std::ofstream("/proc/sys/net/ipv6/conf/default/disable_ipv6") << "1";
    return std::system(
               "ip link add a0 type veth peer name b0 && ip link add a1 type veth peer name b1 && "
               "for i in a0 b0 a1 b1; do ip link set $i arp off up || exit 1; done") == 0;
}

bpf::Object compiled(const std::string& text) {
    Sources sources;
    Diagnostics diagnostics;
    const auto policy = analyse(sources, "test.rules", text, {}, diagnostics);
    INFO(render(sources, diagnostics, DiagnosticFormat::kHuman, Colour::kOff));
    REQUIRE(policy);
    auto object = compile(*policy, {});
    if (!object) FAIL(object.error().message);
    return std::move(*object);
}

Frame udp(std::uint16_t port) {
    Frame frame{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};  // Ethernet, IPv4
    const Frame ip{0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
    const Frame datagram{4000 >> 8,
                         4000 & 0xff,
                         static_cast<std::uint8_t>(port >> 8),
                         static_cast<std::uint8_t>(port),
                         0,
                         12,
                         0,
                         0,
                         'w',
                         'e',
                         'i',
                         'r'};
    frame.insert(frame.end(), ip.begin(), ip.end());
    frame.insert(frame.end(), datagram.begin(), datagram.end());
    return frame;
}

Frame tagged(std::uint16_t vlan, std::uint16_t port) {
    Frame frame = udp(port);
    const Frame tag{0x81, 0, static_cast<std::uint8_t>(vlan >> 8), static_cast<std::uint8_t>(vlan)};
    frame.insert(frame.begin() + 12, tag.begin(), tag.end());
    return frame;
}

Wire::Wire(const std::string& near, const std::string& far) {
    const auto open = [](const std::string& interface, int protocol) {
        runtime::UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(static_cast<std::uint16_t>(protocol))));
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(static_cast<std::uint16_t>(protocol));
        address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
        REQUIRE(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
        return fd;
    };
    near_ = open(near, 0);
    far_ = open(far, ETH_P_ALL);
    const int room_bytes = 8 << 20;
    setsockopt(far_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &room_bytes, sizeof(room_bytes));
}

void Wire::send(const Frame& frame, int times) {
    for (int i = 0; i < times; ++i)
        // ENOBUFS: it was dropped on its way out.
        if (::send(near_.get(), frame.data(), frame.size(), 0) != static_cast<ssize_t>(frame.size()) &&
            errno != ENOBUFS)
            FAIL("send");
}

void Wire::hear(int timeout_ms) {
    pollfd readable{far_.get(), POLLIN, 0};
    if (poll(&readable, 1, timeout_ms) <= 0) return;
    std::uint8_t frame[2048];
    sockaddr_ll from{};
    socklen_t from_bytes = sizeof(from);
    for (ssize_t bytes = 0; (bytes = recvfrom(far_.get(), frame, sizeof(frame), MSG_DONTWAIT,
                                              reinterpret_cast<sockaddr*>(&from), &from_bytes)) > 0;) {
        if (from.sll_pkttype == PACKET_OUTGOING) continue;  // of the far end itself
        ++all_;
        if (static_cast<std::size_t>(bytes) >= kPortAt + 2)
            ++by_port_[static_cast<std::size_t>(frame[kPortAt] << 8 | frame[kPortAt + 1])];
    }
}

std::uint64_t Wire::passed(std::uint16_t port, std::uint64_t expected_in_all) {
    for (std::uint64_t before = all_ + 1; all_ < expected_in_all && before != all_;) {
        before = all_;
        hear(kQuiet_ms);
    }
    hear(0);
    return by_port_[port];
}

runtime::EngineOptions on(const std::string& interface) {
    runtime::EngineOptions options;
    options.interfaces = {interface};
    options.deliver_to_sinks = false;
    return options;
}

runtime::EngineOptions hearing(std::vector<runtime::Event>& events) {
    auto options = on("b0");
    options.on_event = [&](const runtime::Event& event) { events.push_back(event); };
    return options;
}

int poll_events(runtime::Engine& engine, int count) {
    int taken = 0;
    while (taken < count) {
        auto some = engine.poll(kQuiet_ms);
        REQUIRE(some);
        if (*some == 0) break;
        taken += *some;
    }
    return taken;
}

std::vector<std::string> members(const runtime::Engine& engine, const std::string& name) {
    auto set = engine.set(name);
    REQUIRE(set);
    auto entries = set->list();
    REQUIRE(entries);
    std::vector<std::string> values;
    for (const auto& entry : *entries) values.push_back(entry.value);
    std::sort(values.begin(), values.end());
    return values;
}

runtime::EngineStatus status_of(runtime::Engine& engine) {
    auto status = engine.status();
    REQUIRE(status);
    return *status;
}

runtime::CounterStatus rule(const runtime::EngineStatus& status, const std::string& name) {
    for (const auto& known : status.rules)
        if (known.name == name) return known;
    FAIL("no rule " << name);
    return {};
}

runtime::AlertStatus alert(const runtime::EngineStatus& status, const std::string& name) {
    for (const auto& known : status.alerts)
        if (known.name == name) return known;
    FAIL("no alert " << name);
    return {};
}

std::size_t open_fds() { return entries("/proc/self/fd"); }

std::set<std::string> held() {
    std::set<std::string> things;
    for (const auto& entry : fs::directory_iterator("/proc/self/fdinfo")) {
        std::ifstream facts(entry.path());
        std::string word, id;
        while (facts >> word)
            if ((word == "prog_id:" || word == "map_id:" || word == "link_id:") && facts >> id)
                things.insert(word + id);
    }
    return things;
}

bool are_gone(const std::set<std::string>& things) {
    // By number, without a file descriptor: opening and closing a prog array that is about to go makes the kernel keep
    // it for ever (each last close schedules its clearing and takes a reference, of which one is given back).
    const auto exists = [](const std::string& thing) {
        const auto id = static_cast<std::uint32_t>(std::stoul(thing.substr(thing.find(':') + 1)));
        const auto next_id = thing[0] == 'p'   ? bpf_prog_get_next_id
                             : thing[0] == 'm' ? bpf_map_get_next_id
                                               : bpf_link_get_next_id;
        std::uint32_t next = 0;
        return next_id(id - 1, &next) == 0 && next == id;
    };
    for (int attempt = 0; attempt < 600; ++attempt) {
        bool any = false;
        for (const std::string& thing : things) any = any || exists(thing);
        if (!any) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
}

bool has_program(const std::string& interface) {
    __u32 id = 0;
    REQUIRE(bpf_xdp_query_id(static_cast<int>(if_nametoindex(interface.c_str())), 0, &id) == 0);
    return id != 0;
}

}  // namespace weir::test
