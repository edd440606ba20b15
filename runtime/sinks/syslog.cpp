// Tested by tests/unit/runtime/syslog_test.cpp.
#include "runtime/sinks/syslog.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

#include "runtime/sinks/event_text.h"
#include "runtime/sinks/stdout.h"

namespace weir::runtime {
namespace {

constexpr std::size_t kTextBytes = 4096;  // of a message, without its head: receivers take 8 KB
constexpr std::size_t kPiece = std::size_t{64} << 10;

std::uint32_t severity_number(bpf::AlertSeverity severity) {
    switch (severity) {
        case bpf::AlertSeverity::kCritical: return 2;  // critical
        case bpf::AlertSeverity::kHigh: return 3;      // error
        case bpf::AlertSeverity::kMedium: return 4;    // warning
        case bpf::AlertSeverity::kLow: break;
    }
    return 5;  // notice
}

void append_priority(TextBuffer& to, const PackedEvent& event, const SyslogHead& head) {
    to.append('<');
    append_number(to, head.facility * 8 + severity_number(event.manifest->alerts[event.event().alert].severity));
    to.append('>');
}

void append_cut_summary(TextBuffer& to, const PackedEvent& event) {
    const std::size_t begin = to.size();
    append_summary(to, event, LineColour::kOff);
    cut_text(to, begin, kTextBytes);
}

std::string host_name() {
    std::array<char, 256> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return "-";
    const std::string text = name.data();
    const bool is_plain = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
    return is_plain && !text.empty() ? text : "-";
}

struct Format {
    void (*append)(TextBuffer&, const PackedEvent&, const SyslogHead&);
    const SyslogHead* head;
};
void add_message(Lines& lines, Batch& batch, std::size_t i, const void* with) {
    const auto& format = *static_cast<const Format*>(with);
    format.append(lines.text, *batch.event(i), *format.head);
    lines.end_line();
}

}  // namespace

std::optional<PeerAddress> syslog_address(std::string_view url) {
    PeerAddress address{Transport::kUdp, {}, "514"};
    if (url.starts_with("tcp://"))
        address.transport = Transport::kTcp;
    else if (!url.starts_with("udp://"))
        return std::nullopt;
    url.remove_prefix(6);
    const std::size_t bracket = url.starts_with('[') ? url.find(']') : std::string_view::npos;
    const std::size_t colon = bracket == std::string_view::npos ? url.find(':') : url.find(':', bracket);
    if (bracket != std::string_view::npos)
        address.host = url.substr(1, bracket - 1);
    else
        address.host = url.substr(0, colon);
    if (colon != std::string_view::npos) address.port = url.substr(colon + 1);
    const bool is_number =
        std::all_of(address.port.begin(), address.port.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (address.host.empty() || address.port.empty() || address.port.size() > 5 || !is_number) return std::nullopt;
    return address;
}

void append_local_message(TextBuffer& to, const PackedEvent& event, const SyslogHead& head) {
    append_priority(to, event, head);
    const auto second = static_cast<std::time_t>(event.wall_clock_ns / 1'000'000'000);
    tm local{};
    localtime_r(&second, &local);
    char* at = to.room(16);
    to.filled(at + std::strftime(at, 16, "%b %e %H:%M:%S", &local));
    to.append(" weir[");
    append_number(to, static_cast<std::uint64_t>(head.process));
    to.append("]: ");
    append_cut_summary(to, event);
}

void append_remote_message(TextBuffer& to, const PackedEvent& event, const SyslogHead& head) {
    append_priority(to, event, head);
    to.append("1 ");
    append_time(to, event.wall_clock_ns);
    to.append("Z ");
    to.append(head.host);
    to.append(" weir ");
    append_number(to, static_cast<std::uint64_t>(head.process));
    to.append(' ');
    constexpr std::size_t kMessageId = 32;  // bytes, at most
    to.append(std::string_view(event.manifest->alerts[event.event().alert].name).substr(0, kMessageId));
    to.append(" - ");
    append_cut_summary(to, event);
}

Syslog::Syslog(std::uint32_t facility, PeerAddress address)
    : head_{facility, host_name(), getpid()}, transport_(address.transport), peer_(std::move(address)) {}

void Syslog::prepare() {
    if (transport_ == Transport::kUnixDatagrams) peer_.connect(Batch(std::span<const PackedEvent* const>()));
}

void Syslog::reopen() { lose_connection(nullptr); }

void Syslog::lose_connection(const char* what) {
    rest_.clear();
    rest_of_.clear();
    if (what != nullptr)
        peer_.failed(what);
    else
        peer_.close();
}

void Syslog::deliver(Batch& batch) {
    if (transport_ == Transport::kTcp) return deliver_frames(batch);
    const bool is_local = transport_ == Transport::kUnixDatagrams;
    const Format format{is_local ? append_local_message : append_remote_message, &head_};
    send_datagrams(batch, peer_, lines_, add_message, &format);
}

void Syslog::wait_for_peer(Batch& batch) {
    peer_.is_slow();
    batch.retry_after(Peer::kSlow_ms);
}

// The end of a frame that the peer has a part of, or the stream would be out of step. False: not now.
bool Syslog::finish_frame(Batch& batch) {
    while (!rest_.empty()) {
        const std::size_t sent = peer_.send(rest_.text());
        rest_.drop(sent);
        if (rest_.empty()) break;
        if (sent == 0 && errno != EAGAIN) {
            lose_connection("writing to");
            return false;
        }
        if (!peer_.wait_for_room(batch)) {
            wait_for_peer(batch);
            return false;
        }
    }
    // Unless the worker gave that event up meanwhile.
    if (!rest_of_.empty() && batch.id(0) == rest_of_) batch.delivered(1);
    rest_of_.clear();
    return true;
}

// RFC 6587, 3.4.1: each message behind its length.
void Syslog::fill_frames(Batch& batch) {
    lines_.clear();
    for (std::size_t i = 0; i < batch.size() && lines_.text.size() < kPiece; ++i) {
        message_.clear();
        append_remote_message(message_, *batch.event(i), head_);
        append_number(lines_.text, message_.size());
        lines_.text.append(' ');
        lines_.text.append(message_.text());
        lines_.end_line();
    }
}

void Syslog::deliver_frames(Batch& batch) {
    while (batch.size() != 0) {
        if (!peer_.connect(batch)) return;
        if (peer_.is_closed()) {
            errno = ECONNRESET;
            lose_connection("writing to");
            if (!peer_.connect(batch)) return;
        }
        if (!finish_frame(batch)) return;
        fill_frames(batch);
        if (lines_.count() == 0) return;
        const std::size_t sent = peer_.send(lines_.text.text());
        const std::size_t whole = lines_.within(sent);
        batch.delivered(whole);
        if (sent == 0 && errno != EAGAIN) return lose_connection("writing to");
        if (whole == lines_.count()) continue;
        const std::size_t begun = whole == 0 ? 0 : lines_.ends[whole - 1];
        if (sent > begun) {
            rest_.clear();
            rest_.append(lines_.line(whole).substr(sent - begun));
            rest_of_ = batch.id(0);
        } else if (!peer_.wait_for_room(batch)) {
            return wait_for_peer(batch);
        }
    }
}

}  // namespace weir::runtime
