// Any bytes as a capture: read to the end, or to a fault that is said; twice the same, and never more than they can
// hold.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "grammar/base/check.h"
#include "tooling/judge/capture.h"

namespace {

constexpr std::uint64_t kMostFrames = 1 << 16;  // a compressed file may have many

struct Sums {
    std::uint64_t frames = 0, bytes = 0, last_ns = 0;
    std::string fault{};
    friend bool operator==(const Sums&, const Sums&) = default;
};

Sums read(weir::tooling::Capture& capture) {
    Sums sums;
    while (sums.frames < kMostFrames) {
        const auto frame = capture.next();
        if (!frame) {
            sums.fault = frame.error().message;
            WEIR_CHECK(!sums.fault.empty());
            break;
        }
        if (!*frame) break;
        const weir::tooling::CapturedFrame& one = **frame;
        WEIR_CHECK(one.bytes.size() <= weir::tooling::kMaxFrameBytes);
        WEIR_CHECK(one.time_ns >= sums.last_ns);
        sums.last_ns = one.time_ns;
        sums.bytes += one.bytes.size();
        ++sums.frames;
    }
    return sums;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(bytes), size);
    auto capture = weir::tooling::Capture::of_bytes("fuzz", text);
    if (!capture) return 0;
    const Sums first = read(*capture);
    const bool is_compressed = size >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
    WEIR_CHECK(is_compressed || first.bytes <= size);
    WEIR_CHECK(capture->rewind());
    WEIR_CHECK(read(*capture) == first);
    return 0;
}
