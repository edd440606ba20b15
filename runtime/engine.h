// A policy in force on live interfaces: attach, deliver events, swap, detach.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "runtime/event.h"
#include "runtime/result.h"

namespace weir::runtime {

enum class AttachMode : std::uint8_t { kAuto, kNative, kGeneric };

struct EngineOptions {
    std::string name;                     // empty: the first interface's
    std::vector<std::string> interfaces;
    AttachMode mode = AttachMode::kAuto;
    bool observe = false;
    // Each event, before the sinks get it; may be empty. Called from poll().
    std::function<void(const Event&)> on_event;
    // Things worth saying aloud ("eth0: native XDP is not supported, attached in generic mode").
    std::function<void(const std::string&)> on_notice;
    bool deliver_to_sinks = true;         // false: only on_event gets them (embedding)
};

struct InterfaceStatus { std::string name; AttachMode mode = AttachMode::kNative; };
struct CounterStatus { std::string name; std::uint64_t packets = 0; std::uint64_t bytes = 0; };
struct AlertStatus { std::string name; std::uint64_t matched = 0, delivered = 0, suppressed = 0, lost = 0, pending = 0; };
struct SinkStatus { std::string name; std::uint64_t delivered = 0, lost = 0, pending = 0; std::string state; };
struct EngineStatus {
    std::string name;
    std::string policy;
    std::uint32_t generation = 0;
    std::string loaded_at;                // RFC 3339, UTC
    std::vector<InterfaceStatus> interfaces;
    std::vector<CounterStatus> rules;
    CounterStatus default_;
    CounterStatus malformed;
    std::vector<AlertStatus> alerts;
    std::vector<SinkStatus> sinks;
    std::vector<bpf::SetInfo> sets;
};

class Engine {
public:
    // Loads, attaches to all interfaces or to none.
    static Result<std::unique_ptr<Engine>> start(const bpf::Object& object, EngineOptions options);
    // Detaches; nothing stays behind.
    ~Engine();
    // Loads `object` beside the policy in force, then puts it in force with one map store. Counters of rules that
    // keep their name go on. On an error the old policy stays.
    Status swap(const bpf::Object& object);
    // Waits up to `timeout_ms` for events and delivers them. Returns how many.
    Result<int> poll(int timeout_ms);
    int poll_fd() const;                  // readable where events wait
    void reopen();                        // files of sinks, after somebody moved them away
    EngineStatus status() const;
    std::uint64_t last_commit_ns() const; // how long the commit of the last swap took

private:
    struct State;
    explicit Engine(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace weir::runtime
