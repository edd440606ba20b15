// Tested by tests/unit/sema/names_test.cpp.
#include "grammar/parser.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <tao/pegtl.hpp>

#include "grammar/base/check.h"
#include "grammar/build.h"
#include "grammar/grammar.h"
#include "grammar/scan.h"
#include "grammar/syntax_tree.h"

namespace weir {
namespace {

namespace p = tao::pegtl;
using syntax::Kind;

// ---- which rules become nodes ----

template <typename Rule>
inline constexpr Kind kKindOf = Kind::kNone;
#define WEIR_NODE(rule, kind) \
    template <>               \
    inline constexpr Kind kKindOf<rules::rule> = Kind::kind;
WEIR_NODE(name_text, kName)
WEIR_NODE(set_name_text, kName)
WEIR_NODE(by_rule_name, kByRule)
WEIR_NODE(word_text, kWord)
WEIR_NODE(string_text, kString)
WEIR_NODE(hex_text, kHex)
WEIR_NODE(frame_text, kHex)
WEIR_NODE(paren_text, kParen)
WEIR_NODE(set_literal_text, kSetLiteral)
WEIR_NODE(in_duration, kInDuration)
WEIR_NODE(by_key, kByKey)
WEIR_NODE(of_number, kOfNumber)
WEIR_NODE(floor_number, kFloorNumber)
WEIR_NODE(call_text, kCall)
WEIR_NODE(slice_text, kSlice)
WEIR_NODE(term, kTerm)
WEIR_NODE(mask, kMask)
WEIR_NODE(masked, kMasked)
WEIR_NODE(right_side, kMasked)
WEIR_NODE(comparator, kComparator)
WEIR_NODE(burst, kBurst)
WEIR_NODE(size, kSize)
WEIR_NODE(comparison, kComparison)
WEIR_NODE(negation, kNegation)
WEIR_NODE(and_operand, kAndOperand)
WEIR_NODE(or_operand, kOrOperand)
WEIR_NODE(condition, kCondition)
WEIR_NODE(k_pass, kPass)
WEIR_NODE(k_drop, kDrop)
WEIR_NODE(k_reject, kReject)
WEIR_NODE(redirect_text, kRedirect)
WEIR_NODE(sample, kSample)
WEIR_NODE(alert_action, kAlertAction)
WEIR_NODE(for_duration, kForDuration)
WEIR_NODE(add_action, kAddAction)
WEIR_NODE(remove_action, kRemoveAction)
WEIR_NODE(capture_action, kCapture)
WEIR_NODE(measure_as, kMeasureAs)
WEIR_NODE(measure_action, kMeasure)
WEIR_NODE(actions, kActions)
WEIR_NODE(policy_item, kPolicy)
WEIR_NODE(import_item, kImport)
WEIR_NODE(parameters_text, kParameters)
WEIR_NODE(let_item, kLet)
WEIR_NODE(set_types, kSetTypes)
WEIR_NODE(set_ttl, kSetTtl)
WEIR_NODE(set_from, kSetFrom)
WEIR_NODE(set_entries, kSetEntries)
WEIR_NODE(set_item, kSet)
WEIR_NODE(default_item, kDefault)
WEIR_NODE(malformed_item, kMalformed)
WEIR_NODE(throttles_item, kThrottles)
WEIR_NODE(flows_item, kFlows)
WEIR_NODE(record_item, kRecord)
WEIR_NODE(note, kNote)
WEIR_NODE(k_observe, kObserve)
WEIR_NODE(k_egress, kEgress)
WEIR_NODE(rule_item_text, kRule)
WEIR_NODE(severity, kSeverity)
WEIR_NODE(message, kMessage)
WEIR_NODE(keys, kKeys)
WEIR_NODE(throttle, kThrottle)
WEIR_NODE(sinks, kSinks)
WEIR_NODE(escalate, kEscalate)
WEIR_NODE(respond_text, kRespond)
WEIR_NODE(alert_item_text, kAlert)
WEIR_NODE(sink_argument, kSinkArgument)
WEIR_NODE(sink_item_text, kSink)
WEIR_NODE(bracketed, kBracketed)
WEIR_NODE(port_range_text, kPortRange)
WEIR_NODE(endpoint, kEndpoint)
WEIR_NODE(option_words, kOptionWords)
WEIR_NODE(k_out, kOut)
WEIR_NODE(packet, kPacket)
WEIR_NODE(inside, kInside)
WEIR_NODE(no_alert, kNoAlert)
WEIR_NODE(times, kTimes)
WEIR_NODE(expected_alert, kExpectedAlert)
WEIR_NODE(outcome, kOutcome)
WEIR_NODE(k_not, kNot)
WEIR_NODE(after_step, kAfterStep)
WEIR_NODE(expect_step, kExpectStep)
WEIR_NODE(replay_step, kReplayStep)
WEIR_NODE(repeat, kRepeat)
WEIR_NODE(send_step, kSendStep)
WEIR_NODE(test_item_text, kTest)
#undef WEIR_NODE

// ---- what was expected ----

template <typename Rule>
inline constexpr const char* kExpected = "unexpected text";
#define WEIR_EXPECTED(rule, text) \
    template <>                   \
    inline constexpr const char* kExpected<rules::rule> = "expected " text;
WEIR_EXPECTED(
    item,
    "`policy`, `import`, `let`, `set`, `default`, `malformed`, `throttles`, `flows`, `record`, `rule`, `alert`, "
    "`sink` or `test`")
WEIR_EXPECTED(name, "a name")
WEIR_EXPECTED(set_name, "a name")
WEIR_EXPECTED(word, "a value")
WEIR_EXPECTED(word_text, "an address")
WEIR_EXPECTED(string, "a string in double quotes")
WEIR_EXPECTED(string_end, "`\"` before the end of the line")
WEIR_EXPECTED(condition, "a condition")
WEIR_EXPECTED(and_operand, "a condition")
WEIR_EXPECTED(or_operand, "a condition")
WEIR_EXPECTED(right_side, "a value, a field or a set after the comparison")
WEIR_EXPECTED(element, "an element: a value or the name of one")
WEIR_EXPECTED(set_literal, "`{` and the entries of the set")
WEIR_EXPECTED(operand, "a field or a value")
WEIR_EXPECTED(argument, "an argument")
WEIR_EXPECTED(open_paren, "`(`")
WEIR_EXPECTED(close_paren, "`)`")
WEIR_EXPECTED(open_brace, "`{`")
WEIR_EXPECTED(close_brace, "`}`")
WEIR_EXPECTED(rule_end, "`,` and an action, or `}`")
WEIR_EXPECTED(alert_end, "`severity`, `message`, `throttle`, `to`, `escalate`, `respond` or `}`")
WEIR_EXPECTED(close_bracket, "`]`")
WEIR_EXPECTED(equals, "`=`")
WEIR_EXPECTED(colon, "`:` and a type")
WEIR_EXPECTED(set_types, "a type: ip, net, port, mac, domain, u8, u16 or u32")
WEIR_EXPECTED(set_type, "a type: ip, net, port, mac, domain, u8, u16 or u32")
WEIR_EXPECTED(verdict, "a verdict: pass, drop, reject or redirect(\"…\")")
WEIR_EXPECTED(action, "an action: pass, drop, reject, redirect(\"…\"), alert, add, remove, capture or measure")
WEIR_EXPECTED(actions, "an action: pass, drop, reject, redirect(\"…\"), alert, add, remove, capture or measure")
WEIR_EXPECTED(k_when, "`when` and a condition")
WEIR_EXPECTED(k_then, "`and`, `or`, or `then` and an action")
WEIR_EXPECTED(k_to, "`to`")
WEIR_EXPECTED(k_from, "`from`")
WEIR_EXPECTED(k_per, "`per` and a field")
WEIR_EXPECTED(k_every, "`every` and a duration")
WEIR_EXPECTED(k_within, "`within` and a duration")
WEIR_EXPECTED(k_alert, "`alert`")
WEIR_EXPECTED(size, "`size` and a number")
WEIR_EXPECTED(k_bytes, "`bytes`: `record 128 bytes, 32768 packets`")
WEIR_EXPECTED(k_packets, "`packets`: `record 128 bytes, 32768 packets`")
WEIR_EXPECTED(comma, "`,`")
WEIR_EXPECTED(k_x, "`x` and a packet")
WEIR_EXPECTED(k_contains, "`contains`")
WEIR_EXPECTED(keys, "a field")
WEIR_EXPECTED(sink_argument, "an argument")
WEIR_EXPECTED(endpoint, "an address")
WEIR_EXPECTED(tunnel_kind, "a tunnel: vxlan, geneve, gre or ipip")
WEIR_EXPECTED(port, "a port")
WEIR_EXPECTED(arrow, "`->` and a destination")
WEIR_EXPECTED(yields, "`=>` and an outcome")
WEIR_EXPECTED(outcome, "a verdict, `alert NAME` or `no alert`")
WEIR_EXPECTED(expectation, "a verdict, `alert NAME` or `no alert`")
WEIR_EXPECTED(by_rule_name, "the name of a rule")
#undef WEIR_EXPECTED

struct Expected {
    template <typename Rule>
    static constexpr const char* message = kExpected<Rule>;
    template <typename Rule>
    static constexpr bool raise_on_failure = false;  // only a failed must<> is an error
};
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }

bool ends_in_a_sign(Kind kind) {
    switch (kind) {
        case Kind::kString:
        case Kind::kHex:
        case Kind::kParen:
        case Kind::kSetLiteral:
        case Kind::kCall:
        case Kind::kSlice:
        case Kind::kRedirect:
        case Kind::kParameters:
        case Kind::kRespond:
        case Kind::kRule:
        case Kind::kAlert:
        case Kind::kSink:
        case Kind::kPortRange:
        case Kind::kBracketed:
        case Kind::kTest: return true;
        default: return false;
    }
}

// ---- nodes, as rules match ----

// Complete nodes are on a stack; a rule that matches takes the nodes of its parts as children.
struct Tree {
    std::string_view text;
    std::pmr::memory_resource* memory;  // of the nodes' children
    std::vector<syntax::Node> nodes;
    struct Mark {
        std::size_t nodes;  // on the stack when the rule started
        std::uint32_t begin;
    };
    std::vector<Mark> marks;  // of the rules that are being tried

