// Captures that weir writes to files: runtime/pcapng.h says what is in them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "grammar/base/result.h"
#include "runtime/pcapng.h"
#include "tooling/files/output_file.h"
#include "tooling/judge/capture.h"

namespace weir::tooling {

class CaptureWriter {
public:
    using Appears = OutputFile::Appears;
    Status open(const std::string& path, Appears appears);
    Status write(const CapturedFrame& frame, const std::string& comment);
    Status write(const runtime::PcapngPacket& packet);
    // What was written can be read by others (kAsItComes).
    Status flush() { return file_->flush(); }
    // Says whether all of it is there.
    Status close() { return file_->commit(); }

private:
    std::optional<OutputFile> file_{};
    runtime::PcapngSection section_{};
};

}  // namespace weir::tooling
