// `inside vxlan 42 192.0.2.1 -> 192.0.2.2` of test packets.
// Tested by tests/unit/sema/packet_message_test.cpp with `inside`.
#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "compiler/sema/check_tests.h"
#include "grammar/base/nearest.h"

namespace weir::sema {
namespace {

using packet::TestTunnel;

struct TunnelWord {
    std::string_view word;
    TestTunnel kind;
    std::uint16_t port;  // the destination's; 0: it has none
};
constexpr TunnelWord kTunnels[] = {{"vxlan", TestTunnel::kVxlan, 4789},
                                   {"geneve", TestTunnel::kGeneve, 6081},
                                   {"gre", TestTunnel::kGre, 0},
                                   {"ipip", TestTunnel::kIpip, 0}};

constexpr std::size_t kMaxInnerBytes = 9'500;  // a jumbo frame and its headers: so that lengths fit in theirs

bool is_of_ethernet(const ast::PacketOption& option) {
    const std::string& word = option.word.text;
    return word == "vlan" || word == "pcp" || word == "eth_src" || word == "eth_dst" || word == "pppoe" ||
           word == "mpls";
}

bool carries(const ast::PacketOption& option) {
    const std::string& word = option.word.text;
    return word == "payload" || word == "dns" || word == "tls" || word == "http";
}

}  // namespace

// VXLAN and GENEVE have a number, GRE may have a key.
bool TestChecker::read_tunnel_number(const ast::Tunnel& tunnel, packet::TunnelHeader& header) {
    const bool is_gre = header.kind == TestTunnel::kGre;
    const bool is_keyed = is_gre && !tunnel.words.empty() && tunnel.words.front().text == "key";
    const bool wants_number = is_keyed || header.kind == TestTunnel::kVxlan || header.kind == TestTunnel::kGeneve;
    std::vector<Value> values;
    for (const ast::Literal& literal : tunnel.values) values.push_back(literal.value);
    for (std::size_t i = is_keyed ? 1 : 0; i < tunnel.words.size(); ++i) {
        const ast::Name& name = tunnel.words[i];
        if (!wants_number) break;
        const auto value = conditions_.named_integer(std::nullopt, name);
        if (!value) return false;  // said
        values.push_back(*value);
    }
    const auto* number = values.size() == 1 ? std::get_if<Integer>(&values.front()) : nullptr;
    const std::uint64_t limit = is_gre ? 0xffffffff : 0xffffff;
    if (!wants_number && tunnel.words.empty() && values.empty()) return true;
    if (!wants_number || number == nullptr || number->value > limit) {
        if (is_gre)
            wrong(tunnel.kind.span, "`gre` takes nothing, or a key of 32 bits", "write `gre key 7`");
        else if (wants_number)
            wrong(tunnel.kind.span, fmt::format("`{}` takes a number of 24 bits", tunnel.kind.text),
                  fmt::format("write `{} 42`", tunnel.kind.text));
        else
            wrong(tunnel.kind.span, fmt::format("`{}` takes no value", tunnel.kind.text));
        return false;
    }
    if (is_gre)
        header.gre_key = static_cast<std::uint32_t>(number->value);
    else
        header.vni = static_cast<std::uint32_t>(number->value);
    return true;
}

// Addresses and ports of the outer packet.
bool TestChecker::read_tunnel_ends(const ast::Tunnel& tunnel, std::uint16_t port, packet::TestPacket& outer) {
    if (!tunnel.source.address || !tunnel.destination.address) return false;  // said
    outer.source = std::get<IpAddress>(*tunnel.source.address);
    outer.destination = std::get<IpAddress>(*tunnel.destination.address);
    outer.destination_port = port;
    if (outer.source.version != outer.destination.version)
        return wrong(tunnel.destination.span, "source and destination are of two IP versions"), false;
    for (const ast::Endpoint* end : {&tunnel.source, &tunnel.destination}) {
        if (!end->port) continue;
        if (port == 0) return wrong(end->port->span, fmt::format("`{}` has no ports", tunnel.kind.text)), false;
        if (end->port->first != end->port->last)
            return wrong(end->port->span, "a tunnel has one port", "ranges are for the packet in it"), false;
        if (end->port->first > 65535)
            return wrong(end->port->span, fmt::format("{} is not a port", end->port->first), "ports are 0 to 65535"),
                   false;
        const auto number = static_cast<std::uint16_t>(end->port->first);
        (end == &tunnel.source ? outer.source_port : outer.destination_port) = number;
    }
    return true;
}

std::vector<std::vector<std::uint8_t>> TestChecker::tunnelled(std::vector<std::vector<std::uint8_t>> frames,
                                                              const ast::Tunnel& tunnel, packet::TunnelHeader header) {
    const auto* known = std::find_if(std::begin(kTunnels), std::end(kTunnels),
                                     [&](const TunnelWord& row) { return row.word == tunnel.kind.text; });
    if (known == std::end(kTunnels)) {
        std::vector<std::string_view> words;
        for (const TunnelWord& row : kTunnels) words.push_back(row.word);
        Diagnostic unknown{.code = Code::E370,
                           .span = tunnel.kind.span,
                           .message = fmt::format("unknown tunnel `{}`", tunnel.kind.text),
                           .help = "the tunnels are vxlan, geneve, gre and ipip"};
        if (const std::string near = nearest_word(words, tunnel.kind.text); !near.empty())
            unknown.fix = Fix{tunnel.kind.span, near}, unknown.help.clear();
        conditions_.say(std::move(unknown));
        return {};
    }
    header.kind = known->kind;
    packet::TestPacket outer;
    outer.protocol = known->port == 0 ? packet::TestProtocol::kGre : packet::TestProtocol::kUdp;
    if (!read_tunnel_number(tunnel, header) || !read_tunnel_ends(tunnel, known->port, outer)) return {};
    std::vector<ast::PacketOption> options = tunnel.options;
    std::erase_if(options, [&](const ast::PacketOption& option) {
        if (carries(option))
            wrong(option.span, fmt::format("a tunnel has no `{}`", option.word.text),
                  "it carries the packet before `inside`: write the option there");
        return carries(option);
    });
    read_options(outer, options);
    for (std::vector<std::uint8_t>& frame : frames) {
        if (frame.size() > kMaxInnerBytes)
            return wrong(tunnel.kind.span, fmt::format("the packet inside has {} bytes", frame.size()),
                         fmt::format("at most {}", kMaxInnerBytes)),
                   std::vector<std::vector<std::uint8_t>>();
        auto whole = packet::build_tunnel(frame, header, outer);
        if (!whole)
            return wrong(tunnel.kind.span, fmt::format("`{}` carries an IP packet without tags", tunnel.kind.text),
                         "vxlan, geneve and gre carry whole frames"),
                   std::vector<std::vector<std::uint8_t>>();
        frame = std::move(*whole);
    }
    return frames;
}

std::vector<std::vector<std::uint8_t>> TestChecker::frames(const ast::PacketSpec& spec) {
    std::vector<std::vector<std::uint8_t>> frames = inner_frames(spec);
    // GRE carries the IP packet alone where nothing is said of the frame around it.
    bool has_ethernet = spec.protocol.text == "hex" || spec.protocol.text == "arp" ||
                        std::any_of(spec.options.begin(), spec.options.end(), is_of_ethernet);
    const std::vector<ast::PacketOption>* before = &spec.options;
    for (const ast::Tunnel& tunnel : spec.tunnels) {
        for (const ast::PacketOption& option : *before)
            if (option.word.text == "on")
                wrong(option.span, "the packet inside comes in on no interface", "write `on` last");
        frames = tunnelled(std::move(frames), tunnel, {.carries_ethernet = has_ethernet});
        if (frames.empty()) return frames;  // said
        has_ethernet = std::any_of(tunnel.options.begin(), tunnel.options.end(), is_of_ethernet);
        before = &tunnel.options;
    }
    for (const std::vector<std::uint8_t>& frame : frames) {
        const bool had_room = frame_bytes_ <= kMaxFrameBytes;
        frame_bytes_ += frame.size();
        if (had_room && frame_bytes_ > kMaxFrameBytes) too_large(spec.span);
        if (frame_bytes_ > kMaxFrameBytes) return {};
    }
    return frames;
}

}  // namespace weir::sema
