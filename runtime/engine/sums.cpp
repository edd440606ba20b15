// Tested by tests/unit/runtime/sums_test.cpp.
#include "runtime/engine/sums.h"

#include <cerrno>

namespace weir::runtime {
namespace {

constexpr std::uint32_t kVersion = 4;  // of this layout
constexpr std::size_t kChecksumBytes = sizeof(std::uint64_t);

void save_rules(ByteWriter& out, const RuleSums& rules) {
    out.put(std::uint64_t{rules.size()});
    for (const auto& [name, counter] : rules) out.put(name), out.put(counter);
}

RuleSums load_rules(ByteReader& in) {
    RuleSums rules;
    for (auto left = in.get<std::uint64_t>(); left != 0 && in.good(); --left) {
        std::string name = in.text();
        rules.emplace_back(std::move(name), in.get<weir_counter>());
    }
    return rules;
}

SummedGeneration load_generation(ByteReader& in) {
    SummedGeneration generation;
    generation.stage = in.get<Stage>();
    for (auto left = in.get<std::uint64_t>(); left != 0 && in.good(); --left) generation.alerts.push_back(in.text());
    generation.taken = in.list<Record::Taken>();
    generation.sent = in.list<std::uint64_t>();
    generation.sent_by_stand_ins = in.list<std::uint64_t>();
    generation.counted = load_counts(in);
    generation.left = load_rules(in);
    const auto program = in.get<std::uint32_t>();
    Counts counted = load_counts(in);
    if (program != 0) generation.stand_in = StandIn{program, std::move(counted)};
    return generation;
}

}  // namespace

SumsWriter::SumsWriter(const Head& head, const Accounts& accounts, const std::vector<std::uint32_t>& finished) {
    out_.put(kVersion);
    out_.put(head.newest);
    out_.put(head.auto_rollbacks);
    out_.put(head.in_force);
    out_.put(std::uint8_t{head.is_unconfirmed});
    out_.put(head.replaced_root);
    accounts.save(out_);
    out_.put(finished);
}

void SumsWriter::add(const Loaded& loaded, Stage stage) {
    add(loaded.generation, stage, loaded.counted, loaded.left, loaded.stand_in);
}
void SumsWriter::add(const Generation& draining) { add(draining, Stage::kDraining, {}, {}, {}); }

void SumsWriter::add(const Generation& generation, Stage stage, const Counts& counted, const RuleSums& left,
                     const std::optional<StandIn>& stand_in) {
    out_.put(generation.number);
    out_.put(stage);
    out_.put(std::uint64_t{generation.manifest->alerts.size()});
    for (const bpf::AlertInfo& alert : generation.manifest->alerts) out_.put(alert.name);
    const auto taken = generation.record.alerts();
    out_.put(std::vector<Record::Taken>(taken.begin(), taken.end()));
    out_.put(generation.sent);
    out_.put(generation.sent_by_stand_ins);
    save_counts(out_, counted);
    save_rules(out_, left);
    out_.put(stand_in ? stand_in->program : 0u);
    save_counts(out_, stand_in ? stand_in->counted : Counts{});
}

const std::vector<std::uint8_t>& SumsWriter::bytes() {
    if (!ended_) {
        out_.put(0u);  // no generation has this number
        out_.put(checksum(out_.bytes()));
        ended_ = true;
    }
    return out_.bytes();
}

Result<Sums> load_sums(std::span<const std::uint8_t> bytes) {
    const Error broken{"the pinned sums are not as weir wrote them", {}, EBADMSG};
    if (bytes.size() < kChecksumBytes) return broken;
    const auto body = bytes.first(bytes.size() - kChecksumBytes);
    ByteReader end(bytes.subspan(body.size()));
    if (end.get<std::uint64_t>() != checksum(body)) return broken;
    ByteReader in(body);
    Sums sums;
    if (in.get<std::uint32_t>() != kVersion) return broken;
    sums.newest = in.get<std::uint32_t>();
    sums.auto_rollbacks = in.get<std::uint64_t>();
    sums.in_force = in.get<std::uint32_t>();
    sums.is_unconfirmed = in.get<std::uint8_t>() != 0;
    sums.replaced_root = in.get<std::uint32_t>();
    sums.accounts.load(in);
    sums.finished = in.list<std::uint32_t>();
    while (const auto number = in.get<std::uint32_t>()) {
        SummedGeneration generation = load_generation(in);
        const std::size_t alerts = generation.alerts.size();
        if (generation.stage > Stage::kDraining || generation.taken.size() != alerts ||
            generation.sent.size() != alerts || generation.sent_by_stand_ins.size() != alerts)
            return broken;
        sums.generations[number] = std::move(generation);
    }
    if (!in.good()) return broken;
    return sums;
}

}  // namespace weir::runtime
