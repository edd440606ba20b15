// What words and fields mean (tooling/lsp/docs.h): none is without a text.
#include <catch2/catch.hpp>

#include <set>

#include "grammar/reserved.h"
#include "tooling/lsp/docs.h"

using namespace weir;
using namespace weir::tooling::lsp;

TEST_CASE("each reserved word has a meaning") {
    for (const ReservedWord& word : reserved_words::kAll) {
        INFO(word.text);
        CHECK(find_word(word.text) != nullptr);
        if (word.begins_item()) {
            const auto at_top = [&](const Word& one) { return one.text == word.text && (one.where & kTop) != 0; };
            CHECK(std::any_of(words().begin(), words().end(), at_top));
        }
    }
    for (const std::string_view word : kItemOnlyWords) CHECK(find_word(word) != nullptr);
    for (const Word& word : words()) {
        INFO(word.text);
        CHECK(!word.doc.empty());
        CHECK(word.where != 0);
    }
}

TEST_CASE("each field says its type, when it is there, and what it is") {
    for (const packet::FieldId id : all_fields()) {
        INFO(packet::field_name(id));
        CHECK(field_doc(id).find(packet::field(id).doc) != std::string::npos);
        CHECK(!present_text(id).empty());
    }
    CHECK(type_text(packet::FieldId::kIpTtl) == "integer, 8 bits");
    CHECK(present_text(packet::FieldId::kTcpDport) == "TCP");
    CHECK(value_doc(packet::FieldId::kIpProto, "gre") == "**gre**: 47 of `ip.proto`");
}

TEST_CASE("each kind of sink says what it takes") {
    for (std::size_t i = 0; i < std::size(kSinkKindNames); ++i)
        CHECK(sink_doc(static_cast<SinkKind>(i)).find("queue") != std::string::npos);
    CHECK(sink_form(SinkKind::kEve) == "eve(\"/var/log/weir/eve.json\", rotate 100MB, keep 10)");
}
