// The table of fields and its layers.
#include <catch2/catch.hpp>

#include "bpf/abi.h"
#include "compiler/packet/fields.h"
#include "compiler/packet/presence.h"

using namespace weir::packet;

TEST_CASE("a field of a tunnelled packet is a row in another layer") {
    const std::optional<FieldId> inner = find_field("inner.ip.src");
    REQUIRE(inner);
    CHECK(layer_of(*inner) == Layer::kInner);
    CHECK(row_of(*inner) == row_of(FieldId::kIpSrc));
    CHECK(field(*inner).name == "ip.src");
    CHECK(field_name(*inner) == "inner.ip.src");
    CHECK(field_name(FieldId::kIpSrc) == "ip.src");
    CHECK(is_supported(FieldId::kIpSrc));
    CHECK(is_supported(*inner));
    CHECK(!is_supported(field_id(Layer::kInner, row_of(FieldId::kEthSrc))));
    CHECK(present_bit(*inner) == kInnerPresent + WEIR_HAS_IP);
    CHECK(present_bit(*find_field("inner.tcp.seq")) == kInnerPresent + WEIR_HAS_TCP);
    CHECK(present_bit(*find_field("inner.tcp.flags")) == kInnerPresent + WEIR_HAS_TCP_REST);
    CHECK(present_bit(FieldId::kTcpFlags) == WEIR_HAS_TCP);
    for (const char* name : {"inner", "inner.malformed", "inner.sctp.sport", "inner.port.dst", "inner.icmp6.id"})
        CHECK(find_field(name));
    for (const char* name : {"inner.eth.src", "inner.vlan", "inner.payload", "inner.inner", "inner.dns", "inner."})
        CHECK(!find_field(name));
}

TEST_CASE("the nearest name stays in its layer") {
    CHECK(nearest_field("tcp.dprot") == "tcp.dport");
    CHECK(nearest_field("inner.tcp.dprot") == "inner.tcp.dport");
    CHECK(nearest_field("inner.eth.srcc").find("eth") == std::string::npos);
    CHECK(nearest_field("nothing.of.the.kind").empty());
}

TEST_CASE("what fields need of the reader of packets") {
    FieldSet fields;
    CHECK(fields.needs() == WEIR_NEED_NONE);
    fields.add(FieldId::kTcpDport);
    CHECK(fields.needs() == WEIR_NEED_NONE);
    fields.add(FieldId::kEthSrc);
    fields.add(FieldId::kVlanDepth);
    CHECK(fields.needs() == (WEIR_NEED_MAC | WEIR_NEED_TAGS));
    CHECK(fields.contains(FieldId::kEthSrc));
    CHECK(!fields.contains(FieldId::kEthDst));
    fields.add(*find_field("inner.ip.ttl"));
    CHECK(!fields.contains(FieldId::kIpTtl));
    CHECK((fields.needs() & WEIR_NEED_IP_REST) == 0);
    CHECK((fields.needs() & WEIR_NEED_INSIDE) == (WEIR_NEED_INNER | WEIR_NEED_INNER_REST));
}
