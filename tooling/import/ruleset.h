// What the rules of another system are on their way to a policy: chains of rules whose conditions are written in weir's
// language already, each with its origin and with what could not be said. Parsers make it, flatten() reads it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "grammar/diagnostic.h"
#include "grammar/source.h"
#include "grammar/value.h"

namespace weir::tooling::imports {

// Where a rule stands, as a note of the policy says it.
struct Origin {
    std::string place{};  // "rules.v4:17", "inet filter input, handle 4"
    std::string text{};   // the rule as it was written
    Span span{};          // in the imported file
};

// One operand of a condition's `and`. A rule may be reached from a hook of packets that come in and from one of packets
// that go out: where the two differ, so do the texts. An empty text cannot be said there; `why` says why.
struct Operand {
    std::string in{};
    std::string out{};
    std::uint32_t comparisons = 1;
    std::string why{};
};

// A rule matches where all operands hold, and then, in order, all terms.
struct Condition {
    std::vector<Operand> operands{};
    std::vector<std::string> terms{};     // state terms: rate(…) <= 5/min
    std::vector<std::string> unsaid{};    // reasons why it cannot be said; not empty: the rule is omitted
    std::vector<std::string> narrowed{};  // alternatives that are missing: it takes fewer packets than the original
    std::array<bool, 2> implies{};        // some operand holds only for IPv4, only for IPv6

    void add(std::string text, std::uint32_t comparisons = 1);
    void add_in(std::string text, std::string why_not_out);  // of packets that come in only
    void add_out(std::string text, std::string why_not_in);
    bool is_always() const { return operands.empty() && terms.empty(); }
};

inline constexpr std::size_t kNoSource = SIZE_MAX;  // no rule of the original

enum class Next : std::uint8_t { kNextRule, kVerdict, kJump, kGoto, kReturn };

struct ImportedRule {
    Origin origin{};
    Condition when{};
    std::string comment{};               // of its author
    std::vector<std::string> effects{};  // "alert x", "add ip.src to y for 60s", in order
    Next next = Next::kNextRule;
    std::string verdict{};           // kVerdict: pass, drop, reject
    std::string chain{};             // kJump, kGoto
    std::size_t source = kNoSource;  // rules of one number are one rule of the original
};

struct Chain {
    std::vector<ImportedRule> rules{};
};

enum class HookKind : std::uint8_t { kInput, kForward, kOutput };

// A chain that packets enter by themselves.
struct Hook {
    HookKind kind = HookKind::kInput;
    std::string chain{};
    std::string name{};    // of its rules: "input", "input6"
    std::string family{};  // "ip4", "ip6", "ip", "arp"; empty: any frame
    std::string policy{};  // the verdict behind its last rule; empty: none
    Origin policy_origin{};
    std::string guard{};         // a condition of all its packets: iface == "eth0"
    bool is_everything = false;  // packets for the host and others: ingress, prerouting
    bool is_last = true;         // no later hook judges the packets that it lets pass
};

struct ImportedAlert {
    std::string name{};
    std::string severity = "medium";
    std::string message{};
    std::string clauses{};  // throttle, escalate
};

// A set as an item of the policy, ready to be written.
struct ImportedItem {
    std::string name{};
    std::string text{};
    std::vector<std::string> remarks{};  // what of it is not said
};

struct Ruleset {
    std::map<std::string, Chain> chains{};
    std::vector<Hook> hooks{};
    std::vector<ImportedItem> items{};
    std::vector<ImportedAlert> alerts{};
    std::map<std::string, std::size_t> omitted{};  // rules outside of all hooks, by reason
    std::vector<std::string> remarks{};            // of the header of the policy
    std::set<std::string> unjudged{};              // chains of hooks that the policy does not judge
    unsigned states = 0;                           // connection states that rules name: states.h
    bool names_fragments = false;                  // a rule asks for fragments itself
    bool judges_frames = false;                    // rules on frames that are not IP
    std::size_t sources = 0;                       // rules of the original
};

// What the command line says about the host.
struct ImportOptions {
    HookKind judged = HookKind::kInput;              // the hook of all packets that come in, without `addresses`
    std::vector<IpPrefix> addresses{};               // of the host, with the lengths of their networks
    std::map<std::string, std::string> variables{};  // suricata: HOME_NET
};

}  // namespace weir::tooling::imports
