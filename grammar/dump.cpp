// ast::Policy as an indented tree. Strings and bytes are quoted, values are written in their base unit.
// Tested by tests/unit/grammar/parser_test.cpp with `dumped`.
#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>

#include "grammar/base/names.h"
#include "grammar/base/printable.h"
#include "grammar/print.h"

namespace weir {
namespace {

constexpr std::string_view kComparisons[] = {"==",
                                             "!=",
                                             "<",
                                             "<=",
                                             ">",
                                             ">=",
                                             "in",
                                             "not in",
                                             "contains",
                                             "starts_with",
                                             "ends_with",
                                             "contains nocase",
                                             "starts_with nocase",
                                             "ends_with nocase"};
constexpr std::string_view kStateKinds[] = {"rate", "byterate", "count", "distinct", "share", "surge"};

template <typename... Lambdas>
struct Overloaded : Lambdas... {
    using Lambdas::operator()...;
};

std::string quoted(std::string_view bytes) {
    std::string text = "\"";
    for (const char c : bytes) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
    }
    return printable(text) + '"';
}

std::string hex(std::string_view bytes) {
    std::string text = "hex\"";
    for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return text + '"';
}

std::string written(const Value& value) {
    return std::visit(Overloaded{
                          [](const Integer& v) { return fmt::format("{}", v.value); },
                          [](const IntegerRange& v) { return fmt::format("{}..{}", v.first, v.last); },
                          [](const Boolean& v) { return std::string(v.value ? "true" : "false"); },
                          [](const Duration& v) { return fmt::format("{}ns", v.ns); },
                          [](const Rate& v) { return fmt::format("{}/{}ns", v.count, v.per_ns); },
                          [](const ByteSize& v) { return fmt::format("{}B", v.bytes); },
                          [](const ByteRate& v) { return fmt::format("{}B/{}ns", v.bytes, v.per_ns); },
                          [](const IpAddress& v) { return to_string(v); },
                          [](const IpPrefix& v) { return to_string(v); },
                          [](const IpRange& v) { return to_string(v.first) + ".." + to_string(v.last); },
                          [](const MacAddress& v) { return to_string(v); },
                          [](const MacPrefix& v) { return to_string(v); },
                          [](const Share& v) { return to_string(v); },
                          [](const Text& v) { return quoted(v.bytes); },
                          [](const HexBytes& v) { return hex(v.bytes); },
                      },
                      value);
}

constexpr std::string_view name_of(ast::VerdictKind verdict) {
    return kVerdictNames[static_cast<std::size_t>(verdict)];
}
static_assert(name_of(ast::VerdictKind::kPass) == "pass" && name_of(ast::VerdictKind::kDrop) == "drop" &&
              name_of(ast::VerdictKind::kReject) == "reject" && name_of(ast::VerdictKind::kRedirect) == "redirect" &&
              std::size(kVerdictNames) == 4);

constexpr std::string_view name_of(ast::AlertSeverity severity) {
    return kSeverityNames[static_cast<std::size_t>(severity)];
}
static_assert(name_of(ast::AlertSeverity::kLow) == "low" && name_of(ast::AlertSeverity::kMedium) == "medium" &&
              name_of(ast::AlertSeverity::kHigh) == "high" && name_of(ast::AlertSeverity::kCritical) == "critical" &&
              std::size(kSeverityNames) == 4);

std::string written(const ast::Given& given) { return given.let.empty() ? written(given.value) : "let " + given.let; }
std::string written(const ast::Verdict& verdict) {
    const std::string_view word = name_of(verdict.kind);
    if (verdict.kind != ast::VerdictKind::kRedirect) return std::string(word);
    return fmt::format("{}({})", word, quoted(verdict.interface));
}

class Dumper {
public:
    Dumper(const Sources& sources, const ast::Policy& policy) : sources_(sources), policy_(policy) {}

