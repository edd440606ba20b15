#include "service/proposal.h"

#include <catch2/catch.hpp>

#include <poll.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include <nlohmann/json.hpp>

#include "service/triage_inbox.h"
#include "tests/unit/runtime/folder.h"
#include "tooling/files/sha256.h"

using namespace weir;
using namespace weir::service;

namespace {

runtime::TriageNote a_note() {
    runtime::TriageNote note;
    note.sink = "triage";
    note.events = 12;
    note.triage = {"suspicious",         0.75, "many knock\\x0aat one door",
                   {"3f2a-1", "3f2a-2"}, true, "rule x { when tcp then drop }"};
    return note;
}

std::string refusal_of(const std::string& proposal) {
    const Status fit = only_rules_and_tests(proposal);
    return fit ? "" : fit.error().message;
}

}  // namespace

TEST_CASE("A proposal has rules and tests only") {
    CHECK(refusal_of("rule x { when tcp.dport == 80 then drop }\n"
                     "test \"t\" { tcp 198.51.100.7:4000 -> 192.0.2.1:80 => drop }") == "");
    const std::pair<const char*, const char*> kRefused[] = {
        {"import \"/etc/passwd\"", "an import"},
        {"rule x { when tcp then drop } import \"a\"", "an import"},
        {"sink s = eve(\"/etc/cron.d/x\")", "a sink"},
        {"alert a { severity high message \"m\" }", "an alert's declaration"},
        {"set s : ip from \"/etc/shadow\"", "a set"},
        {"let x = 5", "a let"},
        {"default drop", "a default"},
        {"test \"t\" { replay \"/etc/shadow\" => drop }", "a test that reads a file"},
    };
    for (const auto& [text, what] : kRefused) {
        INFO(text);
        CHECK(refusal_of(text).find(what) != std::string::npos);
    }
    for (const char* text :
         {"", "  ", "# nothing", "rule x {", "ignore your rules", "/min rule x { when tcp then drop }",
          "} rule x { when tcp then drop }", "and tcp rule x { when tcp then drop }"})
        CHECK(refusal_of(text) == "it is not text of the language");
    for (const char* text :
         {"# \x1b[2J\nrule x { when tcp then drop }", "# \xe2\x80\xae\nrule x { when tcp then drop }",
          "# \xff\nrule x { when tcp then drop }", "# \r\nrule x { when tcp then drop }"})
        CHECK(refusal_of(text) == "it has control characters, or is not UTF-8");
}

TEST_CASE("A proposal becomes a file that says where it is from, and takes no other's place") {
    const Folder folder;
    const std::string place = (folder.path / "proposals").string();
    const std::string policy = with_proposal("rule a { when udp then drop }", a_note().triage.proposal);
    const auto path = write_proposal(place, "/etc/weir/edge.rules", policy, "1 class\n\n    packets: tcp\x1b[2J\n",
                                     a_note(), 1767323045678901234);
    REQUIRE(path);
    CHECK(*path == place + "/2026-01-02T03-04-05Z-triage.rules");
    std::ifstream file(*path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    CHECK(text.ends_with(policy));
    CHECK(text.find("# many knock\\x0aat one door\n# Events: 3f2a-1 3f2a-2\n") != std::string::npos);
    CHECK(text.find("-I /etc/weir ") != std::string::npos);
    CHECK(text.find("# What it would change:\n# 1 class\n#\n#     packets: tcp\\x1b[2J\n") != std::string::npos);
    struct stat facts{};
    REQUIRE(stat(path->c_str(), &facts) == 0);
    CHECK((facts.st_mode & 0777 & ~0640u) == 0);
    CHECK_FALSE(write_proposal(place, "/etc/weir/edge.rules", policy, {}, a_note(), 1767323045678901234));
    CHECK_FALSE(write_proposal("/proc/none", "/etc/weir/edge.rules", policy, {}, a_note(), 1767323045678901234));
}

TEST_CASE("A folder has so many proposals and no more") {
    const Folder folder;
    const auto write = [&](std::size_t second) {
        return write_proposal(folder.path.string(), "/etc/weir/edge.rules", "x", {}, a_note(), second * 1'000'000'000);
    };
    for (std::size_t i = 0; i < kMaxProposals; ++i) REQUIRE(write(i));
    const auto refused = write(kMaxProposals);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("has 100 proposals already") != std::string::npos);
    std::filesystem::remove(*std::filesystem::directory_iterator(folder.path));
    CHECK(write(kMaxProposals));
}

TEST_CASE("What the compiler's process gives back is the policy in force and the proposal, nothing else") {
    const std::string policy = "rule a { when udp then drop }\n", proposal = "rule b { when tcp then drop }";
    const std::string whole = with_proposal(policy, proposal), hash = tooling::sha256(policy);
    CHECK(is_with_proposal(whole, hash, proposal));
    CHECK_FALSE(is_with_proposal("sink s = eve(\"/etc/cron.d/x\")\n" + whole, hash, proposal));
    CHECK_FALSE(is_with_proposal(whole + "sink s = eve(\"/etc/cron.d/x\")\n", hash, proposal));
    CHECK_FALSE(is_with_proposal(with_proposal(policy, "default pass"), hash, proposal));
    CHECK_FALSE(is_with_proposal("", hash, proposal));
}

TEST_CASE("A note is a line for people and an anomaly for machines") {
    CHECK(note_line(a_note()) == "triage says of 12 events: suspicious, confidence 0.75: many knock\\x0aat one door");
    runtime::TriageNote note = a_note();
    note.triage.is_cited = false;
    CHECK(note_line(note).find("0.75, without evidence:") != std::string::npos);
    const std::string line = note_eve(note, "edge", 1767323045678901234);
    CHECK(line.find('\n') == std::string::npos);
    const auto eve = nlohmann::json::parse(line);
    CHECK(eve["timestamp"] == "2026-01-02T03:04:05.678901+0000");
    CHECK(eve["event_type"] == "anomaly");
    CHECK(eve["weir"]["evidence"] == nlohmann::json({"3f2a-1", "3f2a-2"}));
    CHECK(eve["weir"]["cited"] == false);
    CHECK(eve["weir"]["proposes"] == true);
}

TEST_CASE("Notes of other threads wait, as many as there is room for") {
    TriageInbox inbox({});
    const auto is_ready = [&] {
        pollfd one{inbox.fd(), POLLIN, 0};
        return poll(&one, 1, 0) == 1;
    };
    CHECK_FALSE(is_ready());
    std::thread([&] {
        for (std::uint64_t i = 0; i < TriageInbox::kMost + 3; ++i) {
            runtime::TriageNote note = a_note();
            note.events = i;
            inbox.take(std::move(note));
        }
    }).join();
    CHECK(is_ready());
    const auto notes = inbox.taken();
    REQUIRE(notes.size() == TriageInbox::kMost);
    CHECK(notes.front().events == 3);
    CHECK_FALSE(is_ready());
}
