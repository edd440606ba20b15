// Delivers events. The one virtual base of the project.
#pragma once

#include <string>

#include "runtime/sinks/event.h"

namespace weir::runtime {

class Sink {
public:
    Sink() = default;
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    virtual ~Sink() = default;

    // Takes an event, now. True where it is delivered; false where it is lost, and the dispatcher counts it so. Must
    // not wait for long: all events of an engine come through here.
    virtual bool deliver(const Event& event) = 0;
    // Opens what it writes to, so that state() says before the first event what is wrong.
    virtual void prepare() {}
    // Opens anew what was renamed or removed meanwhile (SIGHUP).
    virtual void reopen() {}
    // "ok", or what is wrong, as a sentence.
    virtual std::string state() const = 0;
};

}  // namespace weir::runtime
