#include "tooling/judge/capture.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace weir::tooling {
namespace {
struct PcapCloser {
    void operator()(pcap_t* capture) const { pcap_close(capture); }
};

// ---- pcapng (draft-ietf-opsawg-pcapng): blocks of little-endian words, padded to four bytes ----

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a, kInterfaceDescription = 1, kEnhancedPacket = 6;
constexpr std::uint16_t kOptionComment = 1, kOptionTimeResolution = 9;

void append32(std::string& out, std::uint32_t value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
void append16(std::string& out, std::uint16_t value) {
    out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}
void append_padded(std::string& out, std::string_view bytes) {
    out += bytes;
    out.append((4 - bytes.size() % 4) % 4, '\0');
}
void append_option(std::string& out, std::uint16_t code, std::string_view value) {
    append16(out, code);
    append16(out, static_cast<std::uint16_t>(value.size()));
    append_padded(out, value);
}
std::string block(std::uint32_t type, const std::string& body) {
    std::string out;
    const auto length = static_cast<std::uint32_t>(body.size() + 12);
    append32(out, type);
    append32(out, length);
    out += body;
    append32(out, length);
    return out;
}
}  // namespace

Status read_capture(const std::string& path,
                    const std::function<bool(std::span<const std::uint8_t> frame, std::uint64_t time_ns)>& take) {
    char error[PCAP_ERRBUF_SIZE] = {};
    const std::unique_ptr<pcap_t, PcapCloser> capture(
        pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error));
    if (!capture) return Error{fmt::format("{} cannot be read: {}", path, error), {}, 0};
    if (pcap_datalink(capture.get()) != DLT_EN10MB) {
        const char* type = pcap_datalink_val_to_name(pcap_datalink(capture.get()));
        return Error{
            fmt::format("{} holds no Ethernet frames: its link type is {}", path, type == nullptr ? "unknown" : type),
            "capture on an Ethernet interface, or convert it with `editcap -T ether`", 0};
    }
    std::uint64_t last_ns = 0;
    for (;;) {
        pcap_pkthdr* header = nullptr;
        const u_char* bytes = nullptr;
        const int got = pcap_next_ex(capture.get(), &header, &bytes);
        if (got == PCAP_ERROR_BREAK) return Done{};
        if (got != 1) return Error{fmt::format("{} is damaged: {}", path, pcap_geterr(capture.get())), {}, 0};
        const auto time_ns = static_cast<std::uint64_t>(header->ts.tv_sec) * 1'000'000'000 +
                             static_cast<std::uint64_t>(header->ts.tv_usec);
        last_ns = std::max(last_ns, time_ns);
        if (!take({bytes, header->caplen}, last_ns)) return Done{};
    }
}

Status CaptureWriter::put(const std::string& bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) == bytes.size()) return Done{};
    return Error{fmt::format("{} cannot be written: {}", path_, std::strerror(errno)), {}, errno};
}

Status CaptureWriter::open(const std::string& path) {
    path_ = path;
    file_.reset(std::fopen(path.c_str(), "wbe"));
    if (!file_) return Error{fmt::format("{} cannot be written: {}", path, std::strerror(errno)), {}, errno};
    std::string section;
    append32(section, 0x1a2b3c4d);  // byte order
    append16(section, 1);           // version 1.0
    append16(section, 0);
    append32(section, 0xffffffff);  // length of the section: not said
    append32(section, 0xffffffff);
    std::string interface;
    append16(interface, DLT_EN10MB);
    append16(interface, 0);
    append32(interface, 0);                                   // no limit on a frame
    append_option(interface, kOptionTimeResolution, "\x09");  // ns
    append32(interface, 0);                                   // end of options
    return put(block(kSectionHeader, section) + block(kInterfaceDescription, interface));
}

Status CaptureWriter::write(std::span<const std::uint8_t> frame, std::uint64_t time_ns, const std::string& comment) {
    std::string body;
    append32(body, 0);  // of the one interface
    append32(body, static_cast<std::uint32_t>(time_ns >> 32));
    append32(body, static_cast<std::uint32_t>(time_ns));
    append32(body, static_cast<std::uint32_t>(frame.size()));
    append32(body, static_cast<std::uint32_t>(frame.size()));
    append_padded(body, {reinterpret_cast<const char*>(frame.data()), frame.size()});
    append_option(body, kOptionComment, std::string_view(comment).substr(0, 0xffff));
    append32(body, 0);
    return put(block(kEnhancedPacket, body));
}

Status CaptureWriter::flush() {
    if (std::fflush(file_.get()) == 0) return Done{};
    return Error{fmt::format("{} cannot be written: {}", path_, std::strerror(errno)), {}, errno};
}

Status CaptureWriter::close() {
    std::FILE* file = file_.release();
    if (file == nullptr || std::fclose(file) == 0) return Done{};
    return Error{fmt::format("{} cannot be written: {}", path_, std::strerror(errno)), {}, errno};
}

}  // namespace weir::tooling
