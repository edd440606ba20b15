// Tested by tests/golden/golden_test.cpp with `cases`.
#include "compiler/sema/unused.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>

#include <fmt/format.h>

namespace weir::sema {
namespace {

// What is named where, in all files. A name counts as used wherever it stands: also in a let that nothing uses itself.
class Uses {
public:
    void take(const ast::Policy& policy) {
        for (const ast::Expr& expr : policy.exprs) {
            if (const auto* path = std::get_if<ast::Path>(&expr.node)) values_.insert(path->text);
            if (const auto* cut = std::get_if<ast::Cut>(&expr.node)) values_.insert(cut->field.text);
            if (const auto* call = std::get_if<ast::Call>(&expr.node)) values_.insert(call->function.text);
        }
        for (const ast::Item& item : policy.items) std::visit([this](const auto& one) { take_item(one); }, item);
    }
    bool value(const std::string& name) const { return values_.contains(name); }
    bool alert(const std::string& name) const { return alerts_.contains(name); }
    bool sink(const std::string& name) const { return every_sink_ || sinks_.contains(name); }
    bool changes(const std::string& set) const { return changed_.contains(set); }

private:
    void take_item(const ast::Rule& rule) {
        for (const ast::Action& action : rule.actions) take_action(action);
    }
    void take_item(const ast::Alert& alert) {
        for (const ast::Name& sink : alert.sinks) sinks_.insert(sink.text);
        for (const ast::Escalate& escalate : alert.escalations) sinks_.insert(escalate.sink.text);
        for (const ast::Action& response : alert.responses) take_action(response);
        every_sink_ = every_sink_ || alert.sinks.empty();  // its events go to all
    }
    void take_item(const ast::Test& test) {
        for (const ast::Step& step : test.steps)
            if (const auto* expect = std::get_if<ast::ExpectStep>(&step.node)) values_.insert(expect->set.text);
    }
    template <typename Other>
    void take_item(const Other&) {}
    void take_action(const ast::Action& action) {
        if (const auto* alert = std::get_if<ast::AlertAction>(&action.node)) alerts_.insert(alert->alert.text);
        if (const auto* add = std::get_if<ast::AddAction>(&action.node)) changed_.insert(add->set.text);
    }

    std::unordered_set<std::string> values_, alerts_, sinks_, changed_;
    bool every_sink_ = false;
};

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// How often each of the words stands in a text, comments and strings apart.
void count_words(std::string_view text, std::unordered_map<std::string_view, std::size_t>& words) {
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (c == '#') {
            at = std::min(text.find('\n', at), text.size());
        } else if (c == '"') {
            for (++at; at < text.size() && text[at] != '"'; ++at) at += text[at] == '\\' ? 1 : 0;
            ++at;
        } else if (!is_word(c)) {
            ++at;
        } else {
            const std::size_t begin = at;
            while (at < text.size() && is_word(text[at])) ++at;
            if (const auto found = words.find(text.substr(begin, at - begin)); found != words.end()) ++found->second;
        }
    }
}

class Unused {
public:
    Unused(const Uses& uses, Diagnostics& diagnostics) : uses_(uses), diagnostics_(diagnostics) {}

    // Values may stand where no condition is: `for ban`, `ttl short`, `type ping`. Their names are looked for in the
    // text.
    void look(const ast::Let& let) {
        if (!uses_.value(let.name.text)) lets_.push_back(&let);
    }
    void look_for_lets(const Sources& sources, const std::vector<ast::Policy>& policies) {
        if (lets_.empty()) return;
        std::unordered_map<std::string_view, std::size_t> words;
        for (const ast::Let* let : lets_) words.emplace(let->name.text, 0);
        for (const ast::Policy& policy : policies) count_words(sources.text(policy.file), words);
        for (const ast::Let* let : lets_) {
            if (diagnostics_.all().size() >= Diagnostics::kMaxDiagnostics) return;  // no more are kept
            if (words[let->name.text] <= 1)                                         // where it is declared
                say(let->name,
                    fmt::format("nothing uses the {} `{}`", let->is_function ? "function" : "let", let->name.text));
        }
    }
    void look(const ast::Set& set) {
        if (uses_.value(set.name.text)) return;
        say(set.name, uses_.changes(set.name.text)
                          ? fmt::format("rules add to the set `{}`, but no condition reads it", set.name.text)
                          : fmt::format("no condition reads the set `{}`", set.name.text));
    }
    void look(const ast::Alert& alert) {
        if (!uses_.alert(alert.name.text))
            say(alert.name, fmt::format("no rule raises the alert `{}`", alert.name.text));
    }
    void look(const ast::Sink& sink) {
        if (!uses_.sink(sink.name.text)) say(sink.name, fmt::format("no alert goes to the sink `{}`", sink.name.text));
    }
    template <typename Other>
    void look(const Other&) {}

private:
    void say(const ast::Name& name, std::string message) {
        if (name.text.starts_with('_')) return;
        diagnostics_.add({.code = Code::W409,
                          .span = name.span,
                          .message = std::move(message),
                          .label = "unused",
                          .help = "remove it; a name that starts with `_` may be unused"});
    }

    const Uses& uses_;
    Diagnostics& diagnostics_;
    std::vector<const ast::Let*> lets_;  // that no condition names
};

}  // namespace

void warn_unused(const Sources& sources, const std::vector<ast::Policy>& policies, Diagnostics& diagnostics) {
    if (policies.empty()) return;
    const auto has_rule = [](const ast::Policy& policy) {
        for (const ast::Item& item : policy.items)
            if (std::holds_alternative<ast::Rule>(item)) return true;
        return false;
    };
    if (!has_rule(policies.back())) return;
    Uses uses;
    for (const ast::Policy& policy : policies) uses.take(policy);
    Unused unused(uses, diagnostics);
    for (const ast::Item& item : policies.back().items) std::visit([&](const auto& one) { unused.look(one); }, item);
    unused.look_for_lets(sources, policies);
}

}  // namespace weir::sema
