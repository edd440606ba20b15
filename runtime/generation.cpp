#include "runtime/generation.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

bool matches(const bpf::IfaceCondition& condition, const std::string& name) {
    switch (condition.op) {
        case bpf::IfaceOp::kEq: return name == condition.text;
        case bpf::IfaceOp::kContains: return name.find(condition.text) != std::string::npos;
        case bpf::IfaceOp::kStartsWith: return name.starts_with(condition.text);
        case bpf::IfaceOp::kEndsWith: break;
    }
    return name.ends_with(condition.text);
}

}  // namespace

void connect_sinks(Generation& generation, Dispatcher& dispatcher) {
    generation.sinks = dispatcher.adopt(generation.manifest.sinks);
    generation.alert_sinks.clear();
    for (const bpf::AlertInfo& alert : generation.manifest.alerts) {
        std::vector<SinkId> sinks;
        for (const std::uint32_t number : alert.sinks) sinks.push_back(generation.sinks.at(number));
        std::sort(sinks.begin(), sinks.end());
        sinks.erase(std::unique(sinks.begin(), sinks.end()), sinks.end());
        generation.alert_sinks.push_back(std::move(sinks));
    }
}

Status name_interface(const Program& program, const bpf::Manifest& manifest, const std::string& name, unsigned index) {
    const int map = program.map("weir_ifaces");
    if (map < 0) return Done{};               // no rule reads `iface`
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < manifest.ifaces.size(); ++i)
        if (matches(manifest.ifaces[i], name)) bits |= 1u << i;
    if (bpf_map_update_elem(map, &index, &bits, BPF_ANY) != 0) return kernel_error(errno, fmt::format("telling the policy about {}", name));
    return Done{};
}

}  // namespace weir::runtime
