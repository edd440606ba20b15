// Tested by tests/unit/sema/types_test.cpp with `test \"`.
#include "compiler/sema/check_tests.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "compiler/packet/frame_builder.h"
#include "compiler/sema/packet_message.h"
#include "compiler/sema/paths.h"
#include "grammar/base/nearest.h"

namespace weir::sema {
namespace {

// Of all tests of a policy: docs/limits.md.
constexpr std::uint64_t kMaxFrames = 1'000'000;  // that are sent

struct ProtocolWord {
    std::string_view word;
    packet::TestProtocol protocol;
    bool ports;
};
constexpr ProtocolWord kProtocols[] = {
    {"tcp", packet::TestProtocol::kTcp, true},      {"udp", packet::TestProtocol::kUdp, true},
    {"sctp", packet::TestProtocol::kSctp, true},    {"icmp", packet::TestProtocol::kIcmp, false},
    {"icmp6", packet::TestProtocol::kIcmp6, false}, {"arp", packet::TestProtocol::kArp, false}};

struct FlagWord {
    std::string_view word;
    std::uint8_t bit;
};
constexpr FlagWord kFlags[] = {{"fin", 1},  {"syn", 2},  {"rst", 4},  {"psh", 8},
                               {"ack", 16}, {"urg", 32}, {"ece", 64}, {"cwr", 128}};

// Options that take nothing and are of IP, of one version or (0) of both.
struct IpWord {
    std::string_view word;
    bool packet::TestPacket::* member;
    std::uint8_t version;
};
constexpr IpWord kIpWords[] = {{"df", &packet::TestPacket::dont_fragment, 4},
                               {"mf", &packet::TestPacket::more_fragments, 0},
                               {"source_route", &packet::TestPacket::source_route, 4},
                               {"hop_by_hop", &packet::TestPacket::hop_by_hop, 6},
                               {"destination", &packet::TestPacket::destination_options, 6}};

// Options that take one number: docs/language.md, "Packets", has a row for each.
struct NumberOption {
    std::string_view word;
    std::uint64_t limit;
    void (*set)(packet::TestPacket&, std::uint64_t);
    std::string_view protocols;  // that have it, a letter each: t u s i(cmp, icmp6) a; all but ARP: "tusi"
    std::string_view field{};    // whose names of values it takes; for `icmp.type` also `icmp6.type`
};
template <auto Member>
void store(packet::TestPacket& packet, std::uint64_t value) {
    using Value = std::remove_reference_t<decltype(packet.*Member)>;
    packet.*Member = static_cast<Value>(value);
}
template <auto Member>
void store_optional(packet::TestPacket& packet, std::uint64_t value) {
    using Value = typename std::remove_reference_t<decltype(packet.*Member)>::value_type;
    packet.*Member = static_cast<Value>(value);
}
constexpr NumberOption kNumbers[] = {
    {"ttl", 255, store<&packet::TestPacket::ttl>, "tusi"},
    {"dscp", 63, store<&packet::TestPacket::dscp>, "tusi", "ip.dscp"},
    {"ecn", 3, store<&packet::TestPacket::ecn>, "tusi"},
    {"ip_id", 0xffffffff, store<&packet::TestPacket::ip_id>, "tusi"},
    {"frag_offset", 65528, store<&packet::TestPacket::fragment_offset>, "tusi"},
    {"flow_label", 0xfffff, store<&packet::TestPacket::flow_label>, "tusi"},
    {"pcp", 7, store<&packet::TestPacket::pcp>, "tusia"},
    {"vlan", 0xfff, [](packet::TestPacket& p, std::uint64_t v) { p.vlans.push_back(static_cast<std::uint16_t>(v)); },
     "tusia"},
    {"pppoe", 0xffff, store_optional<&packet::TestPacket::pppoe>, "tusi"},
    {"mpls", 0xfffff, [](packet::TestPacket& p, std::uint64_t v) { p.mpls.push_back(static_cast<std::uint32_t>(v)); },
     "tusi"},
    {"routing", 255, store_optional<&packet::TestPacket::routing_type>, "tusi"},
    {"seq", 0xffffffff, store<&packet::TestPacket::seq>, "ti"},
    {"ack_seq", 0xffffffff, store<&packet::TestPacket::ack_seq>, "t"},
    {"window", 0xffff, store<&packet::TestPacket::window>, "t"},
    {"mss", 0xffff, store_optional<&packet::TestPacket::mss>, "t"},
    {"type", 255, store_optional<&packet::TestPacket::icmp_type>, "i", "icmp.type"},
    {"code", 255, store<&packet::TestPacket::icmp_code>, "i"},
    {"id", 0xffff, store<&packet::TestPacket::icmp_id>, "i"},
    {"op", 0xffff, store<&packet::TestPacket::arp_op>, "a", "arp.op"},
};

const NumberOption* number_option(std::string_view word) {
    const auto* known =
        std::find_if(std::begin(kNumbers), std::end(kNumbers), [&](const NumberOption& n) { return n.word == word; });
    return known == std::end(kNumbers) ? nullptr : known;
}

bool takes_value(std::string_view word) {
    return number_option(word) != nullptr || word == "on" || word == "payload" || word == "eth_src" ||
           word == "eth_dst" || is_message_value(word);
}

// A word after an option that takes a value is that value: `type echo_request`, `dns query "example.com" aaaa`.
std::vector<ast::PacketOption> with_values(const std::vector<ast::PacketOption>& written) {
    std::vector<ast::PacketOption> options;
    for (const ast::PacketOption& option : written) {
        const bool is_bare = option.values.empty() && option.words.empty();
        ast::PacketOption* before = options.empty() ? nullptr : &options.back();
        const bool lacks_value = before != nullptr && before->values.empty() && before->words.empty();
        if ((is_bare && lacks_value && takes_value(before->word.text)) ||
            (before != nullptr && continues_message(*before, option))) {
            before->words.push_back(option.word);
            before->words.insert(before->words.end(), option.words.begin(), option.words.end());
            before->values.insert(before->values.end(), option.values.begin(), option.values.end());
            before->span.end = option.span.end;
        } else {
            options.push_back(option);
        }
    }
    return options;
}

char letter(packet::TestProtocol protocol) {
    switch (protocol) {
        case packet::TestProtocol::kTcp: return 't';
        case packet::TestProtocol::kUdp: return 'u';
        case packet::TestProtocol::kSctp: return 's';
        case packet::TestProtocol::kArp: return 'a';
        case packet::TestProtocol::kGre:
        case packet::TestProtocol::kIp4InIp:
        case packet::TestProtocol::kIp6InIp: return 's';  // of IP alone, too
        default: return 'i';
    }
}

// One packet's options, each with what is wrong with it.
class OptionReader {
public:
    using Say = MessageReader::Say;
    OptionReader(packet::TestPacket& packet, Say say) : packet_(packet), say_(say), message_(packet, std::move(say)) {}

