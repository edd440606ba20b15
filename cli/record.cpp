// weir record: what the flight recorder of a running engine has.
// Tested by tests/cli/record_test.py with `"record"`.
#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/end_on_interrupt.h"
#include "cli/terminal.h"
#include "compiler/compiler.h"
#include "compiler/oracle/evaluate.h"
#include "compiler/packet/packet.h"
#include "compiler/policy/reads.h"
#include "grammar/base/names.h"
#include "runtime/kernel.h"
#include "runtime/recorder.h"
#include "service/message_socket.h"
#include "tooling/judge/capture_writer.h"

namespace weir::cli {
namespace {

constexpr int kTimeout_ms = 60'000;

struct DumpArguments {
    std::string engine{}, format = "human", out{};
    std::vector<std::string> chosen{};  // KEY VALUE
};

// Which packets are wanted: a rule's condition, asked of the oracle.
class Choice {
public:
    // All of them where `key` is empty. An error where they cannot be chosen by that.
    static Result<Choice> of(const std::string& key, const std::string& value);

    bool takes(const runtime::RecordedPacket& packet, const std::string& interface) const;

private:
    std::optional<Compiled> compiled_{};
};

constexpr std::string_view kHelp =
    "write a field and a value of it: --for ip.src 198.51.100.7, --for ip.dst 10.0.0.0/8, --for port.dst 443, "
    "--for iface eth0";

bool is_made_of(const std::string& text, std::string_view others) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               others.find(c) != std::string_view::npos;
    });
}

Result<Choice> Choice::of(const std::string& key, const std::string& value) {
    Choice choice;
    if (key.empty()) return choice;
    const Error wrong{fmt::format("packets cannot be chosen by `{} {}`", printable(key), printable(value)),
                      std::string(kHelp), EINVAL};
    if (!is_made_of(key, "._") || !is_made_of(value, ".:/_-@")) return wrong;
    const bool is_range = value.find('/') != std::string::npos || value.find("..") != std::string::npos;
    const std::string written = key == "iface" ? fmt::format("\"{}\"", value) : value;
    Sources sources;
    Diagnostics diagnostics;
    choice.compiled_ =
        analyse(sources, "--for",
                fmt::format("rule chosen {{ when {} {} {} then drop }}", key, is_range ? "in" : "==", written), {},
                diagnostics);
    if (!choice.compiled_) {
        Error said = wrong;
        for (const Diagnostic& one : diagnostics.all())
            if (code_severity(one.code) == Severity::kError) {
                said.message += ": " + one.message;
                break;
            }
        return said;
    }
    const policy::TypedPolicy& policy = choice.compiled_->policy;
    for (const packet::FieldId field : policy::compared_fields(policy.expr(policy.rules.front().condition))) {
        const packet::Type type = packet::field(field).type;
        const bool is_text = type == packet::Type::kDomain || type == packet::Type::kText;
        if (type != packet::Type::kBytes && (!is_text || field == packet::FieldId::kIface)) continue;
        return Error{
            fmt::format("packets cannot be chosen by `{}`: the recorder has only the first bytes of each", key),
            "choose by a field of the headers", EINVAL};
    }
    return choice;
}

// What was not recorded of it counts as zeros: a header that is cut short would have no fields.
bool Choice::takes(const runtime::RecordedPacket& packet, const std::string& interface) const {
    if (!compiled_) return true;
    std::vector<std::uint8_t> frame(packet.bytes.begin(), packet.bytes.end());
    frame.resize(
        std::min<std::size_t>(std::max<std::size_t>(packet.original_bytes, frame.size()), tooling::kMaxFrameBytes));
    packet::Packet read(frame);
    if (!interface.empty()) read.set_interface(interface);
    const policy::TypedPolicy& policy = compiled_->policy;
    return oracle::Oracle(policy).holds(policy.rules.front().condition, read);
}

// What a running engine handed over.
struct Handed {
    runtime::RecorderView view{};
    std::optional<runtime::Recorder> recorder{};
};

