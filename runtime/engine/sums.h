// What an engine has counted, and what its sums have of each generation: one pinned map, replaced in one piece, so that
// an engine that goes on after a kill counts everything once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/bytes.h"
#include "runtime/engine/accounts.h"
#include "runtime/engine/generation.h"

namespace weir::runtime {

// What a generation was when the sums were saved.
enum class Stage : std::uint8_t { kInForce, kKept, kRetired, kDraining };

// What the sums have of a generation's programs and of its events.
struct SummedGeneration {
    Stage stage = Stage::kInForce;
    std::vector<std::string> alerts;  // names; what is by alert is in their order
    std::vector<Record::Taken> taken;
    std::vector<std::uint64_t> sent;
    std::vector<std::uint64_t> sent_by_stand_ins;
    Counts counted;
    RuleSums left;
    std::optional<StandIn> stand_in;
};

struct Sums {
    std::uint32_t newest = 0;  // number of the generation that was last in force for the first time
    std::uint64_t auto_rollbacks = 0;
    std::uint32_t in_force = 0;       // when they were saved
    bool is_unconfirmed = false;      // it was
    std::uint32_t replaced_root = 0;  // the kernel's number of an older engine's root, whose counts are in `accounts`
    Accounts accounts;
    std::map<std::uint32_t, SummedGeneration> generations;
    std::vector<std::uint32_t> finished;  // all of theirs is in `accounts`; their records may be there yet
};

// Writes what load_sums() reads.
class SumsWriter {
public:
    struct Head {
        std::uint32_t newest;
        std::uint64_t auto_rollbacks;
        std::uint32_t in_force;
        bool is_unconfirmed;
        std::uint32_t replaced_root;
    };
    SumsWriter(const Head& head, const Accounts& accounts, const std::vector<std::uint32_t>& finished);
    void add(const Loaded& loaded, Stage stage);
    void add(const Generation& draining);
    // Ends them.
    const std::vector<std::uint8_t>& bytes();

private:
    void add(const Generation& generation, Stage stage, const Counts& counted, const RuleSums& left,
             const std::optional<StandIn>& stand_in);
    ByteWriter out_;
    bool ended_ = false;
};

// An error where any byte is not as SumsWriter wrote it.
Result<Sums> load_sums(std::span<const std::uint8_t> bytes);

}  // namespace weir::runtime
