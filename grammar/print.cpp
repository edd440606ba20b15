// Tested by tests/unit/grammar/format_test.cpp with `formatted`.
#include "grammar/print.h"

#include <string>

#include "grammar/layout.h"
#include "grammar/print_statement.h"
#include "grammar/tokens.h"

namespace weir {
namespace {

constexpr std::size_t kAlertWordColumns = 8;  // `severity`, `throttle` and `escalate` are the longest

class Printer {
public:
    Printer(const Sources& sources, const ast::Policy& policy)
        : policy_(policy), tokens_(tokenize(sources, policy)), out_(sources.text(policy.file), tokens_, layout_) {}

    std::string print();

private:
    using Starts = std::vector<std::size_t>;

    void item(const ast::Item& item, std::size_t first, std::size_t last);
    void simple(std::size_t first, std::size_t last, Run run, std::string_view sign);
    void clauses(std::size_t first, std::size_t last, Run run, const Starts& starts);
    void one_line(std::size_t first, std::size_t last, Run run, const Starts& starts);
    void test(const ast::Test& test, std::size_t first, std::size_t last);
    Starts rule_clauses(std::size_t open, std::size_t last) const;
    Starts alert_clauses(std::size_t open, std::size_t last) const;
    std::size_t find(std::size_t first, std::size_t last, std::string_view text) const;

