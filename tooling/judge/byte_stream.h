// The bytes of a capture, in order, whether or not they are compressed with gzip.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <memory>
#include <span>

#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::tooling {

class ByteStream {
public:
    // kEnd: nothing was left; kCut: less than was asked for.
    enum class Got : std::uint8_t { kAll, kEnd, kCut };

    // `file` can be read from its present place on, and again: a regular file or a memory file.
    static Result<ByteStream> open(runtime::UniqueFd file);
    // Errors have no path: a disk that fails, compressed data that is damaged or cut.
    Result<Got> read(std::span<std::uint8_t> bytes);
    Result<Got> skip(std::uint64_t bytes);
    // Back to the beginning.
    Status rewind();
    // Bytes that were read or skipped since the beginning, as they are without compression.
    std::uint64_t position() const { return position_; }

private:
    explicit ByteStream(gzFile file) : file_(file) {}
    Error failed() const;

    std::unique_ptr<gzFile_s, runtime::Closer<gzclose>> file_;
    std::uint64_t position_ = 0;
};

}  // namespace weir::tooling
