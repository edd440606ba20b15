// Events as messages of syslog: to the local daemon, or to one at another host.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/sinks/lines.h"
#include "runtime/sinks/peer.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

// "udp://host:514", "tcp://[2001:db8::1]:601"; port 514 where none is said. Nothing where it is neither.
std::optional<PeerAddress> syslog_address(std::string_view url);

// What goes before the text of a message.
struct SyslogHead {
    std::uint32_t facility = 3;  // RFC 5424, 6.2.1
    std::string host{};          // "-" where it is not known
    pid_t process = 0;
};

// The form that local daemons read: "<27>Jan  2 03:04:05 weir[42]: high guessing: …", local time.
void append_local_message(TextBuffer& to, const PackedEvent& event, const SyslogHead& head);
// RFC 5424: "<27>1 2026-01-02T03:04:05.678901Z host weir 42 guessing - high guessing: …".
void append_remote_message(TextBuffer& to, const PackedEvent& event, const SyslogHead& head);

class Syslog : public Sink {
public:
    // kUnixDatagrams: the local form.
    Syslog(std::uint32_t facility, PeerAddress address);
    // Delivered once the kernel has it: a datagram may be lost on its way, and what a stream's peer had not read yet
    // when it ended.
    void deliver(Batch& batch) override;
    void prepare() override;
    void reopen() override;
    std::string state() const override { return peer_.state(); }

private:
    void fill_frames(Batch& batch);
    void deliver_frames(Batch& batch);
    void wait_for_peer(Batch& batch);
    bool finish_frame(Batch& batch);
    void lose_connection(const char* what);

    SyslogHead head_;
    Transport transport_;
    Peer peer_;
    Lines lines_{};
    TextBuffer message_{};
    TextBuffer rest_{};      // of a frame that the peer has the beginning of
    std::string rest_of_{};  // the id of its event
};

}  // namespace weir::runtime
