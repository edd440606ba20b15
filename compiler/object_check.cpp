// Tested by tests/unit/runtime/object_image_test.cpp with `from_bytes`.
#include "compiler/object_check.h"

#include <algorithm>
#include <bit>

#include "bpf/abi.h"
#include "bpf/flow.h"
#include "bpf/histogram.h"
#include "bpf/name_table.h"
#include "bpf/record.h"
#include "bpf/table.h"

namespace weir::bpf {
namespace {

constexpr std::uint32_t kNoVerdict = ~0u;
constexpr std::size_t kMaxIfaceConditions = 32;  // bits of weir_packet.iface_matches
constexpr std::uint32_t kMaxKeyBytes = WEIR_KEY_WORDS * sizeof(std::uint32_t);

bool matches(const IfaceCondition& condition, std::string_view name) {
    std::string small(name);
    for (char& c : small) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    switch (condition.op) {
        case IfaceOp::kEq: return name == condition.text;
        case IfaceOp::kContains: return name.find(condition.text) != std::string_view::npos;
        case IfaceOp::kStartsWith: return name.starts_with(condition.text);
        case IfaceOp::kEndsWith: return name.ends_with(condition.text);
        case IfaceOp::kContainsNocase: return small.find(condition.text) != std::string::npos;
        case IfaceOp::kStartsWithNocase: return small.starts_with(condition.text);
        case IfaceOp::kEndsWithNocase: break;
    }
    return small.ends_with(condition.text);
}

bool is_verdict(std::uint32_t verdict) { return verdict <= WEIR_REDIRECT; }

// The bytes of struct weir_packet that it names are there, and fit into what they are read into.
bool is_sound(const FieldRef& field) {
    const std::size_t most = field.format == FieldFormat::kAddress ? 16 : sizeof(std::uint64_t);
    const bool is_inside = field.offset >= WEIR_INSIDE_OFFSET;
    const std::size_t end = std::size_t{field.offset} + field.size - (is_inside ? WEIR_INSIDE_OFFSET : 0);
    const bool is_text = field.format == FieldFormat::kName || field.format == FieldFormat::kText;
    const bool is_placed = field.format != FieldFormat::kText || field.size == sizeof(std::uint32_t);
    // An event has what its flow is only where it says so.
    const bool is_of_flow = field.offset >= WEIR_FLOW_OFFSET;
    return field.format <= FieldFormat::kDuration && field.size <= most && field.shift < 64 &&
           field.present_bit < WEIR_FLOW_PRESENT_END && (is_inside || !is_text) && is_placed &&
           (!is_of_flow || field.present_bit >= WEIR_HAS_FLOW) &&
           end <= (is_inside ? sizeof(weir_scratch) : sizeof(weir_packet));
}

bool is_sound(const MessagePart& part) {
    if (const auto* field = std::get_if<FieldRef>(&part)) return is_sound(*field);
    const auto* word = std::get_if<MessageWord>(&part);
    return word == nullptr || *word <= MessageWord::kCount;
}

bool is_sound(const SinkOption& option) {
    const auto is_one_of = [&](SinkWord word, std::span<const std::string_view> names) {
        return option.word != word || (option.number < names.size() && option.text == names[option.number]);
    };
    const SinkBounds bounds = sink_bounds(option.word);
    return option.word <= SinkWord::kQueue && option.number >= bounds.least && option.number <= bounds.most &&
           is_one_of(SinkWord::kFacility, kFacilityNames) && is_one_of(SinkWord::kDialect, kSinkDialectNames) &&
           is_one_of(SinkWord::kAddresses, kSinkAddressesNames) &&
           std::all_of(option.parts.begin(), option.parts.end(),
                       [](const MessagePart& part) { return is_sound(part); });
}

// As the language has names: it is part of paths.
bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

bool is_sound(const SinkInfo& sink) {
    return is_name(sink.name) && sink.kind <= SinkKind::kLlm &&
           std::all_of(sink.options.begin(), sink.options.end(),
                       [](const SinkOption& option) { return is_sound(option); });
}

bool is_sound(const std::vector<KeyPart>& key) {
    return key.size() <= WEIR_KEY_WORDS && std::all_of(key.begin(), key.end(), [](const KeyPart& part) {
               return is_sound(part.field) && part.ip4_bits <= 32 && part.ip6_bits <= 128;
           });
}

// A response changes a set that changes, by as many values as an entry of it has.
bool is_sound(const ResponseInfo& response, const std::vector<SetInfo>& sets) {
    return response.change <= Change::kRemove && response.set < sets.size() && sets[response.set].dynamic &&
           response.key.size() == sets[response.set].parts.size() && is_sound(response.key);
}

bool is_sound(const AlertInfo& alert, const Manifest& manifest) {
    return alert.severity <= AlertSeverity::kCritical && alert.escalations.size() <= kMostEscalations &&
           alert.responses.size() <= kMostResponses &&
           std::all_of(alert.message.begin(), alert.message.end(),
                       [](const MessagePart& part) { return is_sound(part); }) &&
           std::all_of(alert.sinks.begin(), alert.sinks.end(),
                       [&](std::uint32_t sink) { return sink < manifest.sinks.size(); }) &&
           std::all_of(alert.escalations.begin(), alert.escalations.end(),
                       [&](const EscalationInfo& one) {
                           return one.sink < manifest.sinks.size() && one.window_ns != 0 && one.count != 0 &&
                                  is_sound(one.key);
                       }) &&
           std::all_of(alert.responses.begin(), alert.responses.end(),
                       [&](const ResponseInfo& one) { return is_sound(one, manifest.sets); });
}

bool is_sound(const SetInfo& set) {
    return set.parts.size() <= WEIR_KEY_WORDS &&
           std::all_of(set.parts.begin(), set.parts.end(), [](SetPart part) { return part <= SetPart::kU32; });
}

// Of a name; a text of a set has as many as a field may have (language.md).
constexpr std::size_t kMaxNameBytes = WEIR_NAME_TEXT_BYTES, kMaxTextBytes = 512;

bool are_sound(std::span<const std::uint8_t> names, std::size_t most_bytes) {
    bool sound = true;
    const bool whole =
        each_name(names, [&](std::span<const std::uint8_t> name) { sound = sound && name.size() <= most_bytes; });
    return whole && sound;
}

bool is_sound(const NameImage& image) {
    return image.kind <= NameKind::kText &&
           are_sound(image.names, image.kind == NameKind::kDomain ? kMaxNameBytes : kMaxTextBytes);
}

bool is_sound(const StateMap& map) {
    if (map.kind == StateKind::kNames) return are_sound(map.keys, kMaxNameBytes);
    const bool has_cells = map.kind == StateKind::kTerm || map.kind == StateKind::kThrottles;
    const bool is_keyed = has_cells || map.key_size <= kMaxKeyBytes;
    if (map.kind == StateKind::kMeasure)
        return map.key_size <= kMaxKeyBytes && map.key_size % sizeof(std::uint32_t) == 0 && map.max_entries != 0 &&
               map.max_entries <= WEIR_MEASURE_MOST_KEYS && map.keys.empty();
    return map.kind <= StateKind::kFlows && is_keyed && map.net_word <= WEIR_KEY_WORDS &&
           (map.keys.empty() || (map.key_size != 0 && map.keys.size() % map.key_size == 0));
}

bool is_sound(const RecordInfo& record) {
    const bool is_off = record.bytes == 0 && record.packets == 0 && record.keys.empty();
    return is_off || (record.bytes >= WEIR_RECORD_LEAST_BYTES && record.bytes <= WEIR_RECORD_MOST_BYTES &&
                      record.bytes % 8 == 0 && std::has_single_bit(record.packets) &&
                      record.packets <= WEIR_RECORD_MOST_PACKETS && record.keys.size() <= WEIR_RECORD_KEYS);
}

bool is_sound(const RuleInfo& rule, const RecordInfo& record) {
    const bool has_key = rule.before == 0 || rule.before_key < record.keys.size();
    return (rule.verdict == kNoVerdict || is_verdict(rule.verdict)) && rule.before <= WEIR_CAPTURE_BEFORE && has_key;
}

bool is_sound(const MeasureInfo& measure) {
    return measure.unit <= MeasureUnit::kNs &&
           std::all_of(measure.keys.begin(), measure.keys.end(), [](const MeasureKeyPart& part) {
               return part.format <= FieldFormat::kDuration && part.words <= WEIR_KEY_WORDS && part.ip4_bits <= 32 &&
                      part.ip6_bits <= 128;
           });
}

bool is_sound(const Manifest& manifest) {
    const auto all = [](const auto& values, const auto& check) {
        return std::all_of(values.begin(), values.end(), check);
    };
    const bool is_passed_or_dropped = manifest.egress_verdict == WEIR_PASS || manifest.egress_verdict == WEIR_DROP;
    return is_verdict(manifest.default_verdict) && is_verdict(manifest.malformed_verdict) &&
           (!manifest.has_egress() || is_passed_or_dropped) && manifest.ifaces.size() <= kMaxIfaceConditions &&
           all(manifest.rules, [&](const RuleInfo& rule) { return is_sound(rule, manifest.record); }) &&
           is_sound(manifest.record) &&
           all(manifest.alerts, [&](const AlertInfo& alert) { return is_sound(alert, manifest); }) &&
           manifest.sinks.size() <= kMostSinks &&
           all(manifest.sinks, [](const SinkInfo& sink) { return is_sound(sink); }) &&
           all(manifest.sets, [](const SetInfo& set) { return is_sound(set); }) &&
           all(manifest.measures, [](const MeasureInfo& measure) { return is_sound(measure); }) &&
           all(manifest.ifaces, [](const IfaceCondition& iface) { return iface.op <= IfaceOp::kEndsWithNocase; });
}

}  // namespace

const SinkOption* SinkInfo::find(SinkWord word) const {
    const auto found =
        std::find_if(options.begin(), options.end(), [&](const SinkOption& option) { return option.word == word; });
    return found == options.end() ? nullptr : &*found;
}

std::uint64_t SinkInfo::number(SinkWord word, std::uint64_t otherwise) const {
    const SinkOption* option = find(word);
    return option == nullptr ? otherwise : option->number;
}

std::string_view SinkInfo::text(SinkWord word) const {
    const SinkOption* option = find(word);
    return option == nullptr ? std::string_view() : std::string_view(option->text);
}

std::uint32_t iface_matches(const std::vector<IfaceCondition>& conditions, std::string_view name) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < conditions.size(); ++i)
        if (matches(conditions[i], name)) bits |= 1u << i;
    return bits;
}

bool is_sound(const Object& object) {
    const auto is_whole = [](const MapImage& map) {
        return map.key_size != 0 && map.keys.size() % map.key_size == 0 &&
               map.values.size() == map.keys.size() / map.key_size * map.value_size;
    };
    return is_sound(object.manifest) && std::all_of(object.maps.begin(), object.maps.end(), is_whole) &&
           std::all_of(object.state.begin(), object.state.end(), [](const StateMap& map) { return is_sound(map); }) &&
           std::all_of(object.names.begin(), object.names.end(),
                       [](const NameImage& image) { return is_sound(image); });
}

}  // namespace weir::bpf
