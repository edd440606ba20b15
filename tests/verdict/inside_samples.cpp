#include "tests/verdict/inside_samples.h"

namespace weir::tests {

namespace {

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
        // DNS
        {"dns", kOtherPort}, {"dns.qname", kOtherPort}, {"dns.qtype", tcp4()}, {"dns.is_response", udp4()}, {"dns.rcode", cut(kQuery, 60)},
        {"dns.answers", kOtherPort},
    };
}
// clang-format on

}  // namespace weir::tests
