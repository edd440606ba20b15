// A compiled policy as bytes in a file in memory, sealed: nobody changes it any more. It goes from process to process
// as a descriptor, and takes no room in those that do not read it.
#pragma once

#include <cstdint>

#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

class ObjectImage {
public:
    static Result<ObjectImage> make(const bpf::Object& object);
    // `bytes` bytes from `begin` of a file in memory that another process wrote. It is sealed here; an error where it
    // cannot be, or is shorter.
    static Result<ObjectImage> adopt(UniqueFd memory, std::uint64_t begin, std::uint64_t bytes);
    Result<ObjectImage> duplicate() const;

    Result<bpf::Object> read() const;
    // Without program, tables and contents of maps and sets: what an engine keeps of a policy. At most 64 MB.
    Result<bpf::Object> read_names() const;
    std::uint64_t bytes() const { return bytes_; }
    int fd() const { return memory_.get(); }

private:
    ObjectImage(UniqueFd memory, std::uint64_t begin, std::uint64_t bytes)
        : memory_(std::move(memory)), begin_(begin), bytes_(bytes) {}

    UniqueFd memory_;
    std::uint64_t begin_ = 0, bytes_ = 0;
};

}  // namespace weir::runtime
