// What can be asked of a running engine and what it replies: the same types for every door (the control socket is one)
// and for the commands of `weir` that ask. service/command_codec.h writes and reads them as JSON; docs/cli.md, "The
// control socket", shows that.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/engine/flow_list.h"
#include "runtime/handles.h"
#include "runtime/recorder_view.h"
#include "runtime/state/live_set.h"
#include "runtime/status.h"
#include "service/confine.h"
#include "service/side_process_status.h"
#include "tooling/exit_status.h"

namespace weir::service {

// ---- commands ----

struct StatusCommand {};
struct ReloadCommand {
    std::string file{};                   // from the root; empty: the policy in force, read again
    std::vector<std::string> include{};   // folders; empty: those of the last reload
    std::uint64_t confirm_within_ms = 0;  // 0: in force for good
    bool deny_warnings = false;
    std::string format = "human";  // of the diagnostics: tooling/files/formats.h
    bool colour = false;
    bool shadow = false;    // beside the policy in force, enforcing nothing
    std::string samples{};  // with `shadow`: path of the capture; empty: the engine's own
    bool no_tests = false;  // the tests of the policy's own file are left out
    bool dry_run = false;   // compiled, tested and loaded, then given up: the reply says what would change
    // A regular file with the policy's text, in place of `file`, which is then only the name that diagnostics have. A
    // door that gets a text puts it into a file in memory.
    runtime::UniqueFd text{};
    // Who wrote `text`. "host": who may name files of this host. Others may not (enum From, service/worker.h): "text"
    // is one alone; "bundle" a value of the bucket that this engine follows, `file` and `include` then paths in it
    // (service/bundle_files.h).
    std::string from = "host";
};
// The last part of such a name: `weir reload -`.
inline constexpr const char* kStdinName = "<stdin>";
// Sent after a reload that has no reply yet: it is given up unless it is in force already. Its own reply says which.
struct WithdrawCommand {};
struct ConfirmCommand {};
struct RollbackCommand {};
struct PromoteCommand {
    std::optional<std::uint64_t> if_disagreements_under{};
    bool cancel = false;  // ends the comparison instead
};
struct EventsCommand {
    bool follow = false;  // false: the last ones; true: those that come
};
struct ListSetCommand {
    std::string set;
    std::optional<std::uint64_t> most{};  // so many entries, in no order; nothing: all
};
struct AddToSetCommand {
    std::string set;
    std::vector<std::string> values;
    std::optional<std::uint64_t> for_ns{};  // 0: they stay; nothing: as the set says
    bool check_only = false;                // whether the values are of the set's type; nothing is added
};
struct RemoveFromSetCommand {
    std::string set;
    std::vector<std::string> values;
    bool check_only = false;
};
// What the flight recorder has. The recorder itself, a map to be read by the asker, goes over `channel` before the
// reply: a socket of make_socket_pair().
struct RecordCommand {
    runtime::UniqueFd channel{};
};
// The text of the policy in force.
struct PolicyTextCommand {};
// What `weir check`, `weir test` and `weir diff` (of the policy in force and this one) say of a policy. Nothing
// changes.
struct JudgeCommand {
    std::string what = "check";  // check, test, diff
    std::string file{};          // as of ReloadCommand
    std::string from = "host";   // likewise: "host" or "text"
    runtime::UniqueFd text{};
};
struct FlowsCommand {
    std::uint64_t top = 0;  // so many flows, those with most bytes; at most kMostFlows
};
inline constexpr std::uint64_t kMostFlows = 10'000;
using Command = std::variant<StatusCommand, ReloadCommand, ConfirmCommand, RollbackCommand, PromoteCommand,
                             EventsCommand, ListSetCommand, AddToSetCommand, RemoveFromSetCommand, WithdrawCommand,
                             RecordCommand, FlowsCommand, PolicyTextCommand, JudgeCommand>;

// ---- replies ----

// The sentence of a refusal while there is no policy yet: ask again.
inline constexpr const char* kStarting = "the engine is starting";
// Nothing was changed.
struct Refusal {
    Exit status = kWorldFault;  // what the command ends with; never kOk
    std::string error;          // a sentence
    std::string help{};         // what to do about it; may be empty
    std::string diagnostics{};  // of a policy, rendered
    struct Value {
        std::uint64_t index = 0;  // from 0
        std::string error;
    };
    std::vector<Value> values{};  // of a command for a set: those that are none of its type
};
struct StatusReply {
    struct Samples {  // of a candidate's disagreements
        std::string path;
        std::uint64_t written = 0;
        std::string state;  // "ok", or what is wrong
    };
    runtime::EngineStatus engine;
    struct Compiler {
        std::vector<std::string> lacks{};  // of its confinement, on this machine: "Landlock: ..."
    };
    std::optional<Samples> samples{};
    std::uint64_t reload_failed = 0;
    bool observe = false;  // no verdict is enforced
    Compiler compiler{};
    Rights rights{};  // the engine's own, since it has started
    // What this process has done since it started. Its first policy is none of `in_force`.
    struct Reloads {
        std::uint64_t in_force = 0, withdrawn = 0;
        std::uint64_t rolled_back = 0;  // weir rollback
        bool last_refused = false;
        double compile_ms = 0, load_ms = 0;  // of the policy that was last compiled and put in force
        double commit_us = 0;
    };
    Reloads reloads{};
    struct Process {
        std::string version{};     // of weir
        std::string started_at{};  // RFC 3339, UTC
        double cpu_seconds = 0;
        std::uint64_t memory_max_bytes = 0;  // resident
    };
    Process process{};
    std::vector<SideProcessStatus> doors{};
};
// The policy is in force.
struct Committed {
    double load_ms = 0;
    double commit_us = 0;
    std::vector<std::string> forgotten{};  // identities of state that nothing in the policy goes on with
    std::optional<std::uint64_t> confirm_within_ms{};
    std::optional<std::uint32_t> falls_back_to{};
};
// It runs beside the policy in force.
struct Compared {
    std::string candidate;
    std::string samples;
};
// It could be in force, and is not.
struct Planned {
    std::vector<std::string> new_rules{}, removed_rules{};  // names
    std::vector<std::string> forgotten{};                   // as in Committed
    double load_ms = 0;
    std::string changes{};  // what packets get another verdict, rule or alert, as lines for people
    std::string classes{};  // the same as a JSON array, as `weir diff` has it; empty: they were not compared
};
struct ReloadReply {
    std::string diagnostics;  // warnings
    std::string policy;       // in force now
    std::uint32_t generation = 0;
    std::uint64_t rules = 0;  // of the policy that was loaded
    double compile_ms = 0;
    std::variant<Committed, Compared, Planned> outcome{};
    bool observe = false;                 // no verdict is enforced
    std::vector<std::string> problems{};  // sinks that cannot deliver now: "sink log: opening ..."
};
// The policy in force, changed or not.
struct ChangeReply {
    std::string policy;
    std::uint32_t generation = 0;
    std::string file;
};
// So many lines of EVE follow, or all that come.
struct EventsReply {
    std::uint64_t events = 0;
};
struct SetEntriesReply {
    std::vector<runtime::LiveSet::Entry> entries;
    bool more = false;  // there are others, beyond ListSetCommand::most
};
struct SetAddedReply {
    std::uint64_t added = 0;
    std::uint64_t refused = 0;  // no room
};
struct SetRemovedReply {
    std::uint64_t removed = 0;
};
struct WithdrawReply {};
struct RecordReply {
    runtime::RecorderView recorder;
};
struct FlowsReply {
    runtime::FlowList list;
};
struct PolicyTextReply {
    std::string policy;
    std::string file;    // as it was named
    std::string sha256;  // of the text, hexadecimal
    std::string text;    // of its own file; imports and set files are others
};
struct JudgeReply {
    std::uint32_t exit = kOk;   // what the command would end with: kPolicyFault where a test failed
    std::string diagnostics{};  // JSON, one object a line
    std::string result{};       // a JSON object: {"policy":...,"rules":3}, {"tests":[...]}, {"classes":[...]}
};
using Reply = std::variant<Refusal, StatusReply, ReloadReply, ChangeReply, EventsReply, SetEntriesReply, SetAddedReply,
                           SetRemovedReply, WithdrawReply, RecordReply, FlowsReply, PolicyTextReply, JudgeReply>;

// What answers a command of type C where it is not refused.
template <typename C>
struct ReplyOf;
template <>
struct ReplyOf<StatusCommand> {
    using Type = StatusReply;
};
template <>
struct ReplyOf<ReloadCommand> {
    using Type = ReloadReply;
};
template <>
struct ReplyOf<ConfirmCommand> {
    using Type = ChangeReply;
};
template <>
struct ReplyOf<RollbackCommand> {
    using Type = ChangeReply;
};
template <>
struct ReplyOf<PromoteCommand> {
    using Type = ChangeReply;
};
template <>
struct ReplyOf<EventsCommand> {
    using Type = EventsReply;
};
template <>
struct ReplyOf<ListSetCommand> {
    using Type = SetEntriesReply;
};
template <>
struct ReplyOf<AddToSetCommand> {
    using Type = SetAddedReply;
};
template <>
struct ReplyOf<RemoveFromSetCommand> {
    using Type = SetRemovedReply;
};
template <>
struct ReplyOf<WithdrawCommand> {
    using Type = WithdrawReply;
};
template <>
struct ReplyOf<FlowsCommand> {
    using Type = FlowsReply;
};

template <>
struct ReplyOf<PolicyTextCommand> {
    using Type = PolicyTextReply;
};
template <>
struct ReplyOf<JudgeCommand> {
    using Type = JudgeReply;
};
template <>
struct ReplyOf<RecordCommand> {
    using Type = RecordReply;
};

// Who sent a command, as its door sees them. Each function may be called after the peer has left.
struct Peer {
    std::function<void(const Reply&)> reply;  // once a command
    // A line after the reply to EventsCommand; false where the peer has not read enough of the lines before.
    std::function<bool(const std::string&)> offer;
    std::function<bool()> is_connected;
    std::function<bool()> withdraws{};  // WithdrawCommand waits for the reply to this one; may be empty
};

}  // namespace weir::service
