// Tables only: what is done with them is in unexpected.cpp and idioms.cpp.
// Tested by tests/golden/mistakes_test.cpp with `mistakes`.
#include "grammar/mistakes.h"

namespace weir {
namespace {

constexpr std::string_view kVerdicts = "the verdicts are pass, drop, reject and redirect";
constexpr std::string_view kNoPattern = "there are no regular expressions: use contains, starts_with, ends_with or ==";
constexpr std::string_view kNoChains =
    "there are no tables and no chains: rules are tried in the order of the file, and the first verdict counts";
constexpr std::string_view kRuleShape = "a condition belongs to a rule: `rule NAME { when … then … }`";
constexpr std::string_view kVerdictShape =
    "a verdict belongs to a rule, `rule NAME { when … then drop }`, or to the default: `default drop`";
constexpr std::string_view kFunction = "a condition with parameters is `let NAME(a, b) = CONDITION`";
constexpr std::string_view kNoArithmetic =
    "there is no arithmetic: compare the field with a value, a range, or its bits (`tcp.flags & 0x3f == 0x02`)";
constexpr std::string_view kNoTranslation =
    "weir does not change packets: its verdicts are pass, drop, reject and redirect";
constexpr std::string_view kXor = "for `a xor b` write `(a or b) and not (a and b)`";
constexpr std::string_view kOneRule =
    "there is no jump to other rules: write the conditions in this rule, or name them with `let`";
constexpr std::string_view kOption = "an option of iptables: write a condition, such as `tcp.dport == 22`";
constexpr std::string_view kNoElse =
    "a rule has no `else`: write a second rule after this one; the first rule with a verdict that matches decides";
constexpr std::string_view kClock =
    "a condition cannot ask the time of day: `weir reload` with another policy at that time, from cron or a timer";

constexpr Mistake kMistakes[] = {
    {"verdict", "accept", kVerdicts, "pass"},
    {"verdict", "allow", kVerdicts, "pass"},
    {"verdict", "permit", kVerdicts, "pass"},
    {"verdict", "passed", kVerdicts, "pass"},
    {"verdict", "ok", kVerdicts, "pass"},
    {"verdict", "deny", kVerdicts, "drop"},
    {"verdict", "block", kVerdicts, "drop"},
    {"verdict", "blocked", kVerdicts, "drop"},
    {"verdict", "dropped", kVerdicts, "drop"},
    {"verdict", "discard", kVerdicts, "drop"},
    {"verdict", "policy", "write `default drop`", ""},
    {"verdict", "=", "write `default drop`, with nothing between the two words", ""},
    {"an action", "log",
     "to log a packet, raise an alert: `then alert NAME`, and declare `alert NAME { message \"…\" }`"},
    {"an action", "nflog", "to log a packet, raise an alert: `then alert NAME`"},
    {"an action", "counter", "every rule counts its packets and bytes: `weir status`"},
    {"an action", "count", "every rule counts its packets and bytes: `weir status`"},
    {"an action", "limit", "limit in the condition: `when icmp and rate(ip.src) <= 20/s then pass`"},
    {"an action", "goto", kOneRule},
    {"an action", "jump", kOneRule},
    {"an action", "call", kOneRule},
    {"an action", "return", "write `pass`, or no verdict: then the rules after this one are tried"},
    {"an action", "continue", "write no verdict: a rule that has only other actions lets the next rules try"},
    {"an action", "dnat", kNoTranslation},
    {"an action", "snat", kNoTranslation},
    {"an action", "masquerade", kNoTranslation},
    {"an action", "nat", kNoTranslation},
    {"an action", "mark", kNoTranslation},
    {"an action", "ban",
     "to block an address for a time: `add ip.src to SET for 1h`, and a rule that drops `ip.src in SET`"},
    {"an action", "if", "a rule has one condition: write a second rule"},
    {"an action", "observe", "write `observe` before `when`"},
    {"`,` and an action", "observe", "write `observe` before `when`: `rule NAME { observe when … }`"},
    {"`,` and an action", "note", "write `note \"…\"` before `when`: `rule NAME { note \"…\" when … }`"},
    {"`,` and an action", "else", kNoElse},
    {"`,` and an action", "and", "separate actions with commas", ","},
    {"`,` and an action", "&", "separate actions with commas", ","},
    {"`,` and an action", "when", "a rule has one condition: write a second rule"},
    {"`,` and an action", "for", "`for` belongs to `add`: `add ip.src to SET for 1h, drop`"},

    {"`then`", "is", "use `==` for equality", "=="},
    {"`then`", "equals", "use `==` for equality", "=="},
    {"`then`", "eq", "use `==` for equality", "=="},
    {"`then`", "ne", "use `!=` for inequality", "!="},
    {"`then`", "neq", "use `!=` for inequality", "!="},
    {"`then`", "lt", "use `<`", "<"},
    {"`then`", "le", "use `<=`", "<="},
    {"`then`", "gt", "use `>`", ">"},
    {"`then`", "ge", "use `>=`", ">="},
    {"`then`", "has", "use `contains` to search text; a flag is a condition by itself: `tcp.syn`"},
    {"`then`", "includes", "use `contains` to search text, `in` to look a value up in a set"},
    {"`then`", "nocase", "`nocase` stands before the text: `payload contains nocase \"…\"`"},
    {"`then`", "matches", kNoPattern},
    {"`then`", "like", kNoPattern},
    {"`then`", "regex", kNoPattern},
    {"`then`", "~", kNoPattern},
    {"`then`", "xor", kXor},
    {"`then`", "^", kXor},
    {"`then`", "between", "write a range: `tcp.dport in 1000..2000`"},
    {"`then`", "not", "write `not in` for values outside a set", "not in"},
    {"`then`", ",", "write several values in braces and look them up with `in`: `tcp.dport in { 80, 443 }`"},
    {"`then`", "--", "this is an option of iptables; write conditions such as `tcp.dport == 22`"},
    {"`then`", "-", "write a range as `80..443`, a MAC address with colons"},
    {"`then`", "–", "write a range as `80..443`"},
    {"`then`", "+", kNoArithmetic},
    {"`then`", "*", kNoArithmetic},
    {"`then`", "%", kNoArithmetic},
    {"`then`", "/", kNoArithmetic},
    {"`then`", "->", "a field is written with dots: `tcp.dport`"},
    {"`then`", "=>", "write `then` before the actions", "then"},
    {"`then`", "do", "write `then` before the actions", "then"},
    {"`then`", "?", "there is no `?:`: write one rule for each case"},
    {"`then`", "{", "write a rule's actions after `then`, without braces"},
    {"`then`", "accept", "write `then` before the actions", "then pass"},
    {"`then`", "allow", "write `then` before the actions", "then pass"},
    {"`then`", "deny", "write `then` before the actions", "then drop"},
    {"`then`", "block", "write `then` before the actions", "then drop"},
    {"`then`", "unless", "write `and not (…)`"},
    {"`then`", "if", "join conditions with `and`"},
    {"`then`", "with", "join conditions with `and`"},
    {"`then`", "per", "write a rate as `10/min`"},

    {"after the comparison", ">",
     "there are no shifts: compare bits (`tcp.flags & 0x3f == 0x02`) or a prefix (`ip.src in 10.0.0.0/8`)"},
    {"after the comparison", "<",
     "there are no shifts: compare bits (`tcp.flags & 0x3f == 0x02`) or a prefix (`ip.src in 10.0.0.0/8`)"},
    {"after the comparison", "*", "leave this comparison out: what a rule does not ask may be anything"},
    {"after the comparison", "-", "there are no negative numbers"},
    {"after the comparison", "not", "write `not in { … }`, or `!=` before one value"},
    {"a set after", "[", "write several values in braces: `{ 80, 443 }`"},
    {"a condition", "[", "write several values in braces: `{ 80, 443 }`"},
    {"a condition", "-", kOption},
    {"a condition", "*", "write `true` for a rule that matches every packet", "true"},
    {"an element", "}", "a set has at least one element"},
    {"", "$", "write the name alone: there are no variables with `$`"},

    {"`when`", "if", "a rule's condition starts with `when`", "when"},
    {"`when`", "where", "a rule's condition starts with `when`", "when"},
    {"`when`", "match", "a rule's condition starts with `when`", "when"},
    {"`when`", "priority", "rules are tried in the order of the file: there are no priorities"},
    {"`when`", "note", "write `note` before `observe`"},
    {"`when`", "drop", "a rule has a condition; for every packet: `when true then drop`", "when true then drop"},
    {"`when`", "pass", "a rule has a condition; for every packet: `when true then pass`", "when true then pass"},
    {"`when`", "then", "a rule has a condition; for every packet: `when true then …`", "when true then"},
    {"`{`", "priority", "rules are tried in the order of the file: there are no priorities"},
    {"`{`", "any", "Suricata's rules become `rule NAME { when … then alert NAME }` and `alert NAME { message \"…\" }`"},
    {"`{`", "on", "the interfaces are an option of `weir run`; in a condition: `iface == \"eth0\"`"},
    {"`{`", "in", "rules judge the packets that come in"},
    {"`{`", "when", "write the body in braces: `rule NAME { when … then … }`"},
    {"`{`", "if", "write the body in braces: `rule NAME { when … then … }`"},
    {"`{`", ":", "write the body in braces: `rule NAME { when … then … }`"},
    {"`{`", "=", "write the body in braces: `rule NAME { when … then … }`"},
    {"`{`", "(", "rules have no parameters; functions do: `let NAME(a, b) = CONDITION`"},

    {"`,` and an action", "with", "`reject` answers as the packet's protocol does: it takes nothing else"},

    {"`severity`", "threshold",
     "`throttle 1 per ip.src every 1m` limits an alert's events; to alert from the Nth packet on, write "
     "`count(ip.src, in 1m) > N` in the rule's condition"},
    {"`severity`", "limit", "limit an alert's events with `throttle 1 per ip.src every 1m`"},
    {"`severity`", "rate", "limit an alert's events with `throttle 1 per ip.src every 1m`"},
    {"`severity`", "msg", "write `message`", "message"},
    {"`severity`", "text", "write `message`", "message"},
    {"`severity`", "priority", "write `severity` and low, medium, high or critical"},
    {"`severity`", "sid", "an alert is known by its name: it has no number"},
    {"`severity`", ";", "clauses are separated by spaces; `;` is not used", ""},
    {"`severity`", ",", "clauses are separated by spaces", ""},
    {"`per` and a field", "", "write `throttle 1 per ip.src every 1m`"},
    {"`every` and a duration", "", "write `throttle 1 per ip.src every 1m`"},
    {"expected `to`", "", "write `add FIELD to SET`: `add ip.src to blocked for 1h`"},
    {"expected `from`", "", "write `remove FIELD from SET`: `remove ip.src from blocked`"},
    {"a name", "\"", "write a name here; text stands in `alert NAME { message \"…\" }`"},
    {"a name", "{", "write a name before the brace"},

    {"`=`", ":", "write `=` before the value of a let", "="},
    {"`:` and a type", "=", "write `:` before the type of a set", ":"},
    {"`=>`", "->", "write the outcome after `=>`", "=>"},
    {"`=>`", "-", "write the outcome after `=>`"},
    {"`=>`", "=", "write the outcome after `=>`"},

    {"`policy`", "timeout", "write `ttl` before the time that a set's entries stay", "ttl"},
    {"`policy`", "==", "write `=` before the entries that a set begins with", "="},
    {"`policy`", "}", "this brace has no opening brace", ""},
    {"`policy`", ";", "nothing ends with `;`", ""},
    {"`policy`", "when", kRuleShape},
    {"`policy`", "if", kRuleShape},
    {"`policy`", "else", kNoElse},
    {"`policy`", "match", kRuleShape},
    {"`policy`", "include", "write `import`", "import"},
    {"`policy`", "use", "write `import \"PATH\"`"},
    {"`policy`", "load", "write `import \"PATH\"`"},
    {"`policy`", "define", "name a value with `let NAME = VALUE`", "let"},
    {"`policy`", "var", "name a value with `let NAME = VALUE`", "let"},
    {"`policy`", "const", "name a value with `let NAME = VALUE`", "let"},
    {"`policy`", "ipvar", "name addresses with `let NAME = { 10.0.0.0/8 }`"},
    {"`policy`", "portvar", "name ports with `let NAME = { 80, 443 }`"},
    {"`policy`", "ipset", "declare a set with `set NAME : ip` or `set NAME : net from \"FILE\"`"},
    {"`policy`", "def", kFunction},
    {"`policy`", "fn", kFunction},
    {"`policy`", "func", kFunction},
    {"`policy`", "function", kFunction},
    {"`policy`", "table", kNoChains},
    {"`policy`", "chain", kNoChains},
    {"`policy`", "flush", "a reload replaces the whole policy: there is nothing to flush"},
    {"`policy`", "nft", "write weir's rules: `rule NAME { when tcp.dport == 22 then drop }`"},
    {"`policy`", "iptables", "write weir's rules: `rule NAME { when tcp.dport == 22 then drop }`"},
    {"`policy`", "ip6tables", "write weir's rules: `rule NAME { when tcp.dport == 22 then drop }`"},
    {"`policy`", "-", "a line of iptables-save: write `rule NAME { when tcp.dport == 22 then drop }`"},
    {"`policy`", "*", "a line of iptables-save: there are no tables and no chains"},
    {"`policy`", ":", "a line of iptables-save: there are no tables and no chains"},
    {"`policy`", "commit", "a line of iptables-save: there are no tables and no chains"},
    {"`policy`", "control", kNoChains},
    {"`policy`", "action", "actions stand in rules: `rule NAME { when … then add ip.src to blocked, drop }`"},
    {"`policy`", "parser", "weir reads the headers: docs/language.md lists the fields"},
    {"`policy`", "header", "weir reads the headers: docs/language.md lists the fields"},
    {"`policy`", "struct", "weir reads the headers: docs/language.md lists the fields"},
    {"`policy`", "return", kVerdictShape},
    {"`policy`", "drop", kVerdictShape},
    {"`policy`", "pass", kVerdictShape},
    {"`policy`", "reject", kVerdictShape},
    {"`policy`", "accept", kVerdictShape},
    {"`policy`", "allow", kVerdictShape},
    {"`policy`", "permit", kVerdictShape},
    {"`policy`", "deny", kVerdictShape},
    {"`policy`", "block", kVerdictShape},
    {"`policy`", "time", kClock},

    {"", "//", "a comment starts with `#`", "#"},
    {"", "/*", "a comment starts with `#` and ends with its line"},
    {"", "\xc2\xa0", "this is a no-break space", " "},
};

using Fit = SplitField::Fit;
constexpr std::string_view kVersions = "`ip.src` and `ip.dst` are of both IP versions: add `ip4 and` or `ip6 and`";
constexpr std::string_view kNoStates =
    "flows have fields: `flow.is_new`, `flow.established`; what is related to another flow is a flow of its own";
constexpr SplitField kSplitFields[] = {
    {"tcp", "dport", "tcp.dport"},
    {"tcp", "sport", "tcp.sport"},
    {"udp", "dport", "udp.dport"},
    {"udp", "sport", "udp.sport"},
    {"sctp", "dport", "sctp.dport"},
    {"sctp", "sport", "sctp.sport"},
    {"th", "dport", "port.dst"},
    {"th", "sport", "port.src"},
    {"dst", "port", "port.dst"},
    {"src", "port", "port.src"},
    {"ip", "saddr", "ip.src", Fit::kPositive, kVersions},
    {"ip", "daddr", "ip.dst", Fit::kPositive, kVersions},
    {"ip6", "saddr", "ip.src", Fit::kPositive, kVersions},
    {"ip6", "daddr", "ip.dst", Fit::kPositive, kVersions},
    {"src", "host", "ip.src"},
    {"dst", "host", "ip.dst"},
    {"src", "net", "ip.src"},
    {"dst", "net", "ip.dst"},
    {"ip", "protocol", "ip.proto", Fit::kNear, "`ip.proto` is of both IP versions: add `ip4 and`"},
    {"ip6", "nexthdr", "ip.proto", Fit::kNear,
     "write `ip6 and ip.proto == …`: the protocol after the extension headers"},
    {"ip", "proto", "ip.proto", Fit::kNear, "`ip.proto` is of both IP versions: add `ip4 and`"},
    {"ip", "ttl", "ip.ttl", Fit::kNear, "`ip.ttl` is of both IP versions: add `ip4 and`"},
    {"ip6", "hoplimit", "ip.ttl", Fit::kNear, "`ip.ttl` is of both IP versions: add `ip6 and`"},
    {"meta", "l4proto", "ip.proto"},
    {"meta", "iifname", "iface"},
    {"meta", "length", {}, Fit::kNear, "write `packet.len` for the frame, `ip.len` for the datagram"},
    {"meta", "mark", {}, Fit::kNear, "a packet has no mark before the kernel's stack has seen it"},
    {"ether", "saddr", "eth.src"},
    {"ether", "daddr", "eth.dst"},
    {"ether", "type", "eth.type"},
    {"ether", "src", "eth.src"},
    {"ether", "dst", "eth.dst"},
    {"vlan", "id", "vlan.id"},
    {"icmp", "type", "icmp.type"},
    {"icmp", "code", "icmp.code"},
    {"icmpv6", "type", "icmp6.type"},
    {"arp", "operation", "arp.op"},
    {"tcp", "flags", {}, Fit::kNear, "each flag is a condition: `tcp.syn and not tcp.ack`"},
    {"tcp", "port", {}, Fit::kNear, "write `tcp.dport` or `tcp.sport`"},
    {"udp", "port", {}, Fit::kNear, "write `udp.dport` or `udp.sport`"},
    {"ct", "state", {}, Fit::kNear, kNoStates},
    {"limit",
     "rate",
     {},
     Fit::kNear,
     "write `rate(ip.src) <= 10/s` for what is within a limit, `>` for what is over it"},
    {"time", "hour", {}, Fit::kNear, kClock},
};

struct Unit {
    std::string_view theirs;
    std::string_view ours;
};
constexpr Unit kRateUnits[] = {{"s", "s"},     {"sec", "s"},      {"second", "s"},    {"seconds", "s"}, {"m", "min"},
                               {"min", "min"}, {"minute", "min"}, {"minutes", "min"}, {"h", "h"},       {"hr", "h"},
                               {"hour", "h"},  {"hours", "h"},    {"d", "d"},         {"days", "d"}};
constexpr Unit kDurationUnits[] = {{"usec", "us"},   {"msec", "ms"}, {"sec", "s"},   {"secs", "s"},   {"second", "s"},
                                   {"seconds", "s"}, {"min", "m"},   {"mins", "m"},  {"minute", "m"}, {"minutes", "m"},
                                   {"hr", "h"},      {"hour", "h"},  {"hours", "h"}, {"day", "d"},    {"days", "d"}};

template <std::size_t N>
std::string_view ours_of(const Unit (&units)[N], std::string_view word) {
    for (const Unit& unit : units)
        if (unit.theirs == word) return unit.ours;
    return {};
}

}  // namespace

std::span<const Mistake> mistakes() { return kMistakes; }

const SplitField* find_split_field(std::string_view first, std::string_view second) {
    for (const SplitField& row : kSplitFields)
        if (row.first == first && row.second == second) return &row;
    return nullptr;
}

std::string_view rate_unit(std::string_view word) { return ours_of(kRateUnits, word); }
std::string_view duration_unit(std::string_view word) { return ours_of(kDurationUnits, word); }

}  // namespace weir
