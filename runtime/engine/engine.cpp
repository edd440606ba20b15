// Tested by tests/house/house_test.py.
#include "runtime/engine/engine.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

#include "runtime/engine/state.h"
#include "runtime/kernel.h"
#include "runtime/sinks/event_text.h"
#include "runtime/state/measure_table.h"
#include "runtime/state/tls_walks.h"

namespace weir::runtime {
namespace {

// The folder of the engine's pins: empty, or with an engine that was killed. `older`: of one that is replaced.
struct OpenedPins {
    std::optional<Pins> own{}, older{};
    bool has_engine() const { return own && !own->names("").empty(); }
};

// A second folder is what an upgrade leaves that is killed: before it has taken the place of the older engine the
// folder has ours, of which nothing is in force; later it has that one's.
Result<OpenedPins> open_beside(OpenedPins opened, const std::string& name, Pinned found) {
    if (found != Pinned::kUnusable && !Pins::has_beside(name)) return opened;
    auto beside = Pins::open_beside(name);
    if (!beside) return beside.error();
    if (found == Pinned::kEngine) {
        opened.older = std::move(*beside);
        return opened;
    }
    beside->drop_all();
    if (found != Pinned::kUnusable) return opened;
    beside = Pins::open_beside(name);
    if (!beside) return beside.error();
    opened.older = std::move(*opened.own);
    opened.own = std::move(*beside);
    return opened;
}

Result<OpenedPins> open_pins(const EngineOptions& options) {
    if (options.lifetime == Lifetime::kProcess) return OpenedPins();
    const auto notice = [&](const std::string& sentence) {
        if (options.on_notice && !sentence.empty()) options.on_notice(sentence);
    };
    auto pins = Pins::open(options.name);
    if (!pins) {
        if (pins.error().number == EBUSY) return pins.error();
        notice(pins.error().message + ": the policy will end with this process, even where that is killed");
        notice(pins.error().help);
        return OpenedPins();
    }
    auto found = inspect_pins(*pins);
    if (!found) return found.error();
    if (*found == Pinned::kIncomplete) {
        notice("removed what an engine that was killed while it started had left in " + pins->folder());
        pins->drop_all();
        pins = Pins::open(options.name);
        if (!pins) return pins.error();
    }
    return open_beside(OpenedPins{std::move(*pins), {}}, options.name, *found);
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
            stored = InForce::permanent(loaded->slot);
            root.store(stored);
            newest = loaded->generation.number;
            active = std::move(*loaded);
            save();
            enter_host_flows(*active);
            done = attach_all();
            if (done) enter_host_flows(*active);  // connections that opened between
        } else {
            done = loaded.error();
        }
    }
    if (done || !pins) return done;
    interfaces.detach_all();
    pins->drop_all();
    return done;
}

