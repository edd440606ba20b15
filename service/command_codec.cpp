// Tested by tests/unit/service/command_codec_test.cpp.
#include "service/command_codec.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "service/fields.h"
#include "service/status_fields.h"
#include "tooling/files/formats.h"

namespace weir::service {
namespace {

constexpr std::uint64_t kWeek_ms = std::uint64_t{7} * 24 * 3'600'000;

template <typename T, typename Fields>
using Of = typename Fields::template Of<T>;

// ---- commands ----

template <typename Fields>
void describe(Fields&, Of<StatusCommand, Fields>&) {}
template <typename Fields>
void describe(Fields& fields, Of<ReloadCommand, Fields>& command) {
    fields.optional("file", command.file);
    fields.optional("include", command.include);
    fields.optional_up_to("confirm_within_ms", command.confirm_within_ms, kWeek_ms);
    fields.optional("deny_warnings", command.deny_warnings);
    fields.optional_word("format", command.format, tooling::format_words(tooling::FormatsOf::kPolicies));
    fields.optional("colour", command.colour);
    fields.optional("dry_run", command.dry_run);
    fields.optional("shadow", command.shadow);
    fields.optional("no_tests", command.no_tests);
    fields.optional("samples", command.samples);
    fields.optional_word("from", command.from, {"host", "text", "bundle"});
    // Written where there is a text; read, it says that one came along.
    bool is_attached = std::is_same_v<Fields, FieldWriter> && command.text;
    fields.optional("attached", is_attached);
    if constexpr (std::is_same_v<Fields, FieldReader>)
        if (!is_attached) command.text = {};
}
template <typename Fields>
void describe(Fields&, Of<ConfirmCommand, Fields>&) {}
template <typename Fields>
void describe(Fields&, Of<RollbackCommand, Fields>&) {}
template <typename Fields>
void describe(Fields& fields, Of<PromoteCommand, Fields>& command) {
    fields("if_disagreements_under", command.if_disagreements_under);
    fields.optional("cancel", command.cancel);
}
template <typename Fields>
void describe(Fields& fields, Of<EventsCommand, Fields>& command) {
    fields.optional("follow", command.follow);
}
template <typename Fields>
void describe(Fields& fields, Of<ListSetCommand, Fields>& command) {
    fields.required("set", command.set);
    fields("most", command.most);
}
template <typename Fields>
void describe(Fields& fields, Of<AddToSetCommand, Fields>& command) {
    fields.required("set", command.set);
    fields.required("values", command.values);
    fields("for_ns", command.for_ns);
    fields.optional("check_only", command.check_only);
}
template <typename Fields>
void describe(Fields& fields, Of<RemoveFromSetCommand, Fields>& command) {
    fields.required("set", command.set);
    fields.required("values", command.values);
    fields.optional("check_only", command.check_only);
}
template <typename Fields>
void describe(Fields&, Of<WithdrawCommand, Fields>&) {}
template <typename Fields>
void describe(Fields&, Of<RecordCommand, Fields>&) {}
template <typename Fields>
void describe(Fields& fields, Of<FlowsCommand, Fields>& command) {
    fields.optional_up_to("top", command.top, kMostFlows);
}
template <typename Fields>
void describe(Fields&, Of<PolicyTextCommand, Fields>&) {}
template <typename Fields>
void describe(Fields& fields, Of<JudgeCommand, Fields>& command) {
    fields.optional_word("what", command.what, {"check", "test", "diff"});
    fields.optional("file", command.file);
    fields.optional_word("from", command.from, {"host", "text"});
    bool is_attached = std::is_same_v<Fields, FieldWriter> && command.text;
    fields.optional("attached", is_attached);
    if constexpr (std::is_same_v<Fields, FieldReader>)
        if (!is_attached) command.text = {};
}

// What contradicts itself; empty where nothing does.
template <typename T>
std::string contradiction(const T&) {
    return {};
}
std::string contradiction(const JudgeCommand& command) {
    if (!command.text || command.file.empty() || command.file.front() != '/')
        return "`attached` must be true, and `file` a path from the root: the name that the text has";
    return {};
}
std::string contradiction(const ReloadCommand& command) {
    if (command.shadow && command.confirm_within_ms != 0)
        return "`confirm_within_ms` does not go with `shadow`: a candidate is not in force";
    if (command.dry_run && (command.shadow || command.confirm_within_ms != 0))
        return "`dry_run` goes with neither `shadow` nor `confirm_within_ms`: nothing is put in force";
    if (!command.shadow && !command.samples.empty()) return "`samples` goes with `shadow` only";
    const auto is_relative = [](const std::string& path) { return !path.empty() && path.front() != '/'; };
    if (command.text && command.file.empty()) return "`attached` needs a `file`: the name that the text has";
    if (!command.text && command.from != "host") return "`from` goes with an attached text only";
    if (is_relative(command.file)) return "`file` must be a path from the root";
    if (is_relative(command.samples)) return "`samples` must be a path from the root";
    if (std::any_of(command.include.begin(), command.include.end(),
                    [&](const std::string& folder) { return folder.empty() || is_relative(folder); }))
        return "`include` must be paths from the root";
    return {};
}
std::string contradiction(const PromoteCommand& command) {
    if (command.cancel && command.if_disagreements_under) return "`if_disagreements_under` does not go with `cancel`";
    return {};
}

// The key `attached` without a descriptor, or one that is no regular file.
std::string fault_of(const Json& asked, const runtime::UniqueFd& text) {
    if (!text) return asked.value("attached", false) ? "`attached` is true, but no descriptor came along" : "";
    struct stat facts{};
    if (fstat(text.get(), &facts) == 0 && S_ISREG(facts.st_mode)) return {};
    return "the descriptor that came along must be of a regular file";
}

std::string fault_of(const runtime::UniqueFd& channel) {
    struct stat facts{};
    if (channel && fstat(channel.get(), &facts) == 0 && S_ISSOCK(facts.st_mode)) return {};
    return "a descriptor of a socket must come along";
}

template <typename T>
std::variant<Command, Refusal> read(const Json& asked, runtime::UniqueFd attached) {
    T command{};
    if constexpr (requires { command.text; }) command.text = std::move(attached);
    if constexpr (requires { command.channel; }) command.channel = std::move(attached);
    std::vector<std::string_view> read_already{"command"};
    if constexpr (requires { command.set; }) read_already.emplace_back("action");
    FieldReader fields(asked, std::move(read_already));
    describe(fields, command);
    std::string fault = fields.fault();
    if (const std::string unknown = fields.unknown(); fault.empty() && !unknown.empty())
        fault = fmt::format("there is no key `{}` in this command", unknown.substr(0, 40));
    if (fault.empty()) fault = contradiction(command);
    if constexpr (requires { command.text; })
        if (fault.empty()) fault = fault_of(asked, command.text);
    if constexpr (requires { command.channel; })
        if (fault.empty()) fault = fault_of(command.channel);
    if (!fault.empty()) return Refusal{kUsage, std::move(fault), "its keys: " + fields.known()};
    return Command(std::move(command));
}

struct Row {
    const char* command;
    const char* action;  // null: it has none
    std::variant<Command, Refusal> (*read)(const Json&, runtime::UniqueFd);
};
// In the order of Command.
constexpr std::array<Row, std::variant_size_v<Command>> kRows{{{"status", nullptr, read<StatusCommand>},
                                                               {"reload", nullptr, read<ReloadCommand>},
                                                               {"confirm", nullptr, read<ConfirmCommand>},
                                                               {"rollback", nullptr, read<RollbackCommand>},
                                                               {"promote", nullptr, read<PromoteCommand>},
                                                               {"events", nullptr, read<EventsCommand>},
                                                               {"set", "list", read<ListSetCommand>},
                                                               {"set", "add", read<AddToSetCommand>},
                                                               {"set", "remove", read<RemoveFromSetCommand>},
                                                               {"withdraw", nullptr, read<WithdrawCommand>},
                                                               {"record", nullptr, read<RecordCommand>},
                                                               {"flows", nullptr, read<FlowsCommand>},
                                                               {"policy", nullptr, read<PolicyTextCommand>},
                                                               {"judge", nullptr, read<JudgeCommand>}}};

// The string at `key`, or nothing.
const std::string* word(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

// ---- replies ----

template <typename Fields>
void describe(Fields& fields, Of<Refusal, Fields>& reply) {
    fields("error", reply.error);
    fields("help", reply.help);
    fields.optional("diagnostics", reply.diagnostics);
    if (std::is_same_v<Fields, FieldWriter> && reply.values.empty()) return;
    fields.rows("values", reply.values, [](auto& row, auto& value) {
        row("index", value.index);
        row("error", value.error);
    });
}
template <typename Fields>
void describe(Fields& fields, Of<StatusReply, Fields>& reply) {
    fields.part("engine", reply, [](auto& inner, auto& engine) { describe_status(inner, engine); });
}
template <typename Fields>
void describe(Fields& fields, Of<Committed, Fields>& outcome) {
    fields("load_ms", outcome.load_ms);
    fields("forgotten", outcome.forgotten);
    fields("commit_us", outcome.commit_us);
    fields("confirm_within_ms", outcome.confirm_within_ms);
    fields("falls_back_to", outcome.falls_back_to);
}
template <typename Fields>
void describe(Fields& fields, Of<Compared, Fields>& outcome) {
    fields("candidate", outcome.candidate);
    fields("samples", outcome.samples);
}
template <typename Fields>
void describe(Fields& fields, Of<Planned, Fields>& outcome) {
    bool is_dry_run = true;
    fields("dry_run", is_dry_run);
    fields("load_ms", outcome.load_ms);
    fields("new_rules", outcome.new_rules);
    fields("removed_rules", outcome.removed_rules);
    fields("forgotten", outcome.forgotten);
    fields.optional("changes", outcome.changes);
    fields.optional_json("classes", outcome.classes);
}
template <typename Fields>
void describe(Fields& fields, Of<ReloadReply, Fields>& reply) {
    fields("diagnostics", reply.diagnostics);
    fields("policy", reply.policy);
    fields("generation", reply.generation);
    fields("rules", reply.rules);
    fields("compile_ms", reply.compile_ms);
    fields.optional("observe", reply.observe);
    fields.optional("problems", reply.problems);
    std::visit([&](auto& outcome) { describe(fields, outcome); }, reply.outcome);
}
template <typename Fields>
void describe(Fields& fields, Of<ChangeReply, Fields>& reply) {
    fields("policy", reply.policy);
    fields("generation", reply.generation);
    fields("file", reply.file);
}
template <typename Fields>
void describe(Fields& fields, Of<EventsReply, Fields>& reply) {
    fields("events", reply.events);
}
template <typename Fields>
void describe(Fields& fields, Of<SetEntriesReply, Fields>& reply) {
    fields.rows("entries", reply.entries, [](auto& row, auto& entry) {
        row("value", entry.value);
        row.optional("expires_in_ns", entry.expires_in_ns);
    });
    fields.optional("more", reply.more);
}
template <typename Fields>
void describe(Fields& fields, Of<SetAddedReply, Fields>& reply) {
    fields("added", reply.added);
    fields("refused", reply.refused);
}
template <typename Fields>
void describe(Fields& fields, Of<SetRemovedReply, Fields>& reply) {
    fields("removed", reply.removed);
}
template <typename Fields>
void describe(Fields&, Of<WithdrawReply, Fields>&) {}
template <typename Fields>
void describe(Fields& fields, Of<RecordReply, Fields>& reply) {
    auto& view = reply.recorder;
    fields("policy", view.policy);
    fields("bytes", view.shape.bytes);
    fields("packets", view.shape.packets);
    fields("keys", view.shape.keys);
    fields.rows("rules", view.rules, [](auto& row, auto& rules) {
        row("generation", rules.generation);
        row("names", rules.names);
    });
    fields.rows("interfaces", view.interfaces, [](auto& row, auto& interface) {
        row("index", interface.index);
        row("name", interface.name);
    });
}
template <typename Fields>
void describe(Fields& fields, Of<FlowsReply, Fields>& reply) {
    fields("flows", reply.list.flows);
    fields.rows("top", reply.list.top, [](auto& row, auto& flow) {
        row("protocol", flow.protocol);
        row("client", flow.client);
        row("server", flow.server);
        row("state", flow.state);
        row("packets", flow.packets);
        row("bytes", flow.bytes);
        row("age_ns", flow.age_ns);
        row("idle_ns", flow.idle_ns);
        row("rtt_ns", flow.rtt_ns);
        row.optional("of_socket", flow.is_of_socket);
    });
}

template <typename Fields>
void describe(Fields& fields, Of<PolicyTextReply, Fields>& reply) {
    fields("policy", reply.policy);
    fields("file", reply.file);
    fields("sha256", reply.sha256);
    fields("text", reply.text);
}
template <typename Fields>
void describe(Fields& fields, Of<JudgeReply, Fields>& reply) {
    fields("exit", reply.exit);
    fields("diagnostics", reply.diagnostics);
    fields.optional_json("result", reply.result);
}

}  // namespace

std::variant<Command, Refusal> decode_command(std::string_view line, runtime::UniqueFd attached) {
    const Json asked = Json::parse(line, nullptr, false);
    if (!asked.is_object()) return Refusal{kUsage, "a request must be one JSON object a line"};
    const std::string* command = word(asked, "command");
    const std::string* action = word(asked, "action");
    bool has_actions = false;
    std::string words;
    for (const Row& row : kRows) {
        if (words.find(row.command) == std::string::npos)
            words += (words.empty() ? "" : ", ") + std::string(row.command);
        if (command == nullptr || *command != row.command) continue;
        if (row.action == nullptr || (action != nullptr && *action == row.action))
            return row.read(asked, std::move(attached));
        has_actions = true;
    }
    if (has_actions) return Refusal{kUsage, "`action` must be one of list, add, remove"};
    return Refusal{kUsage, "`command` must be one of " + words};
}

std::string encode(const Command& command) {
    const Row& row = kRows[command.index()];
    std::string out;
    {
        FieldWriter fields(out);
        fields("command", row.command);
        if (row.action != nullptr) fields("action", row.action);
        std::visit([&](const auto& one) { describe(fields, one); }, command);
    }
    return out;
}

std::string encode(const Reply& reply) {
    const auto* refusal = std::get_if<Refusal>(&reply);
    std::string out;
    constexpr std::size_t kRuleBytes = 64;  // of most rules: the text of a large policy is not moved as it grows
    if (const auto* status = std::get_if<StatusReply>(&reply)) out.reserve(kRuleBytes * status->engine.rules.size());
    {
        FieldWriter fields(out);
        fields("ok", refusal == nullptr);
        fields("status", static_cast<int>(refusal == nullptr ? kOk : refusal->status));
        std::visit([&](const auto& one) { describe(fields, one); }, reply);
    }
    return out;
}

std::string encode_result(const Reply& reply) {
    Json out = Json::parse(encode(reply));
    if (std::holds_alternative<StatusReply>(reply)) return out["engine"].dump();
    for (const char* key : {"ok", "status", "diagnostics"}) out.erase(key);
    return out.dump();
}

Result<Reply> decode_reply(std::string_view line, const Command& asked) {
    const Error unreadable{"the engine's answer cannot be read: is it of another version?", {}, 0};
    const Json said = Json::parse(line, nullptr, false);
    if (!said.is_object()) return unreadable;
    FieldReader fields(said);
    bool ok = false;
    std::uint32_t status = kWorldFault;
    fields("ok", ok);
    fields("status", status);
    Reply reply;
    if (!ok) {
        Refusal refusal;
        describe(fields, refusal);
        refusal.status = status == kPolicyFault ? kPolicyFault : status == kUsage ? kUsage : kWorldFault;
        if (refusal.error.empty()) refusal.error = "the engine refuses";
        reply = std::move(refusal);
    } else {
        std::visit(
            [&]<typename C>(const C& command) {
                typename ReplyOf<C>::Type answer{};
                if constexpr (std::is_same_v<C, ReloadCommand>) {
                    if (command.shadow) answer.outcome = Compared{};
                    if (command.dry_run) answer.outcome = Planned{};
                }
                describe(fields, answer);
                reply = std::move(answer);
            },
            asked);
        if (std::holds_alternative<StatusReply>(reply) && !said.contains("engine")) return unreadable;
    }
    if (!fields.fault().empty()) return unreadable;
    return reply;
}

}  // namespace weir::service
