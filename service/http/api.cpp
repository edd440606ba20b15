// Tested by tests/unit/service/api_test.cpp.
#include "service/http/api.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "runtime/memory_file.h"
#include "service/command_codec.h"
#include "service/duration.h"
#include "service/fields.h"
#include "tooling/files/json_depth.h"

namespace weir::service::http {
namespace {

constexpr std::uint64_t kMillisecond_ns = 1'000'000;
constexpr std::uint64_t kMostEntries = 10'000;  // of a set: the engine lists them while events wait

// The parameters of a request, each read once. The first that is wrong stands in fault().
class Parameters {
public:
    explicit Parameters(const Asked& asked) : asked_(asked) {
        for (const auto& [name, value] : asked.request.query) check_known(name);
    }
    bool flag(const char* name) {
        const auto text = parameter(asked_.request, name);
        if (!text) return false;
        if (*text != "1" && *text != "0") say(fmt::format("`{}` must be 1 or 0", name));
        return *text == "1";
    }
    std::uint64_t duration_ms(const char* name) {
        const auto text = parameter(asked_.request, name);
        if (!text) return 0;
        const auto read = parse_duration_ms(*text);
        if (!read) say(fmt::format("`{}` must be a time such as 30s or 5m, up to a week", name));
        return read.value_or(0);
    }
    std::optional<std::uint64_t> whole(const char* name) {
        const auto text = parameter(asked_.request, name);
        if (!text) return std::nullopt;
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
        if (error == std::errc() && end == text->data() + text->size()) return value;
        say(fmt::format("`{}` must be a whole number", name));
        return std::nullopt;
    }
    const std::string& fault() const { return fault_; }

private:
    void check_known(const std::string& name) {
        std::string known;
        for (const Parameter& one : asked_.found.route->parameters) {
            if (name == one.name) {
                std::size_t times = 0;
                for (const auto& [other, value] : asked_.request.query) times += other == name ? 1 : 0;
                if (times > 1) say(fmt::format("`{}` may be given once", name));
                return;
            }
            known += (known.empty() ? ": it takes " : ", ") + std::string(one.name);
        }
        say(fmt::format("`{}` is not a parameter of this request{}", name.substr(0, 40), known));
    }
    void say(std::string fault) {
        if (fault_.empty()) fault_ = std::move(fault);
    }

    const Asked& asked_;
    std::string fault_{};
};

std::variant<Question, Answer> ask(ChannelOf channel, const Parameters& parameters, const Command& command,
                                   runtime::UniqueFd attached = {}) {
    if (!parameters.fault().empty()) return refusal(422, parameters.fault());
    return Question{channel, encode(command), std::move(attached)};
}

// The name that diagnostics have, and that gives the policy its own: ?name=edge.
std::string file_of(const Asked& asked, std::string& fault) {
    const std::string name(parameter(asked.request, "name").value_or("policy"));
    const auto is_plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    };
    if (name.empty() || name.size() > 64 || !std::all_of(name.begin(), name.end(), is_plain))
        fault = "`name` must be letters, digits, _ and -, 64 at most";
    return "/<api>/" + name + ".rules";
}

// Of a command with a policy's text, whose file is `file`.
template <typename C>
std::variant<Question, Answer> ask_with_text(const Asked& asked, const Parameters& parameters, C command) {
    std::string fault = parameters.fault();
    command.file = file_of(asked, fault);
    command.from = "text";
    if (!fault.empty()) return refusal(422, fault);
    auto text = runtime::make_memory_file("weir-policy", asked.request.body);
    if (!text) return refusal(503, "there is no memory for the policy");
    command.text = std::move(*text);
    Command whole(std::move(command));
    std::string line = encode(whole);
    return Question{ChannelOf::kPolicy, std::move(line), std::move(std::get<C>(whole).text)};
}

std::variant<Question, Answer> reload(const Asked& asked, Parameters& parameters) {
    ReloadCommand command;
    command.format = "json";
    command.confirm_within_ms = parameters.duration_ms("confirm_within");
    command.shadow = parameters.flag("shadow");
    command.dry_run = parameters.flag("dry_run");
    return ask_with_text(asked, parameters, std::move(command));
}

std::variant<Question, Answer> judge(const Asked& asked, Parameters& parameters, const char* what) {
    JudgeCommand command;
    command.what = what;
    return ask_with_text(asked, parameters, std::move(command));
}

std::variant<Question, Answer> promote(Parameters& parameters) {
    PromoteCommand command;
    command.if_disagreements_under = parameters.whole("if_disagreements_under");
    command.cancel = parameters.flag("cancel");
    if (command.cancel && command.if_disagreements_under)
        return refusal(422, "`if_disagreements_under` does not go with `cancel`");
    return ask(ChannelOf::kPolicy, parameters, command);
}

std::variant<Question, Answer> flows(Parameters& parameters) {
    FlowsCommand command;
    command.top = parameters.whole("top").value_or(20);
    if (command.top > kMostFlows) return refusal(422, fmt::format("`top` must be at most {}", kMostFlows));
    return ask(ChannelOf::kSets, parameters, command);
}

// {"values":["192.0.2.1"],"for":"10m"}: "0" for good.
struct SetBody {
    std::vector<std::string> values{};
    std::optional<std::string> how_long{};
};
enum class Times : std::uint8_t { kNone, kMayHave };
std::variant<SetBody, Answer> read_set_body(const std::string& text, Times times) {
    const char* const help =
        times == Times::kMayHave ? R"({"values":["192.0.2.1"],"for":"10m"})" : R"({"values":["192.0.2.1"]})";
    const Json said = Json::parse(text, nullptr, false);
    if (!said.is_object()) return refusal(422, "the body must be a JSON object", help);
    SetBody body;
    FieldReader fields(said);
    fields.required("values", body.values);
    if (times == Times::kMayHave) fields("for", body.how_long);
    std::string fault = fields.fault();
    if (const std::string unknown = fields.unknown(); fault.empty() && !unknown.empty())
        fault = fmt::format("there is no key `{}` in this body", unknown.substr(0, 40));
    if (!fault.empty()) return refusal(422, fault, help);
    return body;
}

template <typename C>
std::variant<Question, Answer> change_set(const Asked& asked, const Parameters& parameters, Times times) {
    auto read = read_set_body(asked.request.body, times);
    if (auto* refused = std::get_if<Answer>(&read)) return std::move(*refused);
    SetBody& body = std::get<SetBody>(read);
    C command;
    command.set = asked.found.name;
    command.values = std::move(body.values);
    if constexpr (std::is_same_v<C, AddToSetCommand>) {
        const auto ms = body.how_long ? parse_duration_ms(*body.how_long) : std::nullopt;
        if (body.how_long && !ms && *body.how_long != "0")
            return refusal(422, "`for` must be a time such as 30s or 10m, or 0: it stays");
        if (body.how_long) command.for_ns = ms.value_or(0) * kMillisecond_ns;
    }
    auto question = ask(ChannelOf::kSets, parameters, command);
    constexpr std::size_t kMostLineBytes = 64 << 10;  // of the control socket
    if (auto* one = std::get_if<Question>(&question); one != nullptr && one->line.size() >= kMostLineBytes)
        return refusal(413, "more values than one request may have");
    return question;
}

unsigned status_of(const Json& said) {
    const std::string error = said.value("error", std::string());
    if (error.starts_with("the engine is starting")) return 503;
    if (error.starts_with("the policy has no set")) return 404;
    return said.value("status", int{kWorldFault}) == kWorldFault ? 409 : 422;
}

// Lines of JSON as an array. What is no JSON, words of a tool that died, is left out.
Json rows_of(const std::string& lines) {
    Json rows = Json::array();
    for (std::size_t begin = 0; begin < lines.size();) {
        const std::size_t end = std::min(lines.find('\n', begin), lines.size());
        const auto line = std::string_view(lines).substr(begin, end - begin);
        Json row = tooling::is_nested_too_deep(line) ? Json() : Json::parse(line, nullptr, false);
        if (row.is_object()) rows.push_back(std::move(row));
        begin = end + 1;
    }
    return rows;
}

}  // namespace