    std::string dump() {
        if (policy_.name) line(policy_.name->span, "policy {}", policy_.name->text);
        for (const ast::Item& each : policy_.items) std::visit([this](const auto& node) { item(node); }, each);
        return std::move(text_);
    }

private:
    // Deeper by one level for as long as it lives.
    class Level {
    public:
        explicit Level(Dumper& dumper) : dumper_(dumper) { ++dumper_.level_; }
        ~Level() { --dumper_.level_; }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;

    private:
        Dumper& dumper_;
    };

    template <typename... Args>
    void line(Span span, fmt::format_string<Args...> format, Args&&... args) {
        text_.append(level_ * 2, ' ');
        fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
        const Position position = sources_.position(span.file, span.begin);
        fmt::format_to(std::back_inserter(text_), " <{}:{}>\n", position.line, position.column);
    }
    void value(Span span, std::string_view name, const ast::Given& given) { line(span, "{} {}", name, written(given)); }
    void value(Span span, std::string_view name, const ast::Literal& literal) {
        line(span, "{} {}", name, written(literal.value));
    }
    void exprs(const std::vector<ast::ExprId>& ids) {
        const Level level(*this);
        for (const ast::ExprId id : ids) expr(id);
    }
    void named(std::string_view name, Span span, const std::vector<ast::ExprId>& ids) {
        line(span, "{}", name);
        exprs(ids);
    }
    void expr(ast::ExprId id);
    void state_term(Span span, const ast::StateTerm& state);
    void action(const ast::Action& action);
    void outcome(const ast::Outcome& outcome);
    void options(const std::vector<ast::PacketOption>& options);
    void packet(const ast::PacketSpec& packet);
    void endpoint(std::string_view name, const ast::Endpoint& endpoint);
    void step(const ast::Step& step);

    void item(const ast::Import& import) { line(import.span, "import {}", quoted(import.path)); }
    void item(const ast::Let& let);
    void item(const ast::Set& set);
    void item(const ast::DefaultVerdict& verdict) {
        constexpr std::string_view kWords[] = {"default", "malformed", "default egress"};
        line(verdict.span, "{} {}", kWords[static_cast<std::size_t>(verdict.of)], written(verdict.verdict));
    }
    void item(const ast::ThrottlesSize& throttles) {
        line(throttles.span, "throttles size {}", written(throttles.size));
    }
    void item(const ast::FlowsSize& flows) { line(flows.span, "flows size {}", written(flows.size)); }
    void item(const ast::Record& record) {
        line(record.span, "record {} bytes, {} packets", written(record.bytes), written(record.packets));
    }
    void item(const ast::Rule& rule);
    void item(const ast::Alert& alert);
    void item(const ast::Sink& sink);
    void item(const ast::Test& test);

