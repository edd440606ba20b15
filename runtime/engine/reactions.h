// What alerts do with events that have passed their throttle, beside handing them to sinks: escalations and responses
// (docs/language.md, "Escalations and responses").
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "bpf/table.h"
#include "compiler/object.h"
#include "runtime/state/event_windows.h"
#include "runtime/state/set_changer.h"
#include "runtime/status.h"

namespace weir::runtime {

// Belongs to one thread, as its engine.
class Reactions {
public:
    // The table of the set of that identity in the policy in force; below 0 where it has none.
    using FindSet = std::function<int(const std::string& identity)>;

    // One more event of a program of `manifest`. Its responses wait for carry_out(). Returns the numbers of the alert's
    // escalations whose window it fills: each is a copy to their sink.
    std::vector<std::uint32_t> take(const weir_event_inside& record, const bpf::Manifest& manifest);
    // Makes the changes that wait.
    void carry_out(SetChanger& changer, const FindSet& find_set);

    // A copy that take() asked for has come to its end.
    void escalated(const std::string& alert, const std::string& sink, bool is_delivered);
    // Forgets what no policy of `kept` has.
    void keep_only(const std::vector<const bpf::Manifest*>& kept);
    // What is counted of an alert; nothing where it has neither escalations nor responses.
    void fill(const bpf::AlertInfo& alert, const bpf::Manifest& manifest, AlertStatus& status) const;

private:
    struct Wanted {
        std::string alert;
        std::string set;  // identity
        weir_set_request order{};
    };
    void respond(const weir_event_inside& record, const bpf::Manifest& manifest);

    std::map<std::string, EventWindows> windows_;                                  // by identity
    std::map<std::pair<std::string, std::string>, EscalationCounts> escalations_;  // by alert and sink
    std::map<std::string, ResponseStatus> responses_;                              // by alert
    std::vector<Wanted> wanted_;
};

}  // namespace weir::runtime
