// A table of state in the kernel (bpf/table.h), as user space has it: its memory, and the program that changes it.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "bpf/table.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

class StateTable {
public:
    // The memory of map `fd`, which packets may be at work on. An error where its head is not one that weir wrote for a
    // map of that size. What the head says later is not believed: programs can write it, and one may be hostile.
    static Result<StateTable> open(int fd);
    struct Shape {
        std::uint32_t size = 0;       // keys
        std::uint32_t key_words = 0;  // 0: of terms or throttles
        std::uint32_t net_word = 0;   // bpf/table.h
        bool has_values = false;      // of a `distinct`
    };
    // A new one, with nothing in it.
    static Result<UniqueFd> make(const Shape& shape);
    // A term's or the throttles', of another size, with what `others` has as far as there is room. An error where the
    // shape has values, and `others` no room for them.
    static Result<UniqueFd> make_resized(const Shape& shape, const StateTable& others);
    // With `keys` in it, none of which ends, and then with what another table has.
    static Result<UniqueFd> make_set(const Shape& shape, std::span<const std::uint8_t> keys, const StateTable* others);

    std::uint32_t groups() const { return groups_; }
    std::uint32_t key_words() const { return key_words_; }  // of a set; 0: of terms or throttles
    // What changes in it: no place or size may be computed from that.
    const weir_table_head& head() const { return *static_cast<const weir_table_head*>(memory_.get()); }
    void clear() const { weir_clear_table(memory_.get()); }
    // A set's: calls `visit` with each entry's words and end, ns. What packets change meanwhile may be left out.
    template <typename Visit>
    void each(Visit visit) const {
        each_while([&](const std::uint32_t* words, std::uint64_t end_ns) { return visit(words, end_ns), true; });
    }
    // As long as `visit` returns true.
    template <typename Visit>
    void each_while(Visit visit) const {
        std::uint32_t words[WEIR_KEY_WORDS];
        for (std::uint32_t group = 0; group < groups_ && key_words_ != 0; ++group) {
            if (!may_hold(group)) continue;
            for (std::uint32_t i = 1; i < WEIR_GROUP_ENTRIES; ++i) {
                const weir_entry* entry = weir_entry_of_table(memory_.get(), group, i);
                const std::uint64_t print = __atomic_load_n(&entry->print, __ATOMIC_ACQUIRE) & ~WEIR_STRAYS;
                if (print == 0) continue;
                std::memcpy(words, key_of_entry(group, i), key_words_ * sizeof(words[0]));
                const std::uint64_t end_ns = __atomic_load_n(&entry->end_ns, __ATOMIC_RELAXED);
                __atomic_thread_fence(__ATOMIC_ACQUIRE);
                // Else another key came there: what was read may be half of each.
                if ((__atomic_load_n(&entry->print, __ATOMIC_RELAXED) & ~WEIR_STRAYS) == print &&
                    !visit(static_cast<const std::uint32_t*>(words), end_ns))
                    return;
            }
        }
    }
    // When the entry of that key ends, ns, 0: never; or nothing. `key` has the table's key words.
    const weir_entry* find(std::span<const std::uint32_t> key) const;
    bool put_first(const std::uint32_t* key, std::uint64_t end_ns) const {
        return weir_put_first(memory_.get(), key, end_ns) != 0;
    }

private:
    void take_cell(const weir_term_line& line, std::size_t cell, const std::uint64_t* values) const;
    std::uint64_t* values_of(std::uint32_t group, std::uint32_t cell) const {  // both from 0
        return static_cast<std::uint64_t*>(memory_.get()) +
               std::size_t{weir_value_element(groups_, 1 + group, cell)} * (WEIR_TERM_BYTES / 8) +
               weir_first_value(cell);
    }
    StateTable(UniqueMapping memory, std::uint32_t elements, std::uint32_t element_bytes)
        : memory_(std::move(memory)),
          elements_(elements),
          groups_(head().groups),
          key_words_(element_bytes == WEIR_SET_BYTES ? head().key_words : 0),
          region_shift_(head().region_shift) {}
    bool fits(std::uint32_t elements) const;
    bool may_hold(std::uint32_t group) const {
        const std::uint32_t region = (1 + group) >> region_shift_;
        return (head().regions[region / 64] >> region % 64 & 1) != 0;
    }
    const std::uint32_t* key_of_entry(std::uint32_t group, std::uint32_t number) const {
        const std::uint32_t an_element = weir_keys_an_element(key_words_);
        const std::uint64_t element = weir_first_key_element(groups_) +
                                      std::uint64_t{group} * weir_key_elements(key_words_) + number / an_element;
        const auto* bytes = static_cast<const std::uint8_t*>(memory_.get()) + element * WEIR_SET_BYTES;
        return reinterpret_cast<const std::uint32_t*>(bytes) + std::size_t{number % an_element} * key_words_;
    }

    UniqueMapping memory_;
    std::uint32_t elements_, groups_, key_words_, region_shift_;  // as they were when this was opened
};

}  // namespace weir::runtime
