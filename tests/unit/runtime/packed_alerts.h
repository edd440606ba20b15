// Events as sinks get them, of a policy with one rule and one alert.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "compiler/object.h"
#include "runtime/sinks/batch.h"
#include "runtime/sinks/packed_event.h"

struct PackedAlerts {
    explicit PackedAlerts(std::size_t count, std::uint32_t first_source = 0xc6336401) {
        manifest->policy = "edge";
        manifest->rules.push_back({});
        manifest->rules[0].name = "guess";
        weir::bpf::AlertInfo alert;
        alert.name = "guessing";
        alert.severity = weir::bpf::AlertSeverity::kHigh;
        alert.message = {std::string("somebody guesses")};
        manifest->alerts.push_back(alert);
        for (std::size_t i = 0; i < count; ++i) {
            weir_event record{};
            record.generation = 3;
            record.verdict = WEIR_DROP;
            record.packet.present[0] =
                WEIR_BIT(WEIR_HAS_IP) | WEIR_BIT(WEIR_HAS_IP_PROTO) | WEIR_BIT(WEIR_HAS_TCP) | WEIR_BIT(WEIR_HAS_PORTS);
            record.packet.ip_version = 4;
            record.packet.ip_proto = 6;
            record.packet.ip_src[0] = first_source + static_cast<std::uint32_t>(i);
            record.packet.ip_dst[0] = 0xc0000201;
            record.packet.port_src = 50000;
            record.packet.port_dst = 22;
            weir::runtime::PackedEvent& event = events.emplace_back();
            event.manifest = manifest.get();
            event.wall_clock_ns = 1767323045678901234;  // 2026-01-02T03:04:05.678901Z
            event.ring = 7;
            event.position = i;
            event.set_record({reinterpret_cast<const std::uint8_t*>(&record), sizeof(record)});
            pointers.push_back(&event);
        }
    }
    std::unique_ptr<weir::bpf::Manifest> manifest = std::make_unique<weir::bpf::Manifest>();
    std::deque<weir::runtime::PackedEvent> events{};
    std::vector<const weir::runtime::PackedEvent*> pointers{};
};

// What became of a batch: "ddd", "dR-": delivered, lost by a reason (its first letter), left.
inline std::string outcomes(const weir::runtime::Batch& batch) {
    std::string text;
    for (const char* reason : batch.outcomes()) text += reason == nullptr ? 'd' : static_cast<char>(reason[0] - 32);
    return text + std::string(batch.size(), '-');
}