    void complete(Kind kind, std::uint32_t end);
};

// A level of precedence with one operand becomes that operand.
bool folds(Kind kind) {
    return kind == Kind::kCondition || kind == Kind::kOrOperand || kind == Kind::kAndOperand ||
           kind == Kind::kComparison || kind == Kind::kMasked || kind == Kind::kTerm;
}

void Tree::complete(Kind kind, std::uint32_t end) {
    const Mark mark = marks.back();
    marks.pop_back();
    const std::size_t children = nodes.size() - mark.nodes;
    if (children == 1 && folds(kind)) return;
    syntax::Node node{kind, mark.begin, end, std::pmr::vector<syntax::Node>(memory)};
    if (children != 0) {
        const auto first = nodes.begin() + static_cast<std::ptrdiff_t>(mark.nodes);
        node.children.assign(std::make_move_iterator(first), std::make_move_iterator(nodes.end()));
        nodes.erase(first, nodes.end());
    }
    if (!ends_in_a_sign(kind)) {
        // Space and comments that the rule consumed after its text do not belong to the node.
        const std::uint32_t inner = node.children.empty() ? node.begin : node.children.back().end;
        const std::size_t comment = text.substr(inner, node.end - inner).find('#');
        if (comment != std::string_view::npos) node.end = inner + static_cast<std::uint32_t>(comment);
        while (node.end > inner && is_space(text[node.end - 1])) --node.end;
    }
    nodes.push_back(std::move(node));
}

// A rule that makes no node needs no mark: it does not fail after a part of it made one (grammar.h).
template <typename Rule>
inline constexpr bool kMarked = kKindOf<Rule> != Kind::kNone;

template <typename Rule>
struct Control : p::must_if<Expected>::control<Rule> {
    using Base = typename p::must_if<Expected>::template control<Rule>;

