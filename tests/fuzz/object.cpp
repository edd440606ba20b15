// Any bytes as a compiled policy, as they come from the process that compiles or from a map: refused, or an object that
// is sound, and the same bytes again. An input with an odd first byte is changes to the bytes of a real object: places
// (three bytes) and what is there (one); the last of an uneven rest cuts it.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "compiler/compiler.h"
#include "compiler/object_bytes.h"
#include "compiler/object_check.h"
#include "grammar/base/check.h"

namespace {

using namespace weir;

constexpr std::size_t kMostBytes = std::size_t{1} << 26;  // as runtime::ObjectImage has it

const std::vector<std::uint8_t>& real_object() {
    static const std::vector<std::uint8_t> bytes = [] {
        Sources sources;
        Diagnostics diagnostics;
        const auto compiled = analyse(
            sources, "fuzz.rules",
            "record 128 bytes, 64 packets\nset bad : ip ttl 1h\nset nets : net = { 10.0.0.0/8 }\n"
            "rule a { note \"n\" when ip.src in bad or ip.src in nets then drop }\n"
            "rule b { when tcp.syn and rate(ip.src) > 5/s then alert x, capture, add ip.src to bad, drop }\n"
            "rule c { when dns.qname in { \"a.example\" } then measure packet.len by ip.src, reject }\n"
            "rule d { egress when tcp.dport in 1..9 and distinct(tcp.dport, by ip.dst, in 1m) > 5 then drop }\n"
            "sink f = eve(\"/tmp/e.json\", rotate 1MB, keep 2)\nsink s = stdout()\n"
            "alert x { severity high message \"{ip.src} {tcp.dport}\" throttle 1 per ip.src every 1m to f, s }\n",
            {}, diagnostics);
        WEIR_CHECK(compiled.has_value());
        const auto object = compile(*compiled, {});
        WEIR_CHECK(object);
        std::vector<std::uint8_t> made = bpf::to_bytes(*object);
        WEIR_CHECK(bpf::from_bytes(made).has_value());
        return made;
    }();
    return bytes;
}

std::vector<std::uint8_t> changed(std::span<const std::uint8_t> changes) {
    std::vector<std::uint8_t> object = real_object();
    while (changes.size() >= 4) {
        const std::size_t at = std::size_t{changes[0]} << 16 | std::size_t{changes[1]} << 8 | changes[2];
        object[at % object.size()] = changes[3];
        changes = changes.subspan(4);
    }
    if (changes.size() == 3)
        object.resize((std::size_t{changes[0]} << 16 | std::size_t{changes[1]} << 8 | changes[2]) % object.size());
    return object;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size == 0) return 0;
    const std::span<const std::uint8_t> input(bytes + 1, size - 1);
    const std::vector<std::uint8_t> object =
        (bytes[0] & 1) != 0 ? changed(input) : std::vector<std::uint8_t>(input.begin(), input.end());
    const auto names = bpf::names_from_bytes(object, kMostBytes);
    const auto read = bpf::from_bytes(object);
    if (!read) return 0;
    WEIR_CHECK(bpf::is_sound(*read));
    WEIR_CHECK(names.has_value());
    WEIR_CHECK(bpf::to_bytes(*read) == object);
    return 0;
}
