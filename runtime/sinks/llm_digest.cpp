// Tested by tests/unit/runtime/llm_digest_test.cpp.
#include "runtime/sinks/llm_digest.h"

#include <algorithm>
#include <array>
#include <functional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "grammar/base/names.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

using Json = nlohmann::ordered_json;

// Of a group: what is shown of it.
constexpr std::size_t kSamples = 3, kKeys = 8;
// Different addresses of a group that are told apart; later ones are counted as others. A group holds 8 MB at most.
constexpr std::size_t kMaxCounted = 65'536;
constexpr std::size_t kMaxGroups = 1024;
constexpr const char* kOthers = "others";

std::string dump(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

// To the second: no gateway takes it for a telephone number.
std::string second_text(std::uint64_t wall_clock_ns) { return rfc3339(wall_clock_ns).substr(0, 19) + "Z"; }

std::size_t weight(const std::string& severity) {
    const auto* at = std::find(std::begin(kSeverityNames), std::end(kSeverityNames), severity);
    return static_cast<std::size_t>(at - std::begin(kSeverityNames));
}

}  // namespace

std::vector<std::pair<std::string, std::uint64_t>> Digest::Counted::most() const {
    std::vector<std::pair<std::string, std::uint64_t>> sorted(by.begin(), by.end());
    const auto more = [](const auto& a, const auto& b) { return a.second != b.second ? a.second > b.second : a < b; };
    const auto shown = static_cast<std::ptrdiff_t>(std::min(sorted.size(), kKeys));
    std::partial_sort(sorted.begin(), sorted.begin() + shown, sorted.end(), more);
    sorted.resize(static_cast<std::size_t>(shown));
    return sorted;
}

void Digest::add(const DigestEvent& event) {
    ++events_;
    Key key{event.policy, event.alert, event.rule, event.verdict};
    if (groups_.size() >= kMaxGroups && !groups_.contains(key)) key = {event.policy, kOthers, kOthers, {}};
    Group& group = groups_[key];
    const auto count = [](Counted& counted, const std::string& text) {
        if (text.empty()) return;
        ++counted.by[counted.by.size() < kMaxCounted || counted.by.contains(text) ? text : kOthers];
    };
    if (group.count == 0) {
        group.first_ns = event.wall_clock_ns;
        group.severity = event.severity;
        group.protocol = event.protocol;
    }
    ++group.count;
    group.suppressed += event.suppressed;
    group.last_ns = event.wall_clock_ns;
    count(group.sources, event.source);
    count(group.destinations, event.destination);
    if (event.port) count(group.ports, std::to_string(*event.port));
    if (group.samples.size() < kSamples) group.samples.push_back(event);
}

// The gravest and most frequent first.
std::vector<const Digest::Place*> Digest::by_weight() const {
    std::vector<const Place*> sorted;
    for (const Place& place : groups_) sorted.push_back(&place);
    std::stable_sort(sorted.begin(), sorted.end(), [](const Place* a, const Place* b) {
        const std::size_t left = weight(a->second.severity), right = weight(b->second.severity);
        return left != right ? left > right : a->second.count > b->second.count;
    });
    return sorted;
}

std::string Digest::object_of(const Place& place) {
    const auto& [policy, alert, rule, verdict] = place.first;
    const Group& group = place.second;
    Json object = {{"policy", policy},
                   {"alert", alert},
                   {"rule", rule},
                   {"severity", group.severity},
                   {"verdict", verdict},
                   {"protocol", group.protocol},
                   {"events", group.count},
                   {"held_back_by_throttle", group.suppressed},
                   {"first", second_text(group.first_ns)},
                   {"last", second_text(group.last_ns)}};
    // Objects, not lists of numbers: some gateways take those for a card's number.
    const auto list = [&](const char* name, const Counted& counted,
                          const std::function<std::string(const std::string&)>& shown) {
        Json& array = object[name] = Json::array();
        for (const auto& [key, count] : counted.most()) array.push_back({{"name", shown(key)}, {"events", count}});
        object[std::string("different_") + name] = counted.by.size();
    };
    const auto address = [&](const std::string& text) { return text == kOthers ? text : names_.ip(text); };
    list("sources", group.sources, address);
    list("destinations", group.destinations, address);
    list("ports", group.ports, [](const std::string& text) { return text; });
    for (const DigestEvent& event : group.samples) {
        called_.push_back(event.id);
        object["examples"].push_back({{"event", fmt::format("e{}", called_.size())},
                                      {"time", second_text(event.wall_clock_ns)},
                                      {"source", names_.ip(event.source)},
                                      {"destination", names_.ip(event.destination)},
                                      {"message", names_.text(event.message, event.hosts)}});
    }
    return dump(object);
}

std::string Digest::text() {
    called_.clear();
    constexpr std::size_t kRoomForHeadBytes = 200;
    std::string groups;
    std::size_t shown = 0;
    for (const Place* place : by_weight()) {
        const std::size_t called = called_.size();
        const std::string object = object_of(*place);
        if (groups.size() + object.size() + kRoomForHeadBytes > kMaxTextBytes) {
            called_.resize(called);
            break;
        }
        groups += (shown++ == 0 ? "" : ",") + object;
    }
    return fmt::format(R"({{"events":{},"groups_left_out":{},"groups":[{}]}})", events_, groups_.size() - shown,
                       groups);
}

std::string Digest::fingerprint() const {
    Json parts = Json::array();
    for (const auto& [key, group] : groups_) {
        Json part = {std::get<0>(key), std::get<1>(key), std::get<2>(key), std::get<3>(key)};
        for (const Counted* counted : {&group.sources, &group.destinations, &group.ports}) {
            std::vector<std::string> names;
            for (const auto& [name, count] : counted->most()) names.push_back(name);
            std::sort(names.begin(), names.end());
            part.push_back(names);
        }
        parts.push_back(std::move(part));
    }
    return dump(parts);
}

std::optional<std::string> Digest::id_of(std::string_view called) const {
    for (std::size_t i = 0; i < called_.size(); ++i)
        if (called == fmt::format("e{}", i + 1)) return called_[i];
    return std::nullopt;
}

}  // namespace weir::runtime
