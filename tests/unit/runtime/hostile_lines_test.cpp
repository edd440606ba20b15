// A million hostile values through each form of line: a line stays one line, JSON stays JSON, and nothing in it reaches
// a terminal as a control character.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <array>
#include <cstdio>
#include <fstream>

#include "grammar/base/printable.h"
#include "runtime/sinks/eve_line.h"
#include "runtime/sinks/event_text.h"
#include "runtime/sinks/stdout.h"
#include "tests/unit/runtime/folder.h"
#include "tests/unit/runtime/hostile_event.h"

using namespace weir;
using namespace weir::runtime;
using nlohmann::ordered_json;

namespace {

// The output of a command.
std::string output_of(const std::string& command) {
    std::FILE* pipe = popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string text;
    std::array<char, 65536> part{};
    for (std::size_t bytes = 0; (bytes = std::fread(part.data(), 1, part.size(), pipe)) != 0;)
        text.append(part.data(), bytes);
    REQUIRE(pclose(pipe) == 0);
    return text;
}

// All of it is text that a person may see, in one line.
bool is_one_line(std::string_view line) {
    return !line.empty() && line.back() == '\n' &&
           printable(line.substr(0, line.size() - 1)) == line.substr(0, line.size() - 1);
}

}  // namespace

TEST_CASE("a million hostile values in lines of EVE: each line is what a JSON library would write of what it reads") {
    HostileEvents events(17);
    TextBuffer line;
    while (events.values() < 1'000'000) {
        const PackedEvent event = events.next();
        line.clear();
        append_eve_line(line, event);
        REQUIRE(line.text().find('\n') == line.size() - 1);
        const auto read = ordered_json::parse(line.text());
        REQUIRE(read.dump(-1, ' ', true) + '\n' == line.text());
        REQUIRE(read["weir"]["message"] == to_event(event).message);
    }
}

TEST_CASE("jq reads each of them, and says the same values") {
    Folder folder;
    const auto path = folder.path / "eve.json";
    HostileEvents events(19);
    std::string ids;
    {
        std::ofstream file(path);
        for (int i = 0; i < 20000; ++i) {
            PackedEvent event = events.next();
            event.position = static_cast<std::uint64_t>(i);
            file << eve_line(event);
            ids += event_id(event) + '\n';
        }
    }
    CHECK(output_of("jq -r .weir.id " + path.string()) == ids);
}

TEST_CASE("a million hostile values in lines of text") {
    HostileEvents events(23);
    while (events.values() < 1'000'000) {
        const PackedEvent event = events.next();
        REQUIRE(is_one_line(text_line(event, LineColour::kOff)));
    }
}
