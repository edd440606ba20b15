#include "tests/verdict/inside_samples.h"

namespace weir::tests {

namespace {

// ---- the link ----

Bytes two_tags(std::uint16_t inner) { return macs() + tag(0x88a8, 0xf005) + tag(0x8100, inner) + be16(0x0800); }
Bytes session(std::uint16_t number) { return eth(0x8864) + pppoe({.session = number}, ip4({}, udp({}))); }
Bytes labels(std::initializer_list<std::uint32_t> numbers) {
    Bytes made = eth(0x8847);
    for (const std::uint32_t& number : numbers)
        made = made + label(number, &number + 1 == numbers.end() ? Stack::kBottom : Stack::kGoesOn);
    return made + ip4({}, udp({}));
}

// ---- DNS ----

Bytes dns(std::uint16_t flags, const Bytes& question, std::uint16_t answers = 0) {
    return be16(0x1234) + be16(flags) + be16(1) + be16(answers) + be16(0) + be16(0) + question;
}
// From labels, each with its length before it; type and class behind the root.
Bytes question(const std::vector<std::string>& labels, std::uint16_t type = 1) {
    Bytes name;
    for (const std::string& label : labels) {
        name.push_back(static_cast<std::uint8_t>(label.size()));
        name = name + text(label);
    }
    return name + zeros(1) + be16(type) + be16(1);
}
Bytes query(const Bytes& question) { return udp4({.source = 40000, .destination = 53}, dns(0x0100, question)); }
Bytes response(std::uint16_t flags, std::uint16_t answers) {
    return udp6({.source = 53, .destination = 40000}, dns(flags, question({"a", "example"}), answers));
}
const Bytes kQuery = query(question({"www", "example", "com"}));
const Bytes kOtherPort = udp4({.source = 40000, .destination = 5353}, dns(0x0100, question({"www", "example", "com"})));

}  // namespace

// clang-format off
std::vector<NumberSample> inside_numbers() {
    return {
        // the link
        {"vlan.inner_id", 12, two_tags(0xf000), 0}, {"vlan.inner_id", 12, two_tags(0x0fff), 0xfff}, {"vlan.inner_id", 12, two_tags(0x2007) + zeros(20), 7},
        {"pppoe.session", 16, session(0), 0}, {"pppoe.session", 16, session(0xffff), 0xffff}, {"pppoe.session", 16, session(0x0102), 0x0102},
        {"mpls.label", 20, labels({0}), 0}, {"mpls.label", 20, labels({0xfffff, 0}), 0xfffff}, {"mpls.label", 20, labels({0x12345, 6, 7}), 0x12345},
        {"mpls.depth", 8, labels({16}), 1}, {"mpls.depth", 8, labels({1, 2, 3, 4}), 4}, {"mpls.depth", 8, labels({1, 2, 3, 4, 5}), 4},
        {"mpls.depth", 8, cut(labels({1, 2}), 21), 1},
        // DNS
        {"dns.qtype", 16, query(question({"a"}, 0)), 0}, {"dns.qtype", 16, query(question({"a"}, 0xffff)), 0xffff}, {"dns.qtype", 16, kQuery, 1},
        {"dns.rcode", 4, response(0x8183, 0), 3}, {"dns.rcode", 4, response(0x818f, 0), 15}, {"dns.rcode", 4, kQuery, 0},
        {"dns.answers", 16, response(0x8180, 0xffff), 0xffff}, {"dns.answers", 16, response(0x8180, 7), 7}, {"dns.answers", 16, kQuery, 0},
    };
}

std::vector<FlagSample> inside_flags() {
    return {
        // DNS
        {"dns", kQuery, true}, {"dns.is_response", kQuery, false}, {"dns.is_response", response(0x8180, 1), true},
    };
}

std::vector<TextSample> inside_texts() {
    return {
        // DNS
        {"dns.qname", kQuery, "www.example.com"}, {"dns.qname", query(question({})), ""},
        {"dns.qname", query(question({"WwW", "eXample"})), "www.example"},
        {"dns.qname", query(question({"a.b", "example"})), "a.b.example", false},
        {"dns.qname", query(question({std::string(63, 'a'), std::string(63, 'b'), std::string(63, 'c'), std::string(61, 'd')})),
         std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(63, 'c') + "." + std::string(61, 'd')},
    };
}

std::vector<AbsentSample> inside_absents() {
    return {
        // the link
        {"vlan.inner_id", macs() + tag(0x8100, 5) + be16(0x0800)}, {"vlan.inner_id", cut(two_tags(7), 21)}, {"vlan.inner_id", udp4()},
        {"pppoe.session", eth(0x8863) + pppoe({}, {})}, {"pppoe.session", patched(session(7), 15, {1})}, {"pppoe.session", udp4()},
        {"mpls.label", eth(0x8847) + zeros(3)}, {"mpls.label", udp4()}, {"mpls.depth", session(7)}, {"mpls.depth", eth(0x8848)},
        // DNS
        {"dns", kOtherPort}, {"dns.qname", kOtherPort}, {"dns.qtype", tcp4()}, {"dns.is_response", udp4()}, {"dns.rcode", cut(kQuery, 60)},
        {"dns.answers", kOtherPort},
    };
}
// clang-format on

}  // namespace weir::tests
