// Tested by tests/unit/runtime/sinks_test.cpp with `eve`.
#include "runtime/sinks/make.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "grammar/base/check.h"
#include "runtime/sinks/eve.h"
#include "runtime/sinks/pcap.h"
#include "runtime/sinks/stdout.h"

namespace weir::runtime {
namespace {

std::unique_ptr<Sink> make_stdout(const bpf::SinkInfo&) {
    return std::make_unique<TextLines>(STDOUT_FILENO, line_colour(STDOUT_FILENO));
}
std::unique_ptr<Sink> make_eve(const bpf::SinkInfo& sink) {
    return std::make_unique<EveFile>(sink.path, sink.rotate_bytes, sink.keep);
}
std::unique_ptr<Sink> make_pcap(const bpf::SinkInfo& sink) {
    return std::make_unique<PcapFile>(sink.path, sink.rotate_bytes, sink.keep);
}

struct Row {
    bpf::SinkKind kind;
    std::string_view name;
    std::unique_ptr<Sink> (*make)(const bpf::SinkInfo&);
};
constexpr Row kRows[] = {
    {bpf::SinkKind::kStdout, "stdout", make_stdout},
    {bpf::SinkKind::kEve, "eve", make_eve},
    {bpf::SinkKind::kPcap, "pcap", make_pcap},
};

const Row& row_of(bpf::SinkKind kind) {
    const auto* row =
        std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& one) { return one.kind == kind; });
    WEIR_CHECK(row != std::end(kRows));
    return *row;
}

}  // namespace

std::string_view kind_name(bpf::SinkKind kind) { return row_of(kind).name; }

std::unique_ptr<Sink> make_sink(const bpf::SinkInfo& sink) { return row_of(sink.kind).make(sink); }

}  // namespace weir::runtime
