// Elements of sets from text, their types' words, and how wide their keys are.
#include "compiler/policy/set_element.h"

#include <catch2/catch.hpp>

#include <string>

using namespace weir;
using namespace weir::policy;

TEST_CASE("each type has a word of its own") {
    for (const SetType type : {SetType::kIp, SetType::kNet, SetType::kPort, SetType::kMac, SetType::kDomain,
                               SetType::kU8, SetType::kU16, SetType::kU32}) {
        CAPTURE(set_type_name(type));
        CHECK(set_type(set_type_name(type)) == type);
    }
    CHECK_FALSE(set_type("u64"));
    CHECK_FALSE(set_type(""));
    CHECK_FALSE(set_type("IP"));
}

TEST_CASE("what an element may be") {
    struct Row {
        SetType type;
        const char* text;
        bool is_element;
    };
    // clang-format off
    const Row rows[] = {
        {SetType::kIp, "192.0.2.1", true}, {SetType::kIp, "2001:db8::1", true}, {SetType::kIp, "192.0.2.0/24", false},
        {SetType::kIp, "192.0.2.256", false}, {SetType::kIp, "", false}, {SetType::kIp, " 192.0.2.1", false},
        {SetType::kNet, "192.0.2.0/24", true}, {SetType::kNet, "192.0.2.1", true}, {SetType::kNet, "192.0.2.1/24", false},
        {SetType::kNet, "0.0.0.0/0", true}, {SetType::kNet, "192.0.2.0/33", false}, {SetType::kNet, "2001:db8::/32", true},
        {SetType::kNet, "2001:db8::1/32", false}, {SetType::kNet, "::/0", true}, {SetType::kNet, "2001:db8::/129", false},
        {SetType::kPort, "0", true}, {SetType::kPort, "65535", true}, {SetType::kPort, "65536", false},
        {SetType::kPort, "-1", false}, {SetType::kPort, "0x16", true}, {SetType::kPort, "22 ", false},
        {SetType::kMac, "02:00:00:00:00:01", true}, {SetType::kMac, "02:00:00:00:00", false},
        {SetType::kU8, "255", true}, {SetType::kU8, "256", false}, {SetType::kU16, "0xffff", true},
        {SetType::kU16, "0x10000", false}, {SetType::kU32, "4294967295", true}, {SetType::kU32, "4294967296", false},
        {SetType::kU32, "99999999999999999999999", false}, {SetType::kU32, "", false},
    };
    // clang-format on
    for (const Row& row : rows) {
        CAPTURE(set_type_name(row.type), row.text);
        CHECK(parse_element(row.type, row.text).has_value() == row.is_element);
    }
}

TEST_CASE("elements keep their values") {
    CHECK(parse_element(SetType::kPort, "0x16")->number == 22);
    CHECK(parse_element(SetType::kMac, "02:00:00:00:00:01")->number == 0x020000000001);
    CHECK(parse_element(SetType::kNet, "10.0.0.0/8")->prefix_length == 8);
    CHECK(parse_element(SetType::kNet, "10.0.0.1")->prefix_length == 32);
    CHECK(parse_element(SetType::kNet, "2001:db8::1")->prefix_length == 128);
    CHECK(parse_element(SetType::kIp, "10.0.0.1")->address == parse_element(SetType::kNet, "10.0.0.1")->address);
}

TEST_CASE("a key has the set's number, then the words of its types") {
    CHECK(key_words({SetType::kPort}) == 2);
    CHECK(key_words({SetType::kIp}) == 6);
    CHECK(key_words({SetType::kMac, SetType::kU8}) == 4);
    CHECK(key_words({SetType::kIp, SetType::kPort, SetType::kNet}) == 12);
    CHECK(has_net({SetType::kPort, SetType::kNet}));
    CHECK_FALSE(has_net({SetType::kIp, SetType::kMac}));
}
