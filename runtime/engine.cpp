#include "runtime/engine.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include <fmt/format.h>

#include "runtime/accounts.h"
#include "runtime/actions/dispatcher.h"
#include "runtime/attachment.h"
#include "runtime/event_reader.h"
#include "runtime/event_text.h"
#include "runtime/kernel.h"
#include "runtime/program.h"

namespace weir::runtime {
namespace {

struct Interface {
    std::string name;
    unsigned index = 0;
};

// What user space keeps of a policy until its last event has been read.
struct Generation {
    std::uint32_t number = 0;
    bpf::Manifest manifest{};
    std::string loaded_at{};
    std::vector<SinkId> sinks{};                        // as in the manifest
    std::vector<std::vector<SinkId>> alert_sinks{};     // by alert; each sink once
    std::uint64_t read = 0;                             // events taken from the ring
    std::uint64_t sent = 0;                             // and those put there in all; known once no packet is in the program
};

// A policy in the kernel, in force or about to be.
struct Loaded {
    Generation generation;
    Program program;
    std::uint32_t slot = 0;
};

bool matches(const bpf::IfaceCondition& condition, const std::string& name) {
    switch (condition.op) {
        case bpf::IfaceOp::kEq: return name == condition.text;
        case bpf::IfaceOp::kContains: return name.find(condition.text) != std::string::npos;
        case bpf::IfaceOp::kStartsWith: return name.starts_with(condition.text);
        case bpf::IfaceOp::kEndsWith: break;
    }
    return name.ends_with(condition.text);
}

// Tells the program which `iface` conditions each interface satisfies.
Status name_interfaces(const Program& program, const bpf::Manifest& manifest, const std::vector<Interface>& interfaces) {
    const int map = program.map("weir_ifaces");
    if (map < 0) return Done{};               // no rule reads `iface`
    for (const Interface& interface : interfaces) {
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < manifest.ifaces.size(); ++i)
            if (matches(manifest.ifaces[i], interface.name)) bits |= 1u << i;
        if (bpf_map_update_elem(map, &interface.index, &bits, BPF_ANY) != 0)
            return kernel_error(errno, fmt::format("telling the policy about {}", interface.name));
    }
    return Done{};
}

Result<std::vector<Interface>> find_interfaces(const std::vector<std::string>& names) {
    if (names.empty()) return Error{"no interface to attach to", "name one at least", EINVAL};
    std::vector<Interface> interfaces;
    for (const std::string& name : names) {
        auto index = interface_index(name);
        if (!index) return index.error();
        if (std::any_of(interfaces.begin(), interfaces.end(), [&](const Interface& known) { return known.index == *index; }))
            return Error{fmt::format("interface {} is named twice", name), "", EINVAL};
        interfaces.push_back({name, *index});
    }
    return interfaces;
}

}  // namespace

struct Engine::State {
    State(EngineOptions given, Root attached, std::vector<Interface> found)
        : options(std::move(given)), interfaces(std::move(found)), root(std::move(attached)) {}

    EngineOptions options;
    std::vector<Interface> interfaces;
    Dispatcher dispatcher{};
    Accounts accounts{};
    std::unique_ptr<EventReader> reader{};
    Root root;
    std::optional<Loaded> active{};
    std::vector<std::unique_ptr<Generation>> retired{};   // replaced, with events in the ring still
    std::vector<Attachment> attachments{};                // first to go
    std::uint64_t last_commit_ns = 0;

    Result<Loaded> load(const bpf::Object& object);
    Status attach();
    Result<std::vector<Attachment*>> show_vlan_tags();
    void retire(Loaded old);
    void forget_drained();
    void keep_what_is_needed();
    void take(const weir_event& record);
    Generation* generation(std::uint32_t number);
    std::string interface_of(unsigned index) const;
};

// Loads a policy and puts it into a free slot. On an error nothing of it stays.
Result<Loaded> Engine::State::load(const bpf::Object& object) {
    ProgramOptions program_options;
    program_options.settings.generation = active ? active->generation.number + 1 : 1;
    program_options.shared.events = reader->ring_fd();
    if (active) program_options.shared.state = &active->program.state();
    auto program = Program::load(object, program_options);
    if (!program) return program.error();
    if (Status named = name_interfaces(*program, object.manifest, interfaces); !named) return named.error();
    auto slot = root.place(program->fd());
    if (!slot) return slot.error();

    Generation generation;
    generation.number = program_options.settings.generation;
    generation.manifest = object.manifest;
    generation.loaded_at = rfc3339(realtime_ns());
    if (options.deliver_to_sinks) {
        generation.sinks = dispatcher.adopt(object.manifest.sinks);
        for (const bpf::AlertInfo& alert : object.manifest.alerts) {
            std::vector<SinkId> sinks;
            for (const std::uint32_t number : alert.sinks) sinks.push_back(generation.sinks.at(number));
            std::sort(sinks.begin(), sinks.end());
            sinks.erase(std::unique(sinks.begin(), sinks.end()), sinks.end());
            generation.alert_sinks.push_back(std::move(sinks));
        }
    } else {
        generation.alert_sinks.resize(object.manifest.alerts.size());
    }
    return Loaded{std::move(generation), std::move(*program), *slot};
}

