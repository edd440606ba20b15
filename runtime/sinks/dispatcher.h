// Hands events to the queues of sinks and counts what became of them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "runtime/sinks/make.h"
#include "runtime/sinks/sink.h"
#include "runtime/sinks/worker.h"
#include "runtime/status.h"

namespace weir::runtime {

using SinkId = std::uint32_t;  // never used twice by a dispatcher

// Belongs to one thread, as its engine.
class Dispatcher {
public:
    using MakeSink = std::unique_ptr<Sink> (*)(const bpf::SinkInfo&);
    enum class Outcome : std::uint8_t { kDelivered, kLost };
    using Take = std::function<void(const PackedEvent&, Outcome)>;

    // `make`: in place of make_sink().
    explicit Dispatcher(MakeSink make = nullptr);
    // For sinks that adopt() makes from now on.
    void set_host(SinkHost host) { host_ = std::move(host); }

    // A sink for each declaration, in order. A sink whose declaration is unchanged stays, with its queue and account.
    std::vector<SinkId> adopt(const std::vector<bpf::SinkInfo>& sinks);
    // Ends all others: nothing of theirs waits any more.
    void keep_only(const std::vector<SinkId>& sinks);
    // The others get as long as a peer needs to come back; then what they have not delivered is lost.
    void in_force(const std::vector<SinkId>& sinks);

    // Into the sink's queue; from flush() on its worker sees it. Comes back from collect() once, lost where the queue
    // is full.
    void push(const PackedEvent& event, SinkId sink);
    void flush();
    // What is settled since the last call.
    void collect(const Take& take);
    int fd() const { return woken_.get(); }  // readable where collect() has something
    void reopen();
    // Sink::note() of all sinks of policies in force.
    void note(const std::string& line);
    // Sinks get this long to settle what they have; the rest is lost. collect() has all of it then.
    void end(std::uint64_t within_ms);

    // What the kernel counted of an alert that goes to this sink.
    void add(SinkId sink, const weir_alert_account& counts);
    // `pending`, and what the ring had no room for, are not known here: see settle().
    SinkStatus status(SinkId sink) const;

private:
    struct Entry {
        bpf::SinkInfo declared;
        std::unique_ptr<Worker> worker;
        std::uint64_t queue;  // events that may be unsettled
        Account account{};
        std::uint64_t unsettled = 0;
        std::map<std::string, std::uint64_t> lost_by{};
        std::vector<const PackedEvent*> pushed{};  // since flush()
        bool gives_up = false;
    };
    void collect_from(Entry& entry, const Take& take);

    MakeSink make_;
    SinkHost host_{};
    UniqueFd woken_;
    SinkId next_ = 0;
    std::map<SinkId, Entry> sinks_;
    std::vector<std::pair<const PackedEvent*, Outcome>> refused_;  // no room
    std::vector<Worker::Settled> settled_;                         // of one worker; kept for its memory
};

}  // namespace weir::runtime
