// Memory that outlives this process where it is pinned: a map of one entry, shared with the kernel.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

class SharedBytes {
public:
    // `name`: as bpftool shows it, up to 15 bytes.
    static Result<SharedBytes> create(const char* name, const std::vector<std::uint8_t>& bytes);
    // What a pin held; an error where it is no map of create().
    static Result<SharedBytes> adopt(UniqueFd map);

    int fd() const { return map_.get(); }
    std::span<std::uint8_t> bytes() const { return {static_cast<std::uint8_t*>(mapping_.get()), size_}; }

private:
    SharedBytes(UniqueFd map, UniqueMapping mapping, std::size_t size)
        : map_(std::move(map)), mapping_(std::move(mapping)), size_(size) {}
    UniqueFd map_;
    UniqueMapping mapping_;
    std::size_t size_ = 0;
};

// What user space took of a generation's events. It is in shared memory, so that the next engine goes on with it.
class Record {
public:
    struct Taken {
        std::uint64_t delivered = 0;
        std::uint64_t lost = 0;
    };  // of an alert

    // `rest`: what is to be read back by adopt().
    static Result<Record> create(std::uint32_t generation, std::size_t alerts, const std::vector<std::uint8_t>& rest);
    static Result<Record> adopt(UniqueFd map);

    int fd() const { return memory_.fd(); }
    std::uint32_t generation() const { return head().generation; }
    std::uint64_t& read() { return head().read; }  // events taken from the ring
    std::uint64_t& sent() {
        return head().sent;
    }  // and those put there in all; known while no packet is in the program
    std::uint64_t& elsewhere() { return head().elsewhere; }  // put there by programs that stood in for its own
    std::uint64_t read() const { return head().read; }
    std::uint64_t sent() const { return head().sent; }
    std::span<Taken> alerts() const;
    std::span<const std::uint8_t> rest() const;

private:
    struct Head {
        std::uint32_t generation, alerts;
        std::uint64_t read, sent, elsewhere;
    };
    explicit Record(SharedBytes memory) : memory_(std::move(memory)) {}
    Head& head() const { return *reinterpret_cast<Head*>(memory_.bytes().data()); }

    SharedBytes memory_;
};

}  // namespace weir::runtime
