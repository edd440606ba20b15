// Tested by tests/unit/tooling/lsp_marks_test.cpp.
#include "tooling/lsp/marks.h"

#include <algorithm>

namespace weir::tooling::lsp {
namespace {

class Collector {
public:
    explicit Collector(const ast::Policy& policy) : policy_(policy) {}

    std::vector<Mark> run() {
        for (const ast::Expr& expr : policy_.exprs) {
            if (const auto* path = std::get_if<ast::Path>(&expr.node)) use(Space::kValue, path->text, expr.span);
            if (const auto* call = std::get_if<ast::Call>(&expr.node)) use(Space::kValue, call->function);
        }
        for (const ast::StateTerm& term : policy_.state_terms)
            for (const auto* given : {&term.window, &term.least, &term.limit, &term.burst, &term.size})
                if (*given) use(**given);
        for (const ast::Item& item : policy_.items) std::visit([this](const auto& node) { add(node); }, item);
        bind_parameters();
        std::stable_sort(marks_.begin(), marks_.end(),
                         [](const Mark& a, const Mark& b) { return a.span.begin < b.span.begin; });
        return std::move(marks_);
    }

private:
    void declare(Space space, MarkKind kind, const ast::Name& name, Span scope = {}) {
        if (!name.text.empty()) marks_.push_back({space, kind, name.text, name.span, scope});
    }
    void use(Space space, const std::string& name, Span span) {
        if (!name.empty()) marks_.push_back({space, MarkKind::kUse, name, span, {}});
    }
    void use(Space space, const ast::Name& name) { use(space, name.text, name.span); }
    void use(const ast::Given& given) { use(Space::kValue, given.let, given.span); }
    void use(const std::optional<ast::Given>& given) {
        if (given) use(*given);
    }

    template <typename Node>
    void add(const Node&) {}
    void add(const ast::Let& let) {
        declare(Space::kValue, let.is_function ? MarkKind::kFunction : MarkKind::kLet, let.name);
        for (const ast::Name& one : let.parameters) declare(Space::kParameter, MarkKind::kParameter, one, let.span);
    }
    void add(const ast::Set& set) {
        declare(Space::kValue, MarkKind::kSet, set.name);
        use(set.size);
        use(set.ttl);
    }
    void add(const ast::ThrottlesSize& item) { use(item.size); }
    void add(const ast::FlowsSize& item) { use(item.size); }
    void add(const ast::Record& item) {
        use(item.bytes);
        use(item.packets);
    }
    void add(const ast::Rule& rule) {
        declare(Space::kRule, MarkKind::kRule, rule.name);
        add(rule.actions);
    }
    void add(const ast::Alert& alert) {
        declare(Space::kAlert, MarkKind::kAlert, alert.name);
        if (alert.throttle) {
            use(alert.throttle->count);
            use(alert.throttle->every);
        }
        for (const ast::Name& sink : alert.sinks) use(Space::kSink, sink);
        for (const ast::Escalate& escalate : alert.escalations) {
            use(Space::kSink, escalate.sink);
            use(escalate.count);
            use(escalate.within);
        }
        add(alert.responses);
    }
    void add(const ast::Sink& sink) { declare(Space::kSink, MarkKind::kSink, sink.name); }
    void add(const ast::Test& test) {
        for (const ast::Step& step : test.steps) {
            if (const auto* send = std::get_if<ast::SendStep>(&step.node)) add(send->outcome);
            if (const auto* replay = std::get_if<ast::ReplayStep>(&step.node)) add(replay->outcome);
            if (const auto* after = std::get_if<ast::AfterStep>(&step.node)) use(after->duration);
            if (const auto* expect = std::get_if<ast::ExpectStep>(&step.node)) use(Space::kValue, expect->set);
        }
    }
    void add(const ast::Outcome& outcome) {
        const bool is_word = outcome.rule && (outcome.rule->text == "default" || outcome.rule->text == "malformed");
        if (outcome.rule && !is_word) use(Space::kRule, *outcome.rule);
        for (const ast::ExpectedAlert& alert : outcome.alerts) use(Space::kAlert, alert.alert);
    }
    void add(const std::vector<ast::Action>& actions) {
        for (const ast::Action& action : actions) {
            if (const auto* alert = std::get_if<ast::AlertAction>(&action.node)) use(Space::kAlert, alert->alert);
            if (const auto* added = std::get_if<ast::AddAction>(&action.node)) {
                use(Space::kValue, added->set);
                use(added->duration);
            }
            if (const auto* removed = std::get_if<ast::RemoveAction>(&action.node)) use(Space::kValue, removed->set);
            if (const auto* capture = std::get_if<ast::CaptureAction>(&action.node)) use(capture->before);
            if (const auto* measure = std::get_if<ast::MeasureAction>(&action.node)) use(measure->size);
        }
    }

    // Within a function a parameter hides what has its name outside.
    void bind_parameters() {
        std::vector<Mark> parameters;
        for (const Mark& mark : marks_)
            if (mark.kind == MarkKind::kParameter) parameters.push_back(mark);
        std::sort(parameters.begin(), parameters.end(),
                  [](const Mark& a, const Mark& b) { return a.scope.begin < b.scope.begin; });
        for (Mark& mark : marks_) {
            if (mark.kind != MarkKind::kUse || mark.space != Space::kValue) continue;
            auto at = std::upper_bound(
                parameters.begin(), parameters.end(), mark.span.begin,
                [](std::uint32_t offset, const Mark& parameter) { return offset < parameter.scope.begin; });
            while (at != parameters.begin() && mark.span.begin < (at - 1)->scope.end) {
                --at;
                if (at->name != mark.name) continue;
                mark.space = Space::kParameter;
                mark.scope = at->scope;
                break;
            }
        }
    }

    const ast::Policy& policy_;
    std::vector<Mark> marks_{};
};

}  // namespace

std::vector<Mark> marks_of(const ast::Policy& policy) { return Collector(policy).run(); }

const Mark* mark_at(const std::vector<Mark>& marks, std::uint32_t offset) {
    auto at = std::upper_bound(marks.begin(), marks.end(), offset,
                               [](std::uint32_t place, const Mark& mark) { return place < mark.span.begin; });
    // A condition in parentheses may begin where its first word does.
    while (at != marks.begin()) {
        --at;
        if (offset >= at->span.begin && offset <= at->span.end) return &*at;
        if (at->span.end < offset) break;
    }
    return nullptr;
}

}  // namespace weir::tooling::lsp