std::optional<Handed> take_over(const std::string& engine, int& status) {
    auto pair = service::make_socket_pair();
    if (!pair) return status = say_error(pair.error()), std::nullopt;
    auto reply = ask(engine, service::RecordCommand{std::move(pair->theirs)}, kTimeout_ms, status);
    if (!reply) return std::nullopt;
    service::Message message;
    const bool came =
        service::receive_message(pair->ours.get(), message, 1, service::Wait::kNo) == service::Received::kMessage;
    if (!came || message.fds.size() != 1)
        return status = say_error("the engine did not hand over its flight recorder"), std::nullopt;
    auto recorder = runtime::Recorder::open(message.fds.front().get(), reply->recorder.shape);
    if (!recorder) return status = say_error(recorder.error()), std::nullopt;
    return Handed{std::move(reply->recorder), std::move(*recorder)};
}

// Interfaces and rules by number, as people know them.
class Names {
public:
    explicit Names(const runtime::RecorderView& view) : view_(view) {}

    const std::string& interface(std::uint32_t index) {
        const auto known = interfaces_.find(index);
        if (known != interfaces_.end()) return known->second;
        std::string name = index == 0 ? "" : runtime::interface_name(index);
        for (const auto& one : view_.interfaces)
            if (one.index == index) name = one.name;
        return interfaces_.emplace(index, printable(name)).first->second;
    }
    std::string decided(const runtime::RecordedPacket& packet) const {
        const std::vector<std::string>* names = nullptr;
        for (const auto& one : view_.rules)
            if (one.generation == packet.generation) names = &one.names;
        return printable(fmt::format("{} by {}", verdict_name(packet.verdict),
                                     runtime::row_name(names, packet.generation, packet.row)));
    }

private:
    const runtime::RecorderView& view_;
    std::map<std::uint32_t, std::string> interfaces_{};
};

int dump(const DumpArguments& arguments) {
    end_on_interrupt();
    const bool is_chosen = !arguments.chosen.empty();
    const auto choice = is_chosen ? Choice::of(arguments.chosen[0], arguments.chosen[1]) : Choice::of({}, {});
    if (!choice) return say_error(choice.error()), int{kUsage};
    int status = kOk;
    const auto handed = take_over(arguments.engine, status);
    if (!handed) return status;
    tooling::CaptureWriter out;
    if (Status opened = out.open(arguments.out, tooling::CaptureWriter::Appears::kWhole); !opened)
        return say_error(opened.error());
    Names names(handed->view);
    const runtime::Recording recording = handed->recorder->all();
    const std::uint64_t boot_ns = runtime::realtime_ns() - runtime::monotonic_ns();
    std::uint64_t written = 0;
    for (const runtime::RecordedPacket& packet : recording.packets()) {
        const std::string& interface = names.interface(packet.ifindex);
        if (!choice->takes(packet, interface)) continue;
        const std::string comment = names.decided(packet);
        if (Status done = out.write({packet.bytes, packet.original_bytes, packet.time_ns + boot_ns, interface, comment,
                                     packet.direction, packet.verdict});
            !done)
            return say_error(done.error());
        ++written;
    }
    if (Status closed = out.close(); !closed) return say_error(closed.error());
    if (arguments.format == "json")
        put("{}\n",
            nlohmann::ordered_json{
                {"file", printable(arguments.out)}, {"packets", written}, {"recorded", recording.packets().size()}}
                .dump());
    else
        put("{} of {} recorded packets are in {}\n", written, recording.packets().size(), printable(arguments.out));
    return kOk;
}

}  // namespace

void add_record(CLI::App& app, int& status) {
    static DumpArguments arguments;
    CLI::App* command = app.add_subcommand("record", "the flight recorder of a running engine");
    command->require_subcommand(1);
    CLI::App* dumping = command->add_subcommand("dump", "writes what it has to a pcapng file");
    dumping->add_option("OUT", arguments.out, "the file; it is replaced once all is written")->required();
    dumping->add_option("--for", arguments.chosen, "only packets whose field KEY has the value VALUE")
        ->expected(2)
        ->type_name("KEY VALUE");
    add_asking_options(*dumping, arguments.engine, arguments.format);
    dumping->callback([&status] { status = dump(arguments); });
}

}  // namespace weir::cli
