// The way of an event from the ring to its sinks: docs/adr/0018-a-queue-and-a-thread-a-sink.md.
// Tested by tests/kernel/events_test.cpp with `delivered`.
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "runtime/engine/state.h"
#include "runtime/kernel.h"
#include "runtime/sinks/event_text.h"

namespace weir::runtime {
namespace {

// As long as its sinks need at most when they are well. The ring lets go of it then: it would wake nobody for the next.
constexpr std::uint64_t kPatience_ns = 100'000'000;

}  // namespace

// Reads what waits in the ring, puts it into its sinks' queues, and counts what sinks have done with.
int Engine::State::read_events() {
    epoll_event ignored[4];
    epoll_wait(ready.get(), ignored, static_cast<int>(std::size(ignored)), 0);
    read_at_ns = monotonic_ns();
    boot_ns = realtime_ns() - read_at_ns;
    news.clear();
    const int taken = reader->poll();
    reactions.carry_out(changer,
                        [this](const std::string& set) { return active ? active->program.state().fd(set) : -1; });
    if (options.on_events && !news.empty()) options.on_events(news);
    dispatcher.flush();
    settle_events();
    has_more = reader->has_more();
    return taken;
}

void Engine::State::take(const RingEvent& from) {
    InFlight& event = window.add();
    event.set_record(from.record);
    event.ring = journal.ring();
    event.position = from.position;
    event.end = from.end;
    event.taken_ns = read_at_ns;
    const weir_event& record = event.event();
    event.generation = record.generation;
    event.alert = record.alert;
    Generation* of = find_generation(record.generation);
    // Only programs of ours write into the ring; these would be a fault of theirs.
    if (of == nullptr || record.rule >= of->manifest->rules.size() || record.alert >= of->manifest->alerts.size()) {
        event.is_counted = false;
        return;
    }
    event.manifest = of->manifest.get();
    if (from.position < handed_before) {
        of->record.repeat(event.alert);
        accounts.add_repeated(of->manifest->alerts[event.alert].name);
    }
    journal.hand(from.end);
    event.wall_clock_ns = boot_ns + record.time_ns;
    const std::string interface = interfaces.name_of(record.packet.ifindex);
    event.interface = {};
    std::memcpy(event.interface.data(), interface.data(), std::min(interface.size(), event.interface.size() - 1));
    if (from.capture != nullptr) add_capture(*from.capture, *of, event);
    if (options.on_event) options.on_event(to_event(event));
    if (options.on_events) news.push_back(&event);
    hand_on(event, *of);
}

// A sink that gets a copy in the event's place is one of the event's sinks until it is done with the copy.
void Engine::State::hand_on(InFlight& event, Generation& of) {
    std::vector<SinkId> escalated;  // that get a copy in the event's place
    const std::vector<SinkId>& sinks = of.alert_sinks[event.alert];
    event.unsettled = static_cast<std::uint32_t>(sinks.size());
    const bpf::AlertInfo& alert = of.manifest->alerts[event.alert];
    if (!alert.escalations.empty() || !alert.responses.empty())
        for (const std::uint32_t number : reactions.take(event.record(), *of.manifest))
            escalate(event, of, number, escalated);
    for (const SinkId sink : sinks)
        if (std::find(escalated.begin(), escalated.end(), sink) == escalated.end()) dispatcher.push(event, sink);
}

void Engine::State::escalate(InFlight& event, Generation& of, std::uint32_t number, std::vector<SinkId>& escalated) {
    const bpf::AlertInfo& alert = of.manifest->alerts[event.alert];
    const bpf::EscalationInfo& escalation = alert.escalations[number];
    if (of.sinks.empty()) return reactions.escalated(alert.name, of.manifest->sinks[escalation.sink].name, false);
    const SinkId sink = of.sinks[escalation.sink];
    const std::vector<SinkId>& sinks = of.alert_sinks[event.alert];
    InFlight& copy = window.add_copy();
    copy.set_record(event.bytes());
    copy.manifest = event.manifest;
    copy.wall_clock_ns = event.wall_clock_ns;
    copy.ring = event.ring;
    copy.position = event.position;
    copy.escalated = escalation.count;
    copy.interface = event.interface;
    if (event.captures) copy.captures = std::make_unique<const Captures>(*event.captures);
    copy.generation = event.generation;
    copy.alert = event.alert;
    copy.escalation = number;
    copy.unsettled = 1;
    ++of.copies;
    const bool is_in_place = std::find(sinks.begin(), sinks.end(), sink) != sinks.end() &&
                             std::find(escalated.begin(), escalated.end(), sink) == escalated.end();
    if (is_in_place) {
        copy.stands_for = &event;
        escalated.push_back(sink);
    } else {
        dispatcher.add(sink, {1, 0, 0});  // the kernel knows of no such event
    }
    dispatcher.push(copy, sink);
}

void Engine::State::settled_copy(InFlight& copy, Dispatcher::Outcome outcome) {
    const bpf::AlertInfo& alert = copy.manifest->alerts[copy.alert];
    const std::string& sink = copy.manifest->sinks[alert.escalations[copy.escalation].sink].name;
    reactions.escalated(alert.name, sink, outcome == Dispatcher::Outcome::kDelivered);
    if (copy.stands_for != nullptr) settled(*copy.stands_for, outcome);
    --find_generation(copy.generation)->copies;
}

void Engine::State::settled(InFlight& event, Dispatcher::Outcome outcome) {
    if (event.escalated != 0) settled_copy(event, outcome);
    event.is_lost = event.is_lost || outcome == Dispatcher::Outcome::kLost;
    if (--event.unsettled != 0 || !event.is_held) return;
    if (event.is_counted) {
        const auto what = event.is_lost ? Record::Outcome::kLost : Record::Outcome::kDelivered;
        Generation* of = find_generation(event.generation);
        of->record.release(event.alert, what);
        accounts.add_event(of->manifest->alerts[event.alert].name, what);
    }
    window.drop(event);
}

// The ring lets go of events in its order, once each of them is counted.
void Engine::State::settle_events() {
    dispatcher.collect([this](const PackedEvent& event, Dispatcher::Outcome outcome) {
        settled(static_cast<InFlight&>(const_cast<PackedEvent&>(event)), outcome);
    });
    while (!window.empty()) {
        const InFlight& front = window.front();
        const bool is_late = read_at_ns - front.taken_ns > kPatience_ns;
        if (front.unsettled != 0 && !is_late && reader->kept_bytes() <= reader->ring_bytes() / 2) break;
        let_go_of_front();
    }
    if (window.empty()) reader->let_go(reader->position());
}

void Engine::State::let_go_of_front() {
    InFlight& front = window.front();
    const std::uint64_t end = front.end;
    const bool is_done = front.unsettled == 0;
    if (front.is_counted) {
        Generation* of = find_generation(front.generation);
        journal.begin({front.position, of->number, front.alert, of->record.read(), of->record.alerts()[front.alert]});
        of->record.hold(front.alert);
        const std::string& alert = of->manifest->alerts[front.alert].name;
        if (is_done) {
            const auto what = front.is_lost ? Record::Outcome::kLost : Record::Outcome::kDelivered;
            of->record.release(front.alert, what);
            accounts.add_event(alert, what);
        }
    }
    if (is_done)
        window.drop_front();
    else
        window.hold_front();
    reader->let_go(end);
}

// Nothing comes any more.
void Engine::State::finish_events() {
    dispatcher.end(kFarewell_ms);
    settle_events();
}

}  // namespace weir::runtime
