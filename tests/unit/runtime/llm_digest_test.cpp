// With runtime/sinks/llm_names.h.
#include "runtime/sinks/llm_digest.h"

#include <catch2/catch.hpp>

#include <random>
#include <set>

#include <nlohmann/json.hpp>

#include "runtime/sinks/llm_names.h"

using namespace weir::runtime;
using nlohmann::json;

namespace {

DigestEvent an_event(int number = 1) {
    DigestEvent event;
    event.id = "3f2a9c01d4e5b677-0000000000000" + std::to_string(number);
    event.wall_clock_ns = 1767323045678901234;  // 2026-01-02T03:04:05.678901Z
    event.policy = "edge";
    event.rule = "guess";
    event.alert = "guessing";
    event.severity = "high";
    event.verdict = "drop";
    event.protocol = "tcp";
    event.source = "198.51.100." + std::to_string(number);
    event.destination = "192.0.2.1";
    event.port = 22;
    event.message = "SSH guessing from " + event.source;
    event.suppressed = 4;
    return event;
}

std::string shown(const std::string& text, Addresses addresses = Addresses::kPseudonym,
                  const std::vector<std::string>& hosts = {}) {
    return DigestNames(addresses).text(text, hosts);
}

// Bytes that break lines, terminals, JSON and UTF-8, and words that names are made of.
std::string hostile(std::mt19937_64& random) {
    static const char* const kParts[] = {"\"",
                                         "\\",
                                         "\n",
                                         "\r",
                                         "\x1b[2J",
                                         "\xc2\x9b",
                                         "\xff",
                                         "\xed\xa0\x80",
                                         "{",
                                         "}",
                                         "],",
                                         "\xe2\x80\xae",
                                         "198.51.100.7",
                                         "::1",
                                         "a@b.c",
                                         "x.example",
                                         "555 123 4567",
                                         "K1A 0B1",
                                         "\x7f",
                                         " ",
                                         ":",
                                         "@",
                                         ".",
                                         "\xf0\x9f\x92\xa9",
                                         "\\u0000",
                                         "e1"};
    std::string text;
    for (std::uint64_t left = random() % 12; left != 0; --left) {
        if (random() % 4 == 0)
            text += static_cast<char>(random());
        else
            text += kParts[random() % std::size(kParts)];
    }
    return text;
}

}  // namespace