    template <typename In>
    static std::uint32_t place(const In& in, const Tree& tree) {
        return static_cast<std::uint32_t>(in.current() - tree.text.data());
    }
    template <typename In>
    static void start(const In& in, Tree& tree) {
        if constexpr (kMarked<Rule>) tree.marks.push_back({tree.nodes.size(), place(in, tree)});
    }
    template <typename In>
    static void success(const In& in, Tree& tree) {
        if constexpr (kMarked<Rule>) tree.complete(kKindOf<Rule>, place(in, tree));
    }
    template <typename In>
    static void failure(const In&, Tree& tree) {
        if constexpr (kMarked<Rule>) {
            tree.nodes.resize(tree.marks.back().nodes);
            tree.marks.pop_back();
        }
    }
};

using Input = p::memory_input<p::tracking_mode::lazy, p::eol::lf_crlf, const char*>;

// An item and the end of its text; or what was expected, and where.
struct Item {
    syntax::Node node;
    std::uint32_t next = 0;
    std::string expected;  // empty: no error
    std::uint32_t at = 0;
};

// `tree` is empty between items, and keeps its memory.
Item read_item(std::uint32_t begin, Tree& tree) {
    Input in(tree.text.data() + begin, tree.text.data() + tree.text.size(), "", begin, 1, 1);
    tree.nodes.clear();
    tree.marks.clear();
    try {
        const bool matched = p::parse<rules::one_item, p::nothing, Control>(in, tree);
        WEIR_CHECK(matched && tree.nodes.size() == 1);
        return {std::move(tree.nodes.front()), static_cast<std::uint32_t>(in.current() - tree.text.data()), {}, 0};
    } catch (const p::parse_error& error) {
        return {{}, 0, std::string(error.message()), static_cast<std::uint32_t>(error.positions().front().byte)};
    }
}

// Builds the item. False where the file has too many values by then, which is reported: nothing after it is read.
bool build_next(const Sources& sources, const syntax::Node& item, ast::Policy& policy, Diagnostics& diagnostics) {
    build_item(sources, item, policy, diagnostics);
    if (policy.exprs.size() <= kMaxValues) return true;
    policy.lost_all = true;  // nothing after it is read
    diagnostics.add({.code = Code::E502,
                     .span = {policy.file, item.begin, item.end},
                     .message = fmt::format("the file has more than {} values, names and comparisons", kMaxValues),
                     .label = "up to here",
                     .help = "put long lists into files: `set NAME : TYPE from \"FILE\"`"});
    return false;
}

// ---- long texts: a thread reads items while earlier items are built ----

constexpr std::size_t kLongText = 256 << 10;
constexpr std::size_t kItemsAtOnce = 64, kBatchesAhead = 32;

struct Batch {
    std::pmr::monotonic_buffer_resource memory{64 << 10};
    std::vector<syntax::Node> items{};  // destroyed before its memory
    std::uint32_t end = 0;              // where to continue after them
};

// Reads items from the first on, up to the end or the first error.
class ReadAhead {
public:
    explicit ReadAhead(const Scan& scan) : scan_(scan), thread_([this](const std::stop_token& stop) { run(stop); }) {}

