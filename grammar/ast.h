// A policy as its author wrote it: every name still a name, every node with its place. One File a source text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "grammar/source.h"
#include "grammar/value.h"

namespace weir::ast {

struct Name {
    std::string text;
    Span span;
};

enum class ExprId : std::uint32_t {};

// ---- expressions: conditions and their operands, in one arena (Policy::exprs) ----

struct Or {
    std::vector<ExprId> operands;
};
struct And {
    std::vector<ExprId> operands;
};
struct Not {
    ExprId operand;
};

enum class Comparison : std::uint8_t {
    kEq,
    kNe,
    kLt,
    kLe,
    kGt,
    kGe,
    kIn,
    kNotIn,
    kContains,
    kStartsWith,
    kEndsWith,
    kContainsNocase,
    kStartsWithNocase,
    kEndsWithNocase
};

struct Compare {
    ExprId lhs;
    Comparison op;
    Span op_span;
    ExprId rhs;
};

// A dotted name as written: a field (`tcp.dport`, `inner.ip.src`), or a let, a set, a parameter (`web`). Empty: a word
// that is neither a name nor a value, which has been reported.
struct Path {
    std::string text;
};
// The first bits of an address as a key: `ip.src/24` (of IPv6 as many as sema says), `ip.src/24/56`.
struct Cut {
    struct Bits {
        std::uint64_t count = 0;
        Span span{};
    };
    Name field;
    Bits ip4;
    std::optional<Bits> ip6;
};
struct Slice {
    Name field;
    std::uint64_t offset;
    std::uint64_t length;
};  // payload[2:4]
struct Masked {
    ExprId operand;
    std::uint64_t mask;
};  // tcp.flags & 0x3f
struct Length {
    ExprId operand;
};  // len(x)
struct Tuple {
    std::vector<ExprId> elements;
};
struct Literal {
    Value value;
};
// A literal, or the name of a let that stands for one: `10/min`, `lim`. `let` is empty where it is a literal.
struct Given {
    Value value{};
    std::string let{};
    Span span{};
};
struct SetLiteral {
    std::vector<ExprId> elements;
};  // { 80, 443 }: literals, names, tuples
struct Call {
    Name function;
    std::vector<ExprId> arguments;
};

enum class StateKind : std::uint8_t { kRate, kByteRate, kCount, kDistinct, kShare, kSurge };

// rate(KEY…) > LIMIT [burst B] [size N], or `<=`; `op` is kept so that another operator can be diagnosed.
struct StateTerm {
    StateKind kind;
    std::optional<ExprId> value;  // distinct: what is counted; share: the condition
    std::vector<ExprId> keys;
    std::optional<Given> window;  // all but the rates: `in DURATION`
    std::optional<Given> least;   // share: `of N`, surge: `floor N`; Integer
    Comparison op = Comparison::kGt;
    Span op_span;
    std::optional<Given> limit;  // Integer, Rate, ByteRate or Share
    Span limit_span;
    std::optional<Given> burst;  // Integer or ByteSize
    std::optional<Given> size;   // Integer
};

struct StateRef {
    std::uint32_t index;
};  // into Policy::state_terms: they are large, and few

struct Expr {
    Span span;
    std::variant<Or, And, Not, Compare, Path, Cut, Slice, Masked, Length, Tuple, Literal, SetLiteral, Call, StateRef>
        node;
};

// ---- actions and items ----

enum class VerdictKind : std::uint8_t { kPass, kDrop, kReject, kRedirect };
struct Verdict {
    VerdictKind kind = VerdictKind::kPass;
    std::string interface;
};  // interface: of a redirect

struct AlertAction {
    Name alert;
    std::optional<std::uint64_t> sample;
};  // sample 1/N
struct AddAction {
    ExprId value;
    Name set;
    std::optional<Given> duration;
};
struct RemoveAction {
    ExprId value;
    Name set;
};
// `capture`, and with `before N per KEY` packets of the flight recorder as well.
struct CaptureAction {
    std::optional<Given> before;  // Integer
    std::optional<ExprId> key;    // a Tuple where there are several
};
// measure FIELD [by KEY] [as NAME] [size N]
struct MeasureAction {
    ExprId field;
    std::optional<ExprId> key;  // a Tuple where there are several
    std::optional<Name> name;
    std::optional<Given> size;  // Integer
};
struct Action {
    Span span;
    std::variant<Verdict, AlertAction, AddAction, RemoveAction, CaptureAction, MeasureAction> node;
};

struct Import {
    std::string path;
    Span path_span;
    Span span;
    std::optional<std::uint32_t> file{};  // in Sources, once found: sema::parse_all
};
struct Let {
    Name name;
    std::vector<Name> parameters;
    bool is_function = false;
    ExprId value;
    Span span;
};
struct Set {
    Name name;
    std::vector<Name> types;  // one, or a tuple's
    bool is_tuple = false;
    std::optional<Given> size;  // Integer
    Span size_span;
    std::optional<Given> ttl;
    Span ttl_span;
    std::optional<std::string> file;
    Span file_span;
    std::optional<ExprId> entries;  // a SetLiteral
    Span span;
};
// Of the packets that a rule is asked about, or that a test sends: they come in, or are on their way out.
enum class Direction : std::uint8_t { kIn, kOut };

// `default`, `malformed`, `default egress`
enum class VerdictOf : std::uint8_t { kDefault, kMalformed, kEgress };
struct DefaultVerdict {
    VerdictOf of = VerdictOf::kDefault;
    Verdict verdict;
    Span verdict_span;
    Span span;
};
// `throttles size N`: of how many keys of all throttles together the windows are kept.
struct ThrottlesSize {
    Given size;  // Integer
    Span size_span;
    Span span;
};
// `flows size N`: how many flows are remembered.
struct FlowsSize {
    Given size;  // Integer
    Span size_span;
    Span span;
};
// `record N bytes, M packets`: the flight recorder.
struct Record {
    Given bytes;    // Integer
    Given packets;  // Integer
    Span span;
};
struct Rule {
    Name name;
    std::optional<std::string> note;
    bool observe = false;
    Direction direction = Direction::kIn;
    ExprId condition;
    std::vector<Action> actions;
    Span span;  // from `rule` to `}`
};

enum class AlertSeverity : std::uint8_t { kLow, kMedium, kHigh, kCritical };
struct Throttle {
    Given count;  // Integer
    std::vector<ExprId> keys;
    Given every;
    Span span;
};
struct Escalate {
    Name sink;
    Given count;  // Integer
    Given within;
    std::vector<ExprId> keys;
    Span span;
};
struct Alert {
    Name name;
    std::optional<AlertSeverity> severity;
    std::optional<std::string> message;  // escapes resolved, {fields} not
    Span message_span;
    std::optional<Throttle> throttle;
    std::vector<Name> sinks;
    std::vector<Escalate> escalations;
    std::vector<Action> responses;
    Span span;
};

// One argument of a sink: `keyword value value…`, or only values (`"/var/log/eve.json"`, `header "A" env "B"`).
struct SinkArgument {
    std::optional<Name> keyword;
    std::vector<Literal> values;
    std::vector<Name> words;
    Span span;
};
struct Sink {
    Name name;
    Name kind;
    std::vector<SinkArgument> arguments;
    Span span;
};

// ---- tests ----

struct PortSpec {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    Span span;
};  // {1..30}: one packet each
struct Endpoint {
    std::optional<Value> address;
    std::optional<PortSpec> port;
    Span span;
};  // IpAddress
// `syn`, `ttl 3`, `payload "GET /"`, `dns query "example.com" A`: the word and its values, checked by sema.
struct PacketOption {
    Name word;
    std::vector<Literal> values;
    std::vector<Name> words;
    Span span;
};
// `inside vxlan 42 192.0.2.1 -> 192.0.2.2 ttl 3`: what stands before it, in a packet of these addresses.
struct Tunnel {
    Name kind;                    // vxlan geneve gre ipip
    std::vector<Literal> values;  // between the kind and the addresses
    std::vector<Name> words;
    Endpoint source;
    Endpoint destination;
    std::vector<PacketOption> options;  // of the outer packet
    Span span;
};
struct PacketSpec {
    Direction direction = Direction::kIn;
    Name protocol;      // tcp udp sctp icmp icmp6 arp, or hex
    std::string frame;  // of hex: the bytes
    Endpoint source;
    Endpoint destination;
    std::vector<PacketOption> options;
    std::vector<Tunnel> tunnels;  // the innermost first
    Span span;
};
struct ExpectedAlert {
    Name alert;
    std::optional<std::uint64_t> times{};
};  // no number: once at least
struct Outcome {
    std::optional<Verdict> verdict;  // absent: `=> no alert`
    std::optional<Name> rule;        // by RULE
    std::vector<ExpectedAlert> alerts;
    bool no_alert = false;
    Span span;
};
struct SendStep {
    std::uint64_t repeat = 1;
    PacketSpec packet;
    Outcome outcome;
};
struct AfterStep {
    Given duration;
};
struct ReplayStep {
    std::string path;
    Span path_span;
    Outcome outcome;
};
struct ExpectStep {
    Name set;
    bool negated = false;
    ExprId value;
};  // expect blocked [not] contains X
struct Step {
    Span span;
    std::variant<SendStep, AfterStep, ReplayStep, ExpectStep> node;
};
struct Test {
    std::string name;
    Span name_span;
    std::vector<Step> steps;
    Span span;
};

using Item = std::variant<Import, Let, Set, DefaultVerdict, ThrottlesSize, FlowsSize, Record, Rule, Alert, Sink, Test>;

struct Comment {
    Span span;
};  // from `#` to the line's end, without it

struct Policy {
    std::uint32_t file = 0;    // its number in Sources
    std::optional<Name> name;  // `policy NAME`
    std::vector<Item> items;   // in the order written
    std::vector<Expr> exprs;
    std::vector<StateTerm> state_terms;
    std::vector<Comment> comments;  // in the order written; only the formatter reads them
    // Of what could not be read: names that it may declare. Nothing is said of these, whatever refers to them.
    std::vector<std::string> lost_names;
    bool lost_items = false;  // an item, at least
    bool lost_all = false;    // a whole file: any name may be declared there

    const Expr& expr(ExprId id) const { return exprs[static_cast<std::size_t>(id)]; }
};

}  // namespace weir::ast
