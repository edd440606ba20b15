// Captures that weir writes: pcapng with Ethernet frames, each with a comment and its interface.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "grammar/base/result.h"
#include "tooling/files/output_file.h"
#include "tooling/judge/capture.h"

namespace weir::tooling {

class CaptureWriter {
public:
    using Appears = OutputFile::Appears;
    Status open(const std::string& path, Appears appears);
    Status write(const CapturedFrame& frame, const std::string& comment);
    // What was written can be read by others (kAsItComes).
    Status flush() { return file_->flush(); }
    // Says whether all of it is there.
    Status close() { return file_->commit(); }

private:
    std::string interface_block(const std::string& name);

    std::optional<OutputFile> file_{};
    std::map<std::string, std::uint32_t> interfaces_{};  // described so far, by name; the one without a name is 0
};

}  // namespace weir::tooling
