// Tested by tests/unit/tooling/mutation_test.cpp with `steps`.
#include "tooling/judge/script.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "compiler/oracle/evaluate.h"
#include "compiler/packet/dissect.h"
#include "compiler/packet/packet_text.h"
#include "grammar/base/names.h"

namespace weir::tooling {
namespace {

// Calls `take(event number, judged)`; false ends it.
class Player {
public:
    explicit Player(const policy::TypedPolicy& policy) : oracle_(policy) {}
    Judged next(const ScriptEvent& event) {
        now_ns_ += event.after_ns;
        return judged_from(oracle_.judge(event.frame, now_ns_, event.interface, event.direction));
    }

private:
    oracle::Oracle oracle_;
    std::uint64_t now_ns_ = 0;
};

// "drop by known_bad"
std::string verdict_text(const Judged& judged, const policy::TypedPolicy& policy) {
    Judged alone = judged;
    alone.alerts.clear();
    alone.suppressed.clear();
    return describe(alone, policy);
}

std::map<std::string, std::uint64_t> alerts_of(const Judged& judged, const policy::TypedPolicy& policy) {
    std::map<std::string, std::uint64_t> alerts;
    for (const std::uint32_t alert : judged.alerts) ++alerts[policy.alerts[alert].name];
    return alerts;
}

bool same(const Judged& a, const policy::TypedPolicy& of_a, const Judged& b, const policy::TypedPolicy& of_b) {
    return verdict_text(a, of_a) == verdict_text(b, of_b) && alerts_of(a, of_a) == alerts_of(b, of_b);
}

std::string duration_text(std::uint64_t ns) {
    struct Unit {
        std::uint64_t ns;
        const char* word;
    };
    constexpr Unit kUnits[] = {{86'400'000'000'000, "d"}, {3'600'000'000'000, "h"}, {60'000'000'000, "m"},
                               {1'000'000'000, "s"},      {1'000'000, "ms"},        {1'000, "us"}};
    for (const Unit& unit : kUnits)
        if (ns % unit.ns == 0) return fmt::format("{}{}", ns / unit.ns, unit.word);
    return fmt::format("{}us", ns / 1000);
}

}  // namespace

std::vector<Judged> play(const policy::TypedPolicy& policy, const Script& script) {
    Player player(policy);
    std::vector<Judged> all;
    all.reserve(script.size());
    for (const ScriptEvent& event : script) all.push_back(player.next(event));
    return all;
}

std::optional<std::size_t> first_difference(const policy::TypedPolicy& policy, const policy::TypedPolicy& changed,
                                            const Script& script) {
    Player before(policy), after(changed);
    for (std::size_t i = 0; i < script.size(); ++i)
        if (!same(before.next(script[i]), policy, after.next(script[i]), changed)) return i;
    return std::nullopt;
}

namespace {

// Destination ports of packets that are else the same, from the first on, each one more than the one before: how many.
std::size_t ports_in_a_row(const Script& script, std::size_t begin, std::size_t end) {
    auto packet = packet::dissect(script[begin].frame);
    if (!packet || packet::build_frame(*packet) != script[begin].frame) return 1;
    std::size_t at = begin + 1;
    for (; at < end && packet->destination_port != 0xffff; ++at) {
        ++packet->destination_port;
        if (script[at].after_ns != 0 || script[at].interface != script[begin].interface ||
            script[at].direction != script[begin].direction || packet::build_frame(*packet) != script[at].frame)
            break;
    }
    return at - begin;
}

// The packet's text, with a range of `count` ports in the place of its port; empty where it has none there.
std::string with_port_range(const std::string& text, std::size_t count) {
    const std::size_t arrow = text.find(" -> ");
    if (arrow == std::string::npos || text.find(" inside ") != std::string::npos) return {};
    const std::size_t end = std::min(text.find(' ', arrow + 4), text.size());
    const std::size_t colon = text.rfind(':', end - 1);
    if (colon == std::string::npos || colon < arrow) return {};
    const unsigned long first = std::stoul(text.substr(colon + 1, end - colon - 1));
    return fmt::format("{}:{{{}..{}}}{}", text.substr(0, colon), first, first + count - 1, text.substr(end));
}

}  // namespace

std::vector<std::string> packet_steps(const Script& script) {
    std::vector<std::string> steps;
    for (std::size_t i = 0, end = 0; i < script.size(); i = end) {
        ScriptEvent same = script[i];
        same.after_ns = 0;
        for (end = i + 1; end < script.size() && script[end] == same;) ++end;
        if (script[i].after_ns != 0) steps.push_back("after " + duration_text(script[i].after_ns));
        const std::string packet = packet::packet_text(same.frame, same.direction, same.interface);
        const std::size_t ports = end - i == 1 ? ports_in_a_row(script, i, script.size()) : 1;
        const std::string range = ports > 2 ? with_port_range(packet, ports) : std::string();
        if (!range.empty()) end = i + ports;
        steps.push_back(!range.empty() ? range : end - i == 1 ? packet : fmt::format("{} x {}", end - i, packet));
    }
    return steps;
}

std::vector<std::string> steps_of(const policy::TypedPolicy& policy, const Script& script,
                                  const policy::TypedPolicy* other) {
    std::vector<std::string> lines;
    const std::vector<Judged> judged = play(policy, script);
    const std::vector<Judged> changed = other == nullptr ? judged : play(*other, script);
    for (std::size_t i = 0; i < script.size();) {
        const bool is_last_told = other != nullptr && !same(judged[i], policy, changed[i], *other);
        std::size_t end = i + 1;
        while (!is_last_told && end < script.size() && script[end].after_ns == 0 &&
               script[end].frame == script[i].frame && script[end].interface == script[i].interface &&
               script[end].direction == script[i].direction && same(judged[end], policy, judged[i], policy) &&
               (other == nullptr || same(judged[end], policy, changed[end], *other)))
            ++end;
        if (script[i].after_ns != 0) lines.push_back("after " + duration_text(script[i].after_ns));
        std::string line = end - i == 1 ? "" : fmt::format("{} x ", end - i);
        const std::string packet = packet::packet_text(script[i].frame, script[i].direction, script[i].interface);
        std::size_t ports = 1;
        if (!is_last_told && end - i == 1 && judged[i].alerts.empty()) {
            std::size_t alike = i + 1;
            while (alike < script.size() && judged[alike].alerts.empty() &&
                   same(judged[alike], policy, judged[i], policy) &&
                   (other == nullptr || same(judged[alike], policy, changed[alike], *other)))
                ++alike;
            ports = ports_in_a_row(script, i, alike);
        }
        const std::string range = ports > 2 ? with_port_range(packet, ports) : std::string();
        if (!range.empty()) end = i + ports;
        line += range.empty() ? packet : range;
        line += " => " + verdict_text(judged[i], policy);
        const auto alerts = alerts_of(judged[i], policy);
        for (const auto& [alert, times] : alerts)
            line += times * (end - i) == 1 ? fmt::format(", alert {}", alert)
                                           : fmt::format(", alert {} {} times", alert, times * (end - i));
        if (is_last_told)
            for (const auto& [alert, times] : alerts_of(changed[i], *other))
                if (!alerts.contains(alert))
                    line += alerts.empty() ? (line.ends_with("no alert") ? "" : ", no alert")
                                           : fmt::format(", alert {} 0 times", alert);
        lines.push_back(std::move(line));
        i = end;
    }
    return lines;
}

}  // namespace weir::tooling
