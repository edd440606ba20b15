// Tested by tests/unit/runtime/sets_test.cpp.
#include "runtime/trial_run.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

#include "runtime/engine/accounts.h"
#include "runtime/engine/program.h"
#include "runtime/kernel.h"
#include "runtime/state/set_changer.h"
#include "runtime/state/state_table.h"
#include "runtime/state/tls_walks.h"

namespace weir::runtime {
namespace {
constexpr std::size_t kMinFrame = 14;  // below, the kernel refuses (EINVAL)
constexpr std::string_view kSamples = ".data.weir_samples";
constexpr std::size_t kMaxFrame = 3400;  // a page, less the room that XDP wants before and behind
}  // namespace

struct TestRunner::State {
    Program program;
    int clock = -1, head = -1, matched = -1, alerts = -1;
    unsigned cpus = 1;
    std::vector<weir_trace> heads{};  // one a CPU
    struct Samples {
        int map;
        std::vector<std::uint8_t> bytes;  // as they are at the beginning
    };
    std::vector<Samples> samples{};  // of each program
    StateAccounts before{};          // of the last reset
    std::vector<bpf::IfaceCondition> ifaces{};
    std::string interface{};  // that weir_ifaces is about
    SetChanger changer{};

    // bpf/templates/read/frame.h, read_interface().
    Status name_interface(std::string_view name);

