// Memory that can outlive this process: a map of one entry, shared with the kernel. Pinned, the next engine finds it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/engine/lifetime.h"
#include "runtime/handles.h"

namespace weir::runtime {

class SharedBytes {
public:
    // `name`: as bpftool shows it, up to 15 bytes. kProcess: memory of this process alone, which needs no rights.
    static Result<SharedBytes> create(const char* name, const std::vector<std::uint8_t>& bytes, Lifetime lifetime);
    // What a pin held; an error where it is no map of create().
    static Result<SharedBytes> adopt(UniqueFd map);

    int fd() const { return map_.get(); }  // -1: it cannot be pinned
    std::span<std::uint8_t> bytes() const { return {static_cast<std::uint8_t*>(mapping_.get()), size_}; }

private:
    SharedBytes(UniqueFd map, UniqueMapping mapping, std::size_t size)
        : map_(std::move(map)), mapping_(std::move(mapping)), size_(size) {}
    UniqueFd map_;
    UniqueMapping mapping_;
    std::size_t size_ = 0;
};

}  // namespace weir::runtime
