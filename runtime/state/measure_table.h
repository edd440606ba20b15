// The histograms of a `measure` in the kernel (bpf/histogram.h), as user space reads them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bpf/histogram.h"
#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "runtime/status.h"

namespace weir::runtime {

// One key's values, of all CPUs.
struct MeasuredKey {
    std::vector<std::uint32_t> words{};  // as the program lays them out: bpf/abi.h, "state"
    std::uint64_t count = 0;
    std::uint64_t sum = 0;  // modulo 2^64
    std::uint64_t largest = 0;
    std::array<std::uint64_t, WEIR_HISTOGRAM_BUCKETS> buckets{};

    // The value that so many thousandths of all values do not exceed, within 12.5%; 0 where there are none.
    std::uint64_t quantile(std::uint32_t thousandths) const;
    // How many values do not exceed each of `bounds`, which ascend; exact where a bucket ends at each.
    std::vector<std::uint64_t> up_to(const std::vector<std::uint64_t>& bounds) const;
    // All buckets but those of 0 at the end.
    std::vector<std::uint64_t> filled_buckets() const;
};

class MeasureTable {
public:
    // The memory of map `fd`, which packets may be at work on. An error where its head is not one that weir wrote for a
    // map of that size. What the head says later is not believed.
    static Result<MeasureTable> open(int fd);
    // A new one, with nothing in it. `key_words` 0: without a key.
    static Result<UniqueFd> make(std::uint32_t size, std::uint32_t key_words);
    // Of another size, with what `others` has as far as there is room.
    static Result<UniqueFd> make_resized(std::uint32_t size, std::uint32_t key_words, const MeasureTable& others);

    std::vector<MeasuredKey> keys() const;  // in the order in which they were met
    std::uint64_t key_count() const;
    std::uint64_t refused() const;  // values of keys that found no place
    void clear() const { weir_clear_measure(memory_.get()); }

private:
    MeasureTable(UniqueMapping memory, const weir_measure_head& head) : memory_(std::move(memory)), head_(head) {}
    void take(const MeasuredKey& key) const;

    UniqueMapping memory_;
    weir_measure_head head_;  // as it was when this was opened
};

// The same of a table in memory that nobody writes to.
std::vector<MeasuredKey> read_measured(const void* elements);
std::uint64_t refused_of(const void* elements);

// What a status says of it. `fd`: of its table.
Result<MeasureStatus> measure_status(const bpf::MeasureInfo& info, int fd);

// The parts of a key for people: "198.51.100.0/24", "443".
std::vector<std::string> key_texts(const std::vector<bpf::MeasureKeyPart>& parts,
                                   const std::vector<std::uint32_t>& words);

}  // namespace weir::runtime
