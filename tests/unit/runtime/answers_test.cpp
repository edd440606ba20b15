// What is said of answers without a network.
#include <catch2/catch.hpp>

#include "runtime/engine/answers.h"
#include "runtime/engine/devices.h"

using namespace weir;
using namespace weir::runtime;

TEST_CASE("names of drivers' statistics about what XDP did not send") {
    for (const char* name : {"rx_queue_0_xdp_tx_errors", "rx_xdp_tx_err", "rx_xdp_tx_full", "rx3_xdp_tx_full",
                             "xdp_tx_err", "tx_queue_1_xdp_tx_drops"})
        CHECK(is_not_sent(name, "xdp_tx"));
    for (const char* name : {"rx_queue_0_xdp_tx", "rx_queue_0_xdp_drops", "rx_queue_0_drops", "tx_errors",
                             "rx_xdp_tx_cqe", "tx_queue_0_xdp_xmit_errors", ""})
        CHECK_FALSE(is_not_sent(name, "xdp_tx"));
    CHECK(is_not_sent("tx_queue_0_xdp_xmit_errors", "xdp_xmit"));
}

TEST_CASE("a limit as the part of a second that an answer takes") {
    CHECK(answer_ns(1000) == 1'000'000);
    CHECK(answer_ns(3) == 333'333'334);  // three fit, and no more
    CHECK(answer_ns(1) == WEIR_ANSWER_BUCKET_NS);
    CHECK(answer_ns(0) > WEIR_ANSWER_BUCKET_NS);  // not even one fits
}

TEST_CASE("which policies answer, and by which interfaces") {
    bpf::Manifest manifest;
    CHECK_FALSE(answers(manifest));
    manifest.rules = {{"a", true, WEIR_REJECT, {}}, {"b", true, WEIR_REDIRECT, "z"}, {"c", false, WEIR_DROP, {}}};
    CHECK_FALSE(answers(manifest));  // observed ones do not
    CHECK(devices_of(manifest) == std::vector<std::string>{"z"});
    manifest.rules.push_back({"d", false, WEIR_REDIRECT, "y"});
    manifest.rules.push_back({"e", false, WEIR_REDIRECT, "z"});
    CHECK(answers(manifest));
    CHECK(devices_of(manifest) == std::vector<std::string>{"z", "y"});
    bpf::Manifest rejecting;
    rejecting.default_verdict = WEIR_REJECT;
    CHECK(answers(rejecting));
}
