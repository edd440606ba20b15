// What is kept of packets: `record N bytes, M packets`, `capture`, `capture before N per KEY`, the sink `pcap`.
// Tested by tests/unit/sema/record_test.cpp with `capture`.
#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "bpf/record.h"
#include "compiler/sema/check_items.h"

namespace weir::sema {
namespace {

constexpr std::size_t kMaxKeys = 4;  // fields of one, as of a state term

}  // namespace

void ItemChecker::record(const ast::Record& written) {
    const std::uint64_t bytes = conditions_.given_integer(written.bytes).value_or(WEIR_RECORD_LEAST_BYTES);
    const std::uint64_t packets = conditions_.given_integer(written.packets).value_or(1);
    if (typed_.record)
        return say({.code = Code::E214,
                    .span = written.span,
                    .message = "a second `record`",
                    .notes = {{typed_.record->span, "the first one stands here"}}});
    // Whatever is wrong with it, `capture before` finds that there is one.
    typed_.record = policy::Record{WEIR_RECORD_LEAST_BYTES, 1, written.span};
    if (bytes < WEIR_RECORD_LEAST_BYTES || bytes > WEIR_RECORD_MOST_BYTES || bytes % 8 != 0) {
        const std::uint64_t near =
            std::clamp<std::uint64_t>((bytes + 7) / 8 * 8, WEIR_RECORD_LEAST_BYTES, WEIR_RECORD_MOST_BYTES);
        say({.code = Code::E532,
             .span = written.bytes.span,
             .message = fmt::format("{} bytes of a packet cannot be recorded", bytes),
             .help = fmt::format("write {} to {}, a multiple of 8", WEIR_RECORD_LEAST_BYTES, WEIR_RECORD_MOST_BYTES),
             .fix = Fix{written.bytes.span, std::to_string(near)}});
    } else {
        typed_.record->bytes = static_cast<std::uint32_t>(bytes);
    }
    if (packets == 0 || packets > WEIR_RECORD_MOST_PACKETS)
        say({.code = Code::E533,
             .span = written.packets.span,
             .message = fmt::format("{} packets cannot be recorded", packets),
             .help = fmt::format("write 1 to {}: so many of each CPU", WEIR_RECORD_MOST_PACKETS)});
    else
        typed_.record->packets = std::bit_ceil(static_cast<std::uint32_t>(packets));
}

// `before N per KEY`; false where something is wrong, which has been said.
bool ItemChecker::capture_before(const ast::Policy& policy, const ast::Action& action, policy::Capture& capture) {
    const auto& written = std::get<ast::CaptureAction>(action.node);
    const auto count = conditions_.given_integer(*written.before);
    const auto wrong = [&](Span span, std::string message, std::string help) {
        say({.code = Code::E534, .span = span, .message = std::move(message), .help = std::move(help)});
        return false;
    };
    if (!count) return false;
    if (*count == 0 || *count > WEIR_CAPTURE_BEFORE)
        return wrong(written.before->span, fmt::format("{} packets before this one cannot be captured", *count),
                     fmt::format("write 1 to {}", WEIR_CAPTURE_BEFORE));
    capture.before = static_cast<std::uint32_t>(*count);
    std::vector<ast::ExprId> ids{*written.key};
    if (const auto* tuple = std::get_if<ast::Tuple>(&policy.expr(*written.key).node)) ids = tuple->elements;
    if (ids.size() > kMaxKeys)
        return wrong(policy.expr(*written.key).span, fmt::format("a key cannot have {} fields", ids.size()),
                     "a key is up to four fields");
    for (const ast::ExprId id : ids) {
        const auto key = conditions_.key_field({&policy}, id);
        if (!key) return false;
        if (std::find(capture.keys.begin(), capture.keys.end(), *key) == capture.keys.end())
            capture.keys.push_back(*key);
    }
    if (typed_.record) return true;
    say({.code = Code::E531,
         .span = action.span,
         .message = "`capture before` in a policy without `record`",
         .help = "add an item that records packets: `record 128 bytes, 65536 packets`"});
    return false;
}

void ItemChecker::capture(const ast::Policy& policy, const ast::Action& written, policy::Rule& rule) {
    if (rule.capture)
        return say({.code = Code::E214,
                    .span = written.span,
                    .message = "a second `capture` in the rule",
                    .help = "keep one of the two: `capture before` captures the packet itself, too"});
    policy::Capture capture;
    const bool good = !std::get<ast::CaptureAction>(written.node).before || capture_before(policy, written, capture);
    rule.capture = good ? std::move(capture) : policy::Capture{};
}

void ItemChecker::check_captures(const ast::Rule& written, const policy::Rule& rule) {
    const auto is_capture = [](const ast::Action& one) { return std::holds_alternative<ast::CaptureAction>(one.node); };
    const auto first = std::find_if(written.actions.begin(), written.actions.end(), is_capture);
    const bool has_alert = std::any_of(written.actions.begin(), written.actions.end(), [](const ast::Action& one) {
        return std::holds_alternative<ast::AlertAction>(one.node);
    });
    if (first == written.actions.end()) return;
    if (!has_alert)
        say({.code = Code::E530,
             .span = first->span,
             .message = "`capture` in a rule without an alert",
             .help = "what is captured rides along with an event: add `alert NAME` to the rule"});
    const auto& keys = rule.capture->keys;
    if (rule.capture->before == 0 || std::find(capture_keys_.begin(), capture_keys_.end(), keys) != capture_keys_.end())
        return;
    if (capture_keys_.size() < WEIR_RECORD_KEYS) return capture_keys_.push_back(keys);
    say({.code = Code::E534,
         .span = first->span,
         .message = fmt::format("more than {} different keys of `capture before`", WEIR_RECORD_KEYS),
         .help = "each packet is recorded with all of them: let rules share keys"});
}

// A pcap sink that no packet can reach.
void ItemChecker::check_pcap_sinks() {
    for (std::size_t number = 0; number < typed_.sinks.size(); ++number) {
        const policy::Sink& sink = typed_.sinks[number];
        if (sink.kind != SinkKind::kPcap) continue;
        const auto goes_there = [&](const policy::AlertAction& action) {
            const auto id = static_cast<policy::SinkId>(number);
            const policy::Alert& alert = typed_.alerts[static_cast<std::size_t>(action.alert)];
            return alert.sinks.empty() || std::find(alert.sinks.begin(), alert.sinks.end(), id) != alert.sinks.end() ||
                   std::any_of(alert.escalations.begin(), alert.escalations.end(),
                               [&](const policy::Escalation& one) { return one.sink == id; });
        };
        if (std::any_of(typed_.rules.begin(), typed_.rules.end(), [&](const policy::Rule& rule) {
                return rule.capture && std::any_of(rule.alerts.begin(), rule.alerts.end(), goes_there);
            }))
            continue;
        say({.code = Code::W462,
             .span = sink.span,
             .message = fmt::format("`{}` gets no packets", sink.name),
             .help = "no rule that captures has an alert that goes there: write `then capture, alert …`"});
    }
}

}  // namespace weir::sema
