// Tested by tests/unit/tooling/evaluators_test.cpp, and by all of tests/verdict.
#include "tooling/judge/evaluators.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "compiler/codegen/manifest.h"
#include "compiler/codegen/state_tables.h"
#include "compiler/policy/identity.h"

namespace weir::tooling {
namespace {

// The compiled program's numbers.
template <typename Trace>
Judged judged_from(const Trace& trace) {
    Judged judged;
    judged.verdict = trace.verdict;
    judged.matched = trace.matched;
    judged.alerts = trace.alerts;
    judged.suppressed = trace.suppressed;
    if (trace.rule == WEIR_RULE_MALFORMED)
        judged.by = Judged::By::kMalformed;
    else if (trace.rule != WEIR_RULE_DEFAULT)
        judged.by = Judged::By::kRule, judged.rule = trace.rule;
    return judged;
}

}  // namespace

std::string_view evaluator_name(Evaluator evaluator) {
    constexpr std::string_view kNames[] = {"kernel", "native", "oracle"};
    return kNames[static_cast<std::size_t>(evaluator)];
}

bool kernel_is_allowed() {
    static const bool allowed = runtime::TestRunner::allowed();
    return allowed;
}

bool kernel_takes(std::size_t frame_bytes) { return runtime::TestRunner::accepts(frame_bytes); }
bool kernel_takes(std::span<const std::uint8_t> frame, packet::Direction direction) {
    return runtime::TestRunner::accepts(
        frame, direction == packet::Direction::kOut ? bpf::Direction::kOut : bpf::Direction::kIn);
}
bool kernel_takes(const CaptureFacts& facts, const policy::TypedPolicy& policy) {
    return kernel_takes(facts) && (!policy.has_egress() || facts.frames_cut_in_ip == 0);
}
bool kernel_takes(const CaptureFacts& facts) {
    return facts.frames == 0 || (kernel_takes(facts.shortest_bytes) && kernel_takes(facts.longest_bytes));
}

Status Evaluators::need_native() {
    if (native_) return Done{};
    auto native = codegen::NativeEngine::create(*compiled_);
    if (!native) return native.error();
    native_ = std::move(*native);
    return Done{};
}

Result<Evaluators> Evaluators::create(const Compiled& compiled, const std::string& word) {
    Evaluators evaluators(compiled);
    for (const Evaluator one : kAllEvaluators) {
        const bool by_default = one == (kernel_is_allowed() ? Evaluator::kKernel : Evaluator::kNative);
        if (word == "all" || word == evaluator_name(one) || (word.empty() && by_default))
            if (Status added = evaluators.add(one); !added) return added.error();
    }
    return evaluators;
}

Status Evaluators::add(Evaluator evaluator) {
    if (evaluator == Evaluator::kKernel) {
        const auto object = compile(*compiled_, {});
        if (!object) return object.error();
        return add_kernel(*object);
    }
    if (evaluator == Evaluator::kNative)
        if (Status ready = need_native(); !ready) return ready;
    if (evaluator == Evaluator::kOracle) oracle_.emplace(compiled_->policy);
    added_.push_back(evaluator);
    judging_ = added_;
    return Done{};
}

void Evaluators::watch(oracle::Oracle::Watch watch) {
    watch_ = std::move(watch);
    if (oracle_) oracle_->watch(watch_);
}

Status Evaluators::add_kernel(const bpf::Object& object) {
    auto runner = runtime::TestRunner::create(object);
    if (!runner) return runner.error();
    kernel_ = std::move(*runner);
    added_.push_back(Evaluator::kKernel);
    judging_ = added_;
    return Done{};
}

bool Evaluators::has(Evaluator evaluator) const {
    return std::find(added_.begin(), added_.end(), evaluator) != added_.end();
}

std::string Evaluators::engine() const {
    if (added_.size() > 1) return "all";
    return judging_.empty() ? "" : std::string(evaluator_name(judging_.front()));
}

Status Evaluators::begin(Kernel kernel) {
    judging_ = added_;
    compares_ = true;
    if (kernel == Kernel::kNot && has(Evaluator::kKernel)) {
        std::erase(judging_, Evaluator::kKernel);
        if (Status ready = need_native(); !ready) return ready;
        if (!has(Evaluator::kNative)) judging_.insert(judging_.begin(), Evaluator::kNative);
    }
    reactions_.clear();
    for (const Evaluator one : judging_)
        if (Reactions::any(compiled_->policy)) reactions_.emplace(one, compiled_->policy);
    if (oracle_) oracle_.emplace(compiled_->policy).watch(watch_);
    if (native_) native_->reset();
    return kernel_ ? kernel_->reset() : Done{};
}

// The oracle's sets have changed by itself.
Status Evaluators::react(Evaluator evaluator, const Reactions::Shown& shown, Judged& judged) {
    const auto found = reactions_.find(evaluator);
    if (found == reactions_.end()) return Done{};
    for (const Response& response : found->second.react(shown, judged)) {
        if (evaluator == Evaluator::kOracle) continue;
        const policy::Set& set = compiled_->policy.sets[static_cast<std::size_t>(response.set)];
        weir_set_request order{};
        const std::vector<std::uint32_t> key = codegen::live_key(set, response.entry);
        std::copy(key.begin(), key.end(), order.key);
        order.kind = response.adds ? WEIR_SET_REQUEST_PUT : WEIR_SET_REQUEST_TAKE_OUT;
        order.end_ns = response.end_ns;
        // 0 is the kernel's clock; nothing ends within the first nanosecond.
        const std::uint64_t time_ns = std::max<std::uint64_t>(shown.time_ns, 1);
        if (evaluator == Evaluator::kNative)
            native_->change(response.set, order, time_ns);
        else if (Status done = kernel_->change(policy::identity(set), order, time_ns); !done)
            return done;
    }
    return Done{};
}

Result<Judged> Evaluators::judge_with(Evaluator evaluator, std::span<const std::uint8_t> frame, std::uint64_t time_ns,
                                      std::string_view interface, packet::Direction direction) {
    auto judged = judge_alone(evaluator, frame, time_ns, interface, direction);
    if (!judged) return judged;
    if (Status reacted = react(evaluator, {frame, time_ns, interface, direction}, *judged); !reacted)
        return reacted.error();
    return judged;
}

Result<Judged> Evaluators::judge_alone(Evaluator evaluator, std::span<const std::uint8_t> frame, std::uint64_t time_ns,
                                       std::string_view interface, packet::Direction direction) {
    switch (evaluator) {
        case Evaluator::kNative: return judged_from(native_->judge(frame, time_ns, interface, direction));
        case Evaluator::kOracle: return judged_from(oracle_->judge(frame, time_ns, interface, direction));
        case Evaluator::kKernel: break;
    }
    if (!kernel_takes(frame, direction))
        return Error{fmt::format("the kernel takes no test run of a frame of {} bytes", frame.size()), {}, EINVAL};
    const bool is_out = direction == packet::Direction::kOut;
    auto trace = kernel_->judge(frame, time_ns, interface, is_out ? bpf::Direction::kOut : bpf::Direction::kIn);
    if (!trace) return trace.error();
    return judged_from(*trace);
}

Result<std::map<std::string, MeasuredByKey>> Evaluators::measures(Evaluator evaluator) {
    std::map<std::string, MeasuredByKey> all;
    const std::vector<bpf::MeasureInfo> infos = codegen::make_manifest(*compiled_, {}).measures;
    std::uint32_t number = 0;
    for (const policy::Rule& rule : compiled_->policy.rules)
        for (const policy::Measure& measure : rule.measures) {
            const bpf::MeasureInfo& info = infos[number++];
            if (evaluator == Evaluator::kOracle) {
                const auto found = oracle_->measures().find(measure.name);
                all[measure.name] =
                    found == oracle_->measures().end() ? MeasuredByKey{} : measured_by(measure, found->second);
                continue;
            }
            if (evaluator == Evaluator::kNative) {
                const std::uint8_t* table = native_->measure(number - 1);
                all[measure.name] = measured_by(info, runtime::read_measured(table), runtime::refused_of(table));
                continue;
            }
            auto read = kernel_->measured(info.identity);
            if (!read) return read.error();
            all[measure.name] = measured_by(info, read->keys(), read->refused());
        }
    return all;
}

Result<bool> Evaluators::have_evicted() const {
    for (const Evaluator one : judging_) {
        if (one == Evaluator::kNative && native_->evictions() != 0) return true;
        if (one == Evaluator::kOracle && oracle_->evictions() != 0) return true;
        if (one != Evaluator::kKernel) continue;
        const auto evictions = kernel_->evictions();
        if (!evictions) return evictions.error();
        if (*evictions != 0) return true;
    }
    return false;
}

// Counting evictions takes calls of the kernel: it is done where there is a difference to be explained.
Result<std::string> Evaluators::comparable(std::string difference) {
    if (difference.empty()) return difference;
    const auto evicted = have_evicted();
    if (!evicted) return evicted.error();
    if (!*evicted) return difference;
    compares_ = false;
    return std::string();
}

Result<Evaluators::Answer> Evaluators::judge(std::span<const std::uint8_t> frame, std::uint64_t time_ns,
                                             std::string_view interface, packet::Direction direction) {
    Answer answer;
    for (const Evaluator one : judging_) {
        auto judged = judge_with(one, frame, time_ns, interface, direction);
        if (!judged) return judged.error();
        if (one == judging_.front())
            answer.judged = std::move(*judged);
        else if (compares_ && answer.judged != *judged && answer.difference.empty()) {
            answer.difference = fmt::format("{}: {}; {}: {}", evaluator_name(judging_.front()),
                                            describe(answer.judged, compiled_->policy), evaluator_name(one),
                                            describe(*judged, compiled_->policy));
            answer.other = std::move(*judged);
        }
    }
    auto difference = comparable(std::move(answer.difference));
    if (!difference) return difference.error();
    answer.difference = std::move(*difference);
    return answer;
}

namespace {

// The entries of a set that an entry is in: of a set of nets those around it, the longest first.
std::vector<std::vector<policy::SetElement>> around(const policy::Set& set, std::vector<policy::SetElement> entry) {
    std::vector<std::vector<policy::SetElement>> all{entry};
    const auto net = static_cast<std::size_t>(std::find(set.types.begin(), set.types.end(), policy::SetType::kNet) -
                                              set.types.begin());
    if (net == set.types.size()) return all;
    while (entry[net].prefix_length > 0) {
        const auto length = static_cast<std::uint8_t>(entry[net].prefix_length - 1);
        entry[net].prefix_length = length;
        entry[net].address = network({entry[net].address, length}).address;
        all.push_back(entry);
    }
    return all;
}

}  // namespace

Result<bool> Evaluators::contains_with(Evaluator evaluator, policy::SetId set,
                                       const std::vector<policy::SetElement>& entry, std::uint64_t time_ns) {
    if (evaluator == Evaluator::kOracle) return oracle_->contains(set, entry, time_ns);
    const policy::Set& typed = compiled_->policy.sets[static_cast<std::size_t>(set)];
    for (const std::vector<policy::SetElement>& one : around(typed, entry)) {
        const Result<bool> in =
            evaluator == Evaluator::kNative
                ? Result<bool>(native_->contains(set, one, time_ns))
                : kernel_->contains(policy::identity(typed), codegen::live_key(typed, one), time_ns);
        if (!in || *in) return in;
    }
    return false;
}

Result<Evaluators::Membership> Evaluators::contains(policy::SetId set, const std::vector<policy::SetElement>& entry,
                                                    std::uint64_t time_ns) {
    Membership membership;
    for (const Evaluator one : judging_) {
        const auto contains = contains_with(one, set, entry, time_ns);
        if (!contains) return contains.error();
        if (one == judging_.front())
            membership.contains = *contains;
        else if (compares_ && membership.contains != *contains)
            membership.difference = fmt::format("{} says that `{}` {} it", evaluator_name(one),
                                                compiled_->policy.sets[static_cast<std::size_t>(set)].name,
                                                *contains ? "contains" : "does not contain");
    }
    auto difference = comparable(std::move(membership.difference));
    if (!difference) return difference.error();
    membership.difference = std::move(*difference);
    return membership;
}

std::string without_kernel(const Evaluators& evaluators) {
    const std::vector<Evaluator>& judging = evaluators.judging();
    std::string who;
    for (const Evaluator one : judging) who += fmt::format("{}{}", who.empty() ? "" : " and ", evaluator_name(one));
    return fmt::format(
        "the kernel takes no test run of one of the frames (under 14 bytes, too long, or on its way out with a cut IP "
        "header): all are judged by "
        "the {} evaluator{}",
        who, judging.size() == 1 ? "" : "s, without the kernel");
}

}  // namespace weir::tooling
