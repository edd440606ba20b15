// Tested by tests/unit/codegen/native_test.cpp.
#include "compiler/codegen/native.h"

#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/ExecutionEngine/Orc/ThreadSafeModule.h>
#include <llvm/IR/Constants.h>
#include <llvm/Support/TargetSelect.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "bpf/tls_walks.h"
#include "compiler/codegen/backend.h"
#include "compiler/codegen/host_maps.h"
#include "compiler/compiler.h"
#include "grammar/base/check.h"

namespace weir::codegen {
namespace {

// What the template calls a context on the host (bpf/templates/target.h).
struct HostFrame {
    const std::uint8_t* data;
    const std::uint8_t* data_end;
    std::uint32_t ingress_ifindex;
    std::uint32_t rx_queue_index;
};

// The kernel's helpers, as far as policies call them.
void* look_up(void* map, const void* key) { return static_cast<HostMap*>(map)->look_up(key); }
std::uint64_t no_clock() { return 0; }                                  // the clock is virtual here
void* no_room(void*, std::uint64_t, std::uint64_t) { return nullptr; }  // events go to the trace
void ignore_submit(void*, std::uint64_t) {}

using Maps = std::map<std::string, HostMap>;

constexpr const char* kChange = "weir_change_on_host";
constexpr const char* kStateMaps[] = {"weir_term_tables", "weir_set_tables", "weir_measure_tables"};

Maps make_maps(const Compiled& compiled, const bpf::Object& object) {
    Maps maps;
    maps.emplace("weir_counters",
                 HostMap::array(WEIR_COUNTER_BLOCKS(compiled.decision.rules.size() + 3), sizeof(weir_counter_block)));
    maps.emplace("weir_alert_accounts", HostMap::array(compiled.policy.alerts.size(), sizeof(weir_alert_account)));
    maps.emplace("weir_events", HostMap::array(0, 1));
    maps.emplace("weir_record", HostMap::array(0, 1));
    maps.emplace("weir_ifaces", HostMap::array(0, sizeof(std::uint32_t)));
    maps.emplace("weir_trace_head", HostMap::array(1, sizeof(weir_trace)));
    maps.emplace("weir_trace_matched", HostMap::array(WEIR_TRACE_MATCHED, sizeof(std::uint32_t)));
    maps.emplace("weir_trace_alerts", HostMap::array(WEIR_TRACE_ALERTS, sizeof(weir_traced_alert)));
    maps.emplace("weir_long_keys", HostMap::array(1, WEIR_LONG_KEY_WORDS * sizeof(std::uint32_t)));
    maps.emplace("weir_insides", HostMap::array(1, sizeof(weir_scratch)));
    maps.emplace("weir_clock", HostMap::array(1, sizeof(std::uint64_t)));
    bpf::MapImage none;
    none.key_size = none.value_size = sizeof(std::uint32_t);
    for (const bpf::MapImage& image : object.maps) {
        if (image.map == "weir_sets_hash") maps.emplace(image.map, HostMap::hash(image));
        if (image.map == "weir_sets_lpm") maps.emplace(image.map, HostMap::prefixes(image));
    }
    maps.try_emplace("weir_sets_hash", HostMap::hash(none));
    maps.try_emplace("weir_sets_lpm", HostMap::prefixes(none));
    for (const char* outer : kStateMaps) maps.emplace(outer, HostMap::maps());
    for (const bpf::StateMap& image : object.state)
        if (image.kind != bpf::StateKind::kFlows) maps.at(image.outer).put(image.index, HostMap::state(image));
    for (const bpf::NameImage& image : object.names) maps.at("weir_set_tables").put(image.index, HostMap::names(image));
    for (const bpf::MapSize& size : object.sizes) {
        if (size.map == "weir_state_accounts")
            maps.emplace(size.map, HostMap::array(size.max_entries, sizeof(weir_state_account)));
        if (size.map == bpf::kFlowTable)
            maps.emplace(size.map, HostMap::array(size.max_entries, sizeof(weir_flow_element)));
        if (size.map == "weir_changing")
            maps.emplace(size.map, HostMap::array(size.max_entries, sizeof(std::uint32_t)));
    }
    const bool walks =
        ((compiled.decision.needs | (compiled.egress ? compiled.egress->needs : 0)) & WEIR_NEED_TLS_WALKS) != 0;
    maps.emplace("weir_tls_walks", HostMap::array(walks ? WEIR_TLS_WALK_ELEMENTS : 0, sizeof(weir_tls_walks)));
    maps.try_emplace(bpf::kFlowTable, HostMap::array(0, sizeof(weir_flow_element)));
    return maps;
}

// Maps become symbols of ours; the settings say: trace, virtual clock.
void bind_host_symbols(llvm::Module& module, const Maps& maps) {
    for (const auto& [name, map] : maps) {
        llvm::GlobalVariable* global = module.getGlobalVariable(name, true);
        if (global == nullptr) continue;
        global->setInitializer(nullptr);
        global->setLinkage(llvm::GlobalValue::ExternalLinkage);
        global->setSection("");
        global->setDSOLocal(false);
    }
    llvm::GlobalVariable* settings = module.getGlobalVariable("weir_settings");
    WEIR_CHECK(settings != nullptr);
    auto* type = llvm::cast<llvm::StructType>(settings->getValueType());
    llvm::Type* i32 = llvm::Type::getInt32Ty(module.getContext());
    const auto number = [&](std::uint64_t value) { return llvm::ConstantInt::get(i32, value); };
    std::vector<llvm::Constant*> members{number(1), number(1)};
    while (type->getElementType(static_cast<unsigned>(members.size())) == i32) members.push_back(number(0));
    constexpr std::uint64_t kPrintBy[] = WEIR_TEST_PRINT_BY;
    members.push_back(llvm::ConstantDataArray::get(module.getContext(), kPrintBy));
    members.push_back(number(weir_flow_groups_in(static_cast<std::uint32_t>(maps.at("weir_flows").entries()))));
    members.push_back(number(0));
    settings->setInitializer(llvm::ConstantStruct::get(type, members));
}

// The lists of what is to stay although nobody calls it. What they were made of would still be among the uses of each
// function, and be taken apart once a function of them is erased.
void drop_lists_of_used(llvm::Module& module) {
    for (const char* used : {"llvm.compiler.used", "llvm.used"})
        if (llvm::GlobalVariable* list = module.getGlobalVariable(used)) list->eraseFromParent();
    for (llvm::Function& function : module) function.removeDeadConstantUsers();
    for (llvm::GlobalVariable& global : module.globals()) global.removeDeadConstantUsers();
}

Status define_symbols(llvm::orc::LLJIT& jit, Maps& maps) {
    llvm::orc::SymbolMap symbols;
    const auto define = [&](const std::string& name, auto* address) {
        symbols[jit.mangleAndIntern(name)] = {llvm::orc::ExecutorAddr::fromPtr(address),
                                              llvm::JITSymbolFlags::Exported};
    };
    for (auto& [name, map] : maps) define(name, &map);
    define("bpf_map_lookup_elem", &look_up);
    define("bpf_ktime_get_ns", &no_clock);
    define("bpf_ringbuf_reserve", &no_room);
    define("bpf_ringbuf_submit", &ignore_submit);
    if (llvm::Error failed = jit.getMainJITDylib().define(llvm::orc::absoluteSymbols(symbols)))
        return bug_of_ours(llvm::toString(std::move(failed)));
    return Done{};
}

// The template's name for a table of the ELF.
std::string global_name(const bpf::TableImage& table) {
    constexpr std::string_view kSection = ".data.";
    return table.map == ".bss" ? "weir_lines" : table.map.substr(kSection.size());
}

std::vector<std::uint32_t> first_numbers(HostMap& map, std::uint32_t count, std::uint32_t kept) {
    std::vector<std::uint32_t> numbers(std::min(count, kept));
    if (!numbers.empty()) std::memcpy(numbers.data(), map.values(), numbers.size() * sizeof(std::uint32_t));
    return numbers;
}

llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> make_jit(NativeEngine::Made made) {
    auto machine = llvm::orc::JITTargetMachineBuilder::detectHost();
    if (!machine) return machine.takeError();
    if (made == NativeEngine::Made::kQuickly) machine->setCodeGenOptLevel(llvm::CodeGenOptLevel::None);
    return llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(*machine)).create();
}

}  // namespace

