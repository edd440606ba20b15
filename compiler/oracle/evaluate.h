// The oracle: what a policy means for one packet, written to be read. It has its own packet reader and shares no
// code with the compiled path beyond the field table.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "compiler/oracle/flows.h"
#include "compiler/oracle/state.h"
#include "compiler/oracle/tls_walks.h"
#include "compiler/packet/packet.h"
#include "compiler/policy/typed_policy.h"

namespace weir::oracle {

struct Judgement {
    policy::Verdict verdict;
    std::optional<policy::RuleId> rule;  // nothing: the default or `malformed` decided
    bool by_malformed = false;
    std::vector<policy::RuleId> matched;  // every rule that matched, in order, observed ones too
    std::vector<policy::AlertId> alerts;  // one entry an alert action, in order
    // By entry of `alerts`: events of its key that its throttle held back before it; kHeldBack: it is one of them.
    std::vector<std::uint32_t> suppressed;
};

// One rule that was tried on a packet. Sets and flows are as the packet found them.
struct Tried {
    policy::RuleId rule{};
    bool holds = false;                          // its stateless condition
    std::optional<std::uint32_t> failed_term{};  // `holds`: the term that did not; those before it did
    const packet::Packet& packet;
    std::uint64_t time_ns = 0;

    bool is_matched() const { return holds && !failed_term; }
};

// A policy with its state. `time_ns` is the packet's time and never goes back.
class Oracle {
public:
    explicit Oracle(const policy::TypedPolicy& policy);
    // `interface`: the name of the one it came in on, or leaves by; empty: not known, so that `iface` is absent.
    Judgement judge(std::span<const std::uint8_t> frame, std::uint64_t time_ns, std::string_view interface = {},
                    packet::Direction direction = packet::Direction::kIn);
    Judgement judge(const packet::Packet& packet, std::uint64_t time_ns,
                    packet::Direction direction = packet::Direction::kIn);
    // A stateless condition; sets as they are at `time_ns`.
    bool holds(policy::ExprId condition, const packet::Packet& packet, std::uint64_t time_ns = 0) const;
    // Is the entry in the set at `time_ns`?
    bool contains(policy::SetId set, const std::vector<policy::SetElement>& entry, std::uint64_t time_ns) const;
    // Called for each rule that is tried, in order, before the next one is.
    using Watch = std::function<void(const Oracle&, const Tried&)>;
    void watch(Watch watch) { watch_ = std::move(watch); }
    // What the term had of the key of the last packet that it counted.
    TermState::Reading last_reading(policy::RuleId rule, std::uint32_t term) const;
    // Keys of terms that had to go because their table had as many as its size says. Other evaluators choose among
    // other keys, and not at the same time: from the first one on, answers cannot be compared.
    std::uint64_t evictions() const;
    const std::map<std::string, Measured>& measures() const { return state_.measures; }

private:
    // True where its throttle lets it pass.
    bool raise(policy::AlertId alert, const packet::Packet& packet, std::uint64_t time_ns, Judgement& judgement);
    // The first term that does not hold.
    std::optional<std::uint32_t> failed_term(std::uint32_t rule, const packet::Packet& packet, std::uint64_t time_ns);
    bool matches(std::uint32_t rule, const packet::Packet& packet, std::uint64_t time_ns);
    void measure(const policy::Measure& measure, const packet::Packet& packet);
    void change(const policy::SetChange& change, const packet::Packet& packet, std::uint64_t time_ns);

    const policy::TypedPolicy& policy_;
    OracleState state_;
    TlsWalks tls_walks_;
    bool walks_tls_[2] = {true, false};  // by direction: its packets are looked at for names in later segments
    Flows flows_;
    Watch watch_{};
};

}  // namespace weir::oracle
