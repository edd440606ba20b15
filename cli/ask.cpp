#include "cli/ask.h"

#include "cli/options.h"
#include "cli/terminal.h"
#include "service/control_socket.h"

namespace weir::cli {

using Json = nlohmann::ordered_json;

namespace {

Error unreadable() { return {"the engine's answer cannot be read: is it of another version?", {}, 0}; }

}  // namespace

Result<Json> ask(const std::string& name, const Json& request, int timeout_ms) {
    auto said = service::ask_engine(name, request.dump(-1, ' ', false, Json::error_handler_t::replace), timeout_ms);
    if (!said) return said.error();
    return parse_answer(*said);
}

Result<Json> ask_status(const std::string& name) {
    constexpr int kTimeout_ms = 10'000;
    auto answer = ask(name, {{"command", "status"}}, kTimeout_ms);
    if (!answer) return answer.error();
    if (!answer->contains("engine")) return unreadable();
    return Json(std::move((*answer)["engine"]));
}

Result<Json> parse_answer(const std::string& line) {
    Json answer = Json::parse(line, nullptr, false);
    if (!answer.is_object()) return unreadable();
    return answer;
}

int say_refusal(const Json& answer) {
    if (answer.value("ok", false)) return kOk;
    say_error({answer.value("error", "the engine refuses"), answer.value("help", ""), 0});
    return answer.value("status", int{kWorldFault});
}

void add_asking_options(CLI::App& command, std::string& name, std::string& format, const std::string& formats) {
    add_name_option(command, name);
    command.add_option("--format", format, formats)->check(CLI::IsMember({"human", "json"}))->capture_default_str();
}

}  // namespace weir::cli
