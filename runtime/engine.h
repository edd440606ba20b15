// A policy in force on live interfaces: attach, deliver events, swap, detach.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "runtime/event.h"
#include "runtime/live_set.h"
#include "runtime/result.h"
#include "runtime/state_maps.h"
#include "runtime/status.h"

namespace weir::runtime {

struct EngineOptions {
    std::string name;                     // empty: the first interface's
    std::vector<std::string> interfaces;
    AttachMode mode = AttachMode::kAuto;
    // Each event, before the sinks get it; may be empty. Called from poll() and detach(); must not call swap().
    std::function<void(const Event&)> on_event;
    // Things worth saying aloud ("eth0: native XDP is not possible (…), attached in generic mode").
    std::function<void(const std::string&)> on_notice;
    bool deliver_to_sinks = true;         // false: only on_event gets them (embedding)
    std::uint32_t ring_bytes = 1 << 20;   // room for events that wait: a power of two, and of pages
};

// Belongs to one thread at a time.
class Engine {
public:
    // Loads, attaches to all interfaces or to none.
    static Result<std::unique_ptr<Engine>> start(const bpf::Object& object, EngineOptions options);
    // detach(); nothing stays behind.
    ~Engine();
    // Loads `object` beside the policy in force, then puts it in force with one store. Counters of rules that keep their
    // name go on. On an error the old policy stays, and its generation.
    Status swap(const bpf::Object& object);
    // Waits up to `timeout_ms` for events and delivers them. Returns how many; a bounded number a call.
    Result<int> poll(int timeout_ms);
    int poll_fd() const;                  // readable where events wait
    // Sinks open their files anew (SIGHUP).
    void reopen();
    // Takes the policy off all interfaces, then delivers the events that wait. status() still answers.
    void detach();
    Result<EngineStatus> status() const;
    // Whose state a swap to `object` would forget, and whose would begin anew.
    StateMaps::Change state_change(const bpf::Object& object) const;
    // A set of the policy in force, by name; to be used before the next swap.
    Result<LiveSet> set(const std::string& name) const;
    // Takes out of sets what is over; packets do not see it anyway.
    void tidy_sets();
    std::uint64_t last_commit_ns() const; // how long the commit of the last swap took

private:
    struct State;
    explicit Engine(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir::runtime
