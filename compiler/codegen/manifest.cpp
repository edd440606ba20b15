// Tested by tests/unit/policy/reads_test.cpp.
#include "compiler/codegen/manifest.h"

#include <algorithm>

#include "bpf/abi.h"
#include "compiler/codegen/emit_key.h"
#include "compiler/packet/fields.h"
#include "compiler/policy/capture_keys.h"
#include "compiler/policy/identity.h"
#include "compiler/policy/verdict.h"
#include "grammar/base/check.h"
#include "grammar/base/same_numbers.h"

namespace weir::codegen {
namespace {

bpf::FieldFormat format_of(const packet::Field& field) {
    if (field.id == packet::FieldId::kIface) return bpf::FieldFormat::kIface;
    switch (field.type) {
        case packet::Type::kBool: return bpf::FieldFormat::kBool;
        case packet::Type::kIp: return bpf::FieldFormat::kAddress;
        case packet::Type::kMac: return bpf::FieldFormat::kMac;
        case packet::Type::kBytes: return bpf::FieldFormat::kPayload;
        case packet::Type::kDomain: return bpf::FieldFormat::kName;
        case packet::Type::kText: return bpf::FieldFormat::kText;
        case packet::Type::kDuration: return bpf::FieldFormat::kDuration;
        default: return bpf::FieldFormat::kNumber;
    }
}

bpf::FieldRef reference(packet::FieldId id) {
    const packet::Field& field = packet::field(id);
    bpf::FieldRef ref;
    ref.name = packet::field_name(id);
    ref.format = format_of(field);
    ref.present_bit = packet::present_bit(id);
    ref.offset = packet::offset(id);
    ref.size = field.size;
    ref.shift = field.shift;
    ref.mask = field.mask;
    return ref;
}

bpf::MessagePart message_part(const policy::MessagePart& part) {
    if (const auto* text = std::get_if<std::string>(&part)) return *text;
    if (const auto* field = std::get_if<packet::FieldId>(&part)) return reference(*field);
    return std::get<MessageWord>(part);
}

bpf::SinkInfo sink_info(const policy::Sink& sink) {
    bpf::SinkInfo info{sink.name, sink.kind, {}};
    for (const policy::SinkOption& option : sink.options) {
        bpf::SinkOption made{option.word, option.text, option.second, option.number, {}};
        for (const policy::MessagePart& part : option.parts) made.parts.push_back(message_part(part));
        info.options.push_back(std::move(made));
    }
    return info;
}

std::vector<bpf::KeyPart> key_parts(const std::vector<policy::KeyField>& keys) {
    std::vector<bpf::KeyPart> parts;
    for (const policy::KeyField& key : keys) parts.push_back({reference(key.field), key.bits.ip4, key.bits.ip6});
    return parts;
}

// Sets without a name are none of the manifest's.
std::uint32_t set_number(const policy::TypedPolicy& policy, policy::SetId id) {
    const auto end = policy.sets.begin() + static_cast<std::ptrdiff_t>(id);
    return static_cast<std::uint32_t>(
        std::count_if(policy.sets.begin(), end, [](const policy::Set& set) { return !set.name.empty(); }));
}

bpf::AlertInfo alert_info(const policy::TypedPolicy& policy, const policy::Alert& alert, std::size_t sinks) {
    bpf::AlertInfo info;
    info.name = alert.name;
    using ast::AlertSeverity;
    static_assert(
        same_numbers<AlertSeverity, bpf::AlertSeverity>({{AlertSeverity::kLow, bpf::AlertSeverity::kLow},
                                                         {AlertSeverity::kMedium, bpf::AlertSeverity::kMedium},
                                                         {AlertSeverity::kHigh, bpf::AlertSeverity::kHigh},
                                                         {AlertSeverity::kCritical, bpf::AlertSeverity::kCritical}}));
    info.severity = static_cast<bpf::AlertSeverity>(alert.severity);
    for (const policy::MessagePart& part : alert.message) info.message.push_back(message_part(part));
    for (const policy::SinkId sink : alert.sinks) info.sinks.push_back(static_cast<std::uint32_t>(sink));
    if (info.sinks.empty())
        for (std::uint32_t i = 0; i < sinks; ++i) info.sinks.push_back(i);
    for (const policy::Escalation& one : alert.escalations)
        info.escalations.push_back(
            {static_cast<std::uint32_t>(one.sink), one.count, one.window_ns, key_parts(one.keys)});
    for (const policy::SetChange& one : alert.responses)
        info.responses.push_back({one.adds ? bpf::Change::kAdd : bpf::Change::kRemove, set_number(policy, one.set),
                                  one.for_ns, key_parts(one.keys)});
    return info;
}

bpf::SetInfo set_info(const policy::Set& set) {
    bpf::SetInfo info{set.name,
                      set.dynamic,
                      set.entries.size(),
                      set.dynamic ? policy::identity(set) : std::string(),
                      set.size,
                      set.ttl_ns.value_or(0),
                      {}};
    using policy::SetType, bpf::SetPart;
    static_assert(same_numbers<SetType, SetPart>({{SetType::kIp, SetPart::kIp},
                                                  {SetType::kNet, SetPart::kNet},
                                                  {SetType::kPort, SetPart::kPort},
                                                  {SetType::kMac, SetPart::kMac},
                                                  {SetType::kDomain, SetPart::kDomain},
                                                  {SetType::kU8, SetPart::kU8},
                                                  {SetType::kU16, SetPart::kU16},
                                                  {SetType::kU32, SetPart::kU32}}));
    for (const policy::SetType type : set.types) info.parts.push_back(static_cast<bpf::SetPart>(type));
    return info;
}

// Does it reject or redirect?
bool answers(const Compiled& compiled, const CompileOptions& options) {
    const auto is_answer = [](std::uint32_t verdict) { return verdict == WEIR_REJECT || verdict == WEIR_REDIRECT; };
    const ir::Decision& decision = compiled.decision;
    return !options.observe && (is_answer(decision.default_verdict) ||
                                std::any_of(decision.rules.begin(), decision.rules.end(), [&](const ir::Rule& rule) {
                                    return rule.decides && is_answer(rule.verdict);
                                }));
}

// As KeyEmitter::store_term_key() lays it out.
bpf::MeasureInfo measure_info(const policy::Measure& typed, const ir::Measure& measure) {
    bpf::MeasureInfo info{typed.name, measure.identity, bpf::MeasureUnit::kNone, {}};
    const packet::Field& field = packet::field(typed.field);
    if (field.type == packet::Type::kDuration)
        info.unit = bpf::MeasureUnit::kNs;
    else if (field.name.ends_with("len"))
        info.unit = bpf::MeasureUnit::kBytes;
    const std::vector<ir::AddressRef> first = versions(measure.key);
    for (std::size_t i = 0; i < typed.keys.size(); ++i) {
        const ir::SetKeyPart& part = measure.key.parts[i];
        bpf::MeasureKeyPart key;
        key.format = format_of(packet::field(typed.keys[i].field));
        key.words = static_cast<std::uint8_t>(!part.is_address              ? part.word.size == 8 ? 2 : 1
                                              : part.address.either_version ? 4
                                                                            : 1);
        key.ip4_bits = part.bits.ip4;
        key.ip6_bits = part.bits.ip6;
        for (std::uint8_t word = 0; part.is_address && part.address.either_version && word < first.size(); ++word)
            if (first[word].version_offset() == part.address.version_offset()) key.version_word = word;
        info.keys.push_back(key);
    }
    return info;
}

}  // namespace

void add_egress(bpf::Object out, bpf::Object& object) {
    WEIR_CHECK(out.state.size() == object.state.size() && out.maps.size() == object.maps.size() &&
               out.names.size() == object.names.size());
    object.egress_elf = std::move(out.elf);
    object.egress_tables = std::move(out.tables);
    // Of a map that only one of them has.
    for (bpf::MapSize& size : out.sizes)
        if (std::none_of(object.sizes.begin(), object.sizes.end(),
                         [&](const bpf::MapSize& known) { return known.map == size.map; }))
            object.sizes.push_back(std::move(size));
}

bpf::Manifest make_manifest(const Compiled& compiled, const CompileOptions& options) {
    const policy::TypedPolicy& policy = compiled.policy;
    bpf::Manifest manifest;
    manifest.policy = policy.name;
    const auto keys = policy::capture_keys(policy);
    if (policy.record) {
        manifest.record = {policy.record->bytes, policy.record->packets, {}};
        for (const auto& key : keys) manifest.record.keys.push_back(policy::identity(key));
    }
    for (const policy::Rule& rule : policy.rules) {
        bpf::RuleInfo info;
        info.name = rule.name;
        info.observe = rule.observe || options.observe;
        using packet::Direction;
        static_assert(same_numbers<Direction, bpf::Direction>(
            {{Direction::kIn, bpf::Direction::kIn}, {Direction::kOut, bpf::Direction::kOut}}));
        info.direction = static_cast<bpf::Direction>(rule.direction);
        if (rule.verdict) {
            info.verdict = policy::verdict_number(rule.verdict->kind);
            info.redirect = rule.verdict->interface;
        }
        if (rule.capture) {
            info.captures = true;
            info.before = rule.capture->before;
            const auto key = std::find(keys.begin(), keys.end(), rule.capture->keys);
            if (info.before != 0) info.before_key = static_cast<std::uint32_t>(key - keys.begin());
        }
        manifest.rules.push_back(std::move(info));
    }
    for (const policy::Sink& sink : policy.sinks) manifest.sinks.push_back(sink_info(sink));
    if (manifest.sinks.empty()) manifest.sinks.push_back({"stdout", bpf::SinkKind::kStdout, {}});
    for (const policy::Alert& alert : policy.alerts)
        manifest.alerts.push_back(alert_info(policy, alert, manifest.sinks.size()));
    for (const policy::Set& set : policy.sets)
        if (!set.name.empty()) manifest.sets.push_back(set_info(set));
    for (const policy::Rule& rule : policy.rules)
        for (const policy::Measure& measure : rule.measures)
            manifest.measures.push_back(measure_info(measure, compiled.decision.measures[manifest.measures.size()]));
    manifest.ifaces = compiled.decision.ifaces;
    const auto enforced = [&](const policy::Verdict& verdict) {
        return options.observe ? std::uint32_t{WEIR_PASS} : policy::verdict_number(verdict.kind);
    };
    manifest.default_verdict = enforced(policy.default_verdict);
    manifest.malformed_verdict = enforced(policy.malformed_verdict);
    if (compiled.egress) manifest.egress_verdict = *compiled.egress->egress_verdict;
    // What leaves again must have its tags.
    manifest.reads_vlan = (compiled.decision.reads.needs() & WEIR_NEED_TAGS) != 0 || answers(compiled, options);
    return manifest;
}

}  // namespace weir::codegen
