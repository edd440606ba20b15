// Veth pairs and the frames that go over them: what is sent on a0 comes in on b0.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "runtime/engine/engine.h"
#include "runtime/handles.h"

namespace weir::test {

// a0-b0 and a1-b1, in this network namespace.
bool make_wires();

// A policy's object; the test fails where it does not compile.
bpf::Object compiled(const std::string& text);

using Frame = std::vector<std::uint8_t>;
// A UDP datagram over IPv4 from 10.0.0.1:4000 to 10.0.0.2:`port`.
Frame udp(std::uint16_t port);
// The same behind a VLAN tag.
Frame tagged(std::uint16_t vlan, std::uint16_t port);

// Sends on one end, hears what passed XDP on the other.
class Wire {
public:
    explicit Wire(const std::string& near = "a0", const std::string& far = "b0");
    void send(const Frame& frame, int times = 1);
    // Waits until `count` frames have passed in all, or for seconds without one. Returns how many have, by port.
    std::uint64_t passed(std::uint16_t port, std::uint64_t expected_in_all);
    std::uint64_t passed_in_all() const { return all_; }

private:
    void hear(int timeout_ms);

    runtime::UniqueFd near_;
    runtime::UniqueFd far_;
    std::vector<std::uint64_t> by_port_ = std::vector<std::uint64_t>(65536);
    std::uint64_t all_ = 0;
};

runtime::EngineOptions on(const std::string& interface);
// On b0; events go to `events`.
runtime::EngineOptions hearing(std::vector<runtime::Event>& events);

// Polls until `count` events have come, or none has for seconds. Returns how many.
int poll_events(runtime::Engine& engine, int count);

runtime::EngineStatus status_of(runtime::Engine& engine);
// The values of a set that changes, sorted.
std::vector<std::string> members(const runtime::Engine& engine, const std::string& set);
runtime::CounterStatus rule(const runtime::EngineStatus& status, const std::string& name);
runtime::AlertStatus alert(const runtime::EngineStatus& status, const std::string& name);

// Open file descriptors of this process.
std::size_t open_fds();
// Programs, maps and links that this process holds: "prog_id:17".
std::set<std::string> held();
// True once the kernel has none of them any more; it frees them after the last holder has gone: on a busy machine,
// seconds after.
bool are_gone(const std::set<std::string>& things);
// True where an XDP program is on the interface.
bool has_program(const std::string& interface);

}  // namespace weir::test
