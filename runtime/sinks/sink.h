// What the host does about an event. The one virtual base of the project.
#pragma once

#include <string>

#include "runtime/sinks/event.h"

namespace weir::runtime {

class Action {
public:
    Action() = default;
    Action(const Action&) = delete;
    Action& operator=(const Action&) = delete;
    virtual ~Action() = default;

    // Takes an event, now. True where it is delivered; false where it is lost, and the dispatcher counts it so. Must
    // not wait for long: all events of an engine come through here.
    virtual bool deliver(const Event& event) = 0;
    // Opens anew what was renamed or removed meanwhile (SIGHUP).
    virtual void reopen() {}
    // "ok", or what is wrong, as a sentence.
    virtual std::string state() const = 0;
};

}  // namespace weir::runtime