    const Sources& sources_;
    const ast::Policy& policy_;
    std::string text_;
    std::size_t level_ = 0;
};

void Dumper::expr(ast::ExprId id) {
    const ast::Expr& e = policy_.expr(id);
    std::visit(
        Overloaded{
            [&](const ast::Or& n) { named("or", e.span, n.operands); },
            [&](const ast::And& n) { named("and", e.span, n.operands); },
            [&](const ast::Not& n) { named("not", e.span, {n.operand}); },
            [&](const ast::Compare& n) { named(kComparisons[static_cast<std::size_t>(n.op)], e.span, {n.lhs, n.rhs}); },
            [&](const ast::Path& n) { line(e.span, "path {}", n.text); },
            [&](const ast::Cut& n) {
                line(e.span, "cut {}/{}{}", n.field.text, n.ip4.count,
                     n.ip6 ? fmt::format("/{}", n.ip6->count) : std::string());
            },
            [&](const ast::Slice& n) { line(e.span, "slice {}[{}:{}]", n.field.text, n.offset, n.length); },
            [&](const ast::Masked& n) {
                line(e.span, "mask {}", n.mask);
                exprs({n.operand});
            },
            [&](const ast::Length& n) { named("len", e.span, {n.operand}); },
            [&](const ast::Tuple& n) { named("tuple", e.span, n.elements); },
            [&](const ast::Literal& n) { value(e.span, "literal", n); },
            [&](const ast::SetLiteral& n) { named("set", e.span, n.elements); },
            [&](const ast::Call& n) {
                line(e.span, "call {}", n.function.text);
                exprs(n.arguments);
            },
            [&](const ast::StateRef& n) { state_term(e.span, policy_.state_terms[n.index]); },
        },
        e.node);
}

void Dumper::state_term(Span span, const ast::StateTerm& state) {
    line(span, "{} {}", kStateKinds[static_cast<std::size_t>(state.kind)],
         kComparisons[static_cast<std::size_t>(state.op)]);
    const Level level(*this);
    if (state.value) named("value", span, {*state.value});
    named("keys", span, state.keys);
    if (state.window) value(span, "window", *state.window);
    if (state.least) value(span, "least", *state.least);
    if (state.limit) value(state.limit_span, "limit", *state.limit);
    if (state.burst) value(span, "burst", *state.burst);
    if (state.size) line(span, "size {}", written(*state.size));
}

void Dumper::action(const ast::Action& action) {
    std::visit(Overloaded{
                   [&](const ast::Verdict& n) { line(action.span, "{}", written(n)); },
                   [&](const ast::AlertAction& n) {
                       if (n.sample)
                           line(action.span, "alert {} sample 1/{}", n.alert.text, *n.sample);
                       else
                           line(action.span, "alert {}", n.alert.text);
                   },
                   [&](const ast::AddAction& n) {
                       line(action.span, "add to {}", n.set.text);
                       exprs({n.value});
                       const Level level(*this);
                       if (n.duration) value(action.span, "for", *n.duration);
                   },
                   [&](const ast::RemoveAction& n) {
                       line(action.span, "remove from {}", n.set.text);
                       exprs({n.value});
                   },
                   [&](const ast::CaptureAction& n) {
                       line(action.span, "capture{}", n.before ? " before " + written(*n.before) : std::string());
                       if (n.key) exprs({*n.key});
                   },
                   [&](const ast::MeasureAction& n) {
                       line(action.span, "measure{}{}", n.name ? " as " + n.name->text : std::string(),
                            n.size ? " size " + written(*n.size) : std::string());
                       exprs({n.field});
                       if (n.key) named("by", action.span, {*n.key});
                   },
               },
               action.node);
}

void Dumper::item(const ast::Let& let) {
    line(let.span, "let {}", let.name.text);
    const Level level(*this);
    for (const ast::Name& parameter : let.parameters) line(parameter.span, "parameter {}", parameter.text);
    expr(let.value);
}

void Dumper::item(const ast::Set& set) {
    line(set.span, "set {}{}", set.name.text, set.is_tuple ? " of tuples" : "");
    const Level level(*this);
    for (const ast::Name& type : set.types) line(type.span, "type {}", type.text);
    if (set.size) line(set.size_span, "size {}", written(*set.size));
    if (set.ttl) value(set.ttl_span, "ttl", *set.ttl);
    if (set.file) line(set.file_span, "from {}", quoted(*set.file));
    if (set.entries) expr(*set.entries);
}

void Dumper::item(const ast::Rule& rule) {
    line(rule.span, "rule {}{}{}", rule.name.text, rule.observe ? " observe" : "",
         rule.direction == ast::Direction::kOut ? " egress" : "");
    const Level level(*this);
    if (rule.note) line(rule.span, "note {}", quoted(*rule.note));
    expr(rule.condition);
    for (const ast::Action& each : rule.actions) action(each);
}

void Dumper::item(const ast::Alert& alert) {
    line(alert.span, "alert {}", alert.name.text);
    const Level level(*this);
    if (alert.severity) line(alert.span, "severity {}", name_of(*alert.severity));
    if (alert.message) line(alert.message_span, "message {}", quoted(*alert.message));
    if (const auto& throttle = alert.throttle) {
        line(throttle->span, "throttle {} every {}", written(throttle->count), written(throttle->every));
        exprs(throttle->keys);
    }
    for (const ast::Name& sink : alert.sinks) line(sink.span, "to {}", sink.text);
    for (const ast::Escalate& each : alert.escalations) {
        line(each.span, "escalate to {} when {} within {}", each.sink.text, written(each.count), written(each.within));
        exprs(each.keys);
    }
    if (alert.responses.empty()) return;
    line(alert.responses.front().span, "respond");
    const Level deeper(*this);
    for (const ast::Action& each : alert.responses) action(each);
}

void Dumper::item(const ast::Sink& sink) {
    line(sink.span, "sink {} {}", sink.name.text, sink.kind.text);
    const Level level(*this);
    for (const ast::SinkArgument& argument : sink.arguments) {
        line(argument.span, "argument {}", argument.keyword ? argument.keyword->text : "");
        const Level deeper(*this);
        for (const ast::Name& word : argument.words) line(word.span, "word {}", word.text);
        for (const ast::Literal& literal : argument.values) value(argument.span, "literal", literal);
    }
}

void Dumper::endpoint(std::string_view name, const ast::Endpoint& endpoint) {
    const std::string address = endpoint.address ? written(*endpoint.address) : "";
    if (const auto& port = endpoint.port)
        line(endpoint.span, "{} {} ports {}..{}", name, address, port->first, port->last);
    else
        line(endpoint.span, "{} {}", name, address);
}

void Dumper::options(const std::vector<ast::PacketOption>& options) {
    for (const ast::PacketOption& option : options) {
        line(option.span, "option {}", option.word.text);
        const Level deeper(*this);
        for (const ast::Name& word : option.words) line(word.span, "word {}", word.text);
        for (const ast::Literal& literal : option.values) value(option.span, "literal", literal);
    }
}

void Dumper::packet(const ast::PacketSpec& packet) {
    const bool is_frame = packet.protocol.text == "hex";
    line(packet.span, "{}{} {}", packet.direction == ast::Direction::kOut ? "out " : "", is_frame ? "frame" : "packet",
         is_frame ? hex(packet.frame) : packet.protocol.text);
    const Level level(*this);
    if (!is_frame) endpoint("from", packet.source), endpoint("to", packet.destination);
    options(packet.options);
    for (const ast::Tunnel& tunnel : packet.tunnels) {
        line(tunnel.span, "inside {}", tunnel.kind.text);
        const Level deeper(*this);
        for (const ast::Name& word : tunnel.words) line(word.span, "word {}", word.text);
        for (const ast::Literal& literal : tunnel.values) value(tunnel.span, "literal", literal);
        endpoint("from", tunnel.source), endpoint("to", tunnel.destination);
        options(tunnel.options);
    }
}

void Dumper::outcome(const ast::Outcome& outcome) {
    line(outcome.span, "outcome {}{}", outcome.verdict ? written(*outcome.verdict) : "",
         outcome.no_alert ? " no alert" : "");
    const Level level(*this);
    if (outcome.rule) line(outcome.rule->span, "by {}", outcome.rule->text);
    for (const ast::ExpectedAlert& alert : outcome.alerts)
        line(alert.alert.span, "alert {}{}", alert.alert.text,
             alert.times ? fmt::format(" {} times", *alert.times) : std::string());
}

void Dumper::step(const ast::Step& step) {
    std::visit(Overloaded{
                   [&](const ast::SendStep& n) {
                       line(step.span, "send {}", n.repeat);
                       const Level level(*this);
                       packet(n.packet);
                       outcome(n.outcome);
                   },
                   [&](const ast::AfterStep& n) { value(step.span, "after", n.duration); },
                   [&](const ast::ReplayStep& n) {
                       line(step.span, "replay {}", quoted(n.path));
                       const Level level(*this);
                       outcome(n.outcome);
                   },
                   [&](const ast::ExpectStep& n) {
                       line(step.span, "expect {} {}contains", n.set.text, n.negated ? "not " : "");
                       exprs({n.value});
                   },
               },
               step.node);
}

void Dumper::item(const ast::Test& test) {
    line(test.span, "test {}", quoted(test.name));
    const Level level(*this);
    for (const ast::Step& each : test.steps) step(each);
}

}  // namespace

std::string dump(const Sources& sources, const ast::Policy& policy) { return Dumper(sources, policy).dump(); }

}  // namespace weir
