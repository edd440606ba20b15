// Says when network interfaces come, go or change: through rtnetlink.
#pragma once

#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

class LinkWatch {
public:
    // Of the network namespace that this thread is in.
    static Result<LinkWatch> create();
    int fd() const { return socket_.get(); }  // readable where something happened
    // Takes what happened. True where something did, or where it cannot be known: then look at the interfaces.
    bool step();

private:
    explicit LinkWatch(UniqueFd socket) : socket_(std::move(socket)) {}
    UniqueFd socket_;
};

}  // namespace weir::runtime
