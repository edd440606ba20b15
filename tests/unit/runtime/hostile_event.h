// Events full of what a hostile sender, or the owner of a hostile interface, would have lines of logs contain.
#pragma once

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/runtime/packed.h"

class HostileEvents {
public:
    explicit HostileEvents(std::uint64_t seed) : random_(seed) {
        using weir::bpf::FieldFormat;
        manifest_ = a_manifest();
        manifest_.rules = {{"guess", false, WEIR_DROP, ""},
                           {"away", true, WEIR_REDIRECT, "\"eth\x1b[2J"},
                           {"out", false, WEIR_REJECT, ""},
                           {"noted", false, ~0u, ""}};
        manifest_.rules[2].direction = weir::bpf::Direction::kOut;
        const auto inside = [](std::size_t member) { return WEIR_INSIDE_OFFSET + member; };
        manifest_.alerts[0].message = {
            std::string("n\xc3\xa4me \"{}\\ "),
            field_of("dns.qname", FieldFormat::kName, WEIR_HAS_DNS, inside(offsetof(weir_inside, name_length)), 2),
            std::string(" "),
            field_of("http.target", FieldFormat::kText, WEIR_HAS_HTTP_REQUEST,
                     inside(offsetof(weir_inside, http_target)), 4),
            std::string("\xf0\x9f\x98\x80"),
            field_of("http.user_agent", FieldFormat::kText, WEIR_HAS_USER_AGENT,
                     inside(offsetof(weir_inside, http_user_agent)), 4),
            std::string(" on "),
            field_of("iface", FieldFormat::kIface, WEIR_HAS_IFACE, offsetof(weir_packet, iface_matches), 4),
            weir::MessageWord::kSuppressed,
            weir::MessageWord::kRule,
            weir::MessageWord::kVerdict};
        manifest_.alerts.push_back(manifest_.alerts[0]);
        manifest_.alerts[1].name = "inner_one";
        manifest_.alerts[1].message = {std::string("in "),
                                       field_of("inner.ip.src", FieldFormat::kAddress, 64 + WEIR_HAS_IP,
                                                inside(offsetof(weir_inside, inner.ip_src)), 16),
                                       std::string(" after "),
                                       field_of("flow.rtt", FieldFormat::kDuration, WEIR_HAS_FLOW_RTT,
                                                WEIR_FLOW_OFFSET + offsetof(weir_flow_view, rtt_ns), 8)};
    }

    // Strings from others that it has put into events so far.
    std::uint64_t values() const { return values_; }

    weir::runtime::PackedEvent next() {
        weir_event_inside record{};
        fill(&record, sizeof(record));
        weir_event& event = record.event;
        event.rule = number(4);
        event.alert = number(2);
        event.flags &= WEIR_EVENT_WOULD | WEIR_EVENT_INSIDE | WEIR_EVENT_FLOW;
        if ((event.flags & WEIR_EVENT_INSIDE) == 0) event.flags &= ~WEIR_EVENT_FLOW;
        event.verdict = manifest_.rules[event.rule].verdict;
        weir_packet& packet = event.packet;
        packet.payload_offset = 54;
        event.captured = number(1100);
        weir_inside& inside = record.inside;
        packet.ip_version = number(2) == 0 ? 4 : 6;
        inside.inner.ip_version = number(2) == 0 ? 4 : 6;
        put(inside.name, inside.name_length = static_cast<__u16>(number(256)));
        inside.is_dotted = static_cast<__u16>(number(2));
        put(record.payload, sizeof(record.payload));
        for (__u32* text : {&inside.http_target, &inside.http_method, &inside.http_user_agent, &inside.tls_alpn})
            *text = WEIR_TEXT(54 + number(200), number(60));
        record.flow.present &= number(2) == 0 ? ~0u : 1u;
        char interface[16] = {};
        put(reinterpret_cast<std::uint8_t*>(interface), number(16));
        auto packed_event = packed(manifest_, record, interface);
        packed_event.wall_clock_ns = random_() % 4'000'000'000'000'000'000;
        packed_event.escalated = number(3) == 0 ? number(100) : 0;
        if (number(4) == 0) add_captures(packed_event);
        values_ += 6;
        return packed_event;
    }

private:
    std::uint32_t number(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }
    void fill(void* to, std::size_t bytes) {
        for (std::size_t at = 0; at + 8 <= bytes; at += 8) {
            const std::uint64_t word = random_();
            std::memcpy(static_cast<std::uint8_t*>(to) + at, &word, sizeof(word));
        }
    }
    // Much of what is odd somewhere, and any byte.
    void put(std::uint8_t* to, std::size_t bytes) {
        static const std::vector<std::string> kPieces = {"\n",
                                                         "\r\n",
                                                         "\"",
                                                         "\\",
                                                         "\",\"x\":\"",
                                                         "}\n{",
                                                         "\x1b[2J",
                                                         "\x1b]0;x\x07",
                                                         "\xc2\x9b"
                                                         "31m",
                                                         "\x9b"
                                                         "1m",
                                                         "\xe2\x80\xae",
                                                         "\xe2\x80\xa8",
                                                         "\xef\xbb\xbf",
                                                         "\xed\xa0\x80",
                                                         "\xc0\xaf",
                                                         "\xf4\x90\x80\x80",
                                                         "\x7f",
                                                         "\xc3",
                                                         "\xe2\x82",
                                                         "$(reboot)",
                                                         "`id`",
                                                         "%s%n",
                                                         "<14>",
                                                         "a",
                                                         "example.com",
                                                         "\xc3\xa9",
                                                         "\\u0000",
                                                         "\t"};
        for (std::size_t at = 0; at < bytes;) {
            const std::string& piece = kPieces[number(static_cast<std::uint32_t>(kPieces.size()))];
            const bool is_any = number(4) == 0;
            for (const char byte : piece)
                if (at < bytes)
                    to[at++] = is_any ? static_cast<std::uint8_t>(random_()) : static_cast<std::uint8_t>(byte);
        }
    }
    std::string hostile_name() {
        std::string name(number(15) + 1, ' ');
        put(reinterpret_cast<std::uint8_t*>(name.data()), name.size());
        return name;
    }
    void add_captures(weir::runtime::PackedEvent& event) {
        weir::runtime::Captures captures;
        captures.packet.bytes.assign(number(256), static_cast<std::uint8_t>(number(256)));
        captures.before.resize(number(3));
        for (auto& before : captures.before) {
            before.bytes.assign(number(64), 0xff);
            before.interface = hostile_name();
            before.rule = "r";
            before.verdict = "pass";
            ++values_;
        }
        event.captures = std::make_unique<const weir::runtime::Captures>(std::move(captures));
    }

    weir::bpf::Manifest manifest_{};
    std::mt19937_64 random_;
    std::uint64_t values_ = 0;
};
