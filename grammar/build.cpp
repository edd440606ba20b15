// Tested by tests/unit/grammar/parser_test.cpp with `Parsed`.
#include "grammar/build.h"

#include <fmt/format.h>

#include "grammar/base/check.h"
#include "grammar/base/names.h"
#include "grammar/base/nearest.h"
#include "grammar/build_expr.h"
#include "grammar/build_steps.h"

namespace weir {
namespace {

using syntax::Kind;
using syntax::Node;

class ItemBuilder : public ExprBuilder {
public:
    using ExprBuilder::ExprBuilder;

    void item(const Node& node);
    ast::Verdict verdict(const Node& node);

private:
    void import(const Node& node);
    void header(const Node& node);
    void let(const Node& node);
    void set(const Node& node);
    void default_verdict(const Node& node);
    template <typename Size>
    void size_of_table(const Node& node);
    void record(const Node& node);
    void rule(const Node& node);
    void alert(const Node& node);
    void alert_clause(const Node& clause, ast::Alert& alert);
    void sink(const Node& node);
    ast::SinkArgument sink_argument(const Node& node);
    ast::Action action(const Node& node);
    ast::CaptureAction capture(const Node& node);
    ast::MeasureAction measure(const Node& node);
    std::vector<ast::Action> actions(const Node& node);
    std::vector<ast::ExprId> keys(const Node& node);
    void twice(const Node& clause, bool seen) {
        if (seen) say(Code::E108, span(clause), "this clause is given twice", "remove one of the two");
    }
};

ast::Verdict ItemBuilder::verdict(const Node& node) {
    switch (node.kind) {
        case Kind::kDrop: return {ast::VerdictKind::kDrop, {}};
        case Kind::kReject: return {ast::VerdictKind::kReject, {}};
        case Kind::kRedirect: return {ast::VerdictKind::kRedirect, string(node.children[0])};
        default: return {ast::VerdictKind::kPass, {}};
    }
}

void ItemBuilder::header(const Node& node) {
    const ast::Name written = name(node.children[0]);
    if (policy().name || !policy().items.empty()) {
        say(Code::E110, span(node), policy().name ? "duplicate `policy` header" : "`policy` is not the first item",
            "write `policy NAME` once, as the first item");
        return;
    }
    policy().name = written;
}

void ItemBuilder::import(const Node& node) {
    policy().items.emplace_back(ast::Import{string(node.children[0]), span(node.children[0]), span(node), {}});
}

void ItemBuilder::let(const Node& node) {
    ast::Let let{name(node.children[0]), {}, false, {}, span(node)};
    if (node.children[1].kind == Kind::kParameters) {
        let.is_function = true;
        for (const Node& parameter : node.children[1].children) let.parameters.push_back(name(parameter));
    }
    let.value = expr(node.children.back());
    policy().items.emplace_back(std::move(let));
}

void ItemBuilder::set(const Node& node) {
    ast::Set set{};
    set.name = name(node.children[0]);
    set.span = span(node);
    const Node& types = node.children[1];
    for (const Node& type : types.children) set.types.push_back(name(type));
    set.is_tuple = text(types).starts_with('(');
    for (std::size_t i = 2; i < node.children.size(); ++i) {
        const Node& clause = node.children[i];
        const Node& value = clause.children[0];
        if (clause.kind == Kind::kSize) {
            twice(clause, set.size.has_value());
            set.size = given_integer(value, "a size");
            set.size_span = span(value);
        } else if (clause.kind == Kind::kSetTtl) {
            twice(clause, set.ttl.has_value());
            set.ttl = given(value);
            set.ttl_span = span(value);
        } else if (clause.kind == Kind::kSetEntries) {
            twice(clause, set.entries.has_value());
            set.entries = expr(value);
        } else {
            twice(clause, set.file.has_value());
            set.file = string(value);
            set.file_span = span(value);
        }
    }
    policy().items.emplace_back(std::move(set));
}

void ItemBuilder::default_verdict(const Node& node) {
    ast::DefaultVerdict written;
    const Node& given = node.children.back();
    if (node.kind == Kind::kMalformed)
        written.of = ast::VerdictOf::kMalformed;
    else if (node.children.size() > 1)
        written.of = ast::VerdictOf::kEgress;
    written.verdict = verdict(given);
    written.verdict_span = span(given);
    written.span = span(node);
    policy().items.emplace_back(std::move(written));
}

template <typename Size>
void ItemBuilder::size_of_table(const Node& node) {
    const Node& value = node.children[0].children[0];
    policy().items.emplace_back(Size{given_integer(value, "a size"), span(value), span(node)});
}

void ItemBuilder::record(const Node& node) {
    policy().items.emplace_back(ast::Record{given_integer(node.children[0], "a number of bytes"),
                                            given_integer(node.children[1], "a number of packets"), span(node)});
}

std::vector<ast::ExprId> ItemBuilder::keys(const Node& node) {
    std::vector<ast::ExprId> ids;
    for (const Node& key : node.children) ids.push_back(expr(key));
    return ids;
}

ast::CaptureAction ItemBuilder::capture(const Node& node) {
    if (node.children.empty()) return {};
    return {given_integer(node.children[0], "a number of packets"), expr(node.children[1])};
}

ast::MeasureAction ItemBuilder::measure(const Node& node) {
    ast::MeasureAction measure{expr(node.children[0]), {}, {}, {}};
    for (std::size_t i = 1; i < node.children.size(); ++i) {
        const Node& part = node.children[i];
        const Node& value = part.children[0];
        if (part.kind == Kind::kByKey) {
            twice(part, measure.key.has_value());
            measure.key = expr(value);
        } else if (part.kind == Kind::kMeasureAs) {
            twice(part, measure.name.has_value());
            measure.name = name(value);
        } else {
            twice(part, measure.size.has_value());
            measure.size = given_integer(value, "a size");
        }
    }
    return measure;
}

ast::Action ItemBuilder::action(const Node& node) {
    ast::Action action{span(node), {}};
    switch (node.kind) {
        case Kind::kAlertAction: {
            ast::AlertAction alert{name(node.children[0]), {}};
            if (node.children.size() > 1) {
                const Node& word = node.children[1].children[0];
                Node denominator = word;
                denominator.begin += 2;
                if (!text(word).starts_with("1/") || denominator.begin == denominator.end)
                    say(Code::E109, span(word), fmt::format("`{}` is not a sampling rate", text(word)),
                        "write one in a hundred as `sample 1/100`");
                else
                    alert.sample = integer(denominator, "a sampling rate");
            }
            action.node = std::move(alert);
            break;
        }
        case Kind::kAddAction: {
            ast::AddAction add{expr(node.children[0]), name(node.children[1]), {}};
            if (node.children.size() > 2) add.duration = given(node.children[2].children[0]);
            action.node = std::move(add);
            break;
        }
        case Kind::kRemoveAction:
            action.node = ast::RemoveAction{expr(node.children[0]), name(node.children[1])};
            break;
        case Kind::kCapture: action.node = capture(node); break;
        case Kind::kMeasure: action.node = measure(node); break;
        default: action.node = verdict(node); break;
    }
    return action;
}

std::vector<ast::Action> ItemBuilder::actions(const Node& node) {
    std::vector<ast::Action> all;
    for (const Node& child : node.children) all.push_back(action(child));
    return all;
}

void ItemBuilder::rule(const Node& node) {
    ast::Rule rule{};
    rule.span = span(node);
    rule.name = name(node.children[0]);
    for (std::size_t i = 1; i < node.children.size(); ++i) {
        const Node& part = node.children[i];
        if (part.kind == Kind::kNote)
            rule.note = string(part.children[0]);
        else if (part.kind == Kind::kObserve)
            rule.observe = true;
        else if (part.kind == Kind::kEgress)
            rule.direction = ast::Direction::kOut;
        else if (part.kind == Kind::kActions)
            rule.actions = actions(part);
        else
            rule.condition = expr(part);
    }
    policy().items.emplace_back(std::move(rule));
}

void ItemBuilder::alert_clause(const Node& clause, ast::Alert& alert) {
    switch (clause.kind) {
        case Kind::kSeverity: {
            twice(clause, alert.severity.has_value());
            const std::string_view word = text(clause.children[0]);
            for (std::size_t i = 0; i < std::size(kSeverityNames); ++i)
                if (kSeverityNames[i] == word) alert.severity = static_cast<ast::AlertSeverity>(i);
            if (const std::string near = nearest_word(kSeverityNames, word); !alert.severity)
                say(Code::E109, span(clause.children[0]), fmt::format("`{}` is not a severity", word),
                    near.empty() ? "the severities are low, medium, high and critical"
                                 : fmt::format("did you mean `{}`?", near));
            break;
        }
        case Kind::kMessage:
            twice(clause, alert.message.has_value());
            alert.message = string(clause.children[0]);
            alert.message_span = span(clause.children[0]);
            break;
        case Kind::kThrottle:
            twice(clause, alert.throttle.has_value());
            alert.throttle = ast::Throttle{given_integer(clause.children[0], "a number of events"),
                                           keys(clause.children[1]), given(clause.children[2]), span(clause)};
            break;
        case Kind::kSinks:
            twice(clause, !alert.sinks.empty());
            for (const Node& sink : clause.children) alert.sinks.push_back(name(sink));
            break;
        case Kind::kEscalate:
            alert.escalations.push_back({name(clause.children[0]),
                                         given_integer(clause.children[1], "a number of events"),
                                         given(clause.children[2]), keys(clause.children[3]), span(clause)});
            break;
        default:
            twice(clause, !alert.responses.empty());
            alert.responses = actions(clause.children[0]);
            break;
    }
}

void ItemBuilder::alert(const Node& node) {
    ast::Alert alert{};
    alert.span = span(node);
    alert.name = name(node.children[0]);
    for (std::size_t i = 1; i < node.children.size(); ++i) alert_clause(node.children[i], alert);
    policy().items.emplace_back(std::move(alert));
}

// A first lower-case word is the keyword: `rotate 100MB`, `header "A" env "B"`.
ast::SinkArgument ItemBuilder::sink_argument(const Node& node) {
    ast::SinkArgument argument{};
    argument.span = span(node);
    for (const Node& part : node.children) {
        const std::string_view written = text(part);
        const bool is_word = part.kind == Kind::kWord && written[0] >= 'a' && written[0] <= 'z';
        if (!is_word)
            argument.values.push_back(literal(part));
        else if (!argument.keyword)
            argument.keyword = ast::Name{std::string(written), span(part)};
        else
            argument.words.push_back({std::string(written), span(part)});
    }
    return argument;
}

void ItemBuilder::sink(const Node& node) {
    ast::Sink sink{name(node.children[0]), name(node.children[1]), {}, span(node)};
    for (std::size_t i = 2; i < node.children.size(); ++i) sink.arguments.push_back(sink_argument(node.children[i]));
    policy().items.emplace_back(std::move(sink));
}

void ItemBuilder::item(const Node& node) {
    switch (node.kind) {
        case Kind::kPolicy: return header(node);
        case Kind::kImport: return import(node);
        case Kind::kLet: return let(node);
        case Kind::kSet: return set(node);
        case Kind::kDefault:
        case Kind::kMalformed: return default_verdict(node);
        case Kind::kThrottles: return size_of_table<ast::ThrottlesSize>(node);
        case Kind::kFlows: return size_of_table<ast::FlowsSize>(node);
        case Kind::kRecord: return record(node);
        case Kind::kRule: return rule(node);
        case Kind::kAlert: return alert(node);
        case Kind::kSink: return sink(node);
        default: break;
    }
    WEIR_CHECK(node.kind == Kind::kTest);
    policy().items.emplace_back(build_test(*this, node));
}

}  // namespace

void build_item(const Sources& sources, const Node& item, ast::Policy& policy, Diagnostics& diagnostics) {
    ItemBuilder(sources, policy, diagnostics).item(item);
}

}  // namespace weir