std::variant<Question, Answer> question_of(const Asked& asked) {
    Parameters parameters(asked);
    switch (asked.found.route->operation) {
        case Operation::kPolicy: return ask(ChannelOf::kSets, parameters, PolicyTextCommand{});
        case Operation::kFlows: return flows(parameters);
        case Operation::kListSet:
            return ask(ChannelOf::kSets, parameters, ListSetCommand{asked.found.name, kMostEntries});
        case Operation::kAddToSet: return change_set<AddToSetCommand>(asked, parameters, Times::kMayHave);
        case Operation::kRemoveFromSet: return change_set<RemoveFromSetCommand>(asked, parameters, Times::kNone);
        case Operation::kCheck: return judge(asked, parameters, "check");
        case Operation::kTest: return judge(asked, parameters, "test");
        case Operation::kDiff: return judge(asked, parameters, "diff");
        case Operation::kReload: return reload(asked, parameters);
        case Operation::kConfirm: return ask(ChannelOf::kSets, parameters, ConfirmCommand{});
        case Operation::kRollback: return ask(ChannelOf::kSets, parameters, RollbackCommand{});
        case Operation::kPromote: return promote(parameters);
        default: break;
    }
    return refusal(404, "there is nothing here");
}

Answer answer_of(std::string_view line, Right right) {
    constexpr std::string_view kRead = R"({"ok":true,"status":0,)";
    if (right == Right::kRead && line.starts_with(kRead)) {  // megabytes, which others would wait for
        Answer answer;
        answer.body = fmt::format("{{{}\n", line.substr(kRead.size()));
        return answer;
    }
    Json said = Json::parse(line, nullptr, false);
    if (!said.is_object()) return refusal(503, "the engine's answer cannot be read");
    Answer answer;
    const bool ok = said.value("ok", false);
    if (!ok) answer.status = status_of(said);
    if (ok && said.value("exit", 0) == kPolicyFault) answer.status = 422;  // a test failed
    if (said.contains("diagnostics") && said["diagnostics"].is_string())
        said["diagnostics"] = rows_of(said["diagnostics"].get<std::string>());
    if (said.contains("values") && said["values"].empty()) said.erase("values");
    for (const char* key : {"ok", "status", "exit"}) said.erase(key);
    if (said.contains("result")) {  // of a judge: its own keys
        const Json result = std::move(said["result"]);
        said.erase("result");
        if (result.is_object()) said.update(result);
    }
    answer.body = said.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
    return answer;
}

}  // namespace weir::service::http
