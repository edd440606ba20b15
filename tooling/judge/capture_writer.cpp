// Tested by tests/unit/tooling/capture_test.cpp.
#include "tooling/judge/capture_writer.h"

#include <algorithm>
#include <cstdint>

namespace weir::tooling {
namespace {

// Section numbers are those of draft-ietf-opsawg-pcapng. Words are little-endian, as the section's head says.
constexpr std::uint32_t kSection = 0x0a0d0d0a, kInterface = 1, kEnhancedPacket = 6;  // 4
constexpr std::uint16_t kComment = 1, kName = 2, kTimeResolution = 9;                // 3.5, 4.2
constexpr std::size_t kMaxOptionBytes = 0xffff;

void append32(std::string& out, std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) out += static_cast<char>(value >> 8 * i);
}
void append16(std::string& out, std::uint16_t value) {
    out += static_cast<char>(value & 0xff);
    out += static_cast<char>(value >> 8);
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

std::string CaptureWriter::interface_block(const std::string& name) {
    interfaces_.emplace(name, static_cast<std::uint32_t>(interfaces_.size()));
    std::string interface;
    append16(interface, kEthernet);
    append16(interface, 0);
    append32(interface, 0);  // no limit on a frame
    if (!name.empty()) append_option(interface, kName, name);
    append_option(interface, kTimeResolution, "\x09");  // ns
    append32(interface, 0);                             // end of options
    return block(kInterface, interface);
}

Status CaptureWriter::open(const std::string& path, Appears appears) {
    auto file = OutputFile::create(path, appears);
    if (!file) return file.error();
    file_ = std::move(*file);
    interfaces_.clear();
    std::string section;
    append32(section, 0x1a2b3c4d);  // byte order
    append16(section, 1);           // version 1.0
    append16(section, 0);
    append32(section, 0xffffffff);  // length of the section: not said
    append32(section, 0xffffffff);
    return file_->write(block(kSection, section) + interface_block({}));
}

Status CaptureWriter::write(const CapturedFrame& frame, const std::string& comment) {
    std::string described, body;
    const std::string interface(frame.interface);
    if (!interfaces_.contains(interface)) described = interface_block(interface);
    append32(body, interfaces_.at(interface));
    append32(body, static_cast<std::uint32_t>(frame.time_ns >> 32));
    append32(body, static_cast<std::uint32_t>(frame.time_ns));
    append32(body, static_cast<std::uint32_t>(frame.bytes.size()));
    append32(body, frame.original_bytes);
    append_padded(body, {reinterpret_cast<const char*>(frame.bytes.data()), frame.bytes.size()});
    append_option(body, kComment, std::string_view(comment).substr(0, kMaxOptionBytes));
    append32(body, 0);
    return file_->write(described + block(kEnhancedPacket, body));
}

}  // namespace weir::tooling
