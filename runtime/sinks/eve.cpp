// Tested by tests/unit/runtime/sinks_test.cpp.
#include "runtime/sinks/eve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "grammar/base/hash.h"
#include "grammar/base/printable.h"
#include "runtime/kernel.h"
#include "runtime/sinks/event_text.h"

namespace weir::runtime {
namespace {

using Json = nlohmann::ordered_json;

constexpr mode_t kFileMode = 0640;

// Suricata's names; other protocols are their number in three digits, as there.
std::string protocol_name(std::uint8_t proto) {
    switch (proto) {
        case 1: return "ICMP";
        case 6: return "TCP";
        case 17: return "UDP";
        case 58: return "IPv6-ICMP";
        case 132: return "SCTP";
        default: return fmt::format("{:03}", proto);
    }
}

// Suricata's priorities: 1 is the gravest.
int severity_number(const std::string& severity) {
    if (severity == "critical" || severity == "high") return 1;
    return severity == "medium" ? 2 : 3;
}

// A number that stays with an alert's name: pipelines count by it. 31 bits.
std::uint32_t signature_id(const std::string& name) { return fnv1a_32(name) & 0x7fffffffu; }

// "2026-01-02T03:04:05.678901+0000"
std::string timestamp(std::uint64_t realtime_ns) {
    std::string text = rfc3339(realtime_ns);
    text.pop_back();
    return text + "+0000";
}

void add_addresses(Json& line, const weir_packet& packet) {
    if (!has(packet, WEIR_HAS_IP)) return;
    line["src_ip"] = address_text(packet.ip_src, packet.ip_version);
    if (has(packet, WEIR_HAS_PORTS)) line["src_port"] = packet.port_src;
    line["dest_ip"] = address_text(packet.ip_dst, packet.ip_version);
    if (has(packet, WEIR_HAS_PORTS)) line["dest_port"] = packet.port_dst;
    if (has(packet, WEIR_HAS_IP_PROTO)) line["proto"] = protocol_name(packet.ip_proto);
    if (has(packet, WEIR_HAS_ICMP) || has(packet, WEIR_HAS_ICMP6)) {
        line["icmp_type"] = packet.icmp_type;
        line["icmp_code"] = packet.icmp_code;
    }
}

}  // namespace

std::string eve_line(const Event& event) {
    const weir_packet& packet = event.record.packet;
    const bool would = (event.record.flags & WEIR_EVENT_WOULD) != 0;
    const bool blocked = !would && (event.record.verdict == WEIR_DROP || event.record.verdict == WEIR_REJECT);
    Json line;
    line["timestamp"] = timestamp(event.wall_clock_ns);
    line["event_type"] = "alert";
    if (!event.interface.empty()) line["in_iface"] = event.interface;
    add_addresses(line, packet);
    if (has(packet, WEIR_HAS_VLAN)) line["vlan"] = Json::array({packet.vlan_id});
    if (has(packet, WEIR_HAS_ETH))
        line["ether"] = {{"src_mac", mac_text(packet.eth_src)}, {"dest_mac", mac_text(packet.eth_dst)}};
    line["alert"] = {{"action", blocked ? "blocked" : "allowed"},
                     {"gid", 1},
                     {"signature_id", signature_id(event.alert)},
                     {"rev", 1},
                     {"signature", event.alert},
                     {"category", event.policy},
                     {"severity", severity_number(event.severity)}};
    line["weir"] = {{"policy", event.policy},
                    {"rule", event.rule},
                    {"alert", event.alert},
                    {"generation", event.record.generation},
                    {"suppressed", event.record.suppressed},
                    {"severity", event.severity},
                    {"verdict", event.verdict},
                    {"message", event.message},
                    {"packet_len", packet.len}};
    if (!event.redirected_to.empty()) line["weir"]["to"] = event.redirected_to;
    return line.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n';
}

bool EveFile::failed(const char* what) {
    state_ = fmt::format("{} {} failed: {}", what, printable(path_), std::strerror(errno));
    return false;
}

// A symbolic link is followed where root or this process's user made it: anybody else could have what root writes end
// up in a file of their choice.
bool EveFile::open() {
    struct stat link{};
    const bool is_link = lstat(path_.c_str(), &link) == 0 && S_ISLNK(link.st_mode);
    if (is_link && link.st_uid != 0 && link.st_uid != geteuid()) {
        state_ = fmt::format("{} is a symbolic link of user {}: it is not followed", printable(path_), link.st_uid);
        return false;
    }
    // Without O_NONBLOCK a named pipe would keep us until somebody reads it.
    const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | (is_link ? 0 : O_NOFOLLOW);
    file_ = UniqueFd(::open(path_.c_str(), flags, kFileMode));
    if (!file_) return failed("opening");
    is_torn_ = false;
    return true;
}

// False where somebody has moved it away, or put another one in its place.
bool EveFile::is_at_its_path() const {
    struct stat ours{}, there{};
    return fstat(file_.get(), &ours) == 0 && stat(path_.c_str(), &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

bool EveFile::rotate() {
    if (!is_at_its_path()) return open();  // somebody else has rotated it
    const auto numbered = [&](std::uint32_t number) { return fmt::format("{}.{}", path_, number); };
    // Only as many are moved as it takes to free the first place: where the last step fails, the next attempt moves
    // nothing again, and no file is lost.
    std::uint32_t free = 1;
    struct stat facts{};
    while (free < keep_ && stat(numbered(free).c_str(), &facts) == 0) ++free;
    for (std::uint32_t number = free; number > 1; --number)
        if (std::rename(numbered(number - 1).c_str(), numbered(number).c_str()) != 0) return failed("rotating");
    if (std::rename(path_.c_str(), numbered(1).c_str()) != 0) return failed("rotating");
    return open();
}

bool EveFile::append(const std::string& line) {
    const std::string whole = is_torn_ ? '\n' + line : line;
    const ssize_t written = write(file_.get(), whole.data(), whole.size());
    if (written == static_cast<ssize_t>(whole.size())) {
        is_torn_ = false;
        return true;
    }
    if (written < 0) return failed("writing");
    // A part of a line is no line: take back what was written, or begin the next on a line of its own. The file may
    // have become shorter since we wrote to it last (copytruncate).
    struct stat facts{};
    is_torn_ = fstat(file_.get(), &facts) != 0 || facts.st_size < written ||
               ftruncate(file_.get(), facts.st_size - written) != 0;
    errno = ENOSPC;
    return failed("writing");
}

void EveFile::prepare() {
    if (!file_ && open()) state_ = "ok";
}

void EveFile::reopen() {
    file_ = UniqueFd();
    prepare();
}

bool EveFile::deliver(const Event& event) {
    const std::string line = eve_line(event);
    struct stat facts{};
    // A file that somebody removed takes lines, but nobody will read them.
    if (file_ && (fstat(file_.get(), &facts) != 0 || facts.st_nlink == 0)) file_ = UniqueFd();
    if (!file_ && !open()) return false;
    if (fstat(file_.get(), &facts) != 0) return failed("reading the size of");
    const auto bytes = static_cast<std::uint64_t>(facts.st_size);
    const bool is_full = rotate_bytes_ != 0 && bytes != 0 && bytes + line.size() > rotate_bytes_;
    const bool rotated = !is_full || rotate();
    // Rather a file that grows than events that are lost.
    if (!file_ || !append(line)) return false;
    if (rotated) state_ = "ok";
    return true;
}

}  // namespace weir::runtime
