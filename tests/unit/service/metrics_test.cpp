#include "service/http/metrics.h"

#include <fstream>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>

#include "service/http/series.h"
#include "tests/unit/service/exposition.h"

using namespace weir;
using namespace weir::service;
using namespace weir::test;
using http::DoorStatus;
using http::metrics_text;

namespace {

// With a row of each part of a status.
StatusReply full_status() {
    StatusReply reply;
    reply.process = {"1.2.3", "2026-01-02T03:04:05.500000Z", 1.25, 4096};
    reply.reload_failed = 3;
    reply.reloads = {5, 1, 2, true, 31, 9, 250};
    reply.compiler.lacks = {"Landlock: no"};
    reply.doors = {{"network-door", {}, "ok", 2}, {"policy-follower", {}, "no server", 0, {"seccomp: no"}}};
    runtime::EngineStatus& engine = reply.engine;
    engine.name = "eth0";
    engine.in_force = {"edge", 7, 2, "1970-01-01T00:01:00.000000Z", {"/edge", {{"/i", "11"}, {"/edge", "22"}}},
                       1500,   6};
    engine.auto_rollbacks = 4;
    engine.problems = {{"a pin was removed", "1970-01-01T00:02:00.000000Z"}};
    engine.interfaces = {{"eth0", runtime::AttachMode::kGeneric, false, 2, 48, "", "", true}, {"eth1"}};
    engine.rules = {{"web", 10, 1000, bpf::Direction::kIn, "pass"},
                    {"telnet", 20, 2000, bpf::Direction::kOut, "drop", true},
                    {"noted", 30, 3000}};
    engine.default_ = {"default", 40, 4000, bpf::Direction::kIn, "drop"};
    engine.malformed = {"malformed", 50, 5000, bpf::Direction::kIn, "drop"};
    engine.default_egress = {"default egress", 60, 6000, bpf::Direction::kOut, "pass"};
    engine.answers = {1, 2, 3, 4};
    engine.redirects = {5, 6, 7, {{"eth1", true}, {"eth2", false}}};
    runtime::AlertStatus& alert = engine.alerts.emplace_back();
    alert.name = "scan";
    alert.matched = 100, alert.delivered = 50, alert.suppressed = 30, alert.lost = 15, alert.pending = 5;
    alert.escalations.emplace_back().sink = "soc";
    alert.escalations[0].delivered = 8;
    alert.responses = {9, 8, 7, 6};
    runtime::SinkStatus& sink = engine.sinks.emplace_back();
    sink.name = "log", sink.kind = "eve", sink.state = "no room";
    sink.offered = 70, sink.delivered = 60, sink.lost = 8, sink.pending = 2, sink.spooled = 1;
    sink.lost_by = {{"queue full", 3}, {"ring full", 5}};
    sink.spool.emplace().bytes = 900;
    sink.spool->max_bytes = 1000;
    engine.sets = {{"bad", 11, 12}};
    engine.sets_file.emplace().state = "ok";
    engine.sets_file->saved_at = "1970-01-01T00:03:00.000000Z";
    engine.terms = {{"rule web: rate(ip.src) per 1s", 13, 14, 15}, {"not counted yet", std::nullopt, 1, 2}};
    engine.flows = {65536, 16, 17, 18};
    engine.recorder = {128, 10, 4096, {3, 4}};
    runtime::MeasureStatus& measure = engine.measures.emplace_back();
    measure.name = "rtt", measure.unit = "ns", measure.by = {"ip.src/24/128", "tcp.dport"};
    measure.bounds = {1023, 2047};
    measure.keys = {{{"198.51.100.0/24", "443"}, 9, 18'000'000'000, 0, 0, 0, 0, {2, 5}}, {{"192.0.2.0/24", "1"}, 1}};
    runtime::ShadowStatus& shadow = engine.shadow.emplace();
    shadow.policy = "next", shadow.packets = 21, shadow.disagreements = 22;
    return reply;
}

DoorStatus full_door() { return {{{200, 5}, {401, 6}}, 7, 8, 9, 10, 11}; }

Exposition read(const StatusReply& reply, const std::optional<DoorStatus>& door = std::nullopt) {
    Exposition exposition = read_exposition(metrics_text(reply, door));
    CHECK(exposition.fault == "");
    return exposition;
}

}  // namespace

TEST_CASE("each metric of the table has what the status says", "[metrics]") {
    const Exposition text = read(full_status(), full_door());
    for (const http::MetricRow& row : http::metric_rows()) {
        INFO(row.name);
        CHECK(text.find(std::string(row.name)) != nullptr);
    }
    CHECK(text.value("weir_build_info", {{"version", "1.2.3"}, {"engine", "eth0"}}) == 1);
    CHECK(text.value("weir_start_time_seconds", {}) == 1767323045.5);
    CHECK(text.value("weir_policy_loaded_timestamp_seconds", {}) == 60);
    CHECK(text.value("weir_policy_info", {{"policy", "edge"}, {"file", "/edge"}, {"sha256", "22"}}) == 1);
    CHECK(text.value("weir_policy_confirm_remaining_seconds", {}) == 1.5);
    CHECK(text.value("weir_confinement_lacks", {{"process", "policy-follower"}}) == 1);
    CHECK(text.value("weir_process_ok", {{"process", "policy-follower"}}) == 0);
    CHECK(text.value("weir_process_restarts_total", {{"process", "network-door"}}) == 2);
    CHECK(text.value("weir_reloads_total", {{"outcome", "refused"}}) == 3);
    CHECK(text.value("weir_reloads_total", {{"outcome", "in_force"}}) == 5);
    CHECK(text.value("weir_rollbacks_total", {{"cause", "unconfirmed"}}) == 4);
    CHECK(text.value("weir_last_reload_successful", {}) == 0);
    CHECK(text.value("weir_compile_seconds", {}) == 0.031);
    CHECK(text.value("weir_commit_seconds", {}) == 0.00025);
    CHECK(text.value("weir_interface_attached", {{"interface", "eth0"}, {"mode", "generic"}}) == 0);
    CHECK(text.value("weir_interface_attached", {{"interface", "eth1"}, {"mode", "native"}}) == 1);
    CHECK(text.value("weir_interface_last_gap_seconds", {{"interface", "eth0"}}) == 0.048);
    CHECK(text.find("weir_interface_egress_attached")->samples.size() == 1);
    const auto rule = [](const char* name, const char* verdict, const char* direction) {
        return std::map<std::string, std::string>{
            {"policy", "edge"}, {"rule", name}, {"verdict", verdict}, {"direction", direction}};
    };
    CHECK(text.value("weir_rule_packets_total", rule("web", "pass", "in")) == 10);
    CHECK(text.value("weir_rule_packets_total", rule("telnet", "would drop", "out")) == 20);
    CHECK(text.value("weir_rule_bytes_total", rule("noted", "none", "in")) == 3000);
    CHECK(text.value("weir_default_packets_total", {{"policy", "edge"}, {"verdict", "pass"}, {"direction", "out"}}) ==
          60);
    const std::map<std::string, std::string> log{{"policy", "edge"}, {"sink", "log"}, {"kind", "eve"}};
    CHECK(text.value("weir_sink_ok", log) == 0);
    CHECK(text.value("weir_sink_spool_bytes", log) == 900);
    auto lost = log;
    lost["reason"] = "ring full";
    CHECK(text.value("weir_sink_lost_events_total", lost) == 5);
    CHECK(text.find("weir_sink_lost_events_total")->samples.size() == 2);
    CHECK(text.value("weir_alert_events_total", {{"policy", "edge"}, {"alert", "scan"}, {"outcome", "suppressed"}}) ==
          30);
    CHECK(text.find("weir_state_keys")->samples.size() == 1);
    CHECK(text.value("weir_flows", {{"policy", "edge"}}) == 16);
    CHECK(text.value("weir_recorder_packets", {{"policy", "edge"}}) == 7);
    CHECK(text.value("weir_http_responses_total", {{"code", "401"}}) == 6);
    CHECK(text.value("weir_http_lost_events_total", {}) == 11);
}

TEST_CASE("a measure is a histogram in base units, with the parts of its key as labels", "[metrics]") {
    StatusReply reply = full_status();
    const std::map<std::string, std::string> key{{"policy", "edge"},
                                                 {"measure", "rtt"},
                                                 {"unit", "seconds"},
                                                 {"ip_src", "198.51.100.0/24"},
                                                 {"tcp_dport", "443"}};
    Exposition text = read(reply);
    CHECK(text.value("weir_measure_sum", key) == 18);
    CHECK(text.value("weir_measure_count", key) == 9);
    auto bucket = key;
    bucket["le"] = "1.023e-06";
    CHECK(text.value("weir_measure_bucket", bucket) == 2);
    bucket["le"] = "+Inf";
    CHECK(text.value("weir_measure_bucket", bucket) == 9);
    CHECK(text.find("weir_measure")->samples.size() == 5);  // the key without buckets has none
    CHECK(text.value("weir_measure_keys", {{"policy", "edge"}, {"measure", "rtt"}}) == 2);
    // The same field twice, and no key at all.
    reply.engine.measures[0].by = {"ip.src/8/16", "ip.src/24/128"};
    reply.engine.measures[0].unit = "bytes";
    runtime::MeasureStatus& whole = reply.engine.measures.emplace_back(reply.engine.measures[0]);
    whole.name = "whole", whole.unit = "", whole.by = {}, whole.keys.resize(1), whole.keys[0].key = {};
    text = read(reply);
    CHECK(text.value("weir_measure_sum", {{"policy", "edge"},
                                          {"measure", "rtt"},
                                          {"unit", "bytes"},
                                          {"ip_src", "198.51.100.0/24"},
                                          {"ip_src_2", "443"}}) == 18e9);
    CHECK(text.value("weir_measure_bucket", {{"policy", "edge"}, {"measure", "whole"}, {"unit", ""}, {"le", "1023"}}) ==
          2);
}

TEST_CASE("what a status does not have is left out, and an engine without rules has metrics too", "[metrics]") {
    const Exposition text = read(StatusReply{});
    for (const char* absent : {"weir_rule_packets_total", "weir_policy_confirm_remaining_seconds", "weir_load_seconds",
                               "weir_flows", "weir_start_time_seconds", "weir_http_connections", "weir_measure",
                               "weir_last_problem_timestamp_seconds", "weir_sets_file_ok"}) {
        INFO(absent);
        CHECK(text.find(absent) == nullptr);
    }
    CHECK(text.value("weir_generation", {}) == 0);
    CHECK(text.value("weir_policy_unconfirmed", {}) == 0);
    CHECK(text.value("weir_last_reload_successful", {}) == 1);
}

TEST_CASE("names of interfaces, files and sinks cannot break the text", "[metrics]") {
    StatusReply reply;
    const std::string hostile = "a\"b\\c\nd{}=,#\t\x01 \xff\xc3 \xe2\x82\xac";
    reply.engine.interfaces = {{hostile}};
    reply.engine.in_force.policy = hostile;
    reply.engine.rules = {{"r", 1, 2}};
    const Exposition text = read(reply);
    const std::string readable = "a\"b\\c\nd{}=,#\t\x01 \xef\xbf\xbd\xef\xbf\xbd \xe2\x82\xac";
    CHECK(text.value("weir_interface_attached", {{"interface", readable}, {"mode", "native"}}) == 1);
    CHECK(text.value("weir_policy_rules", {{"policy", readable}}) == 1);
}

TEST_CASE("numbers are exact up to 2^64", "[metrics]") {
    StatusReply reply;
    reply.engine.rules = {{"r", 18'446'744'073'709'551'615u, 9'007'199'254'740'993u}};
    const std::string text = metrics_text(reply);
    CHECK(text.find(" 18446744073709551615\n") != std::string::npos);
    CHECK(text.find(" 9007199254740993\n") != std::string::npos);
}

TEST_CASE("the reader of these tests finds what is wrong", "[metrics]") {
    const std::string head = "# HELP a_total x\n# TYPE a_total counter\n";
    CHECK(read_exposition(head + "a_total{b=\"c\"} 1\n").fault == "");
    for (const char* wrong : {"a_total{b=\"c\"} 1", "a_total{b=\"c} 1\n", "a_total{b=c} 1\n", "a_total{b=\"\\x\"} 1\n",
                              "a_total{2=\"c\"} 1\n", "a_total{b=\"c\",b=\"d\"} 1\n", "a_total  1\n", "a_total x\n",
                              "a_total{} 1\na_total 2\n", "a_total -1\n", "b_total 1\n", "", "a_total 1\na_total 1\n",
                              "a_total 1\n# HELP a_total x\n# TYPE a_total counter\na_total{b=\"\"} 1\n"}) {
        INFO(wrong);
        CHECK(read_exposition(head + wrong).fault != "");
    }
    const std::string histogram = "# HELP h x\n# TYPE h histogram\n";
    const auto lines = [&](const char* first, const char* second, const char* count) {
        return histogram + "h_bucket{le=\"1\"} " + first + "\nh_bucket{le=\"+Inf\"} " + second + "\nh_sum 3\nh_count " +
               count + "\n";
    };
    CHECK(read_exposition(lines("1", "2", "2")).fault == "");
    CHECK(read_exposition(lines("3", "2", "2")).fault != "");
    CHECK(read_exposition(lines("1", "2", "3")).fault != "");
    CHECK(read_exposition("# HELP a x\n# TYPE a counter\na 1\n").fault != "");
}

// docs/metrics.md: "| `weir_generation` | gauge | `policy`, `rule` | ..."
TEST_CASE("docs/metrics.md has each metric with its type and labels, and no other", "[metrics]") {
    std::set<std::string> documented, known;
    std::ifstream page(WEIR_SOURCE_DIR "/docs/metrics.md");
    REQUIRE(page);
    for (std::string line; std::getline(page, line);) {
        if (!line.starts_with("| `weir_")) continue;
        std::istringstream cells(line);
        std::string empty, name, type, labels;
        std::getline(cells, empty, '|'), std::getline(cells, name, '|');
        std::getline(cells, type, '|'), std::getline(cells, labels, '|');
        documented.insert(name + "|" + type + "|" + labels);
    }
    for (const http::MetricRow& row : http::metric_rows()) {
        constexpr const char* kTypes[] = {"counter", "gauge", "histogram"};
        std::string labels;
        std::istringstream words{std::string(row.labels)};
        for (std::string word; words >> word;) labels += (labels.empty() ? "`" : ", `") + word + "`";
        if (row.type == http::MetricType::kHistogram) labels += ", keys";
        known.insert(" `" + std::string(row.name) + "` | " + kTypes[static_cast<std::size_t>(row.type)] + " | " +
                     labels + (labels.empty() ? "" : " "));
    }
    const auto tidy = [](const std::set<std::string>& rows) {
        std::set<std::string> all;
        for (std::string row : rows) {
            std::erase(row, ' ');
            all.insert(row);
        }
        return all;
    };
    CHECK(tidy(documented) == tidy(known));
}
