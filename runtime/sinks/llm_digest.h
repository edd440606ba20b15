// What a model is asked about: the alerts of a while, grouped, as JSON. Everything in it that a packet brought is a
// JSON string of printable text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "runtime/sinks/llm_names.h"

namespace weir::runtime {

// An event as far as a digest has use for it.
struct DigestEvent {
    std::string id{};  // event_id()
    std::uint64_t wall_clock_ns = 0;
    std::string policy{}, rule{}, alert{}, severity{}, verdict{}, protocol{};
    std::string source{}, destination{};  // addresses, or empty
    std::optional<std::uint16_t> port{};  // that it goes to
    std::string message{};                // as the policy has it, holes filled
    std::vector<std::string> hosts{};     // names in the message
    std::uint64_t suppressed = 0;         // that the throttle held back before it
};

class Digest {
public:
    explicit Digest(Addresses addresses) : names_(addresses) {}
    void add(const DigestEvent& event);
    std::uint64_t events() const { return events_; }

    // One JSON object, ASCII, of kMaxTextBytes at most; groups that do not fit are left out and counted. Events are
    // called e1, e2, …: gateways blank longer ids.
    std::string text();
    static constexpr std::size_t kMaxTextBytes = 24 << 10;
    // The same for two digests of the same policy, rules, alerts, verdicts and keys, however many events. Not for
    // files.
    std::string fingerprint() const;
    // The id of the event that text() called so; nothing where it called none so.
    std::optional<std::string> id_of(std::string_view called) const;

private:
    struct Counted {
        std::map<std::string, std::uint64_t> by{};
        std::vector<std::pair<std::string, std::uint64_t>> most() const;
    };
    struct Group {
        std::uint64_t count = 0, suppressed = 0, first_ns = 0, last_ns = 0;
        std::string severity{}, protocol{};
        Counted sources{}, destinations{}, ports{};
        std::vector<DigestEvent> samples{};
    };
    using Key = std::tuple<std::string, std::string, std::string, std::string>;  // policy, alert, rule, verdict
    using Place = std::map<Key, Group>::value_type;
    std::vector<const Place*> by_weight() const;
    std::string object_of(const Place& group);

    DigestNames names_;
    std::map<Key, Group> groups_{};
    std::uint64_t events_ = 0;
    std::vector<std::string> called_{};  // ids, of e1 on
};

}  // namespace weir::runtime