    Status read_matched(std::uint32_t count, Trace& trace) const;
    Status read_alerts(std::uint32_t count, Trace& trace) const;
};

TestRunner::TestRunner(std::unique_ptr<State> state) : state_(std::move(state)) {}
TestRunner::~TestRunner() = default;

bool TestRunner::allowed() { return may_load_programs(); }
bool TestRunner::accepts(std::size_t frame_bytes) { return frame_bytes >= kMinFrame && frame_bytes <= kMaxFrame; }

bool TestRunner::accepts(std::span<const std::uint8_t> frame, bpf::Direction direction) {
    constexpr std::size_t kIp4Bytes = 20, kIp6Bytes = 40;
    if (!accepts(frame.size()) || direction == bpf::Direction::kIn) return accepts(frame.size());
    const unsigned type = frame[12] * 256u + frame[13];
    if (type == 0x0800) return frame.size() >= kMinFrame + kIp4Bytes;
    return type != 0x86dd || frame.size() >= kMinFrame + kIp6Bytes;
}

Result<std::unique_ptr<TestRunner>> TestRunner::create(const bpf::Object& object) {
    ProgramOptions options;
    options.settings.trace = 1;
    options.settings.virtual_clock = 1;
    auto program = Program::load(object, options);
    if (!program) return program.error();
    auto state = std::make_unique<State>(State{std::move(*program)});
    state->clock = state->program.map("weir_clock");
    state->head = state->program.map("weir_trace_head");
    state->matched = state->program.map("weir_trace_matched");
    state->alerts = state->program.map("weir_trace_alerts");
    state->cpus = possible_cpus();
    state->heads.resize(state->cpus);
    state->ifaces = object.manifest.ifaces;
    // Each program that has them has them in the order in which the programs were loaded.
    const std::vector<int> maps = state->program.data(kSamples);
    for (const auto* tables : {&object.tables, &object.egress_tables})
        for (const bpf::TableImage& table : *tables)
            if (table.map == kSamples && state->samples.size() < maps.size())
                state->samples.push_back({maps[state->samples.size()], table.bytes});
    return std::unique_ptr<TestRunner>(new TestRunner(std::move(state)));
}

Status TestRunner::State::read_matched(std::uint32_t count, Trace& trace) const {
    trace.matched.resize(std::min(count, WEIR_TRACE_MATCHED));
    for (std::uint32_t i = 0; i < trace.matched.size(); ++i)
        if (bpf_map_lookup_elem(matched, &i, &trace.matched[i]) != 0) return kernel_error(errno, "reading the trace");
    return Done{};
}

Status TestRunner::State::read_alerts(std::uint32_t count, Trace& trace) const {
    for (std::uint32_t i = 0; i < std::min(count, WEIR_TRACE_ALERTS); ++i) {
        weir_traced_alert alert{};
        if (bpf_map_lookup_elem(alerts, &i, &alert) != 0) return kernel_error(errno, "reading the trace");
        trace.alerts.push_back(alert.alert);
        trace.suppressed.push_back(alert.suppressed);
    }
    return Done{};
}

Status TestRunner::State::name_interface(std::string_view name) {
    const int map = program.map("weir_ifaces");
    if (name == interface || map < 0) return Done{};  // no map: no rule reads `iface`
    const std::uint32_t zero = 0, bits = bpf::iface_matches(ifaces, name);
    const int failed = name.empty() ? bpf_map_delete_elem(map, &zero) : bpf_map_update_elem(map, &zero, &bits, BPF_ANY);
    if (failed != 0) return kernel_error(errno, "naming an interface");
    interface = name;
    return Done{};
}

Status TestRunner::reset() {
    const std::uint32_t zero = 0;
    for (const State::Samples& samples : state_->samples)
        if (bpf_map_update_elem(samples.map, &zero, samples.bytes.data(), BPF_ANY) != 0)
            return kernel_error(errno, "forgetting samples");
    if (const int walks = state_->program.map("weir_tls_walks"); walks >= 0)
        if (Status forgotten = forget_tls_walks(walks); !forgotten) return forgotten.error();
    auto accounts = read_state_accounts(state_->program);
    if (!accounts) return accounts.error();
    state_->before = std::move(*accounts);
    return state_->program.state().reset();
}

Result<MeasureTable> TestRunner::measured(const std::string& identity) const {
    return MeasureTable::open(state_->program.state().fd(identity));
}

Result<std::uint64_t> TestRunner::evictions() const {
    auto accounts = read_state_accounts(state_->program);
    if (!accounts) return accounts.error();
    std::uint64_t evictions = 0;
    for (std::size_t i = 0; i < accounts->size(); ++i)
        evictions += (*accounts)[i].second.evicted - (state_->before.empty() ? 0 : state_->before[i].second.evicted);
    return evictions;
}

Result<bool> TestRunner::contains(const std::string& identity, std::span<const std::uint32_t> key,
                                  std::uint64_t time_ns) {
    const int map = state_->program.state().fd(identity);
    if (map < 0) return Error{"no set that changes: " + identity, "", ENOENT};
    auto table = StateTable::open(map);
    if (!table) return table.error();
    const weir_entry* entry = table->find(key);
    return entry != nullptr && (entry->end_ns == 0 || time_ns < entry->end_ns);
}

Status TestRunner::change(const std::string& identity, weir_set_request order, std::uint64_t time_ns) {
    const int map = state_->program.state().fd(identity);
    if (map < 0) return Error{"no set that changes: " + identity, "", ENOENT};
    std::vector<weir_set_request> orders{order};
    return state_->changer.carry_out(map, orders, time_ns);
}

Result<Trace> TestRunner::judge(std::span<const std::uint8_t> frame, std::uint64_t time_ns, std::string_view interface,
                                bpf::Direction direction) {
    State& s = *state_;
    const bool is_out = direction == bpf::Direction::kOut;
    if (is_out && s.program.egress_fd() < 0) return Trace{WEIR_PASS, WEIR_RULE_DEFAULT, {}, {}, {}};  // all pass
    if (Status named = s.name_interface(interface); !named) return named.error();
    const std::uint32_t zero = 0;
    std::fill(s.heads.begin(), s.heads.end(), weir_trace{});
    if (bpf_map_update_elem(s.head, &zero, s.heads.data(), BPF_ANY) != 0)
        return kernel_error(errno, "clearing the trace");
    if (s.clock >= 0 && bpf_map_update_elem(s.clock, &zero, &time_ns, BPF_ANY) != 0)
        return kernel_error(errno, "setting the clock");
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    opts.data_in = frame.data();
    opts.data_size_in = static_cast<__u32>(frame.size());
    opts.repeat = 1;
    if (const int failed = bpf_prog_test_run_opts(is_out ? s.program.egress_fd() : s.program.fd(), &opts); failed != 0)
        return kernel_error(failed, "a test run of a packet");
    if (bpf_map_lookup_elem(s.head, &zero, s.heads.data()) != 0) return kernel_error(errno, "reading the trace");
    Trace trace;
    for (const weir_trace& head : s.heads) {  // one CPU ran the packet; the others have zeros
        trace.verdict |= head.verdict;
        trace.rule |= head.rule;
        if (head.matched_count != 0)
            if (Status read = s.read_matched(head.matched_count, trace); !read) return read.error();
        if (head.alert_count != 0)
            if (Status read = s.read_alerts(head.alert_count, trace); !read) return read.error();
    }
    return trace;
}

}  // namespace weir::runtime
