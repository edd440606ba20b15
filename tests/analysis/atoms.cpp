#include "tests/analysis/atoms.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <sstream>

#include <arpa/inet.h>

#include <fmt/format.h>

#include "grammar/base/check.h"

namespace weir::tests {
namespace {

using packet::FieldId;
using packet::Packet;

std::optional<std::uint64_t> number_of(const Packet& packet, FieldId id) {
    const auto& value = packet.value(id);
    if (!value) return std::nullopt;
    return std::get<std::uint64_t>(*value);
}

bool compare(std::uint64_t left, std::string_view op, std::uint64_t right) {
    if (op == "==") return left == right;
    if (op == "!=") return left != right;
    if (op == "<") return left < right;
    if (op == "<=") return left <= right;
    if (op == ">") return left > right;
    WEIR_CHECK(op == ">=");
    return left >= right;
}

struct Net {
    int version = 4;
    unsigned char bytes[16] = {};
    unsigned bits = 0;
};

Net net_of(const std::string& text) {
    Net net;
    const std::size_t slash = text.find('/');
    const std::string address = text.substr(0, slash);
    net.version = address.find(':') == std::string::npos ? 4 : 6;
    WEIR_CHECK(inet_pton(net.version == 4 ? AF_INET : AF_INET6, address.c_str(), net.bytes) == 1);
    net.bits = slash == std::string::npos ? (net.version == 4 ? 32u : 128u)
                                          : static_cast<unsigned>(std::stoul(text.substr(slash + 1)));
    return net;
}

bool contains(const Net& net, const IpAddress& address) {
    if (address.version != net.version) return false;
    for (unsigned bit = 0; bit < net.bits; ++bit)
        if (((address.bytes[bit / 8] ^ net.bytes[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
    return true;
}

}  // namespace

FieldId field_of(std::string_view name) {
    const auto id = packet::find_field(name);
    WEIR_CHECK(id.has_value());
    return *id;
}

Atom flag(const std::string& field) {
    return {field, [id = field_of(field)](const Packet& packet) {
                const auto& value = packet.value(id);
                return value && std::get<bool>(*value);
            }};
}

Atom number(const std::string& field, const std::string& op, std::uint64_t value, std::string written) {
    if (written.empty()) written = std::to_string(value);
    return {fmt::format("{} {} {}", field, op, written), [id = field_of(field), op, value](const Packet& packet) {
                const auto found = number_of(packet, id);
                return found && compare(*found, op, value);
            }};
}

Atom masked(const std::string& field, std::uint64_t mask, const std::string& op, std::uint64_t value) {
    return {fmt::format("{} & 0x{:x} {} 0x{:x}", field, mask, op, value),
            [id = field_of(field), mask, op, value](const Packet& packet) {
                const auto found = number_of(packet, id);
                return found && compare(*found & mask, op, value);
            }};
}

Atom within(const std::string& field, In in, const std::string& written, Ranges ranges) {
    return {fmt::format("{} {} {}", field, in == In::kIn ? "in" : "not in", written),
            [id = field_of(field), in, ranges = std::move(ranges)](const Packet& packet) {
                const auto found = number_of(packet, id);
                if (!found) return false;
                const bool inside = std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
                    return range.first <= *found && *found <= range.second;
                });
                return inside == (in == In::kIn);
            }};
}

Atom fields(const std::string& left, const std::string& op, const std::string& right) {
    return {fmt::format("{} {} {}", left, op, right),
            [l = field_of(left), op, r = field_of(right)](const Packet& packet) {
                const auto &a = packet.value(l), &b = packet.value(r);
                if (!a || !b) return false;
                if (std::holds_alternative<std::uint64_t>(*a))
                    return compare(std::get<std::uint64_t>(*a), op, std::get<std::uint64_t>(*b));
                return (std::get<IpAddress>(*a) == std::get<IpAddress>(*b)) == (op == "==");
            }};
}

Atom nets(const std::string& field, In in, const std::string& list) {
    std::vector<Net> known;
    std::istringstream words(list);
    for (std::string one; std::getline(words, one, ',');) {
        one.erase(0, one.find_first_not_of(' '));
        known.push_back(net_of(one));
    }
    const bool is_one = known.size() == 1 && list.find('/') != std::string::npos;
    const std::string written = is_one ? list : "{ " + list + " }";
    return {fmt::format("{} {} {}", field, in == In::kIn ? "in" : "not in", written),
            [id = field_of(field), in, known](const Packet& packet) {
                const auto& value = packet.value(id);
                if (!value) return false;
                const auto& address = std::get<IpAddress>(*value);
                const bool inside =
                    std::any_of(known.begin(), known.end(), [&](const Net& net) { return contains(net, address); });
                return inside == (in == In::kIn);
            }};
}

Atom text_is(const std::string& field, const std::string& op, const std::string& value) {
    return {fmt::format("{} {} \"{}\"", field, op, value), [id = field_of(field), op, value](const Packet& packet) {
                const auto& found = packet.value(id);
                if (!found) return false;
                const auto* name = std::get_if<packet::DomainName>(&*found);
                return ((name != nullptr ? name->text() : std::get<std::string>(*found)) == value) == (op == "==");
            }};
}

void add_numbers(std::vector<Atom>& atoms, const std::string& field, const std::vector<std::uint64_t>& values,
                 std::string_view ops) {
    std::istringstream words{std::string(ops)};
    for (std::string op; words >> op;)
        for (const std::uint64_t value : values) atoms.push_back(number(field, op, value));
}

}  // namespace weir::tests
