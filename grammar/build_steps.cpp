// Tested by tests/unit/grammar/parser_test.cpp with `Parsed`.
#include "grammar/build_steps.h"

#include <fmt/format.h>

#include "grammar/literal.h"

namespace weir {
namespace {

using syntax::Kind;
using syntax::Node;

class TestBuilder {
public:
    explicit TestBuilder(ExprBuilder& builder) : b_(builder) {}

    ast::Step step(const Node& node);

private:
    ast::SendStep send(const Node& node);
    ast::PacketSpec packet(const Node& node);
    ast::Tunnel tunnel(const Node& node);
    ast::Endpoint endpoint(const Node& node);
    void port(const Node& word, ast::Endpoint& endpoint);
    void split_word(const Node& word, ast::Endpoint& endpoint);
    std::vector<ast::PacketOption> options(const Node& node);
    ast::Outcome outcome(const Node& node);
    ast::Verdict verdict(const Node& node);

    ExprBuilder& b_;
};

ast::Verdict TestBuilder::verdict(const Node& node) {
    switch (node.kind) {
        case Kind::kDrop: return {ast::VerdictKind::kDrop, {}};
        case Kind::kReject: return {ast::VerdictKind::kReject, {}};
        case Kind::kRedirect: return {ast::VerdictKind::kRedirect, b_.string(node.children[0])};
        default: return {ast::VerdictKind::kPass, {}};
    }
}

// A port, or a range of them.
void TestBuilder::port(const Node& word, ast::Endpoint& endpoint) {
    const auto value = parse_literal_quiet(b_.text(word));
    ast::PortSpec ports{0, 0, b_.span(word)};
    if (value && std::holds_alternative<Integer>(*value)) {
        ports.first = ports.last = std::get<Integer>(*value).value;
    } else if (value && std::holds_alternative<IntegerRange>(*value)) {
        ports.first = std::get<IntegerRange>(*value).first;
        ports.last = std::get<IntegerRange>(*value).last;
    } else {
        b_.say(Code::E109, b_.span(word), fmt::format("`{}` is not a port", b_.text(word)),
               "write one port as 22, several as {1..30}");
        return;
    }
    endpoint.port = ports;
}

// 192.0.2.1, 192.0.2.1:22, 192.0.2.1: before a range, 2001:db8::1
void TestBuilder::split_word(const Node& word, ast::Endpoint& endpoint) {
    const std::string_view written = b_.text(word);
    if (const auto address = parse_ip(written)) {
        endpoint.address = *address;
        return;
    }
    const std::size_t colon = written.rfind(':');
    const auto address = colon == std::string_view::npos ? std::nullopt : parse_ip(written.substr(0, colon));
    if (!address || address->version != 4) {
        b_.say(Code::E109, b_.span(word), fmt::format("`{}` is not an address", written),
               "write 192.0.2.1:22, or [2001:db8::1]:22");
        return;
    }
    endpoint.address = *address;
    if (colon + 1 == written.size()) return;
    Node digits = word;
    digits.begin += static_cast<std::uint32_t>(colon + 1);
    port(digits, endpoint);
}

ast::Endpoint TestBuilder::endpoint(const Node& node) {
    ast::Endpoint endpoint{};
    endpoint.span = b_.span(node);
    const Node& first = node.children[0];
    const bool open = first.kind == Kind::kBracketed || b_.text(first).ends_with(':');  // a port follows
    for (const Node& part : node.children) {
        if (part.kind == Kind::kBracketed) {
            const Node& word = part.children[0];
            const auto address = parse_ip(b_.text(word));
            if (address)
                endpoint.address = *address;
            else
                b_.say(Code::E109, b_.span(word), fmt::format("`{}` is not an address", b_.text(word)));
        } else if (part.kind == Kind::kPortRange) {
            if (!open)
                b_.say(Code::E109, b_.span(part), "this range of ports has no address",
                       "write the range after the address: 192.0.2.1:{1..30}");
            else
                port(part.children[0], endpoint);
        } else if (endpoint.address) {
            port(part, endpoint);
        } else {
            split_word(part, endpoint);
        }
    }
    return endpoint;
}

// A word starts an option, and the values after it belong to it. `dns` also takes words.
std::vector<ast::PacketOption> TestBuilder::options(const Node& node) {
    std::vector<ast::PacketOption> options;
    for (const Node& part : node.children) {
        const std::string_view written = b_.text(part);
        const bool is_word = part.kind == Kind::kWord && !(written[0] >= '0' && written[0] <= '9') &&
                             written.find_first_of(":./") == std::string_view::npos;
        const bool of_dns = !options.empty() && options.back().word.text == "dns";
        const bool upper = written[0] >= 'A' && written[0] <= 'Z';
        const ast::Name word{std::string(written), b_.span(part)};
        if (is_word && (upper || (of_dns && (written == "query" || written == "response"))) && !options.empty()) {
            options.back().words.push_back(word);
        } else if (is_word) {
            options.push_back({word, {}, {}, b_.span(part)});
        } else if (options.empty()) {
            b_.say(Code::E109, b_.span(part), fmt::format("`{}` has no option before it", written),
                   "an option is a word with its values: ttl 3, vlan 7, payload \"GET /\"");
        } else {
            options.back().values.push_back(b_.literal(part));
        }
        if (!options.empty()) options.back().span.end = part.end;
    }
    return options;
}

ast::Tunnel TestBuilder::tunnel(const Node& node) {
    ast::Tunnel tunnel{};
    tunnel.span = b_.span(node);
    bool has_source = false;
    for (const Node& part : node.children) {
        if (part.kind == Kind::kOptionWords) {
            tunnel.options = options(part);
        } else if (part.kind == Kind::kEndpoint) {
            (has_source ? tunnel.destination : tunnel.source) = endpoint(part);
            has_source = true;
        } else if (tunnel.kind.text.empty()) {
            tunnel.kind = {std::string(b_.text(part)), b_.span(part)};
        } else if (const char first = b_.text(part)[0]; first >= '0' && first <= '9') {
            tunnel.values.push_back(b_.literal(part));
        } else {
            tunnel.words.push_back({std::string(b_.text(part)), b_.span(part)});
        }
    }
    return tunnel;
}

ast::PacketSpec TestBuilder::packet(const Node& node) {
    ast::PacketSpec spec{};
    spec.span = b_.span(node);
    const std::size_t at = node.children[0].kind == Kind::kOut ? 1 : 0;
    if (at == 1) spec.direction = ast::Direction::kOut;
    const Node& first = node.children[at];
    if (first.kind == Kind::kHex) {
        spec.protocol = {"hex", b_.span(first)};
        spec.frame = std::get<HexBytes>(b_.literal(first).value).bytes;
    } else {
        spec.protocol = {std::string(b_.text(first)), b_.span(first)};
        spec.source = endpoint(node.children[at + 1]);
        spec.destination = endpoint(node.children[at + 2]);
    }
    for (const Node& part : node.children) {
        if (part.kind == Kind::kOptionWords) spec.options = options(part);
        if (part.kind == Kind::kInside) spec.tunnels.push_back(tunnel(part));
    }
    return spec;
}

ast::Outcome TestBuilder::outcome(const Node& node) {
    ast::Outcome outcome{};
    outcome.span = b_.span(node);
    for (const Node& part : node.children) {
        switch (part.kind) {
            case Kind::kByRule: outcome.rule = ast::Name{std::string(b_.text(part)), b_.span(part)}; break;
            case Kind::kNoAlert: outcome.no_alert = true; break;
            case Kind::kExpectedAlert: {
                ast::ExpectedAlert alert{b_.name(part.children[0])};
                if (part.children.size() > 1)
                    alert.times = b_.integer(part.children[1].children[0], "a number of times");
                outcome.alerts.push_back(std::move(alert));
                break;
            }
            default:
                if (outcome.verdict)
                    b_.say(Code::E108, b_.span(part), "duplicate verdict", "an outcome has one verdict");
                outcome.verdict = verdict(part);
        }
    }
    return outcome;
}

ast::SendStep TestBuilder::send(const Node& node) {
    ast::SendStep send{};
    for (const Node& part : node.children) {
        if (part.kind == Kind::kRepeat)
            send.repeat = b_.integer(part.children[0], "a number of packets").value_or(1);
        else if (part.kind == Kind::kPacket)
            send.packet = packet(part);
        else
            send.outcome = outcome(part);
    }
    return send;
}

ast::Step TestBuilder::step(const Node& node) {
    ast::Step step{b_.span(node), {}};
    switch (node.kind) {
        case Kind::kAfterStep: step.node = ast::AfterStep{b_.given(node.children[0])}; break;
        case Kind::kReplayStep:
            step.node =
                ast::ReplayStep{b_.string(node.children[0]), b_.span(node.children[0]), outcome(node.children[1])};
            break;
        case Kind::kExpectStep: {
            ast::ExpectStep expect{b_.name(node.children[0]), false, {}};
            expect.negated = node.children[1].kind == Kind::kNot;
            expect.value = b_.expr(node.children.back());
            step.node = std::move(expect);
            break;
        }
        default: step.node = send(node); break;
    }
    return step;
}

}  // namespace

ast::Test build_test(ExprBuilder& builder, const Node& node) {
    ast::Test test{builder.string(node.children[0]), builder.span(node.children[0]), {}, builder.span(node)};
    TestBuilder steps(builder);
    for (std::size_t i = 1; i < node.children.size(); ++i) test.steps.push_back(steps.step(node.children[i]));
    return test;
}

}  // namespace weir
