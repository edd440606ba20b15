// Tested by tests/unit/runtime/rights_test.cpp.
#include "runtime/sinks/rights.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "runtime/sinks/make.h"

namespace weir::runtime {
namespace {

namespace fs = std::filesystem;

// Links followed as far as there is something. A path that cannot be looked at is below nothing.
bool is_below(const std::string& path, const std::string& folder) {
    std::error_code failed;
    const fs::path inside = fs::weakly_canonical(fs::absolute(path, failed), failed);
    if (failed) return false;
    const fs::path outside = fs::canonical(folder, failed);
    if (failed) return false;
    const auto [end, unused] = std::mismatch(outside.begin(), outside.end(), inside.begin(), inside.end());
    return end == outside.end() && inside != outside;
}

Error refused(const bpf::SinkInfo& sink, std::string_view why, std::string help) {
    return {fmt::format("the sink `{}` is not allowed: {}", sink.name, why), std::move(help), EPERM};
}

bool has_file(SinkKind kind) { return kind == SinkKind::kEve || kind == SinkKind::kPcap || kind == SinkKind::kUnix; }

Status admit(const SinkRights& rights, const bpf::SinkInfo& sink) {
    const std::string path(sink.text(SinkWord::kPath));
    if (rights.kinds && std::find(rights.kinds->begin(), rights.kinds->end(), sink.kind) == rights.kinds->end())
        return refused(sink, fmt::format("{} is not among --allow-sinks", sink_kind_name(sink.kind)),
                       "add the kind to --allow-sinks, or take the sink out of the policy");
    if (sink.kind == SinkKind::kExec && rights.programs.empty())
        return refused(sink, "it runs a program", "weir run --allow-exec=DIR allows the programs in DIR");
    if (sink.kind == SinkKind::kExec && !is_below(path, rights.programs))
        return refused(sink, fmt::format("`{}` is not in {}", printable(path), rights.programs),
                       "put the program there; --allow-exec says where programs may be");
    if (has_file(sink.kind) && !rights.folder.empty() && !is_below(path, rights.folder))
        return refused(sink, fmt::format("`{}` is not in {}", printable(path), rights.folder),
                       "--sink-dir says where files and sockets of sinks may be");
    return Done{};
}

Status admit_from_others(const SinkRights& rights, const bpf::SinkInfo& sink) {
    if (!rights.kinds && sink.kind != SinkKind::kStdout)
        return refused(sink, "a policy that came over a network has only the sinks that this host names",
                       fmt::format("weir run --allow-sinks {}", sink_kind_name(sink.kind)));
    if (has_file(sink.kind) && rights.folder.empty())
        return refused(sink, "a policy that came over a network does not choose where this host has files",
                       "weir run --sink-dir DIR says where files and sockets of sinks may be");
    for (const bpf::SinkOption& option : sink.options)
        if (option.word == SinkWord::kHeader && !option.second.starts_with("WEIR_SINK_"))
            return refused(sink, fmt::format("it reads the variable `{}`", printable(option.second)),
                           "variables that such a policy reads begin with WEIR_SINK_");
    return Done{};
}

}  // namespace

Result<std::vector<SinkKind>> sink_kinds(const std::string& list) {
    std::vector<SinkKind> kinds;
    for (std::size_t at = 0; at <= list.size();) {
        const std::size_t end = std::min(list.find(',', at), list.size());
        const std::string_view word = std::string_view(list).substr(at, end - at);
        const auto found = std::find(std::begin(kSinkKindNames), std::end(kSinkKindNames), word);
        if (found == std::end(kSinkKindNames))
            return Error{fmt::format("`{}` is not a kind of sink", printable(std::string(word))),
                         "the kinds are stdout, eve, pcap, syslog, webhook, exec, unix, kafka, nats and llm", EINVAL};
        kinds.push_back(static_cast<SinkKind>(found - std::begin(kSinkKindNames)));
        at = end + 1;
    }
    return kinds;
}

Status admit_from_others(const SinkRights& rights, const std::vector<bpf::SinkInfo>& sinks) {
    for (const bpf::SinkInfo& sink : sinks)
        if (Status admitted = admit_from_others(rights, sink); !admitted) return admitted;
    return admit(rights, sinks);
}

Status admit(const SinkRights& rights, const std::vector<bpf::SinkInfo>& sinks) {
    for (const bpf::SinkInfo& sink : sinks)
        if (Status admitted = admit(rights, sink); !admitted) return admitted;
    return can_make(sinks);
}

}  // namespace weir::runtime
