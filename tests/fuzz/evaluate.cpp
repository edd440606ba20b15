// Any frame, in and out: the oracle and the native evaluator judge it alike, by policies that read all kinds of fields.
// The first byte chooses the policy, the second the direction and the interface; then come frames, each behind its
// length (two bytes), so that what is remembered from packet to packet is reached, too.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <vector>

#include "grammar/base/check.h"
#include "tests/support/engines.h"
#include "tests/support/random_policy.h"

namespace {

using namespace weir;
using namespace weir::tests;

constexpr std::uint64_t kPolicies = 6;   // made by chance, always the same
constexpr std::size_t kMostRules = 30;   // of them: larger ones take LLVM long
constexpr std::size_t kMostFrames = 16;  // of an input

std::vector<std::unique_ptr<Evaluators>>& policies() {
    static auto all = [] {
        std::vector<std::unique_ptr<Evaluators>> made;
        auto written = Evaluators::create(
            "rule name { when tls.sni in { \"a.example\" } or dns.qname == \"a.example\" or http.host == \"a.example\" "
            "then drop }\n"
            "rule new { when flow.is_new and tcp.syn then pass }\n"
            "rule known { when flow.established or tcp.is_retransmit or flow.packets > 3 then pass }\n"
            "rule inner { when inner.tcp.dport == 80 or inner.malformed or vxlan.vni == 1 then drop }\n"
            "rule cut { when tls.is_cut or http.is_cut or ip.frag_offset > 0 then reject }\n"
            "rule out { egress when not malformed and flow.is_from_client then drop }\n",
            {}, Evaluators::Kernel::kNot);
        WEIR_CHECK(written);
        made.push_back(std::move(*written));
        for (std::uint64_t seed = 1; made.size() < kPolicies; ++seed) {
            Random random(seed);
            const RandomPolicy policy = some_both_ways(random_policy(random), random);
            if (policy.rules.size() > kMostRules) continue;
            auto created = Evaluators::create(policy.to_text(), policy.files, Evaluators::Kernel::kNot);
            WEIR_CHECK(created);
            made.push_back(std::move(*created));
        }
        return made;
    }();
    return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size < 4) return 0;
    Evaluators& evaluators = *policies()[bytes[0] % kPolicies];
    evaluators.reset();
    const char* interface = (bytes[1] & 2) != 0 ? "eth0" : "";
    std::span<const std::uint8_t> rest(bytes + 2, size - 2);
    for (std::size_t frames = 0; frames < kMostFrames && rest.size() >= 2; ++frames) {
        const bool is_out = ((bytes[1] & 1) != 0) != ((rest[0] & 0x80) != 0);
        const auto direction =
            is_out && evaluators.compiled().egress ? packet::Direction::kOut : packet::Direction::kIn;
        const std::size_t length = std::min<std::size_t>((rest[0] & 0x07u) << 8 | rest[1], rest.size() - 2);
        const Bytes frame(rest.begin() + 2, rest.begin() + 2 + static_cast<std::ptrdiff_t>(length));
        rest = rest.subspan(2 + length);
        std::string difference;
        evaluators.judge(frame, difference, frames * 1'000'000, interface, direction);
        if (difference.empty()) continue;
        std::fprintf(stderr, "%s%s\n%s\n", difference.c_str(), to_hex(frame).c_str(),
                     evaluators.compiled().source_text.c_str());
        WEIR_CHECK(false);
    }
    return 0;
}
