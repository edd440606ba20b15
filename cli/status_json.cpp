#include "cli/status_json.h"

namespace weir::cli {

using Json = nlohmann::ordered_json;

namespace {

Json counter(const runtime::CounterStatus& counter) { return {{"packets", counter.packets}, {"bytes", counter.bytes}}; }

}  // namespace

Json status_json(const runtime::EngineStatus& status) {
    Json out{{"name", status.name}, {"policy", status.policy}, {"generation", status.generation}, {"loaded_at", status.loaded_at}};
    out["interfaces"] = Json::array();
    for (const auto& interface : status.interfaces)
        out["interfaces"].push_back({{"name", interface.name}, {"mode", interface.mode == runtime::AttachMode::kNative ? "native" : "generic"}});
    out["rules"] = Json::array();
    for (const auto& rule : status.rules) out["rules"].push_back({{"name", rule.name}, {"packets", rule.packets}, {"bytes", rule.bytes}});
    out["default"] = counter(status.default_);
    out["malformed"] = counter(status.malformed);
    out["sets"] = Json::array();
    for (const auto& set : status.sets) out["sets"].push_back({{"name", set.name}, {"entries", set.entries}, {"refused", set.refused}});
    out["terms"] = Json::array();
    for (const auto& term : status.terms)
        out["terms"].push_back({{"name", term.name}, {"keys", term.keys}, {"evicted", term.evicted}, {"refused", term.refused}});
    out["alerts"] = Json::array();
    for (const auto& alert : status.alerts)
        out["alerts"].push_back({{"name", alert.name}, {"matched", alert.matched}, {"delivered", alert.delivered},
                                 {"suppressed", alert.suppressed}, {"lost", alert.lost}, {"pending", alert.pending}});
    out["sinks"] = Json::array();
    for (const auto& sink : status.sinks)
        out["sinks"].push_back({{"name", sink.name}, {"delivered", sink.delivered}, {"lost", sink.lost}, {"pending", sink.pending}, {"state", sink.state}});
    return out;
}

}  // namespace weir::cli
