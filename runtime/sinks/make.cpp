// Tested by tests/unit/runtime/sinks_test.cpp with `eve`.
#include "runtime/sinks/make.h"

#include <unistd.h>

#include "runtime/sinks/eve.h"
#include "runtime/sinks/pcap.h"
#include "runtime/sinks/stdout.h"

namespace weir::runtime {

std::unique_ptr<Sink> make_sink(const bpf::SinkInfo& sink) {
    switch (sink.kind) {
        case bpf::SinkKind::kEve: return std::make_unique<EveFile>(sink.path, sink.rotate_bytes, sink.keep);
        case bpf::SinkKind::kPcap: return std::make_unique<PcapFile>(sink.path, sink.rotate_bytes, sink.keep);
        case bpf::SinkKind::kStdout: break;
    }
    return std::make_unique<TextLines>(STDOUT_FILENO, line_colour(STDOUT_FILENO));
}

}  // namespace weir::runtime
