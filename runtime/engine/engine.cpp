#include "runtime/engine/engine.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "runtime/engine/engine_state.h"
#include "runtime/kernel.h"
#include "runtime/sinks/event_text.h"

namespace weir::runtime {
namespace {

Result<std::vector<Interface>> find_interfaces(const std::vector<std::string>& names) {
    if (names.empty()) return Error{"no interface to attach to", "name one at least", EINVAL};
    std::vector<Interface> interfaces;
    for (const std::string& name : names) {
        auto index = interface_index(name);
        if (!index) return index.error();
        if (std::any_of(interfaces.begin(), interfaces.end(),
                        [&](const Interface& known) { return known.index == *index; }))
            return Error{fmt::format("interface {} is named twice", name), "", EINVAL};
        interfaces.emplace_back();
        interfaces.back().name = name;
        interfaces.back().index = *index;
    }
    return interfaces;
}

// The folder of the engine's pins: empty, or with an engine that was killed.
Result<std::optional<Pins>> open_pins(const EngineOptions& options) {
    if (options.lifetime == Lifetime::kProcess) return std::optional<Pins>();
    auto pins = Pins::open(options.name);
    if (!pins) {
        if (options.on_notice)
            options.on_notice(pins.error().message +
                              ": the policy will end with this process, even where that is killed");
        if (options.on_notice && !pins.error().help.empty()) options.on_notice(pins.error().help);
        return std::optional<Pins>();
    }
    auto left = inspect_pins(*pins);
    if (!left) return left.error();
    if (*left == Left::kDebris) {
        if (options.on_notice)
            options.on_notice("removed what an engine that was killed while it started had left in " + pins->folder());
        pins->drop_all();
        pins = Pins::open(options.name);
        if (!pins) return pins.error();
    }
    return std::optional<Pins>(std::move(*pins));
}

}  // namespace

void Engine::State::notice(const std::string& sentence) const {
    if (options.on_notice) options.on_notice(sentence);
}

// The first policy of an engine that begins with nothing.
Status Engine::State::begin(const bpf::Object& object) {
    Status done = pin_engine();
    if (done) {
        auto loaded = load(object, options.origin);
        if (loaded) {
            if (saver) saver->restore(changing_sets(*loaded));
            // In force before the first interface is: no packet meets an empty slot.
            root.replace(root.in_force(), InForce::permanent(loaded->slot));
            newest = loaded->generation.number;
            active = std::move(*loaded);
            save();
            done = attach_all();
        } else {
            done = loaded.error();
        }
    }
    if (done || !pins) return done;
    attachments.clear();
    pins->drop_all();
    return done;
}

Status Engine::State::attach_all() {
    for (Interface& interface : interfaces)
        if (Status attached = attach(interface); !attached) return attached;
    return Done{};
}

// Returns the attachments that this changed; on an error none is.
Result<std::vector<Attachment*>> Engine::State::show_vlan_tags() {
    std::vector<Attachment*> changed;
    for (const auto& attachment : attachments) {
        auto shown = attachment->show_vlan_tags(options.on_notice);
        if (!shown) {
            for (Attachment* undone : changed) undone->hide_vlan_tags();
            return shown.error();
        }
        if (*shown) changed.push_back(attachment.get());
    }
    return changed;
}

Generation* Engine::State::generation(std::uint32_t number) {
    if (active && active->generation.number == number) return &active->generation;
    if (leaving && leaving->generation.number == number) return &leaving->generation;
    for (Loaded& old : history)
        if (old.generation.number == number) return &old.generation;
    const auto found =
        std::find_if(retired.begin(), retired.end(), [&](const auto& old) { return old->number == number; });
    return found == retired.end() ? nullptr : found->get();
}

std::string Engine::State::interface_of(unsigned index) const {
    for (const Interface& interface : interfaces)
        if (interface.index == index) return interface.name;
    return interface_name(index);
}

void Engine::State::take(const weir_event& record) {
    Generation* of = generation(record.generation);
    // Only programs of ours write into the ring; these would be a fault of theirs.
    if (of == nullptr || record.rule >= of->manifest.rules.size() || record.alert >= of->manifest.alerts.size()) return;
    ++of->record.read();
    const std::uint64_t boot_ns = realtime_ns() - monotonic_ns();
    const Event event = make_event(record, of->manifest, interface_of(record.packet.ifindex), boot_ns);
    if (options.on_event) options.on_event(event);
    const bool delivered = dispatcher.deliver(event, of->alert_sinks[record.alert]);
    accounts.add_event(event.alert, delivered);
    ++(delivered ? of->record.alerts()[record.alert].delivered : of->record.alerts()[record.alert].lost);
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() { detach(); }

Result<std::unique_ptr<Engine>> Engine::start(const bpf::Object& object, EngineOptions options) {
    auto interfaces = find_interfaces(options.interfaces);
    if (!interfaces) return interfaces.error();
    if (options.name.empty()) options.name = interfaces->front().name;
    auto pins = open_pins(options);
    if (!pins) return pins.error();
    const bool goes_on = *pins && !(*pins)->names("").empty();
    auto root = goes_on ? Root::adopt(**pins) : Root::load();
    if (!root) return root.error();
    auto links = LinkWatch::create();
    if (!links) return links.error();
    auto state =
        std::make_unique<State>(std::move(options), std::move(*root), std::move(*interfaces), std::move(*links));
    state->pins = std::move(*pins);
    if (!state->options.state_folder.empty())
        state->saver.emplace(state->options.state_folder, state->options.keep_every_ms * 1'000'000,
                             [s = state.get()](const std::string& sentence) { s->notice(sentence); });
    const auto take = [s = state.get()](const weir_event& record) { s->take(record); };
    auto reader = goes_on ? EventReader::adopt(state->pins->get("events"), take)
                          : EventReader::create(state->options.ring_bytes, take);
    if (!reader) return reader.error();
    state->reader = std::move(*reader);
    if (Status woken = state->wake_by({state->reader->poll_fd(), state->links.fd()}); !woken) return woken.error();
    if (Status begun = goes_on ? state->adopt(object) : state->begin(object); !begun) return begun.error();
    return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

Status Engine::State::wake_by(std::initializer_list<int> fds) {
    ready = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
    for (const int fd : fds) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        if (!ready || epoll_ctl(ready.get(), EPOLL_CTL_ADD, fd, &event) != 0)
            return kernel_error(errno, "waiting for events");
    }
    return Done{};
}

Result<int> Engine::poll(int timeout_ms) {
    State& s = *state_;
    s.settle();
    if (!s.is_detached) s.follow_interfaces();
    auto taken = s.reader->poll(0);
    if (taken && *taken == 0 && timeout_ms != 0) {
        epoll_event event{};
        epoll_wait(s.ready.get(), &event, 1, timeout_ms);
        if (!s.is_detached) s.follow_interfaces();
        taken = s.reader->poll(0);
    }
    s.settle();
    s.drop_drained();
    if (s.shadow) s.shadow->take_samples(s.options.on_disagreement);
    if (s.saver && !s.is_detached && s.saver->is_due()) s.saver->keep(s.changing_sets(*s.active));
    return taken;
}

StateMaps::Change Engine::state_change(const bpf::Object& object) const {
    return StateMaps::change(state_->active->program.state().shapes(), object.state);
}

const std::string& Engine::name() const { return state_->options.name; }
int Engine::poll_fd() const { return state_->ready.get(); }
void Engine::reopen() { state_->dispatcher.reopen(); }
std::uint64_t Engine::last_commit_ns() const { return state_->last_commit_ns; }

void Engine::detach() {
    if (state_->is_detached) return;
    state_->is_detached = true;
    state_->attachments.clear();
    wait_for_packets();
    state_->end_shadow();
    for (auto taken = poll(0); taken && *taken != 0;) taken = poll(0);
    if (state_->saver) state_->saver->keep_last(state_->changing_sets(*state_->active));
    if (state_->pins) state_->pins->drop_all();
    state_->pins.reset();
}

InForceStatus Engine::in_force() const {
    const State& s = *state_;
    const Generation& generation = s.active->generation;
    InForceStatus status{generation.manifest.policy,
                         generation.number,
                         generation.manifest.rules.size(),
                         generation.loaded_at,
                         generation.origin,
                         confirm_within_ms(),
                         std::nullopt};
    if (!status.confirm_within_ms) return status;
    const std::uint32_t slot = s.root.in_force().fallback();
    if (s.leaving && s.leaving->slot == slot) status.falls_back_to = s.leaving->generation.number;
    for (const Loaded& old : s.history)
        if (old.slot == slot) status.falls_back_to = old.generation.number;
    return status;
}

Result<EngineStatus> Engine::status() {
    state_->settle();
    const State& s = *state_;
    const Generation& generation = s.active->generation;
    auto now = read_counts(s.active->program, generation.manifest);
    if (!now) return now.error();
    Counts counts = since(*now, s.active->counted);
    if (s.shadow) {
        auto beside = read_counts(s.shadow->live(), generation.manifest);
        if (!beside) return beside.error();
        add(counts, *beside);
    }
    EngineStatus status;
    status.name = s.options.name;
    status.in_force = in_force();
    status.auto_rollbacks = s.auto_rollbacks;
    if (s.shadow) {
        auto shadow = s.shadow->status();
        if (!shadow) return shadow.error();
        status.shadow = std::move(*shadow);
    }
    for (auto old = s.history.rbegin(); old != s.history.rend(); ++old)
        status.history.push_back({old->generation.number, old->generation.manifest.policy, old->generation.loaded_at});
    for (const bpf::SetInfo& info : generation.manifest.sets) {
        SetStatus row{info.name, info.entries, 0};
        if (info.dynamic) {
            auto live = set(info.name);
            auto entries = live ? live->count() : live.error();
            if (!entries) return entries.error();
            row.entries = *entries;
            row.refused = s.accounts.state(info.identity, counts).refused;
        }
        status.sets.push_back(std::move(row));
    }
    if (state_->saver) status.sets_file = state_->saver->status();
    auto terms = s.active->program.state().term_keys();
    if (!terms) return terms.error();
    for (const StateMaps::Keys& term : *terms) {
        const weir_state_account account = s.accounts.state(term.identity, counts);
        // The map of a `distinct` evicts by itself, and counts nothing.
        const std::uint64_t evicted = term.kind == bpf::StateKind::kDistinct
                                          ? account.inserted - std::min<std::uint64_t>(account.inserted, term.count)
                                          : account.evicted;
        status.terms.push_back({term.identity, term.count, evicted, account.refused});
    }
    if (!s.is_detached) {
        for (const Interface& interface : s.interfaces) {
            const auto attached = std::find_if(s.attachments.begin(), s.attachments.end(),
                                               [&](const auto& one) { return one->interface() == interface.name; });
            const bool is_there = attached != s.attachments.end();
            status.interfaces.push_back({interface.name, is_there ? (*attached)->mode() : s.options.mode, is_there,
                                         interface.gaps, interface.last_gap_ms});
        }
    }
    s.accounts.fill(status, generation.manifest, counts);
    for (const SinkId id : generation.sinks) {
        SinkStatus sink = s.dispatcher.status(id);
        for (std::size_t i = 0; i < counts.alerts.size(); ++i) {
            const auto& sinks = generation.alert_sinks[i];
            if (std::find(sinks.begin(), sinks.end(), id) != sinks.end()) add_counts(sink, counts.alerts[i]);
        }
        settle(sink);
        status.sinks.push_back(std::move(sink));
    }
    return status;
}

}  // namespace weir::runtime
