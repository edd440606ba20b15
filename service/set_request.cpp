#include "service/set_request.h"

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "tooling/exit_status.h"

namespace weir::service {
namespace {

using Json = nlohmann::ordered_json;

Json refusal(const Error& error) {
    return {{"ok", false},
            {"status", error.number == EINVAL || error.number == ENOENT ? int{kUsage} : int{kWorldFault}},
            {"error", error.message},
            {"help", error.help}};
}

std::string text(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Json listed(const runtime::LiveSet& set) {
    auto entries = set.list();
    if (!entries) return refusal(entries.error());
    Json answer{{"ok", true}, {"status", 0}, {"entries", Json::array()}};
    for (const runtime::LiveSet::Entry& entry : *entries) {
        Json row{{"value", entry.value}};
        if (entry.expires_in_ns != 0) row["expires_in_ns"] = entry.expires_in_ns;
        answer["entries"].push_back(std::move(row));
    }
    return answer;
}

}  // namespace

Json answer_set(const runtime::Engine& engine, const Json& request) {
    auto set = engine.set(text(request, "set"));
    if (!set) return refusal(set.error());
    const std::string action = text(request, "action");
    if (action == "list") return listed(*set);
    std::vector<std::string> values;
    if (const auto given = request.find("values"); given != request.end() && given->is_array())
        for (const Json& value : *given)
            if (value.is_string()) values.push_back(value);
    if (action == "remove") {
        auto removed = set->remove(values);
        if (!removed) return refusal(removed.error());
        return {{"ok", true}, {"status", 0}, {"removed", *removed}};
    }
    if (action != "add") return refusal({"an action is list, add or remove", {}, EINVAL});
    std::optional<std::uint64_t> for_ns;
    if (const auto given = request.find("for_ns"); given != request.end() && given->is_number_unsigned())
        for_ns = given->get<std::uint64_t>();
    auto added = set->add(values, for_ns);
    if (!added) return refusal(added.error());
    return {{"ok", true}, {"status", 0}, {"added", added->added}, {"refused", added->refused}};
}

}  // namespace weir::service