    // Nothing if there are no more.
    std::unique_ptr<Batch> next() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !ready_.empty() || is_done_; });
        if (ready_.empty()) return nullptr;
        auto batch = std::move(ready_.front());
        ready_.pop_front();
        changed_.notify_all();
        return batch;
    }

private:
    void run(const std::stop_token& stop) {
        try {
            Tree tree{scan_.text(), nullptr, {}, {}};
            std::uint32_t at = 0;
            for (bool more = true; more && !stop.stop_requested();) {
                auto batch = std::make_unique<Batch>();
                more = fill(*batch, at, tree);
                at = batch->end;
                std::unique_lock lock(mutex_);
                changed_.wait(lock, stop, [&] { return ready_.size() < kBatchesAhead; });
                ready_.push_back(std::move(batch));
                changed_.notify_all();
            }
        } catch (const std::bad_alloc&) {
            // The caller parses this item again, and reports it.
        }
        const std::lock_guard lock(mutex_);
        is_done_ = true;
        changed_.notify_all();
    }
    bool fill(Batch& batch, std::uint32_t at, Tree& tree) {
        tree.memory = &batch.memory;
        bool good = true;
        while (good && batch.items.size() < kItemsAtOnce) {
            const std::uint32_t begin = scan_.skip_space(at);
            Item item = begin < scan_.text().size() ? read_item(begin, tree) : Item{{}, 0, "an item", 0};
            good = item.expected.empty();  // the caller reports the error
            if (!good) break;
            at = item.next;
            batch.items.push_back(std::move(item.node));
        }
        tree.nodes.clear();
        batch.end = at;
        return good;
    }

    const Scan& scan_;
    std::mutex mutex_{};
    std::condition_variable_any changed_{};
    std::deque<std::unique_ptr<Batch>> ready_{};
    bool is_done_ = false;
    std::jthread thread_;  // last member: it ends before what it uses is destroyed
};