// The code for one direction.
struct HostProgram {
    std::unique_ptr<LlvmErrors> llvm_errors;  // outlives the context that complains, which the JIT owns
    std::unique_ptr<llvm::orc::LLJIT> jit;
    int (*policy)(const HostFrame*) = nullptr;
    int (*change)(void* table, weir_set_request* order, std::uint64_t now_ns) = nullptr;  // where an alert responds
    weir_sample* samples_at = nullptr;  // the program's, and as they were
    std::vector<weir_sample> samples;

    Status make(const Compiled& compiled, NativeEngine::Made made, packet::Direction direction, Tables& tables,
                Maps& maps);
    Status fill_tables(const bpf::Object& object);
    template <typename T>
    Result<T*> address_of(const std::string& name) {
        auto found = jit->lookup(name);
        if (!found) return bug_of_ours(llvm::toString(found.takeError()));
        return found->toPtr<T*>();
    }
};

struct NativeEngine::State {
    Maps maps;  // of both programs
    HostProgram in, out;
    const Compiled* compiled = nullptr;
    std::string interface;           // that weir_ifaces is about
    std::unique_ptr<Tables> tables;  // where state is

    void name_interface(std::string_view name);
    std::uint32_t run(std::span<const std::uint8_t> frame, packet::Direction direction) const;
};