    // Call it once all are read.
    void finish() { message_.finish(); }

    void read(const ast::PacketOption& option) {
        const std::string& word = option.word.text;
        for (const FlagWord& flag : kFlags) {
            if (flag.word != word) continue;
            if (packet_.protocol != packet::TestProtocol::kTcp) return unfit(option);
            packet_.tcp_flags |= flag.bit;
            return expect_values(option, 0);
        }
        if (const NumberOption* number = number_option(word)) return read_number(option, *number);
        for (const IpWord& of_ip : kIpWords) {
            if (of_ip.word != word) continue;
            const bool is_other_version = of_ip.version != 0 && of_ip.version != packet_.source.version;
            if (packet_.protocol == packet::TestProtocol::kArp || is_other_version) return unfit(option);
            packet_.*of_ip.member = true;
            return expect_values(option, 0);
        }
        if (word == "eth_src" || word == "eth_dst") return read_mac(option);
        if (word == "payload") return read_payload(option);
        if (MessageReader::reads(word)) return message_.read(option);
        if (word == "on") return;  // TestChecker::interface
        constexpr std::string_view kWords[] = {
            "fin",     "syn",        "rst",     "psh",         "ack",          "urg",     "ece",         "cwr",
            "df",      "mf",         "ttl",     "dscp",        "ecn",          "ip_id",   "frag_offset", "flow_label",
            "vlan",    "pcp",        "eth_src", "eth_dst",     "seq",          "ack_seq", "window",      "mss",
            "type",    "code",       "payload", "dns",         "op",           "id",      "on",          "pppoe",
            "mpls",    "hop_by_hop", "routing", "destination", "source_route", "tls",     "http",        "rcode",
            "answers", "alpn",       "version", "host",        "user_agent"};
        const std::string near = nearest_word(kWords, word);
        say_(option.word.span, fmt::format("unknown packet option `{}`", word),
             !near.empty()
                 ? fmt::format("did you mean `{}`?", near)
                 : "the options are fin syn rst psh ack urg ece cwr df mf ttl dscp ecn ip_id frag_offset "
                   "flow_label source_route hop_by_hop destination routing vlan pcp pppoe mpls eth_src eth_dst seq "
                   "ack_seq window mss type code id op payload dns tls http on");
    }

private:
    void unfit(const ast::PacketOption& option) {
        say_(option.word.span, fmt::format("a packet of this protocol has no `{}`", option.word.text), {});
    }
    void expect_values(const ast::PacketOption& option, std::size_t count) {
        if (option.values.size() == count && option.words.empty()) return;
        say_(option.span, fmt::format("`{}` takes {} value{}", option.word.text, count, count == 1 ? "" : "s"), {});
    }
    void read_number(const ast::PacketOption& option, const NumberOption& row) {
        if (row.protocols.find(letter(packet_.protocol)) == std::string_view::npos) return unfit(option);
        const auto* number = option.values.size() == 1 ? std::get_if<Integer>(&option.values[0].value) : nullptr;
        if (number == nullptr) return say_(option.span, fmt::format("`{}` takes a number", row.word), {});
        if (number->value > row.limit)
            return say_(option.span, fmt::format("{} is too large for `{}`", number->value, row.word),
                        fmt::format("at most {}", row.limit));
        if (row.word == "frag_offset" && number->value % 8 != 0)
            return say_(option.span, "a fragment's offset is a multiple of 8", {});
        if (row.word == "ip_id" && packet_.source.version == 4 && number->value > 0xffff)
            return say_(option.span, fmt::format("{} is too large for `ip_id` of IPv4", number->value),
                        "at most 65535");
        if (row.word == "seq" && packet_.protocol != packet::TestProtocol::kTcp && number->value > 0xffff)
            return say_(option.span, fmt::format("{} is too large for `seq` of ICMP", number->value), "at most 65535");
        if ((row.word == "flow_label" || row.word == "routing") && packet_.source.version == 4) return unfit(option);
        if ((row.word == "pppoe" && !packet_.mpls.empty()) || (row.word == "mpls" && packet_.pppoe))
            return say_(option.span, "a packet in a PPPoE session has no MPLS labels", "remove `pppoe` or `mpls`");
        row.set(packet_, number->value);
    }
    void read_mac(const ast::PacketOption& option) {
        const auto* mac = option.values.size() == 1 ? std::get_if<MacAddress>(&option.values[0].value) : nullptr;
        if (mac == nullptr) return say_(option.span, fmt::format("`{}` takes a MAC address", option.word.text), {});
        (option.word.text == "eth_src" ? packet_.eth_source : packet_.eth_destination) = *mac;
    }
    void read_payload(const ast::PacketOption& option) {
        if (packet_.protocol == packet::TestProtocol::kArp) return unfit(option);
        constexpr std::size_t kMaxPayload = 9000;  // a jumbo frame
        if (option.values.size() == 1) {
            if (const auto* text = std::get_if<Text>(&option.values[0].value))
                packet_.payload = text->bytes;
            else if (const auto* hex = std::get_if<HexBytes>(&option.values[0].value))
                packet_.payload = hex->bytes;
            else
                return say_(option.span, "`payload` takes \"…\" or hex\"…\"", {});
            if (packet_.payload.size() > kMaxPayload)
                say_(option.span, fmt::format("this payload has {} bytes", packet_.payload.size()),
                     fmt::format("at most {}", kMaxPayload));
            return;
        }
        expect_values(option, 1);
    }
    packet::TestPacket& packet_;
    Say say_;
    MessageReader message_;
};

std::string collapse_spaces(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (!space)
            out += c;
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
    }
    return out;
}

}  // namespace

