#include "service/status_json.h"

namespace weir::service {

using Json = nlohmann::ordered_json;

namespace {

Json counter(const runtime::CounterStatus& counter) { return {{"packets", counter.packets}, {"bytes", counter.bytes}}; }

}  // namespace

Json status_json(const runtime::EngineStatus& status) {
    const runtime::InForceStatus& now = status.in_force;
    Json out{{"name", status.name},
             {"policy", now.policy},
             {"generation", now.generation},
             {"loaded_at", now.loaded_at},
             {"file", now.origin.file}};
    out["files"] = Json::array();
    for (const auto& file : now.origin.files) out["files"].push_back({{"path", file.path}, {"sha256", file.sha256}});
    if (now.confirm_within_ms) out["confirm_within_ms"] = *now.confirm_within_ms;
    if (now.falls_back_to) out["falls_back_to"] = *now.falls_back_to;
    out["auto_rollbacks"] = status.auto_rollbacks;
    out["history"] = Json::array();
    for (const auto& old : status.history)
        out["history"].push_back(
            {{"generation", old.generation}, {"policy", old.policy}, {"loaded_at", old.loaded_at}});
    if (status.shadow) {
        const runtime::ShadowStatus& shadow = *status.shadow;
        Json pairs = Json::array();
        for (const auto& pair : shadow.pairs)
            pairs.push_back({{"live", pair.live},
                             {"live_verdict", pair.live_verdict},
                             {"candidate", pair.candidate},
                             {"candidate_verdict", pair.candidate_verdict},
                             {"packets", pair.packets}});
        out["shadow"] = {{"policy", shadow.policy},   {"file", shadow.origin.file},
                         {"packets", shadow.packets}, {"disagreements", shadow.disagreements},
                         {"unnamed", shadow.unnamed}, {"pairs", std::move(pairs)}};
    }
    out["interfaces"] = Json::array();
    for (const auto& interface : status.interfaces)
        out["interfaces"].push_back({{"name", interface.name},
                                     {"mode", interface.mode == runtime::AttachMode::kGeneric ? "generic" : "native"},
                                     {"attached", interface.attached},
                                     {"gaps", interface.gaps},
                                     {"last_gap_ms", interface.last_gap_ms}});
    out["rules"] = Json::array();
    for (const auto& rule : status.rules)
        out["rules"].push_back({{"name", rule.name}, {"packets", rule.packets}, {"bytes", rule.bytes}});
    out["default"] = counter(status.default_);
    out["malformed"] = counter(status.malformed);
    out["sets"] = Json::array();
    for (const auto& set : status.sets)
        out["sets"].push_back({{"name", set.name}, {"entries", set.entries}, {"refused", set.refused}});
    if (const auto& file = status.sets_file)
        out["sets_file"] = {{"path", file->path},         {"saved_at", file->saved_at}, {"entries", file->entries},
                            {"restored", file->restored}, {"skipped", file->skipped},   {"state", file->state}};
    out["terms"] = Json::array();
    for (const auto& term : status.terms)
        out["terms"].push_back(
            {{"name", term.name}, {"keys", term.keys}, {"evicted", term.evicted}, {"refused", term.refused}});
    out["alerts"] = Json::array();
    for (const auto& alert : status.alerts)
        out["alerts"].push_back({{"name", alert.name},
                                 {"matched", alert.matched},
                                 {"delivered", alert.delivered},
                                 {"suppressed", alert.suppressed},
                                 {"lost", alert.lost},
                                 {"pending", alert.pending}});
    out["sinks"] = Json::array();
    for (const auto& sink : status.sinks)
        out["sinks"].push_back({{"name", sink.name},
                                {"delivered", sink.delivered},
                                {"lost", sink.lost},
                                {"pending", sink.pending},
                                {"state", sink.state}});
    return out;
}

}  // namespace weir::service
