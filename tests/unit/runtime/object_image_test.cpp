#include "runtime/object_image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "bpf/abi.h"
#include "bpf/flow.h"
#include "compiler/object_bytes.h"
#include "runtime/memory_file.h"

using namespace weir;
using namespace weir::runtime;

namespace {

bpf::Object object() {
    bpf::Object made;
    made.elf.assign(1 << 20, 7);
    made.manifest.policy = "p";
    made.manifest.rules = {{"r", false, 1, ""}};
    made.manifest.sinks = {
        {"s", bpf::SinkKind::kEve, {{bpf::SinkWord::kPath, "/x"}, {bpf::SinkWord::kRotate, "", "", 1'000'000}}},
        {"run", bpf::SinkKind::kExec, {{bpf::SinkWord::kArgument, "", "", 0, {std::string("a"), MessageWord::kRule}}}},
        {"hook", bpf::SinkKind::kWebhook, {{bpf::SinkWord::kHeader, "Authorization", "SOC_TOKEN"}}},
        {"ai", bpf::SinkKind::kLlm, {{bpf::SinkWord::kDialect, "anthropic", "", 1}}}};
    made.manifest.alerts.resize(1);
    made.manifest.alerts[0].sinks = {0};
    made.tables = {{"t", {1, 2, 3}}};
    made.maps = {{"m", 1, 2, {1, 2}, {1, 2, 3, 4}}};
    made.state.resize(1);
    made.state[0].kind = bpf::StateKind::kSet;
    made.state[0].key_size = 4;
    made.state[0].keys.assign(40, 1);
    for (const bpf::StateKind kind : {bpf::StateKind::kTerm, bpf::StateKind::kThrottles}) {
        made.state.emplace_back().kind = kind;
        made.state.back().throttles = {"alert x: throttle(ip.src) per 1s"};
    }
    return made;
}

}  // namespace

TEST_CASE("an image has the object, and its names without the rest") {
    const auto image = ObjectImage::make(object());
    REQUIRE(image);
    const auto whole = (*image).read(), names = (*image).read_names();
    REQUIRE(whole);
    CHECK(bpf::to_bytes(*whole) == bpf::to_bytes(object()));
    REQUIRE(names);
    CHECK((*names).manifest.rules.at(0).name == "r");
    CHECK((*names).state.at(0).key_size == 4);
    CHECK(((*names).elf.empty() && (*names).tables.at(0).bytes.empty() && (*names).maps.at(0).keys.empty() &&
           (*names).state.at(0).keys.empty()));
    const auto twin = (*image).duplicate();
    REQUIRE(twin);
    CHECK((*twin).read());
}

