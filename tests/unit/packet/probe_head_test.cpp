#include "compiler/packet/probe_head.h"

#include <catch2/catch.hpp>

#include "bpf/abi.h"
#include "compiler/packet/http_reader.h"

using namespace weir::packet;

namespace {

HttpHead read(const TestHead& head) {
    const std::string payload = head.payload();
    const auto read = read_http({reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()});
    REQUIRE(read);
    return *read;
}

}  // namespace

TEST_CASE("a head in the making has what was set") {
    TestHead head;
    head.set_text(FieldId::kHttpMethod, "PUT");
    head.set_text(FieldId::kHttpPath, "/a?b");
    head.set_text(FieldId::kHttpHost, "www.example.com");
    head.set_text(FieldId::kHttpUserAgent, "curl");
    const HttpHead made = read(head);
    CHECK(made.method == "PUT");
    CHECK(made.target == "/a?b");
    CHECK(made.path == "/a");
    CHECK(made.host->text() == "www.example.com");
    CHECK(made.user_agent == "curl");
    CHECK_FALSE(made.is_cut);
    head.is_cut = true;
    CHECK(read(head).is_cut);
}

TEST_CASE("a head is a request or a response, as what was asked for last has it") {
    TestHead head;
    head.need(WEIR_HAS_HTTP_STATUS);
    CHECK(read(head).status == 200);
    head.need(WEIR_HAS_HTTP);
    CHECK(read(head).status == 200);
    head.need(WEIR_HAS_HTTP_HOST);
    CHECK(read(head).host->text() == "example.com");
    CHECK_FALSE(read(head).user_agent);
    head.need(WEIR_HAS_USER_AGENT);
    CHECK(read(head).user_agent == "weir");
}