Status HostProgram::fill_tables(const bpf::Object& object) {
    for (const bpf::TableImage& table : object.tables) {
        const auto bytes = address_of<std::uint8_t>(global_name(table));
        if (!bytes) return bytes.error();
        std::memcpy(*bytes, table.bytes.data(), table.bytes.size());
        if (table.map != ".data.weir_samples") continue;
        samples_at = reinterpret_cast<weir_sample*>(*bytes);
        samples.assign(samples_at, samples_at + table.bytes.size() / sizeof(weir_sample));
    }
    return Done{};
}

// The maps are made with the first program of an engine; both know them by name.
Status HostProgram::make(const Compiled& compiled, NativeEngine::Made made, packet::Direction direction, Tables& tables,
                         Maps& maps) {
    auto context = std::make_unique<llvm::LLVMContext>();
    llvm_errors = std::make_unique<LlvmErrors>(*context);
    auto opened = open_template(Target::kHost, *context);
    if (!opened) return opened.error();
    std::unique_ptr<llvm::Module> module = std::move(*opened);
    if (Status filled = fill_template(*module, compiled, {}, direction, tables); !filled) return filled;
    const bool responds = std::any_of(compiled.policy.alerts.begin(), compiled.policy.alerts.end(),
                                      [](const policy::Alert& alert) { return !alert.responses.empty(); });
    drop_lists_of_used(*module);
    if (!responds) {
        llvm::Function* unneeded = module->getFunction(kChange);
        WEIR_CHECK(unneeded != nullptr && unneeded->use_empty());
        unneeded->eraseFromParent();
        drop_uncalled(*module);
    }
    bpf::Object object;
    tables.write(compiled.policy, object);

    if (maps.empty()) maps = make_maps(compiled, object);
    bind_host_symbols(*module, maps);
    auto compiler = make_jit(made);
    if (!compiler) return bug_of_ours("no native code can be made here: " + llvm::toString(compiler.takeError()));
    jit = std::move(*compiler);
    module->setDataLayout(jit->getDataLayout());
    module->setTargetTriple(jit->getTargetTriple().str());
    optimise(*module, nullptr);
    std::erase_if(object.tables,
                  [&](const bpf::TableImage& table) { return module->getNamedValue(global_name(table)) == nullptr; });
    if (Status defined = define_symbols(*jit, maps); !defined) return defined;
    if (llvm::Error failed = jit->addIRModule(llvm::orc::ThreadSafeModule(std::move(module), std::move(context))))
        return bug_of_ours(llvm::toString(std::move(failed)));
    const auto found = address_of<int(const HostFrame*)>("weir_policy");
    if (!found) return found.error();
    policy = *found;
    if (responds) {
        const auto changes = address_of<int(void*, weir_set_request*, std::uint64_t)>(kChange);
        if (!changes) return changes.error();
        change = *changes;
    }
    if (Status filled = fill_tables(object); !filled) return filled;
    return llvm_errors->any() ? Status(bug_of_ours(llvm_errors->text())) : Done{};
}

// bpf/templates/read/frame.h, read_interface().
void NativeEngine::State::name_interface(std::string_view name) {
    if (name == interface) return;
    interface = name;
    HostMap& ifaces = maps.at("weir_ifaces");
    const std::uint32_t bits = bpf::iface_matches(compiled->decision.ifaces, name);
    ifaces = HostMap::array(name.empty() ? 0 : 1, sizeof(bits));
    if (!name.empty()) std::memcpy(ifaces.values(), &bits, sizeof(bits));
}

NativeEngine::NativeEngine(std::unique_ptr<State> state) : state_(std::move(state)) {}
NativeEngine::~NativeEngine() = default;