void TestChecker::wrong(Span span, std::string message, std::string help) {
    conditions_.say({.code = Code::E333, .span = span, .message = std::move(message), .help = std::move(help)});
}

void TestChecker::read_options(packet::TestPacket& packet, const std::vector<ast::PacketOption>& options) {
    OptionReader reader(packet,
                        [this](Span span, std::string m, std::string h) { wrong(span, std::move(m), std::move(h)); });
    for (const ast::PacketOption& option : named_values(with_values(options), packet.protocol)) reader.read(option);
    reader.finish();
}

std::vector<std::vector<std::uint8_t>> TestChecker::inner_frames(const ast::PacketSpec& spec) {
    if (spec.protocol.text == "hex") {
        for (const ast::PacketOption& option : with_values(spec.options))
            if (option.word.text != "on")
                wrong(option.span, fmt::format("a whole frame takes no `{}`", option.word.text),
                      "`on \"eth1\"` may follow it");
        return {{spec.frame.begin(), spec.frame.end()}};
    }
    const auto* known = std::find_if(std::begin(kProtocols), std::end(kProtocols),
                                     [&](const ProtocolWord& row) { return row.word == spec.protocol.text; });
    if (known == std::end(kProtocols)) {
        wrong(spec.protocol.span, fmt::format("unknown protocol `{}` of a test packet", spec.protocol.text),
              "the protocols are tcp, udp, sctp, icmp, icmp6 and arp; hex\"…\" is a whole frame");
        return {};
    }
    if (!spec.source.address || !spec.destination.address) return {};  // said
    packet::TestPacket packet;
    packet.protocol = known->protocol;
    packet.source = std::get<IpAddress>(*spec.source.address);
    packet.destination = std::get<IpAddress>(*spec.destination.address);
    const bool v6 = packet.source.version == 6;
    if (packet.source.version != packet.destination.version)
        return wrong(spec.destination.span, "source and destination are of two IP versions"),
               std::vector<std::vector<std::uint8_t>>();
    if ((v6 && (known->word == "icmp" || known->word == "arp")) || (!v6 && known->word == "icmp6"))
        return wrong(spec.protocol.span, fmt::format("`{}` with {} addresses", known->word, v6 ? "IPv6" : "IPv4"),
                     v6 ? "write `icmp6` for IPv6" : "write `icmp` for IPv4"),
               std::vector<std::vector<std::uint8_t>>();
    for (const ast::Endpoint* end : {&spec.source, &spec.destination}) {
        if (end->port && !known->ports) wrong(end->port->span, fmt::format("`{}` has no ports", known->word));
        if (!end->port && known->ports && end == &spec.destination)
            wrong(end->span, "a port is missing", "write `192.0.2.1:80`, of IPv6 `[2001:db8::1]:80`");
        if (end->port && (end->port->last > 65535 || end->port->first > end->port->last))
            return wrong(end->port->span, fmt::format("{} is not a port", end->port->last), "ports are 0 to 65535"),
                   std::vector<std::vector<std::uint8_t>>();
    }
    read_options(packet, spec.options);
    const ast::PortSpec from = spec.source.port.value_or(ast::PortSpec{packet.source_port, packet.source_port, {}});
    const ast::PortSpec to = spec.destination.port.value_or(ast::PortSpec{});
    const std::uint64_t count = (from.last - from.first + 1) * (to.last - to.first + 1);
    std::uint64_t bytes = 0;
    std::vector<std::vector<std::uint8_t>> frames;
    if (count > kMaxFrames) {
        conditions_.say({.code = Code::E513,
                         .span = spec.span,
                         .message = fmt::format("this range means {} packets", count),
                         .help = fmt::format("the tests of a policy send at most {}", kMaxFrames)});
        return frames;
    }
    for (std::uint64_t source = from.first; source <= from.last; ++source) {
        for (std::uint64_t destination = to.first; destination <= to.last; ++destination) {
            packet.source_port = static_cast<std::uint16_t>(source);
            packet.destination_port = static_cast<std::uint16_t>(destination);
            frames.push_back(build_frame(packet));
            bytes += frames.back().size();
            if (frame_bytes_ + bytes <= kMaxFrameBytes) continue;
            if (frame_bytes_ <= kMaxFrameBytes) too_large(spec.span);
            frame_bytes_ += bytes;
            return {};
        }
    }
    return frames;
}

