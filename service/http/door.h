// The network door: the process that serves HTTP for an engine (docs/http-door.md). It has listening sockets, channels
// to the engine and its settings, and can reach nothing else (confine_door()).
#pragma once

#include "service/side_process.h"

namespace weir::service::http {

// The life of such a process. Returns an exit status.
int live_as_door(SideEnds ends);

}  // namespace weir::service::http