TEST_CASE("Alerts are grouped, and their addresses have pseudonyms that mean the same within a digest") {
    Digest digest(Addresses::kPseudonym);
    for (int i = 0; i < 10'000; ++i) digest.add(an_event(1 + i % 2));
    const std::string text = digest.text();
    const json object = json::parse(text);
    CHECK(object["events"] == 10'000);
    CHECK(object["groups_left_out"] == 0);
    REQUIRE(object["groups"].size() == 1);
    const json& group = object["groups"][0];
    CHECK(group["alert"] == "guessing");
    CHECK(group["severity"] == "high");
    CHECK(group["verdict"] == "drop");
    CHECK(group["events"] == 10'000);
    CHECK(group["held_back_by_throttle"] == 40'000);
    CHECK(group["first"] == "2026-01-02T03:04:05Z");
    CHECK(group["different_sources"] == 2);
    CHECK(group["sources"] == json::parse(R"([{"name":"ip-1","events":5000},{"name":"ip-2","events":5000}])"));
    CHECK(group["destinations"] == json::parse(R"([{"name":"ip-3","events":10000}])"));
    CHECK(group["ports"] == json::parse(R"([{"name":"22","events":10000}])"));
    REQUIRE(group["examples"].size() == 3);
    CHECK(group["examples"][0]["event"] == "e1");
    CHECK(group["examples"][1]["source"] == "ip-2");
    CHECK(group["examples"][1]["message"] == "SSH guessing from ip-2");
    CHECK(text.find("198.51") == std::string::npos);
    CHECK(text.find("3f2a9c01") == std::string::npos);
    CHECK(digest.id_of("e2") == an_event(2).id);
    for (const char* called : {"e0", "e4", "", "e", "e1 ", "1"}) CHECK_FALSE(digest.id_of(called));
}

TEST_CASE("Plain addresses stay as they are") {
    Digest digest(Addresses::kPlain);
    digest.add(an_event());
    const json object = json::parse(digest.text());
    CHECK(object["groups"][0]["sources"][0]["name"] == "198.51.100.1");
    CHECK(object["groups"][0]["examples"][0]["message"] == "SSH guessing from 198.51.100.1");
}

TEST_CASE("Two digests with the same rules, alerts and keys are one, however many events they have") {
    Digest one(Addresses::kPseudonym), many(Addresses::kPseudonym), other(Addresses::kPseudonym);
    one.add(an_event(1));
    for (int i = 0; i < 100; ++i) many.add(an_event(1));
    other.add(an_event(2));
    CHECK(one.fingerprint() == many.fingerprint());
    CHECK(one.fingerprint() != other.fingerprint());  // though pseudonyms make their texts the same
}

TEST_CASE("A digest has a size, whatever it is made of; the gravest alerts come first") {
    Digest digest(Addresses::kPseudonym);
    for (int i = 0; i < 5000; ++i) {
        DigestEvent event = an_event(i);
        event.alert = "alert_" + std::to_string(i);
        event.severity = i == 4000 ? "low" : i == 700 ? "critical" : "medium";
        event.message = std::string(5000, 'x') + std::to_string(i);
        digest.add(event);
    }
    const std::string text = digest.text();
    CHECK(text.size() <= Digest::kMaxTextBytes);
    const json object = json::parse(text);
    CHECK(object["groups"][0]["alert"] == "alert_700");
    CHECK(object["groups"].size() + object["groups_left_out"].get<std::size_t>() <= 1025);
    CHECK(object["groups_left_out"] > 0);
    CHECK(object["events"] == 5000);
}

TEST_CASE("Names and numbers that say who somebody is do not leave") {
    CHECK(shown("from 198.51.100.7:4000 to [2001:db8::1]:22.") == "from ip-1:4000 to [ip-2]:22.");
    CHECK(shown("02:00:00:00:00:01 asks www.Example.com. and http://www.example.com:80/a") ==
          "mac-1 asks host-1. and http://host-1:80/a");
    CHECK(shown("198.51.100.7/24, 198.51.100.7") == "ip-1/24, ip-1");
    CHECK(shown("host fileserver asks fileserver", Addresses::kPseudonym, {"fileserver"}) == "host host-1 asks host-1");
    CHECK(shown("a \"odd, name/x\" b", Addresses::kPseudonym, {"odd, name/x"}) == "a \"host-1\" b");
    CHECK(shown("version 7.88.1 took 1.250ms") == "version 7.88.1 took host-1");  // rather too much than too little
    for (const char* between : {"->", "-", "\xe2\x86\x92", "`", "#", "*", "+", "_", "~", "to", "\\"})
        CHECK(shown(std::string("a 8.8.8.8") + between + "9.9.9.9 b") == std::string("a ip-1") + between + "ip-2 b");
    CHECK(shown("`2001:db8::1`->`8.8.8.8:53`") == "`ip-1`->`ip-2:53`");
    CHECK(shown("*02:00:00:00:00:01*") == "*mac-1*");
    CHECK(shown("x8.8.8.8, abc8.8.8.8") == "xip-1, abcip-1");
    for (const Addresses addresses : {Addresses::kPseudonym, Addresses::kPlain}) {
        CHECK(shown("call +1 (555) 123-4567 now", addresses) == "call +[number] now");
        CHECK(shown("card 4111-1111-1111-1111", addresses) == "card [number]");
        CHECK(shown("sin 046 454 286", addresses) == "sin [number]");
        CHECK(shown("user=bob.smith+x@mail.example&a", addresses) == "[e-mail]&a");
        CHECK(shown("in K1A 0B1 or k1a0b1", addresses) == "in [postal code] or [postal code]");
        CHECK(shown("seq 4294967295", addresses) == "seq [number]");
        CHECK(shown("port 65535, 10 times", addresses) == "port 65535, 10 times");
        CHECK(shown("a\nb\x1b[2J", addresses) == "a\\x0ab\\x1b[2J");
    }
    CHECK(shown("198.51.100.178 and www.example.com", Addresses::kPlain) == "198.51.100.178 and www.example.com");
    const std::string cut = shown("ä" + std::string(500, 'y'));
    CHECK(cut.size() <= DigestNames::kMaxTextBytes + 3);
}

TEST_CASE("A million hostile values make JSON of printable ASCII", "[hostile]") {
    constexpr int kValues = 1'000'000, kFieldsOfEvent = 8, kEventsOfDigest = 250;
    std::mt19937_64 random(17);
    for (int values = 0; values < kValues;) {
        Digest digest(random() % 2 == 0 ? Addresses::kPseudonym : Addresses::kPlain);
        for (int i = 0; i < kEventsOfDigest; ++i, values += kFieldsOfEvent) {
            DigestEvent event = an_event(1);
            for (std::string* field : {&event.policy, &event.alert, &event.rule, &event.verdict, &event.source,
                                       &event.destination, &event.message})
                *field = hostile(random);
            event.hosts = {hostile(random)};
            digest.add(event);
        }
        const std::string text = digest.text();
        INFO(text);
        REQUIRE(text.size() <= Digest::kMaxTextBytes);
        REQUIRE(std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }));
        const json object = json::parse(text, nullptr, false);
        REQUIRE(object.is_object());
        REQUIRE(object.size() == 3);
    }
}