// Builds items from the first on, up to the first error. Returns where to continue.
std::uint32_t build_ahead(const Scan& scan, const Sources& sources, ast::Policy& policy, Diagnostics& diagnostics) {
    std::uint32_t at = 0;
    try {
        ReadAhead ahead(scan);
        while (const auto batch = ahead.next()) {
            for (const syntax::Node& item : batch->items)
                if (!build_next(sources, item, policy, diagnostics))
                    return static_cast<std::uint32_t>(scan.text().size());
            at = batch->end;
        }
    } catch (const std::system_error&) {
        // No thread could be started.
    }
    return at;
}

}  // namespace

ast::Policy parse(const Sources& sources, std::uint32_t file, Diagnostics& diagnostics) {
    ast::Policy policy;
    policy.file = file;
    Scan scan(sources, file, diagnostics);
    policy.lost_all = true;  // until there is something to read
    if (!scan.acceptable()) return policy;
    policy.lost_all = false;
    policy.comments = scan.comments();
    const auto size = static_cast<std::uint32_t>(scan.text().size());
    const bool is_long = size >= kLongText && !scan.may_be_deep();
    std::uint32_t at = is_long ? build_ahead(scan, sources, policy, diagnostics) : 0;
    std::pmr::unsynchronized_pool_resource memory;
    Tree tree{scan.text(), &memory, {}, {}};
    for (at = scan.skip_space(at); at < size; at = scan.skip_space(at)) {
        if (scan.may_be_deep() && scan.too_deep(at)) {
            const std::uint32_t next = scan.next_item(at, at + 1);
            scan.lose(at, next, policy);
            at = next;
            continue;
        }
        const Item item = read_item(at, tree);
        if (item.expected.empty()) {
            if (!build_next(sources, item.node, policy, diagnostics)) return policy;
            at = item.next;
        } else {
            scan.unexpected(at, item.at, item.expected);
            const std::uint32_t next = scan.next_item(at, item.at);
            scan.lose(at, next, policy);
            at = next;
        }
    }
    return policy;
}

}  // namespace weir