    const ast::Policy& policy_;
    Tokens tokens_;
    Layout layout_;
    StatementPrinter out_;
};

// The first token of [first, last) with this text, outside all braces, or `last`.
std::size_t Printer::find(std::size_t first, std::size_t last, std::string_view text) const {
    for (std::size_t i = first; i < last; ++i)
        if (tokens_.all[i].depth == 0 && out_.text(i) == text) return i;
    return last;
}

// An item without clauses. A column starts at `sign`, or after the first token if `sign` is empty.
void Printer::simple(std::size_t first, std::size_t last, Run run, std::string_view sign) {
    out_.begin(first, 0);
    const std::size_t line = layout_.size() - 1;
    const std::size_t cell = sign.empty() ? first + 1 : find(first, last, sign);
    bool comments = false;
    for (std::size_t i = first + 1; i <= cell && i < last; ++i)
        comments = comments || tokens_.all[i].comment_count != 0;
    if (run != Run::kNone && !comments && cell < last) out_.start_cell(cell);
    out_.flow(first, last, 0);
    if (layout_.size() == line + 1) layout_.set_run(line, run);
}

void Printer::one_line(std::size_t first, std::size_t last, Run run, const Starts& starts) {
    out_.begin(first, 0);
    std::string shape;
    for (std::size_t i = 0; i < starts.size(); ++i) {
        shape.append(out_.text(starts[i])).append(" ");
        if (i != 0 && run == Run::kAlert) out_.start_cell(starts[i]);
    }
    const std::size_t open = find(first, last, "{");
    out_.start_cell(open);
    for (std::size_t i = first; i < last; ++i) out_.put(i);
    layout_.set_run(layout_.size() - 1, run);
    layout_.set_shape(layout_.size() - 1, std::move(shape));
}

// A rule or an alert: its head, one clause on each line, its closing brace. On one line if the author wrote it so.
void Printer::clauses(std::size_t first, std::size_t last, Run run, const Starts& starts) {
    const std::size_t gaps = run == Run::kAlert && !starts.empty() ? starts.size() - 1 : 0;
    if (out_.is_one_line(first, last) && out_.width(first, last) + gaps <= kMaxColumns)
        return one_line(first, last, run, starts);
    const std::size_t open = find(first, last, "{");
    out_.begin(first, 0);
    out_.flow(first, open + 1, 0);
    layout_.opens_block();
    for (std::size_t i = 0; i < starts.size(); ++i) {
        out_.begin(starts[i], kIndent);
        if (run == Run::kAlert) out_.pad(starts[i], kAlertWordColumns);
        out_.flow(starts[i], i + 1 < starts.size() ? starts[i + 1] : last - 1, kIndent);
    }
    out_.end_block(last - 1, 0);
    out_.put(last - 1);
}

// Reserved words, which nothing else can be, and `egress` before the reserved `when`.
Printer::Starts Printer::rule_clauses(std::size_t open, std::size_t last) const {
    Starts starts;
    for (std::size_t i = open + 1; i + 1 < last; ++i) {
        const std::string_view word = out_.text(i);
        if (tokens_.all[i].depth == 1 && (word == "note" || word == "observe" || word == "when" || word == "then" ||
                                          (word == "egress" && out_.text(i + 1) == "when")))
            starts.push_back(i);
    }
    return starts;
}

// A sink or a field may have the name of a clause. It then follows a word or a sign that needs an operand.
Printer::Starts Printer::alert_clauses(std::size_t open, std::size_t last) const {
    constexpr std::string_view kWords[] = {"severity", "message", "throttle", "to", "escalate", "respond"};
    constexpr std::string_view kIncomplete[] = {"to", ",", "per", "severity", "throttle", "escalate"};
    const auto is_one_of = [](const auto& words, std::string_view word) {
        for (const std::string_view each : words)
            if (each == word) return true;
        return false;
    };
    Starts starts;
    for (std::size_t i = open + 1; i + 1 < last; ++i)
        if (tokens_.all[i].depth == 1 && is_one_of(kWords, out_.text(i)) && !is_one_of(kIncomplete, out_.text(i - 1)))
            starts.push_back(i);
    return starts;
}

void Printer::test(const ast::Test& test, std::size_t first, std::size_t last) {
    const std::size_t open = find(first, last, "{");
    out_.begin(first, 0);
    out_.flow(first, open + 1, 0);
    layout_.opens_block();
    const std::size_t top = layout_.size();
    std::size_t at = open + 1;
    for (std::size_t i = 0; i < test.steps.size(); ++i) {
        const std::uint32_t next = i + 1 < test.steps.size() ? test.steps[i + 1].span.begin : test.span.end - 1;
        std::size_t end = at + 1;
        while (tokens_.all[end].begin < next) ++end;
        out_.begin(at, kIndent);
        out_.flow_step(at, end, kIndent);
        at = end;
    }
    out_.comments(last - 1, kIndent);
    for (std::size_t line = top; line < layout_.size(); ++line) layout_.set_run(line, Run::kStep);
    layout_.line(0);
    out_.put(last - 1);
}

void Printer::item(const ast::Item& item, std::size_t first, std::size_t last) {
    const auto open = [&] { return find(first, last, "{"); };
    if (std::holds_alternative<ast::Let>(item)) return simple(first, last, Run::kDefinition, "=");
    if (std::holds_alternative<ast::Set>(item)) return simple(first, last, Run::kDefinition, ":");
    if (std::holds_alternative<ast::Sink>(item)) return simple(first, last, Run::kSink, "=");
    if (std::holds_alternative<ast::DefaultVerdict>(item)) return simple(first, last, Run::kDefault, "");
    if (std::holds_alternative<ast::Rule>(item)) return clauses(first, last, Run::kRule, rule_clauses(open(), last));
    if (std::holds_alternative<ast::Alert>(item)) return clauses(first, last, Run::kAlert, alert_clauses(open(), last));
    if (const auto* written = std::get_if<ast::Test>(&item)) return test(*written, first, last);
    simple(first, last, Run::kNone, "");
}

std::string Printer::print() {
    const std::size_t end = tokens_.all.size() - 1;
    const auto next = [&](std::size_t index) {  // the first token of item `index`
        if (index == policy_.items.size()) return end;
        const std::uint32_t begin = item_span(policy_.items[index]).begin;
        std::size_t low = 0, high = end;
        while (low < high) {
            const std::size_t middle = low + (high - low) / 2;
            if (tokens_.all[middle].begin < begin)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    };
    if (policy_.name) simple(0, next(0), Run::kNone, "");
    for (std::size_t i = 0; i < policy_.items.size(); ++i) item(policy_.items[i], next(i), next(i + 1));
    out_.comments(end, 0);
    return layout_.text();
}

}  // namespace

std::string format(const Sources& sources, const ast::Policy& policy) { return Printer(sources, policy).print(); }

}  // namespace weir
