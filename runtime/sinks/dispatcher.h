// Hands events to sinks and counts what became of them.
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
    using MakeSink = std::unique_ptr<Sink> (*)(const bpf::SinkInfo&);
    explicit Dispatcher(MakeSink make = make_sink) : make_(make) {}

    // A sink for each declaration, in order. A sink whose declaration is unchanged stays, with its account.
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
    struct Entry {
        bpf::SinkInfo declared;
        std::unique_ptr<Sink> sink;
        Account account{};
    };

    MakeSink make_;
    SinkId next_ = 0;
    std::map<SinkId, Entry> sinks_;
};

}  // namespace weir::runtime
