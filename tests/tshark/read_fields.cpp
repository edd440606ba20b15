// What weir reads of each frame of a capture, one line of JSON a frame: read_fields CAPTURE FIELD…. The reading is the
// oracle's, which the other evaluators are held against elsewhere (tests/verdict/differential.cpp).
#include <cstdio>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "compiler/oracle/tls_walks.h"
#include "compiler/packet/packet.h"
#include "tooling/judge/capture.h"

using namespace weir;

namespace {

// Bytes that are no printable ASCII as \u00XX: the byte's number as a character.
std::string quoted(const std::string& bytes) {
    std::string out = "\"";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte > 0x7e || c == '"' || c == '\\')
            out += fmt::format("\\u{:04x}", byte);
        else
            out += c;
    }
    return out + "\"";
}

std::string json(const packet::FieldValue& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    if (const auto* number = std::get_if<std::uint64_t>(&value)) return std::to_string(*number);
    if (const auto* address = std::get_if<IpAddress>(&value)) return quoted(to_string(*address));
    if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
    return quoted(std::get<packet::DomainName>(value).text());
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> names(argv + 2, argv + argc);
    std::vector<packet::FieldId> fields;
    for (const std::string& name : names) {
        const auto field = packet::find_field(name);
        if (!field) return std::fprintf(stderr, "unknown field %s\n", name.c_str()), 2;
        fields.push_back(*field);
    }
    auto capture = tooling::Capture::open(argc > 1 ? argv[1] : "");
    if (!capture) return std::fprintf(stderr, "%s\n", capture.error().message.c_str()), 3;
    oracle::TlsWalks walks;
    for (;;) {
        const auto frame = capture->next();
        if (!frame) return std::fprintf(stderr, "%s\n", frame.error().message.c_str()), 3;
        if (!*frame) return 0;
        packet::Packet packet((*frame)->bytes);
        walks.read(packet, (*frame)->time_ns);
        std::string line;
        for (std::size_t i = 0; i < fields.size(); ++i)
            if (const auto& value = packet.value(fields[i]))
                line += fmt::format("{}{}: {}", line.empty() ? "" : ", ", quoted(names[i]), json(*value));
        fmt::print("{{{}}}\n", line);
    }
}
