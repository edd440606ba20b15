// Tested by tests/kernel/swap_test.cpp with `generation`.
#include "runtime/engine/generation.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <numeric>

#include <fmt/format.h>

#include "compiler/object_bytes.h"
#include "runtime/bytes.h"
#include "runtime/kernel.h"

namespace weir::runtime {
std::uint64_t Generation::waiting(std::size_t alert) const {
    const Record::Taken& taken = record.alerts()[alert];
    const std::uint64_t done = taken.delivered + taken.lost;
    return sent[alert] > done ? sent[alert] - done : 0;
}

bool Generation::is_drained() const {
    return copies == 0 && !record.holds() &&
           record.read() >= std::accumulate(sent.begin(), sent.end(), std::uint64_t{0});
}

Result<Generation> make_generation(std::uint32_t number, const bpf::Object& object, const Origin& origin,
                                   Lifetime lifetime) {
    std::string loaded_at = rfc3339(realtime_ns());
    const std::size_t alerts = object.manifest.alerts.size();
    ByteWriter rest;
    rest.put(origin.file);
    rest.put(std::uint64_t{origin.files.size()});
    for (const SourceFile& file : origin.files) rest.put(file.path), rest.put(file.sha256);
    rest.put(loaded_at);
    bpf::Object names;
    names.manifest = object.manifest;
    names.state = StateMaps::shapes(object.state);
    rest.put(bpf::to_bytes(names));
    auto record = Record::create(number, alerts, rest.bytes(), lifetime);
    if (!record) return record.error();
    return Generation{number,
                      std::make_unique<const bpf::Manifest>(std::move(names.manifest)),
                      std::move(names.state),
                      origin,
                      std::move(loaded_at),
                      {},
                      std::vector<std::vector<SinkId>>(alerts),
                      std::move(*record),
                      std::vector<std::uint64_t>(alerts),
                      std::vector<std::uint64_t>(alerts),
                      {}};
}

Result<Generation> adopt_generation(UniqueFd map) {
    auto record = Record::adopt(std::move(map));
    if (!record) return record.error();
    ByteReader rest(record->rest());
    Origin origin;
    origin.file = rest.text();
    for (auto left = rest.get<std::uint64_t>(); left != 0 && rest.good(); --left) {
        std::string path = rest.text();
        origin.files.push_back({std::move(path), rest.text()});
    }
    std::string loaded_at = rest.text();
    auto names = bpf::from_bytes(rest.list<std::uint8_t>());
    if (!names || !rest.good() || names->manifest.alerts.size() != record->alerts().size())
        return Error{"a pinned record is not as weir wrote it", {}, EBADMSG};
    const std::uint32_t number = record->generation();
    const std::size_t alerts = record->alerts().size();
    return Generation{number,
                      std::make_unique<const bpf::Manifest>(std::move(names->manifest)),
                      std::move(names->state),
                      std::move(origin),
                      std::move(loaded_at),
                      {},
                      std::vector<std::vector<SinkId>>(alerts),
                      std::move(*record),
                      std::vector<std::uint64_t>(alerts),
                      std::vector<std::uint64_t>(alerts),
                      {}};
}

void connect_sinks(Generation& generation, Dispatcher& dispatcher) {
    generation.sinks = dispatcher.adopt(generation.manifest->sinks);
    generation.alert_sinks.clear();
    for (const bpf::AlertInfo& alert : generation.manifest->alerts) {
        std::vector<SinkId> sinks;
        for (const std::uint32_t number : alert.sinks) sinks.push_back(generation.sinks.at(number));
        std::sort(sinks.begin(), sinks.end());
        sinks.erase(std::unique(sinks.begin(), sinks.end()), sinks.end());
        generation.alert_sinks.push_back(std::move(sinks));
    }
}

Status name_interface(const Program& program, const bpf::Manifest& manifest, const std::string& name, unsigned index) {
    const int map = program.map("weir_ifaces");
    if (map < 0) return Done{};  // no rule reads `iface`
    const std::uint32_t bits = bpf::iface_matches(manifest.ifaces, name);
    if (bpf_map_update_elem(map, &index, &bits, BPF_ANY) != 0)
        return kernel_error(errno, fmt::format("naming {} to the policy", name));
    return Done{};
}

}  // namespace weir::runtime