// Words become the values that they name: those of a field, or a let. An option with an unknown one is left out, which
// has been said.
std::vector<ast::PacketOption> TestChecker::named_values(std::vector<ast::PacketOption> options,
                                                         packet::TestProtocol protocol) {
    const bool is_icmp6 = protocol == packet::TestProtocol::kIcmp6;
    std::erase_if(options, [&](ast::PacketOption& option) {
        if (option.words.size() != 1 || !option.values.empty() || !takes_value(option.word.text)) return false;
        if (option.word.text == "on") return false;  // interface()
        const ast::Name name = option.words.front();
        const NumberOption* number = number_option(option.word.text);
        std::optional<Value> value;
        if (number != nullptr || is_message_number(option.word.text)) {
            const std::string_view field = number == nullptr ? message_field(option.word.text) : number->field;
            const bool is_type = field == "icmp.type" && is_icmp6;
            value = conditions_.named_integer(packet::find_field(is_type ? "icmp6.type" : field), name);
        } else if (const Value* of_let = conditions_.let_value(name.text, name.span)) {
            value = *of_let;
        }
        if (!value) return true;
        option.words.clear();
        option.values.push_back({*value});
        return false;
    });
    return options;
}

std::string TestChecker::interface(const ast::PacketSpec& spec) {
    constexpr std::size_t kMaxBytes = 15;  // IFNAMSIZ, less the zero at the end
    std::string name;
    const std::vector<ast::PacketOption>& written = spec.tunnels.empty() ? spec.options : spec.tunnels.back().options;
    for (const ast::PacketOption& option : with_values(written)) {
        if (option.word.text != "on") continue;
        const Value* value = option.values.size() == 1 && option.words.empty() ? &option.values[0].value : nullptr;
        if (option.values.empty() && option.words.size() == 1) {
            const ast::Name& word = option.words.front();
            if (!names_.lets.contains(word.text)) {
                conditions_.say({.code = Code::E333,
                                 .span = word.span,
                                 .message = "`on` takes the name of an interface in quotes",
                                 .fix = Fix{word.span, fmt::format("\"{}\"", word.text)}});
                continue;
            }
            value = conditions_.let_value(word.text, word.span);
            if (value == nullptr) continue;  // said
        }
        const auto* text = value == nullptr ? nullptr : std::get_if<Text>(value);
        if (text == nullptr)
            wrong(option.span, "`on` takes the name of an interface", "write `on \"eth1\"`");
        else if (text->bytes.empty() || text->bytes.size() > kMaxBytes)
            wrong(option.span, fmt::format("an interface's name of {} bytes", text->bytes.size()),
                  fmt::format("it has 1 to {}", kMaxBytes));
        else if (!name.empty())
            wrong(option.span, "a second `on`", "a packet comes in on one interface");
        else
            name = text->bytes;
    }
    return name;
}

