// The pass over a policy behind validate().
#pragma once

#include "compiler/oracle/flows.h"
#include "tooling/judge/validate.h"

namespace weir::tooling {

class Validation {
public:
    Validation(const Compiled& compiled, Evaluators& evaluators, const ValidateOptions& options);
    Result<ValidationReport> run();

private:
    static constexpr std::uint64_t kStep_ns = 1'000'000;  // between packets that have nothing to do with one another

    // What a packet is made for.
    struct Target {
        std::uint32_t rule = 0;
        policy::ExprId comparison = policy::kNoExpr;  // none: the whole condition
        const analysis::ProbePoint* point = nullptr;
    };
    enum class Values : std::uint8_t { kSame, kDistinct };            // of the packets of a sequence
    enum class Opens : std::uint8_t { kSender, kReceiver, kNobody };  // who begins a conversation
    struct Answered {
        Judged judged{};
        bool is_judged = false;  // false: the kernel takes no such frame
    };

    // ---- one packet ----
    Result<Answered> show(const ShownPacket& packet);
    Status note_difference(const Evaluators::Answer& answer);
    Status start_again();
    ShownPacket shown_of(const analysis::Probe& probe, std::uint32_t rule) const;
    packet::Packet read(const ShownPacket& shown) const;
    bool is_out_of_bounds();
    std::string aimed_at() const;

    // ---- what it came to ----
    bool reaches(std::uint32_t rule, const Judged& judged) const;
    bool hinges(policy::ExprId condition, policy::ExprId comparison, const packet::Packet& packet) const;
    bool holds_with(policy::ExprId condition, policy::ExprId comparison, bool value,
                    const packet::Packet& packet) const;
    bool has(const analysis::ProbePoint& point, const packet::Packet& packet, const std::string& interface) const;
    std::uint32_t decider_of(const Judged& judged, packet::Direction direction) const;

    // ---- passes ----
    Status witnesses();
    Status witness_of(std::uint32_t rule);
    Status sequences();  // validate_state.cpp
    Status boundaries();
    Status boundaries_of(std::uint32_t rule);
    Status boundary(std::uint32_t rule, policy::ExprId comparison, const analysis::ProbePoint& point,
                    std::set<std::uint32_t>& deciders);
    Status overlaps();
    Status anything();

    analysis::Probe aimed(std::uint32_t rule, const std::vector<std::uint32_t>& avoided);

    // ---- sequences: validate_state.cpp ----
    Status sequences_of(std::uint32_t rule);
    Status many_of(std::uint32_t rule, std::uint64_t count, Values values);
    Status at_times_of(std::uint32_t rule, std::uint64_t count, std::uint64_t wait_ns);
    Status surge_of(std::uint32_t rule, const policy::StateTerm& term);
    Status conversations_of(std::uint32_t rule);
    // Packets before and after a handshake, of a flow of `there`.
    Status conversation(const analysis::Probe& there, std::uint32_t rule, Opens opens, std::uint64_t gap_ns,
                        std::uint64_t packets);
    Status many_conversations_of(std::uint32_t rule, std::uint64_t count);
    bool has_flow(const policy::Rule& rule) const;
    // `wait_ns` after the packet before.
    Status send(const analysis::Probe& probe, std::uint32_t rule, packet::Direction direction, std::uint64_t wait_ns);
    Status begin_sequence();
    void count_terms(std::uint32_t rule);

    const Compiled& compiled_;
    const policy::TypedPolicy& policy_;
    Evaluators& evaluators_;
    const ValidateOptions& options_;
    Seeded random_;
    analysis::Aim aim_;
    oracle::Oracle oracle_;  // for conditions alone
    oracle::Flows flows_;    // as the oracle that judges has them
    bool has_state_ = false;
    bool has_kernel_ = false;
    std::uint64_t now_ns_ = 0;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::vector<ShownPacket> since_begin_{};  // where the policy has state
    Target target_{};
    struct Witness {
        bool is_found = false;
        std::vector<std::uint32_t> avoided{};  // earlier rules that it must not meet
    };
    std::vector<Witness> witnesses_{};
    std::map<std::uint32_t, analysis::Probe> probes_{};  // of rules with state, and those that read flows
    std::set<std::pair<std::uint32_t, std::uint32_t>> neighbours_{};
    std::set<std::string> reported_{};
    // Of the rule whose sequences are sent.
    struct Seen {
        bool matched = false, missed = false;
        std::set<std::uint32_t> passed{}, held_back{};  // alerts, by their throttles
    };
    Seen seen_{};
    ValidationReport report_{};
};

}  // namespace weir::tooling