Status Engine::State::attach() {
    const VlanTags tags = active->generation.manifest.reads_vlan ? VlanTags::kShown : VlanTags::kAsTheyAre;
    for (const Interface& interface : interfaces) {
        auto attachment = Attachment::attach(root, interface.name, options.mode, tags, options.on_notice);
        if (!attachment) return attachment.error();
        attachments.push_back(std::move(*attachment));
    }
    return Done{};
}

// Returns the attachments that this changed; on an error none is.
Result<std::vector<Attachment*>> Engine::State::show_vlan_tags() {
    std::vector<Attachment*> changed;
    for (Attachment& attachment : attachments) {
        auto shown = attachment.show_vlan_tags(options.on_notice);
        if (!shown) {
            for (Attachment* undone : changed) undone->hide_vlan_tags();
            return shown.error();
        }
        if (*shown) changed.push_back(&attachment);
    }
    return changed;
}

// After the commit, once no packet is in the old program: its counts are final, and its events in the ring.
void Engine::State::retire(Loaded old) {
    root.clear(old.slot);
    Generation& generation = old.generation;
    auto counts = read_counts(old.program, generation.manifest);
    if (!counts) {
        if (options.on_notice) options.on_notice("the counts of the last policy are incomplete: " + counts.error().message);
        keep_what_is_needed();
        return;
    }
    accounts.add(generation.manifest, *counts);
    for (std::size_t i = 0; i < counts->alerts.size(); ++i) {
        const weir_alert_account& alert = counts->alerts[i];
        generation.sent += alert.matched - alert.suppressed - alert.lost;
        for (const SinkId sink : generation.alert_sinks[i]) dispatcher.add(sink, alert);
    }
    if (generation.sent != generation.read) retired.push_back(std::make_unique<Generation>(std::move(generation)));
    keep_what_is_needed();
}

void Engine::State::forget_drained() {
    if (std::erase_if(retired, [](const auto& old) { return old->read == old->sent; }) != 0) keep_what_is_needed();
}

void Engine::State::keep_what_is_needed() {
    std::vector<SinkId> sinks = active->generation.sinks;
    std::vector<const bpf::Manifest*> manifests;
    for (const auto& old : retired) {
        sinks.insert(sinks.end(), old->sinks.begin(), old->sinks.end());
        manifests.push_back(&old->manifest);
    }
    dispatcher.keep_only(sinks);
    accounts.keep_only(active->generation.manifest, manifests);
}

