// Tested by tests/unit/tooling/capture_test.cpp with `gz`.
#include "tooling/judge/byte_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace weir::tooling {
namespace {
constexpr unsigned kBufferBytes = 1 << 17;
}  // namespace

Result<ByteStream> ByteStream::open(runtime::UniqueFd file) {
    // What has no gzip header is read as it is.
    gzFile opened = gzdopen(file.get(), "rb");
    if (opened == nullptr) return Error{"too little memory", {}, ENOMEM};
    file.release();
    gzbuffer(opened, kBufferBytes);
    return ByteStream(opened);
}

Error ByteStream::failed() const {
    int number = Z_OK;
    const char* message = gzerror(file_.get(), &number);
    if (number == Z_ERRNO) return {std::strerror(errno), {}, errno};
    if (number == Z_BUF_ERROR) return {"its compressed data is cut short", {}, EINVAL};
    return {fmt::format("its compressed data is damaged: {}", message), {}, EINVAL};
}

Result<ByteStream::Got> ByteStream::read(std::span<std::uint8_t> bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        constexpr std::size_t kMost = 1 << 30;  // that gzread takes
        const int got =
            gzread(file_.get(), bytes.data() + done, static_cast<unsigned>(std::min(bytes.size() - done, kMost)));
        if (got < 0) return failed();
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    position_ += done;
    if (done == bytes.size()) return Got::kAll;
    int number = Z_OK;
    gzerror(file_.get(), &number);
    if (number != Z_OK && number != Z_STREAM_END) return failed();
    return done == 0 ? Got::kEnd : Got::kCut;
}

Result<ByteStream::Got> ByteStream::skip(std::uint64_t bytes) {
    std::uint8_t rest[1 << 14];
    bool any = false;
    while (bytes != 0) {
        const auto got = read({rest, static_cast<std::size_t>(std::min<std::uint64_t>(bytes, sizeof(rest)))});
        if (!got) return got;
        if (*got != Got::kAll) return any ? Got::kCut : *got;
        any = true;
        bytes -= std::min<std::uint64_t>(bytes, sizeof(rest));
    }
    return Got::kAll;
}

Status ByteStream::rewind() {
    position_ = 0;
    if (gzrewind(file_.get()) == 0) return Done{};
    return failed();
}

}  // namespace weir::tooling
