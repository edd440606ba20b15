// weir set: the sets of a running engine.
// Tested by tests/cli/kept_test.py with `"set"`.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <optional>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "grammar/base/utf8.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kTimeout_ms = 60'000;
constexpr std::size_t kValuesARequest = 1000;  // of 64 bytes at most: a request has 64 KB

struct SetArguments {
    std::string engine{}, format = "human", set{};
    std::vector<std::string> values{};
};

// "90s", "10m": as policies write them.
std::optional<std::uint64_t> duration_ns(const std::string& text) {
    struct Unit {
        std::string_view word;
        std::uint64_t ns;
    };
    constexpr Unit kUnits[] = {{"us", 1'000},         {"ms", 1'000'000},        {"s", 1'000'000'000},
                               {"m", 60'000'000'000}, {"h", 3'600'000'000'000}, {"d", 86'400'000'000'000}};
    std::uint64_t count = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (failed != std::errc()) return std::nullopt;
    for (const Unit& unit : kUnits)
        if (unit.word == std::string_view(end) && count != 0 && count <= ~std::uint64_t{0} / unit.ns)
            return count * unit.ns;
    return std::nullopt;
}

std::string duration_text(std::uint64_t ns) {
    const std::uint64_t s = ns / 1'000'000'000;
    if (s >= 86'400) return fmt::format("{}d{}h", s / 86'400, s % 86'400 / 3'600);
    if (s >= 3'600) return fmt::format("{}h{}m", s / 3'600, s % 3'600 / 60);
    if (s >= 60) return fmt::format("{}m{}s", s / 60, s % 60);
    return fmt::format("{}.{}s", s, ns / 100'000'000 % 10);
}

struct Values {
    std::vector<std::string> texts{};
    std::vector<std::size_t> lines{};  // of standard input; empty: they are arguments
};

// Lines of standard input; `#` begins a comment.
Values read_lines() {
    Values values;
    std::size_t number = 0;
    for (std::string line; std::getline(std::cin, line);) {
        if (++number == 1) line = without_byte_order_mark(line);
        line = line.substr(0, line.find('#'));
        const std::size_t first = line.find_first_not_of(" \t\r"), last = line.find_last_not_of(" \t\r");
        if (first == std::string::npos) continue;
        values.texts.push_back(line.substr(first, last - first + 1));
        values.lines.push_back(number);
    }
    return values;
}

// Nothing where there is no value: that is said.
std::optional<Values> values_of(const std::vector<std::string>& arguments) {
    Values values{arguments, {}};
    if (arguments == std::vector<std::string>{"-"}) values = read_lines();
    if (!values.texts.empty()) return values;
    say_error(Error{"there is no value", "name values, or write one a line to standard input with `-`", 0});
    return std::nullopt;
}

int list(const SetArguments& arguments) {
    int status = kOk;
    const auto reply = ask(arguments.engine, service::ListSetCommand{arguments.set}, kTimeout_ms, status);
    if (!reply) return status;
    for (const auto& [value, expires_in_ns] : reply->entries) {
        if (arguments.format == "json") {
            Json entry{{"value", value}};
            if (expires_in_ns != 0) entry["expires_in_ns"] = expires_in_ns;
            put("{}\n", entry.dump(-1, ' ', true, Json::error_handler_t::replace));
        } else if (expires_in_ns != 0) {
            put("{} for {}\n", printable(value), duration_text(expires_in_ns));
        } else {
            put("{}\n", printable(value));
        }
    }
    return kOk;
}

// A change of many values, in groups. All are checked before the first is changed, so a wrong one changes nothing.
template <typename C>
class Change {
public:
    using Answer = typename service::ReplyOf<C>::Type;

    Change(const std::string& engine, C command, Values values)
        : engine_(engine), command_(std::move(command)), values_(std::move(values)) {}

    // `count` gets each reply. Returns an exit status.
    template <typename Count>
    int run(const Count& count) {
        const std::size_t all = values_.texts.size();
        // One group alone is checked by the engine before it changes anything.
        command_.check_only = true;
        int status = kOk;
        for (std::size_t at = 0; at < all && all > kValuesARequest && !has_failed_; at += kValuesARequest)
            if (const int said = send(at, [](const Answer&) {}); said != kOk) status = said;
        command_.check_only = false;
        while (done_ < all && status == kOk) {
            status = send(done_, count);
            if (status == kOk) done_ += std::min(kValuesARequest, all - done_);
        }
        if (wrong_ > kMaxShown) put(stderr, "weir: and {} wrong values more\n", wrong_ - kMaxShown);
        if (wrong_ != 0)
            put(stderr, "weir: {} of the values {} wrong: {}\n", wrong_, wrong_ == 1 ? "is" : "are",
                done_ == 0 ? "nothing was changed" : fmt::format("{} were done before", done_));
        return status;
    }

private:
    static constexpr std::size_t kMaxShown = 20;

    template <typename Count>
    int send(std::size_t begin, const Count& count) {
        const std::size_t end = std::min(values_.texts.size(), begin + kValuesARequest);
        command_.values.assign(values_.texts.begin() + static_cast<std::ptrdiff_t>(begin),
                               values_.texts.begin() + static_cast<std::ptrdiff_t>(end));
        const OnInterrupt on_interrupt{interrupt_, [this](service::EngineConnection&) { return waits_on(); }};
        has_failed_ = true;  // unless
        if (interrupt_.take() && !waits_on()) return say_interrupted();
        const auto reply = ask_any(engine_, service::Command(command_), kTimeout_ms, &on_interrupt);
        if (!reply && reply.error().number == EINTR) return say_interrupted();
        if (!reply) return say_partly(say_error(reply.error()));
        if (const auto* refusal = std::get_if<service::Refusal>(&*reply)) {
            if (refusal->values.empty()) return say_partly(say_refusal(*refusal));
            has_failed_ = false;  // others may be wrong, too
            return say_wrong(*refusal, begin);
        }
        has_failed_ = false;
        count(std::get<Answer>(*reply));
        return kOk;
    }

    // Nothing is changed by halves: once it has begun, the first Ctrl-C ends nothing.
    bool waits_on() {
        if (command_.check_only) return false;
        if (++interrupts_ > 1) return false;
        put(stderr, "weir: {} of {} values are done, the others follow; Ctrl-C once more stops here\n", done_,
            values_.texts.size());
        return true;
    }

    int say_interrupted() const {
        if (command_.check_only) return say_error("interrupted: nothing was changed");
        return say_error(fmt::format("interrupted: {} of {} values are done; the {} after them may be", done_,
                                     values_.texts.size(), command_.values.size()));
    }

    // Where an engine fails in the middle.
    int say_partly(int status) const {
        if (done_ != 0) put(stderr, "weir: {} of {} values were done before\n", done_, values_.texts.size());
        return status;
    }

    // As a compiler says it where the values are lines.
    int say_wrong(const service::Refusal& refusal, std::size_t begin) {
        for (const service::Refusal::Value& value : refusal.values) {
            const std::size_t index = begin + value.index;
            if (++wrong_ > kMaxShown || index >= values_.texts.size()) continue;
            if (values_.lines.empty())
                put(stderr, "weir: {}\n", printable(value.error));
            else
                put(stderr, "-:{}: error: {}\n", values_.lines[index], printable(value.error));
        }
        if (!refusal.help.empty() && wrong_ == refusal.values.size())
            put(stderr, "      {}\n", printable(refusal.help));
        return values_.lines.empty() ? kUsage : kPolicyFault;
    }

    std::string engine_;
    C command_;
    Values values_;
    Interrupt interrupt_{};
    bool has_failed_ = false;
    std::size_t done_ = 0;   // values that were changed, or had no room
    std::size_t wrong_ = 0;  // values that are none of the set's type
    int interrupts_ = 0;
};

int add(SetArguments arguments) {
    service::AddToSetCommand command{arguments.set, {}, {}};
    std::vector<std::string>& values = arguments.values;
    if (values.size() >= 2 && values[values.size() - 2] == "for") {
        command.for_ns = duration_ns(values.back());
        if (!command.for_ns)
            return say_error({fmt::format("`{}` is not a duration", values.back()),
                              "write `for 10m`; the units are us, ms, s, m, h and d", 0}),
                   int{kUsage};
        values.resize(values.size() - 2);
    }
    auto given = values_of(values);
    if (!given) return kUsage;
    std::uint64_t added = 0, refused = 0;
    Change change(arguments.engine, std::move(command), std::move(*given));
    const int status = change.run([&](const service::SetAddedReply& reply) {
        added += reply.added;
        refused += reply.refused;
    });
    if (status != kOk) return status;
    if (arguments.format == "json")
        put("{}\n", Json{{"added", added}, {"refused", refused}}.dump());
    else
        put("{} added\n", added);
    if (refused == 0) return kOk;
    return say_error({fmt::format("{} had no room", refused),
                      "give the set a larger `size` in the policy, or add for a shorter time", 0});
}

int remove(const SetArguments& arguments) {
    auto given = values_of(arguments.values);
    if (!given) return kUsage;
    std::uint64_t removed = 0;
    Change change(arguments.engine, service::RemoveFromSetCommand{arguments.set, {}}, std::move(*given));
    const int status = change.run([&](const service::SetRemovedReply& reply) { removed += reply.removed; });
    if (status != kOk) return status;
    if (arguments.format == "json")
        put("{}\n", Json{{"removed", removed}, {"refused", 0}}.dump());
    else
        put("{} removed\n", removed);
    return kOk;
}

}  // namespace

void add_set(CLI::App& app, int& status) {
    static SetArguments arguments;
    CLI::App* command = app.add_subcommand("set", "lists and changes the sets of a running engine");
    command->require_subcommand(1);
    const auto common = [&](CLI::App* action) {
        action->add_option("NAME", arguments.set, "name of the set")->required();
        add_asking_options(*action, arguments.engine, arguments.format);
        return action;
    };
    common(command->add_subcommand("list", "lists the entries that have not expired"))->callback([&status] {
        status = list(arguments);
    });
    CLI::App* adding = common(command->add_subcommand("add", "adds values, or sets a new expiry time"));
    adding
        ->add_option("VALUE", arguments.values,
                     "values, then optionally `for DURATION`; - reads values from standard input, one a line")
        ->required();
    adding->callback([&status] { status = add(arguments); });
    CLI::App* removing = common(command->add_subcommand("remove", "removes values"));
    removing->add_option("VALUE", arguments.values, "values; - reads them from standard input")->required();
    removing->callback([&status] { status = remove(arguments); });
}

}  // namespace weir::cli