void TestChecker::too_large(Span span) {
    conditions_.say({.code = Code::E513,
                     .span = span,
                     .message = fmt::format("the packets of this policy's tests have more than {} MB together",
                                            kMaxFrameBytes / 1'000'000),
                     .help = "a range of ports is a packet for each port; give such packets a shorter payload"});
}

// A rule of the other direction decides no such packet.
void TestChecker::check_direction(const policy::SendFrames& sent, const ast::SendStep& send) {
    if (!sent.expect.rule || static_cast<std::size_t>(*sent.expect.rule) >= typed_.rules.size()) return;
    const policy::Rule& rule = typed_.rules[static_cast<std::size_t>(*sent.expect.rule)];
    if (rule.direction == sent.direction) return;
    const bool is_out = rule.direction == packet::Direction::kOut;
    Diagnostic wrong_way{
        .code = Code::E391,
        .span = send.outcome.rule->span,
        .message = fmt::format("`{}` judges packets {}, and this one {}", rule.name,
                               is_out ? "on their way out" : "that come in", is_out ? "comes in" : "is on its way out"),
        .help = is_out ? "write `out` before the packet" : "leave out the `out` before the packet"};
    conditions_.say(std::move(wrong_way));
}

policy::SendFrames TestChecker::sent(const ast::SendStep& send) {
    policy::SendFrames sent{frames(send.packet), send.repeat, interface(send.packet),
                            static_cast<packet::Direction>(send.packet.direction), expectation(send.outcome)};
    check_direction(sent, send);
    if (send.repeat == 0) wrong(send.packet.span, "a packet cannot be sent 0 times");
    if (sent.frames.empty()) return sent;
    const bool had_room = frames_ <= kMaxFrames;
    frames_ = send.repeat > kMaxFrames ? kMaxFrames + 1 : frames_ + send.repeat * sent.frames.size();
    if (had_room && frames_ > kMaxFrames)
        conditions_.say({.code = Code::E513,
                         .span = send.packet.span,
                         .message = "the tests of this policy send too many packets",
                         .help = fmt::format("the limit is {} for all tests together", kMaxFrames)});
    return sent;
}