Generation* Engine::State::find_generation(std::uint32_t number) {
    if (active && active->generation.number == number) return &active->generation;
    if (replaced && replaced->generation.number == number) return &replaced->generation;
    return history.find(number);
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() { detach(); }

Result<std::unique_ptr<Engine>> Engine::start(const bpf::Object& object, EngineOptions options) {
    if (options.name.empty() && !options.interfaces.empty()) options.name = options.interfaces.front();
    auto pins = open_pins(options);
    if (!pins) return pins.error();
    const bool goes_on = pins->has_engine(), is_upgrade = !goes_on && pins->older;
    // An engine that goes on waits for an interface as it would have, had it not been killed.
    auto interfaces =
        Interfaces::find(options.interfaces, goes_on || is_upgrade ? Missing::kTolerated : Missing::kRefused);
    if (!interfaces) {
        if (pins->own && !goes_on) pins->own->drop_all();
        return interfaces.error();
    }
    const auto largest = largest_of_several_buffers(options.interfaces, options.mode);
    const auto frames = frames_to_take(largest);
    auto root = goes_on ? Root::adopt(*pins->own) : frames ? Root::load(*frames) : frames.error();
    if (!root) {
        if (pins->own && !goes_on && !is_upgrade) pins->own->drop_all();
        return root.error();
    }
    if (largest && root->frames() == FrameBuffers::kOne && options.on_notice) options.on_notice(too_large(*largest));
    auto journal = goes_on ? Journal::adopt(pins->own->get("journal")) : Journal::create(options.lifetime);
    if (!journal) return journal.error();
    auto links = LinkWatch::create();
    if (!links) return links.error();
    auto state = std::make_unique<State>(std::move(options), std::move(pins->own), std::move(*root),
                                         std::move(*journal), std::move(*interfaces), std::move(*links));
    if (largest && state->root.frames() == FrameBuffers::kOne)
        for (Interface& row : state->interfaces.rows())
            row.is_too_large = mtu_of_several_buffers(row.name, state->options.mode).has_value();
    state->older = std::move(pins->older);
    state->dispatcher.set_host({state->options.state_folder, state->options.on_triage, state->options.programs});
    if (!state->options.state_folder.empty())
        state->saver.emplace(state->options.state_folder, state->options.keep_every_ms * 1'000'000,
                             [s = state.get()](const std::string& sentence) { s->notice(sentence); });
    const auto take = [s = state.get()](const RingEvent& event) { s->take(event); };
    auto reader = goes_on ? EventReader::adopt(state->pins->get("events"), take)
                          : EventReader::create(state->options.ring_bytes, take);
    if (!reader) return reader.error();
    state->reader = std::move(*reader);
    state->handed_before = state->journal.handed();
    if (Status woken = state->wake_by({state->reader->poll_fd(), state->links.fd(), state->dispatcher.fd()}); !woken)
        return woken.error();
    const Status begun = goes_on      ? state->adopt(object)
                         : is_upgrade ? state->replace_older(object)
                                      : state->begin(object);
    if (!begun) return begun.error();
    return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

// The ring wakes once for what comes, not as long as there is something: events stay in it until their sinks are done.
Status Engine::State::wake_by(std::initializer_list<int> fds) {
    ready = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
    for (const int fd : fds) {
        epoll_event event{};
        event.events = EPOLLIN | (fd == reader->poll_fd() ? EPOLLET : 0u);
        event.data.fd = fd;
        if (!ready || epoll_ctl(ready.get(), EPOLL_CTL_ADD, fd, &event) != 0)
            return kernel_error(errno, "waiting for events");
    }
    return Done{};
}

Result<int> Engine::poll(int timeout_ms) {
    State& s = *state_;
    const std::uint64_t end_ns = monotonic_ns() + static_cast<std::uint64_t>(timeout_ms) * 1'000'000;
    s.finish_swap();
    if (!s.is_detached) s.verify_if_due();
    int taken = s.read_events();
    while (taken == 0) {
        const std::uint64_t now_ns = monotonic_ns();
        if (now_ns >= end_ns) break;
        const int left_ms = static_cast<int>((end_ns - now_ns + 999'999) / 1'000'000);
        epoll_event events[4];
        epoll_wait(s.ready.get(), events, static_cast<int>(std::size(events)), std::min(left_ms, poll_within_ms()));
        if (!s.is_detached) s.verify_if_due();
        taken = s.read_events();
    }
    s.finish_swap();
    s.finish_drained();
    if (s.shadow) s.shadow->take_samples(s.options.on_disagreement);
    if (s.saver && !s.is_detached && s.saver->is_due()) s.saver->keep(s.changing_sets(*s.active));
    return taken;
}

int Engine::poll_within_ms() const {
    constexpr int kLook_ms = 5, kIdle_ms = 1000;
    if (state_->has_more) return 0;
    return state_->window.empty() ? kIdle_ms : kLook_ms;
}

bool Engine::flush(int timeout_ms) {
    const std::uint64_t end_ns = monotonic_ns() + static_cast<std::uint64_t>(timeout_ms) * 1'000'000;
    for (;;) {
        const auto taken = poll(0);
        if (taken && *taken == 0 && state_->window.empty()) return true;
        if (monotonic_ns() >= end_ns) return false;
        epoll_event events[4];
        epoll_wait(state_->ready.get(), events, static_cast<int>(std::size(events)), poll_within_ms());
    }
}

StateMaps::Change Engine::state_change(const bpf::Object& object) const {
    return StateMaps::change(state_->active->program.state().shapes(), object.state);
}

const std::string& Engine::name() const { return state_->options.name; }
int Engine::poll_fd() const { return state_->ready.get(); }
void Engine::note(const std::string& line) { state_->dispatcher.note(line); }
void Engine::reopen() { state_->dispatcher.reopen(); }
std::vector<std::string> Engine::sink_problems() const { return state_->sink_problems(state_->active->generation); }
std::uint64_t Engine::last_commit_ns() const { return state_->last_commit_ns; }

void Engine::detach() {
    if (state_->is_detached) return;
    state_->is_detached = true;
    state_->interfaces.detach_all();
    wait_for_packets();
    state_->end_shadow();
    for (auto taken = poll(0); taken && *taken != 0;) taken = poll(0);
    state_->finish_events();
    if (state_->saver) state_->saver->keep_last(state_->changing_sets(*state_->active));
    if (state_->pins) state_->pins->drop_all();
    state_->pins.reset();
}

InForceStatus Engine::in_force() const {
    const State& s = *state_;
    const Generation& generation = s.active->generation;
    InForceStatus status{generation.manifest->policy,
                         generation.number,
                         generation.manifest->rules.size(),
                         generation.loaded_at,
                         generation.origin,
                         confirm_within_ms(),
                         std::nullopt};
    if (!status.confirm_within_ms) return status;
    const std::uint32_t slot = s.stored.fallback();
    if (s.replaced && s.replaced->slot == slot) status.falls_back_to = s.replaced->generation.number;
    for (const Loaded& old : s.history.kept())
        if (old.slot == slot) status.falls_back_to = old.generation.number;
    return status;
}

// What the policy in force has counted that the sums do not have yet.
Result<Counts> Engine::State::uncollected_counts() const {
    const bpf::Manifest& manifest = *active->generation.manifest;
    auto now = read_counts(active->program, manifest);
    if (!now) return now.error();
    Counts counts = since(*now, active->counted);
    if (!shadow) return counts;
    auto stand_in = read_counts(shadow->live(), manifest);
    if (!stand_in) return stand_in.error();
    add(counts, *stand_in);
    return counts;
}

Status Engine::State::fill_state(EngineStatus& status, const Counts& counts) {
    const StateMaps& state = active->program.state();
    const std::vector<std::string> identities = state.identities();
    const std::vector<CountedMap> maps = state.counted();
    const auto held = upkeep.count(maps);
    if (!held) return held.error();
    std::unordered_map<std::string_view, std::uint64_t> entries;
    for (std::size_t i = 0; i < maps.size(); ++i)
        if (bpf::is_set(maps[i].kind)) entries[identities[i]] = (*held)[i].value_or(0);
    for (const bpf::SetInfo& info : active->generation.manifest->sets) {
        SetStatus row{info.name, info.entries, 0};
        if (info.dynamic) {
            row.entries = entries[info.identity];
            row.refused = accounts.state(info.identity, counts).refused;
        }
        status.sets.push_back(std::move(row));
    }
    for (std::size_t i = 0; i < maps.size(); ++i) {
        if (bpf::is_set(maps[i].kind) || maps[i].kind == bpf::StateKind::kMeasure) continue;
        const weir_state_account account = accounts.state(identities[i], counts);
        if (maps[i].kind == bpf::StateKind::kFlows) {
            status.flows = {state.size_of(identities[i]), (*held)[i], account.evicted, account.refused};
            continue;
        }
        status.terms.push_back({identities[i], (*held)[i], account.evicted, account.refused});
    }
    for (const bpf::MeasureInfo& info : active->generation.manifest->measures) {
        auto measure = measure_status(info, state.fd(info.identity));
        if (!measure) return measure.error();
        status.measures.push_back(std::move(*measure));
    }
    if (const int map = active->program.map("weir_tls_walks"); map >= 0) {
        auto walks = count_tls_walks(map);
        if (!walks) return walks.error();
        status.terms.push_back({kTlsWalks, walks->walks, accounts.state(kTlsWalks, counts).evicted, 0});
    }
    return Done{};
}

void Engine::State::fill_sinks(EngineStatus& status, const Counts& counts) const {
    const Generation& generation = active->generation;
    for (const SinkId id : generation.sinks) {
        SinkStatus sink = dispatcher.status(id);
        for (std::size_t i = 0; i < counts.alerts.size(); ++i) {
            const auto& sinks = generation.alert_sinks[i];
            if (std::find(sinks.begin(), sinks.end(), id) != sinks.end()) add_counts(sink, counts.alerts[i]);
        }
        settle_books(sink);
        status.sinks.push_back(std::move(sink));
    }
}

void Engine::State::fill_reactions(EngineStatus& status, const Counts& counts) const {
    const bpf::Manifest& manifest = *active->generation.manifest;
    for (std::size_t i = 0; i < manifest.alerts.size() && i < status.alerts.size(); ++i) {
        AlertStatus& alert = status.alerts[i];
        reactions.fill(manifest.alerts[i], manifest, alert);
        if (alert.responses)
            alert.responses->lost =
                accounts.lost_responses(alert.name) + counts.alerts[i].lost * manifest.alerts[i].responses.size();
    }
}

Result<EngineStatus> Engine::status() {
    state_->finish_swap();
    if (!state_->is_detached) state_->verify();
    State& s = *state_;
    auto counts = s.uncollected_counts();
    if (!counts) return counts.error();
    EngineStatus status;
    status.name = s.options.name;
    status.in_force = in_force();
    status.auto_rollbacks = s.auto_rollbacks;
    status.several_buffers = s.root.frames() == FrameBuffers::kSeveral;
    status.problems.assign(s.problems.begin(), s.problems.end());
    if (s.shadow) {
        auto shadow = s.shadow->status();
        if (!shadow) return shadow.error();
        status.shadow = std::move(*shadow);
    }
    const auto& kept = s.history.kept();
    for (auto old = kept.rbegin(); old != kept.rend(); ++old)
        status.history.push_back({old->generation.number, old->generation.manifest->policy, old->generation.loaded_at});
    if (Status filled = s.fill_state(status, *counts); !filled) return filled.error();
    if (state_->saver) status.sets_file = state_->saver->status();
    if (!s.is_detached)
        for (const Interface& row : s.interfaces.rows())
            status.interfaces.push_back({row.name, row.attachment ? row.attachment->mode() : s.options.mode,
                                         row.is_attached, row.gaps.count(), row.gaps.last_ms(), row.problem,
                                         row.seen_at_ns == 0 ? "" : rfc3339(row.seen_at_ns), s.judges_out(row),
                                         row.attachment ? row.attachment->may_be_merged() : std::string()});
    s.accounts.fill(status, *s.active->generation.manifest, *counts);
    s.fill_reactions(status, *counts);
    s.fill_sinks(status, *counts);
    s.fill_answers(status, *counts);
    if (const Generation& now = s.active->generation; now.recorder)
        status.recorder = {now.manifest->record.bytes, now.manifest->record.packets, now.recorder->memory_bytes(),
                           now.recorder->held()};
    return status;
}

}  // namespace weir::runtime
