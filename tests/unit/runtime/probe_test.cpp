#include "runtime/sinks/probe.h"

#include <catch2/catch.hpp>

#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/support/http_peer.h"
#include "tests/unit/runtime/folder.h"

using namespace weir;
using namespace weir::runtime;

namespace {

bpf::SinkInfo file_sink(const std::string& path) {
    bpf::SinkInfo sink{"log", bpf::SinkKind::kEve, {}};
    sink.options.push_back({bpf::SinkWord::kPath, path});
    return sink;
}

bpf::SinkInfo web_sink(const std::string& url) {
    bpf::SinkInfo sink{"soc", bpf::SinkKind::kWebhook, {}};
    sink.options.push_back({bpf::SinkWord::kUrl, url});
    return sink;
}

}  // namespace

TEST_CASE("A sink with a spool is tried itself: its spool is an engine's") {
    const Folder folder;
    bpf::SinkInfo sink = file_sink((folder.path / "eve.json").string());
    sink.options.push_back({.word = bpf::SinkWord::kSpool, .number = 1 << 20});
    CHECK(probe_sink(sink, "edge").is_delivered);
}

TEST_CASE("A sink that works gets one event that says what it is") {
    const Folder folder;
    const std::string path = (folder.path / "eve.json").string();
    const SinkProbe probe = probe_sink(file_sink(path), "edge");
    CHECK(probe.is_delivered);
    CHECK(probe.state == "ok");
    std::ifstream file(path);
    std::string line, more;
    REQUIRE(std::getline(file, line));
    CHECK_FALSE(std::getline(file, more));
    const auto eve = nlohmann::json::parse(line);
    CHECK(eve["alert"]["signature"] == kProbeName);
    CHECK(eve["weir"]["rule"] == kProbeName);
    CHECK(eve["weir"]["policy"] == "edge");
    CHECK_FALSE(eve.contains("src_ip"));

    test::HttpPeer peer;
    CHECK(probe_sink(web_sink(peer.url("/ok")), "edge").is_delivered);
    CHECK(peer.requests().size() == 1);
}

TEST_CASE("A sink that does not work says why") {
    const SinkProbe closed = probe_sink(file_sink("/proc/none/eve.json"), "edge");
    CHECK_FALSE(closed.is_delivered);
    CHECK(closed.state.find("/proc/none/eve.json") != std::string::npos);
    test::HttpPeer peer;
    const SinkProbe refused = probe_sink(web_sink(peer.url("/status/403")), "edge");
    CHECK_FALSE(refused.is_delivered);
    CHECK(refused.state.find("answered 403") != std::string::npos);
}