policy::Expectation TestChecker::expectation(const ast::Outcome& outcome) {
    policy::Expectation expected;
    expected.verdict = outcome.verdict;
    expected.no_alert = outcome.no_alert;
    expected.text = collapse_spaces(sources_.text(outcome.span));
    if (outcome.rule) {
        // `by default` and `by malformed` name what decided where no rule did.
        if (outcome.rule->text == "default" || outcome.rule->text == "malformed") {
            expected.by_default = outcome.rule->text == "default";
            expected.by_malformed = outcome.rule->text == "malformed";
        } else if (const auto rule = names_.rules.find(outcome.rule->text); rule != names_.rules.end()) {
            expected.rule = rule->second;
        } else {
            Diagnostic unknown{.code = Code::E208,
                               .span = outcome.rule->span,
                               .message = fmt::format("unknown rule `{}`", outcome.rule->text),
                               .help = "`by` takes a rule of this policy, `default` or `malformed`"};
            if (const std::string near = nearest_name(names_.rules, outcome.rule->text, conditions_.diagnostics());
                !near.empty())
                unknown.fix = Fix{outcome.rule->span, near}, unknown.help.clear();
            conditions_.say(std::move(unknown));
        }
    }
    for (const ast::ExpectedAlert& alert : outcome.alerts) {
        const auto found = names_.alerts.find(alert.alert.text);
        if (found != names_.alerts.end()) {
            expected.alerts.push_back({found->second, alert.times});
            continue;
        }
        Diagnostic unknown{.code = Code::E209,
                           .span = alert.alert.span,
                           .message = fmt::format("unknown alert `{}`", alert.alert.text)};
        if (const std::string near = nearest_name(names_.alerts, alert.alert.text, conditions_.diagnostics());
            !near.empty())
            unknown.fix = Fix{alert.alert.span, near};
        conditions_.say(std::move(unknown));
    }
    if (expected.no_alert && !outcome.alerts.empty())
        wrong(outcome.span, "`no alert` contradicts the alert beside it", "remove one of the two");
    return expected;
}

policy::TestStep TestChecker::step(const ast::Policy& policy, const ast::Step& step) {
    policy::TestStep typed{step.span, {}};
    if (const auto* send = std::get_if<ast::SendStep>(&step.node)) {
        typed.node = sent(*send);
    } else if (const auto* after = std::get_if<ast::AfterStep>(&step.node)) {
        const auto value = conditions_.given(after->duration, Duration{});
        const auto* duration = value ? std::get_if<Duration>(&*value) : nullptr;
        if (value && duration == nullptr) wrong(step.span, "`after` takes a duration", "write `after 59m`");
        typed.node = policy::AdvanceClock{duration == nullptr ? 0 : duration->ns};
    } else if (const auto* replay = std::get_if<ast::ReplayStep>(&step.node)) {
        const auto places = candidate_paths(sources_.name(policy.file), replay->path, {});
        typed.node = policy::ReplayCapture{places.front(), replay->path_span, expectation(replay->outcome)};
    } else {
        typed.node = member(policy, std::get<ast::ExpectStep>(step.node), step.span);
    }
    return typed;
}

policy::Test TestChecker::check(const ast::Policy& policy, const ast::Test& test) {
    policy::Test typed{test.name, test.span, {}};
    for (const ast::Step& step : test.steps) typed.steps.push_back(this->step(policy, step));
    return typed;
}

}  // namespace weir::sema
