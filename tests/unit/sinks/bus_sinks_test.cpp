#include "runtime/sinks/bus_sinks.h"

#include <cstdlib>
#include <string>

#include <catch2/catch.hpp>

#include "runtime/sinks/make.h"
#include "runtime/sinks/peer_secrets.h"
#include "tests/unit/sinks/peer.h"

using namespace weir;
using namespace weir::runtime;
using bpf::SinkKind, bpf::SinkWord;

namespace {

bpf::SinkOption text(SinkWord word, const std::string& value) {
    bpf::SinkOption option;
    option.word = word;
    option.text = value;
    return option;
}

}  // namespace

TEST_CASE("a sink's variables have its name") {
    setenv("WEIR_SINK_SOC_BUS_USER", "weir", 1);
    CHECK(sink_variable("soc-bus", "USER") == "weir");
    CHECK(sink_variable("soc_bus", "USER") == "weir");
    CHECK(sink_variable("socbus", "USER").empty());
    CHECK(sink_variable("soc-bus", "PASSWORD").empty());
    unsetenv("WEIR_SINK_SOC_BUS_USER");
}

TEST_CASE("the sinks of buses, as a policy declares them") {
    const std::vector<bpf::SinkInfo> sinks = {
        {"lake", SinkKind::kKafka, {text(SinkWord::kBrokers, "127.0.0.1:1"), text(SinkWord::kTopic, "weir")}},
        {"bus", SinkKind::kNats, {text(SinkWord::kUrl, "nats://127.0.0.1:1"), text(SinkWord::kSubject, "weir.a")}},
        {"page", SinkKind::kExec, {text(SinkWord::kPath, "/usr/lib/weir/page")}}};
    CHECK(can_make(sinks));
    const auto events = tests::lines(2);
    Batch exec(events), nats(events), kafka(events);
    // Without a broker, programs are off: at once, and aloud.
    const auto page = make_sink(sinks[2], SinkHost{});
    page->deliver(exec);
    CHECK(tests::outcomes(exec) == std::map<std::string, std::size_t>{{"not allowed", 2}});
    CHECK(page->state() == "programs are not allowed: start weir with --allow-exec=DIR");
    const auto bus = make_sink(sinks[1], SinkHost{});
    bus->deliver(nats);
    CHECK(nats.size() == 2);
    CHECK(bus->state() == "nats://127.0.0.1:1: connecting failed: Connection refused");
    const auto lake = make_sink(sinks[0], SinkHost{});
    REQUIRE(tests::deliver_until(*lake, kafka, [&] { return lake->state() != "ok"; }));
    CHECK(kafka.size() == 2);
}
