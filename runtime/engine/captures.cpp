// What `capture` adds to events: docs/language.md, "Captures".
// Tested by tests/kernel/record_test.cpp with `capture`.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "grammar/base/names.h"
#include "grammar/base/printable.h"
#include "runtime/engine/state.h"
#include "runtime/sinks/event_text.h"

namespace weir::runtime {
namespace {

// The rule that decided, by `manifest`; null: the policy is not known any more.
std::string rule_name(const bpf::Manifest* manifest, const RecordedPacket& packet) {
    if (manifest != nullptr && packet.row < manifest->rules.size()) return manifest->rules[packet.row].name;
    const std::vector<std::string> none;
    if (manifest == nullptr) return row_name(nullptr, packet.generation, packet.row);
    return row_name(&none, packet.generation, packet.row - static_cast<std::uint32_t>(manifest->rules.size()));
}

RecorderView::Rules rules_of(const Generation& generation) {
    RecorderView::Rules rules{generation.number, {}};
    for (const bpf::RuleInfo& rule : generation.manifest->rules) rules.names.push_back(rule.name);
    return rules;
}

}  // namespace

void share_recorder(const Loaded& loaded, SharedMaps& shared) {
    shared.record = loaded.program.map("weir_record");
    shared.recorded = &loaded.generation.manifest->record;
}

void Engine::State::connect_recorder(Loaded& loaded) {
    const bpf::RecordInfo& shape = loaded.generation.manifest->record;
    if (shape.bytes == 0) return;
    auto recorder = Recorder::open(loaded.program.map("weir_record"), shape);
    if (!recorder) return notice("`capture before` finds no packets: " + recorder.error().message);
    loaded.generation.recorder.emplace(std::move(*recorder));
}

CapturedPacket Engine::State::captured(const RecordedPacket& packet) {
    const Generation* of = find_generation(packet.generation);
    CapturedPacket copy;
    copy.bytes.assign(packet.bytes.begin(), packet.bytes.end());
    copy.original_bytes = packet.original_bytes;
    copy.wall_clock_ns = packet.time_ns + boot_ns;
    if (packet.ifindex != 0) copy.interface = interfaces.name_of(packet.ifindex);
    copy.rule = rule_name(of == nullptr ? nullptr : of->manifest.get(), packet);
    copy.verdict = verdict_name(packet.verdict);
    copy.verdict_number = packet.verdict;
    copy.direction = packet.direction;
    return copy;
}

void Engine::State::add_capture(const weir_capture& capture, const Generation& of, PackedEvent& to) {
    const weir_event& event = to.event();
    const bpf::RuleInfo& rule = of.manifest->rules[event.rule];
    auto captures = std::make_unique<Captures>();
    CapturedPacket& packet = captures->packet;
    const std::size_t bytes = std::min<std::size_t>(capture.captured, sizeof(capture.bytes));
    packet.bytes.assign(capture.bytes, capture.bytes + bytes);
    packet.original_bytes = event.packet.len;
    packet.wall_clock_ns = to.wall_clock_ns;
    packet.interface = printable(to.interface.data());
    packet.rule = rule.name;
    TextBuffer verdict;
    append_verdict(verdict, event);
    packet.verdict = verdict.text();
    const bool would = (event.flags & WEIR_EVENT_WOULD) != 0;
    if (!would && event.verdict <= WEIR_REDIRECT) packet.verdict_number = event.verdict;
    packet.direction = (capture.flags & WEIR_RECORD_OUT) != 0 ? PacketDirection::kOut : PacketDirection::kIn;
    if (rule.before != 0 && of.recorder) {
        const Recording before = of.recorder->before(capture, event.time_ns, rule.before_key, rule.before);
        for (const RecordedPacket& recorded : before.packets()) captures->before.push_back(captured(recorded));
    }
    to.captures = std::move(captures);
}

Result<Engine::RecorderAccess> Engine::recorder() const {
    const Loaded& active = *state_->active;
    RecorderAccess access{active.program.map("weir_record"), {}};
    RecorderView& view = access.view;
    view.policy = active.generation.manifest->policy;
    view.shape = active.generation.manifest->record;
    if (view.shape.bytes == 0 || access.map < 0)
        return Error{fmt::format("policy {} records no packets", view.policy),
                     "write `record 128 bytes, 65536 packets` into it, and reload", ENOENT};
    for (const Loaded& old : state_->history.kept()) view.rules.push_back(rules_of(old.generation));
    if (state_->replaced) view.rules.push_back(rules_of(state_->replaced->generation));
    view.rules.push_back(rules_of(active.generation));
    for (const Interface& row : state_->interfaces.rows())
        if (row.index != 0) view.interfaces.push_back({row.index, row.name});
    return access;
}

}  // namespace weir::runtime