Generation* Engine::State::generation(std::uint32_t number) {
    if (active && active->generation.number == number) return &active->generation;
    const auto found = std::find_if(retired.begin(), retired.end(), [&](const auto& old) { return old->number == number; });
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
    ++of->read;
    const std::uint64_t boot_ns = realtime_ns() - monotonic_ns();
    const Event event = make_event(record, of->manifest, interface_of(record.packet.ifindex), boot_ns);
    if (options.on_event) options.on_event(event);
    accounts.add_event(event.alert, dispatcher.deliver(event, of->alert_sinks[record.alert]));
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() { detach(); }

Result<std::unique_ptr<Engine>> Engine::start(const bpf::Object& object, EngineOptions options) {
    auto interfaces = find_interfaces(options.interfaces);
    if (!interfaces) return interfaces.error();
    if (options.name.empty()) options.name = interfaces->front().name;
    auto root = Root::load();
    if (!root) return root.error();
    auto state = std::make_unique<State>(std::move(options), std::move(*root), std::move(*interfaces));
    auto reader = EventReader::create(state->options.ring_bytes, [s = state.get()](const weir_event& record) { s->take(record); });
    if (!reader) return reader.error();
    state->reader = std::move(*reader);
    auto loaded = state->load(object);
    if (!loaded) return loaded.error();
    // In force before the first interface is: no packet meets an empty slot.
    state->root.commit(loaded->slot);
    state->active = std::move(*loaded);
    if (Status attached = state->attach(); !attached) return attached.error();
    return std::unique_ptr<Engine>(new Engine(std::move(state)));
}

Status Engine::swap(const bpf::Object& object) {
    State& s = *state_;
    if (s.attachments.empty()) return Error{"the policy is detached", "start again", ESHUTDOWN};
    auto loaded = s.load(object);
    if (!loaded) return loaded.error();
    if (object.manifest.reads_vlan)
        if (auto shown = s.show_vlan_tags(); !shown) {
            s.root.clear(loaded->slot);
            s.keep_what_is_needed();
            return shown.error();
        }
    const std::uint64_t begin_ns = monotonic_ns();
    s.root.commit(loaded->slot);
    s.last_commit_ns = monotonic_ns() - begin_ns;
    // From here on nothing can fail.
    wait_for_packets();
    Loaded old = std::exchange(*s.active, std::move(*loaded));
    if (Status added = s.active->program.state().add_first_entries(); !added && s.options.on_notice)
        s.options.on_notice("a set lacks entries of its file: " + added.error().message);
    s.retire(std::move(old));
    return Done{};
}

Result<int> Engine::poll(int timeout_ms) {
    auto taken = state_->reader->poll(timeout_ms);
    state_->forget_drained();
    return taken;
}

StateMaps::Change Engine::state_change(const bpf::Object& object) const {
    return StateMaps::change(state_->active->program.state().shapes(), object.state);
}

Result<LiveSet> Engine::set(const std::string& name) const {
    const Loaded& active = *state_->active;
    std::size_t number = 0;
    std::string others;
    for (const bpf::SetInfo& info : active.generation.manifest.sets) {
        if (info.name == name) return LiveSet::open(info, active.program.state().fd(info.identity), active.program.map(".data.weir_live_sets"), number);
        if (info.dynamic) ++number;
        others += (others.empty() ? "" : ", ") + info.name;
    }
    return Error{fmt::format("the policy has no set `{}`", name), others.empty() ? "it has none at all" : "it has " + others, ENOENT};
}

void Engine::tidy_sets() {
    for (const bpf::SetInfo& info : state_->active->generation.manifest.sets) {
        if (!info.dynamic) continue;
        if (auto live = set(info.name))
            if (auto gone = live->tidy(); !gone && state_->options.on_notice) state_->options.on_notice(gone.error().message);
    }
}

int Engine::poll_fd() const { return state_->reader->poll_fd(); }
void Engine::reopen() { state_->dispatcher.reopen(); }
std::uint64_t Engine::last_commit_ns() const { return state_->last_commit_ns; }

void Engine::detach() {
    if (state_->attachments.empty()) return;
    state_->attachments.clear();
    wait_for_packets();
    for (auto taken = poll(0); taken && *taken != 0;) taken = poll(0);
}

Result<EngineStatus> Engine::status() const {
    const State& s = *state_;
    const Generation& generation = s.active->generation;
    auto counts = read_counts(s.active->program, generation.manifest);
    if (!counts) return counts.error();
    EngineStatus status;
    status.name = s.options.name;
    status.policy = generation.manifest.policy;
    status.generation = generation.number;
    status.loaded_at = generation.loaded_at;
    for (const bpf::SetInfo& info : generation.manifest.sets) {
        SetStatus row{info.name, info.entries, 0};
        if (info.dynamic) {
            auto live = set(info.name);
            auto entries = live ? live->count() : live.error();
            if (!entries) return entries.error();
            row.entries = *entries;
            row.refused = s.accounts.state(info.identity, *counts).refused;
        }
        status.sets.push_back(std::move(row));
    }
    auto terms = s.active->program.state().term_keys();
    if (!terms) return terms.error();
    for (const StateMaps::Keys& term : *terms) {
        const weir_state_account account = s.accounts.state(term.identity, *counts);
        status.terms.push_back({term.identity, term.count, account.inserted - std::min<std::uint64_t>(account.inserted, term.count), account.refused});
    }
    for (const Attachment& attachment : s.attachments) status.interfaces.push_back({attachment.interface(), attachment.mode()});
    s.accounts.fill(status, generation.manifest, *counts);
    for (const SinkId id : generation.sinks) {
        SinkStatus sink = s.dispatcher.status(id);
        for (std::size_t i = 0; i < counts->alerts.size(); ++i) {
            const auto& sinks = generation.alert_sinks[i];
            if (std::find(sinks.begin(), sinks.end(), id) != sinks.end()) add_counts(sink, counts->alerts[i]);
        }
        settle(sink);
        status.sinks.push_back(std::move(sink));
    }
    return status;
}

}  // namespace weir::runtime