Result<std::unique_ptr<NativeEngine>> NativeEngine::create(const Compiled& compiled, Made made) {
    static const bool ready = [] {
        llvm::InitializeNativeTarget();
        llvm::InitializeNativeTargetAsmPrinter();
        return true;
    }();
    WEIR_CHECK(ready);
    auto state = std::make_unique<State>();
    state->compiled = &compiled;
    state->tables = std::make_unique<Tables>(compiled.policy);
    if (Status done = state->in.make(compiled, made, packet::Direction::kIn, *state->tables, state->maps); !done)
        return done.error();
    if (compiled.egress) {
        Tables tables(compiled.policy);
        if (Status done = state->out.make(compiled, made, packet::Direction::kOut, tables, state->maps); !done)
            return done.error();
    }
    return std::unique_ptr<NativeEngine>(new NativeEngine(std::move(state)));
}

void NativeEngine::reset() {
    for (const HostProgram* program : {&state_->in, &state_->out})
        std::copy(program->samples.begin(), program->samples.end(), program->samples_at);
    for (const char* outer : kStateMaps) state_->maps.at(outer).reset();
    for (const char* name : {"weir_state_accounts", "weir_tls_walks", "weir_flows"}) state_->maps.at(name).clear();
}

std::uint64_t NativeEngine::evictions() const {
    const HostMap& accounts = state_->maps.at("weir_state_accounts");
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < accounts.entries(); ++i) {
        weir_state_account account{};
        std::memcpy(&account, accounts.values() + i * sizeof(account), sizeof(account));
        sum += account.evicted;
    }
    const HostMap& walks = state_->maps.at("weir_tls_walks");
    if (walks.entries() == 0) return sum;
    weir_tls_walks_head head{};
    std::memcpy(&head, walks.values(), sizeof(head));
    return sum + head.evicted;
}

const std::uint8_t* NativeEngine::measure(std::uint32_t number) {
    return static_cast<HostMap*>(state_->maps.at("weir_measure_tables").look_up(&number))->values();
}

void NativeEngine::change(policy::SetId set, weir_set_request order, std::uint64_t time_ns) {
    const StatePlace& place = state_->tables->state().live_set(static_cast<std::uint32_t>(set));
    state_->in.change(state_->maps.at(place.maps).look_up(&place.index), &order, time_ns);
}

bool NativeEngine::contains(policy::SetId set, const std::vector<policy::SetElement>& entry, std::uint64_t time_ns) {
    const StatePlace& place = state_->tables->state().live_set(static_cast<std::uint32_t>(set));
    auto* entries = static_cast<HostMap*>(state_->maps.at(place.maps).look_up(&place.index));
    const std::vector<std::uint32_t> key =
        live_key(state_->compiled->policy.sets[static_cast<std::size_t>(set)], entry);
    const std::optional<std::uint64_t> end_ns = entries->end_of(key.data());
    return end_ns && (*end_ns == 0 || time_ns < *end_ns);
}

std::uint32_t NativeEngine::State::run(std::span<const std::uint8_t> frame, packet::Direction direction) const {
    const HostFrame host{frame.data(), frame.data() + frame.size(), 0, 0};
    return static_cast<std::uint32_t>((direction == packet::Direction::kOut ? out : in).policy(&host));
}

std::uint32_t NativeEngine::run(std::span<const std::uint8_t> frame) {
    return state_->run(frame, packet::Direction::kIn);
}

NativeJudgement NativeEngine::judge(std::span<const std::uint8_t> frame, std::uint64_t time_ns,
                                    std::string_view interface, packet::Direction direction) {
    // Without a program for it all pass.
    if (direction == packet::Direction::kOut && state_->out.policy == nullptr)
        return {WEIR_PASS, WEIR_RULE_DEFAULT, {}, {}, {}};
    state_->name_interface(interface);
    HostMap& head = state_->maps.at("weir_trace_head");
    weir_trace trace{};
    std::memcpy(head.values(), &trace, sizeof(trace));
    std::memcpy(state_->maps.at("weir_clock").values(), &time_ns, sizeof(time_ns));
    state_->run(frame, direction);
    std::memcpy(&trace, head.values(), sizeof(trace));
    NativeJudgement judgement;
    judgement.verdict = trace.verdict;
    judgement.rule = trace.rule;
    judgement.matched = first_numbers(state_->maps.at("weir_trace_matched"), trace.matched_count, WEIR_TRACE_MATCHED);
    for (std::uint32_t i = 0; i < std::min(trace.alert_count, WEIR_TRACE_ALERTS); ++i) {
        weir_traced_alert alert{};
        std::memcpy(&alert, state_->maps.at("weir_trace_alerts").values() + i * sizeof(alert), sizeof(alert));
        judgement.alerts.push_back(alert.alert);
        judgement.suppressed.push_back(alert.suppressed);
    }
    return judgement;
}

}  // namespace weir::codegen
