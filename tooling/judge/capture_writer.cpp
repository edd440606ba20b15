// Tested by tests/unit/tooling/capture_test.cpp.
#include "tooling/judge/capture_writer.h"

namespace weir::tooling {

Status CaptureWriter::open(const std::string& path, Appears appears) {
    auto file = OutputFile::create(path, appears);
    if (!file) return file.error();
    file_ = std::move(*file);
    return file_->write(section_.begin());
}

Status CaptureWriter::write(const runtime::PcapngPacket& packet) { return file_->write(section_.packet(packet)); }

Status CaptureWriter::write(const CapturedFrame& frame, const std::string& comment) {
    using runtime::PacketDirection;
    const PacketDirection direction = !frame.direction                              ? PacketDirection::kUnknown
                                      : *frame.direction == packet::Direction::kOut ? PacketDirection::kOut
                                                                                    : PacketDirection::kIn;
    return write({.bytes = frame.bytes,
                  .original_bytes = frame.original_bytes,
                  .time_ns = frame.time_ns,
                  .interface = frame.interface,
                  .comment = comment,
                  .direction = direction});
}

}  // namespace weir::tooling