TEST_CASE("an image is sealed, and as long as it says") {
    auto memory = make_memory_file("x");
    REQUIRE(memory);
    const auto bytes = bpf::to_bytes(object());
    REQUIRE(write((*memory).get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    const UniqueFd writer = duplicate((*memory).get());
    CHECK_FALSE(ObjectImage::adopt(duplicate(writer.get()), 1, bytes.size()));
    CHECK_FALSE(ObjectImage::adopt(duplicate(writer.get()), ~std::uint64_t{0}, 2));
    CHECK_FALSE(ObjectImage::adopt(duplicate(writer.get()), 0, 0));
    const auto image = ObjectImage::adopt(std::move(*memory), 0, bytes.size());
    REQUIRE(image);
    CHECK(pwrite(writer.get(), "x", 1, 0) == -1);
    CHECK(ftruncate(writer.get(), 0) == -1);
    CHECK((*image).read());
    auto mapped = make_memory_file("y");
    REQUIRE(mapped);
    REQUIRE(ftruncate((*mapped).get(), 4096) == 0);
    const UniqueMapping mapping(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, (*mapped).get(), 0), 4096);
    CHECK_FALSE(ObjectImage::adopt(std::move(*mapped), 0, 4096));  // somebody could still write to it
}

TEST_CASE("an object that no compiler makes is none") {
    const auto is_read = [](const auto& change) {
        bpf::Object changed = object();
        change(changed);
        return bpf::from_bytes(bpf::to_bytes(changed)).has_value();
    };
    CHECK(is_read([](bpf::Object&) {}));
    CHECK_FALSE(is_read([](bpf::Object& o) { o.manifest.alerts[0].sinks = {4}; }));
    CHECK_FALSE(is_read([](bpf::Object& o) { o.manifest.alerts[0].severity = static_cast<bpf::AlertSeverity>(9); }));
    CHECK_FALSE(is_read([](bpf::Object& o) { o.manifest.rules[0].verdict = 17; }));
    CHECK_FALSE(is_read([](bpf::Object& o) { o.manifest.default_verdict = 4; }));
    CHECK_FALSE(is_read([](bpf::Object& o) { o.manifest.ifaces.resize(33); }));
    CHECK_FALSE(is_read([](bpf::Object& o) { o.manifest.sinks[0].kind = static_cast<bpf::SinkKind>(200); }));
    for (const char* name : {"", "..", "../../x", "a/b", "a\n"})
        CHECK_FALSE(is_read([&](bpf::Object& o) { o.manifest.sinks[3].name = name; }));
    CHECK_FALSE(is_read([](bpf::Object& o) { o.manifest.sinks[0].options[0].word = static_cast<SinkWord>(200); }));
    CHECK_FALSE(is_read([](bpf::Object& o) { o.manifest.sinks[1].options[0].parts[1] = static_cast<MessageWord>(9); }));
    CHECK_FALSE(is_read([](bpf::Object& o) { o.manifest.sinks[3].options[0].number = 7; }));
    CHECK_FALSE(is_read([](bpf::Object& o) { o.manifest.sinks[3].options[0].text = "openai"; }));
    CHECK_FALSE(is_read([](bpf::Object& o) { o.state[0].key_size = 1 << 20; }));
    CHECK_FALSE(is_read([](bpf::Object& o) { o.state[0].keys.resize(41); }));
    CHECK_FALSE(is_read([](bpf::Object& o) { o.maps[0].values.resize(3); }));
    for (const std::size_t offset : {std::size_t{65'000}, sizeof(std::uint16_t) * 30'000})
        CHECK_FALSE(is_read([&](bpf::Object& o) {
            o.manifest.alerts[0].message = {
                bpf::FieldRef{"x", bpf::FieldFormat::kNumber, 0, static_cast<std::uint16_t>(offset), 8, 0, 1}};
        }));
    CHECK_FALSE(is_read([](bpf::Object& o) {
        o.manifest.alerts[0].message = {bpf::FieldRef{"x", bpf::FieldFormat::kNumber, 0, 0, 16, 0, 1}};
    }));
}

TEST_CASE("a sink has numbers that a policy could give it, and there are as many as it could have") {
    const auto is_read = [](SinkWord word, std::uint64_t number) {
        bpf::Object made = object();
        made.manifest.sinks[0].options.push_back({word, "", "", number, {}});
        return bpf::from_bytes(bpf::to_bytes(made)).has_value();
    };
    for (const SinkWord word :
         {SinkWord::kRotate, SinkWord::kKeep, SinkWord::kBatch, SinkWord::kTimeout, SinkWord::kSpool, SinkWord::kAtOnce,
          SinkWord::kBudget, SinkWord::kTokens, SinkWord::kQueue}) {
        const SinkBounds bounds = sink_bounds(word);
        INFO(sink_word_name(word));
        CHECK((is_read(word, bounds.least) && is_read(word, bounds.most)));
        CHECK_FALSE(is_read(word, bounds.least - 1));
        CHECK_FALSE(is_read(word, bounds.most + 1));
    }
    const auto has_sinks = [](std::size_t count) {
        bpf::Object made = object();
        made.manifest.sinks.resize(count, made.manifest.sinks[0]);
        return bpf::from_bytes(bpf::to_bytes(made)).has_value();
    };
    CHECK(has_sinks(64));
    CHECK_FALSE(has_sinks(65));
}

TEST_CASE("an alert reacts no more often than a policy may say, and reads nothing that an event may lack") {
    const auto is_read = [](std::size_t escalations, std::size_t responses) {
        bpf::Object made = object();
        made.manifest.sets.resize(1);
        made.manifest.sets[0].dynamic = true;
        made.manifest.alerts[0].escalations.resize(escalations, {0, 1, 1, {}});
        made.manifest.alerts[0].responses.resize(responses);
        return bpf::from_bytes(bpf::to_bytes(made)).has_value();
    };
    CHECK(is_read(8, 8));
    CHECK_FALSE(is_read(9, 0));
    CHECK_FALSE(is_read(0, 9));
    const auto is_field = [](bpf::FieldFormat format, std::uint8_t bit, std::size_t offset, std::uint8_t size) {
        bpf::Object made = object();
        made.manifest.alerts[0].message = {
            bpf::FieldRef{"x", format, bit, static_cast<std::uint16_t>(offset), size, 0, 1}};
        return bpf::from_bytes(bpf::to_bytes(made)).has_value();
    };
    using Format = bpf::FieldFormat;
    CHECK(is_field(Format::kNumber, WEIR_HAS_FLOW, WEIR_FLOW_OFFSET, 8));
    CHECK_FALSE(is_field(Format::kNumber, 0, WEIR_FLOW_OFFSET, 8));  // an event without its flow ends there
    CHECK(is_field(Format::kText, 0, WEIR_INSIDE_OFFSET, 4));
    CHECK_FALSE(is_field(Format::kText, 0, WEIR_INSIDE_OFFSET, 0));  // four bytes are read
}

TEST_CASE("bytes that are cut short, or changed, are no object") {
    bpf::Object small = object();
    small.elf.resize(10);
    const auto bytes = bpf::to_bytes(small);
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(bpf::from_bytes({bytes.data(), size}));
    for (std::size_t at = 0; at < bytes.size(); ++at)
        for (const std::uint8_t value : {std::uint8_t{0}, std::uint8_t{0x7f}, std::uint8_t{0xff}}) {
            auto changed = bytes;
            changed[at] = value;
            static_cast<void>(bpf::from_bytes(changed));  // whatever it is, nothing is read beyond its end
            static_cast<void>(bpf::names_from_bytes(changed, 1 << 20));
        }
    CHECK_FALSE(bpf::names_from_bytes(bytes, 100));
}
