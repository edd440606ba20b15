// What the processes of an engine say to one another: runtime/message_socket.h.
#pragma once

#include "runtime/message_socket.h"

namespace weir::service {

using runtime::kMaxMessageBytes, runtime::kMaxMessageFds;
using runtime::make_socket_pair, runtime::receive_message, runtime::send_message, runtime::send_some;
using runtime::Message, runtime::Received, runtime::SocketPair, runtime::Wait;

}  // namespace weir::service
