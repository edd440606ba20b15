// Hands events to actions, and keeps account of what became of them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "compiler/object.h"
#include "runtime/sinks/make.h"
#include "runtime/sinks/sink.h"
#include "runtime/status.h"

namespace weir::runtime {

using SinkId = std::uint32_t;  // never used twice by a dispatcher

class Dispatcher {
public:
    using MakeAction = std::unique_ptr<Action> (*)(const bpf::SinkInfo&);
    explicit Dispatcher(MakeAction make = make_action) : make_(make) {}

    // An action for each sink, in order. One that is there already, the same in all that the policy says of it, goes
    // on, with its account.
    std::vector<SinkId> adopt(const std::vector<bpf::SinkInfo>& sinks);
    // Ends all others.
    void keep_only(const std::vector<SinkId>& sinks);

    // True where all of them took it.
    bool deliver(const Event& event, const std::vector<SinkId>& sinks);
    void reopen();

    // What the kernel counted of an alert that goes to this sink.
    void add(SinkId sink, const weir_alert_account& counts);
    // `pending` is not known here: see settle().
    SinkStatus status(SinkId sink) const;

private:
    struct Sink {
        bpf::SinkInfo declared;
        std::unique_ptr<Action> action;
        Account account{};
    };

    MakeAction make_;
    SinkId next_ = 0;
    std::map<SinkId, Sink> sinks_;
};

}  // namespace weir::runtime
