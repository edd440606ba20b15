// The numbers of a running engine as Prometheus reads them: its text format, version 0.0.4. docs/metrics.md explains
// each of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "service/command.h"

namespace weir::service::http {

// What the network door has counted since its process started.
struct DoorStatus {
    std::map<std::uint32_t, std::uint64_t> responses{};  // by HTTP status
    std::uint64_t connections = 0;                       // open
    std::uint64_t refused_connections = 0;               // closed at once: there were too many
    std::uint64_t streams = 0;                           // of events, open
    std::uint64_t dropped_streams = 0;                   // closed, since their reader was too slow
    std::uint64_t lost_events = 0;                       // that streams have missed
};

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram };
// One metric of those that metrics_text() may write.
struct MetricRow {
    std::string_view name;
    MetricType type = MetricType::kGauge;
    std::string_view labels;  // their names, with spaces between; the keys of a measure come in addition
    std::string_view help;
};
std::span<const MetricRow> metric_rows();  // as the text has them

// What the Content-Type of an answer with it is.
inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// Pure. All series of a metric are together, metrics without any are left out, and each label value is valid UTF-8.
// Without `door`, what it counts is left out.
std::string metrics_text(const StatusReply& status, const std::optional<DoorStatus>& door = std::nullopt);

}  // namespace weir::service::http
