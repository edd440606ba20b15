// Tested by tests/cli/completion_test.py with `__complete`.
#include "cli/complete.h"

#include <dirent.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "cli/ask.h"
#include "cli/terminal.h"
#include "grammar/diagnostic.h"
#include "service/engine_connection.h"

namespace weir::cli {
namespace {

constexpr std::string_view kWord = "__complete";
constexpr int kTimeout_ms = 500;  // an engine that is slower has no sets here: somebody waits at a prompt

struct Candidate {
    std::string value{};
    std::string meaning{};
};
struct Answer {
    std::string files{};
    std::vector<Candidate> candidates{};
};

// Where the word that is being written stands.
struct Cursor {
    const CLI::App* command = nullptr;
    const CLI::Option* option = nullptr;  // it is the value of this one
    std::size_t positionals = 0;          // before it
    bool only_positionals = false;        // after --
    std::string engine{};                 // --name
    std::vector<std::string> values{};    // of the positionals
};

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

const CLI::App* command_below(const CLI::App& command, const std::string& name) {
    for (const CLI::App* one : command.get_subcommands([](const CLI::App*) { return true; }))
        if (one->get_name() == name) return one;
    return nullptr;
}

// Bash makes `=` a word of its own.
Cursor walk(const CLI::App& app, const std::vector<std::string>& words) {
    Cursor at{&app};
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const std::string& word = words[i];
        if (at.option != nullptr) {
            if (word == "=") continue;
            if (at.option->check_lname("name")) at.engine = word;
            at.option = nullptr;
        } else if (word == "--" && !at.only_positionals) {
            at.only_positionals = true;
        } else if (word.size() > 1 && word.starts_with('-') && !at.only_positionals) {
            const CLI::Option* option = at.command->get_option_no_throw(word);
            if (option != nullptr && takes_value(*option)) at.option = option;
            if (word.starts_with("--name=")) at.engine = word.substr(7);
        } else if (const CLI::App* below = command_below(*at.command, word); below != nullptr) {
            at.command = below;
        } else {
            ++at.positionals;
            at.values.push_back(word);
        }
    }
    return at;
}

std::vector<std::string> entries_of(const char* folder) {
    std::vector<std::string> names;
    DIR* opened = opendir(folder);
    if (opened == nullptr) return names;
    while (const dirent* entry = readdir(opened))
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    closedir(opened);
    std::sort(names.begin(), names.end());
    return names;
}

void add_all(Answer& answer, const std::vector<std::string>& names) {
    for (const std::string& name : names) answer.candidates.push_back({name, {}});
}

// CLI11 says which values an option takes in the name of its type: "TEXT:{human,json}".
std::vector<std::string> listed_values(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    const std::size_t begin = type.find('{'), end = type.find('}', begin == std::string::npos ? 0 : begin);
    std::vector<std::string> values;
    if (begin == std::string::npos || end == std::string::npos) return values;
    for (std::string rest = type.substr(begin + 1, end - begin - 1); !rest.empty();) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        values.push_back(rest.substr(0, comma));
        rest.erase(0, comma + 1);
    }
    return values;
}

void add_sets(Answer& answer, const std::string& engine) {
    const auto reply = ask_any(engine, service::StatusCommand{}, kTimeout_ms);
    if (!reply) return;
    const auto* status = std::get_if<service::StatusReply>(&*reply);
    if (status == nullptr) return;
    for (const runtime::SetStatus& set : status->engine.sets)
        answer.candidates.push_back({set.name, fmt::format("{} entries", set.entries)});
}

// `weir stop` detaches what killed ones left, too.
void add_engines(Answer& answer, const std::string& command) {
    add_all(answer, service::running_engines());
    if (command != "stop") return;
    for (const runtime::LeftEngine& one : service::killed_engines()) answer.candidates.push_back({one.name, "killed"});
}

void add_codes(Answer& answer) {
#define WEIR_DIAGNOSTIC(code, severity, title) answer.candidates.push_back({#code, title});
#include "grammar/diagnostics.def"
#undef WEIR_DIAGNOSTIC
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// Values of an option, or of a positional argument, by its name.
void add_values(Answer& answer, const CLI::Option& option, const Cursor& at) {
    const std::vector<std::string> listed = listed_values(option);
    if (!listed.empty()) return add_all(answer, listed);
    const std::string name = option.get_positional() ? option.get_name(true) : option.get_lnames().front();
    const std::string command = at.command->get_name();
    const bool of_set = at.command->get_parent() != nullptr && at.command->get_parent()->get_name() == "set";
    if (is_one_of(name, {"interface", "iface"}) || (name == "name" && command == "run"))
        add_all(answer, entries_of("/sys/class/net"));
    else if (name == "name")
        add_engines(answer, command);
    else if (name == "NAME" && of_set)
        add_sets(answer, at.engine);
    else if (name == "CODE")
        add_codes(answer);
    else if (name == "FILE" && command == "import")
        answer.files = "*";
    else if (is_one_of(name, {"FILE", "OLD", "NEW", "against"}))
        answer.files = "*.rules";
    else if (is_one_of(name, {"PCAP", "pcap"}))
        answer.files = "*.pcap *.pcapng *.cap *.gz";
    else if (is_one_of(name, {"include", "state"}))
        answer.files = "folders";
    else if (is_one_of(name, {"junit", "out", "output", "signing-key", "public-key", "nats-creds", "new-key"}))
        answer.files = "*";
}

void add_options(Answer& answer, const CLI::App& command) {
    for (const CLI::Option* option : command.get_options())
        for (const std::string& name : option->get_lnames())
            answer.candidates.push_back({"--" + name, option->get_description()});
}

Answer answer_at(const Cursor& at, const std::string& current) {
    Answer answer;
    if (at.option != nullptr) {
        add_values(answer, *at.option, at);
    } else if (const std::size_t equals = current.find('='); current.starts_with("--") && equals != std::string::npos) {
        const CLI::Option* option = at.command->get_option_no_throw(current.substr(0, equals));
        if (option != nullptr && takes_value(*option)) add_values(answer, *option, at);
        for (Candidate& one : answer.candidates) one.value.insert(0, current, 0, equals + 1);
        answer.files.clear();  // shells that keep `=` in the word complete no files behind it
    } else if (current.starts_with('-') && !at.only_positionals) {
        add_options(answer, *at.command);
    } else if (const auto below = at.command->get_subcommands([](const CLI::App*) { return true; }); !below.empty()) {
        for (const CLI::App* one : below) answer.candidates.push_back({one->get_name(), one->get_description()});
    } else {
        const CLI::Option* wanted = nullptr;
        std::size_t seen = 0;
        for (const CLI::Option* option : at.command->get_options()) {
            if (!option->get_positional()) continue;
            wanted = option;  // the last takes all the rest, where it takes several
            const bool several = option->get_items_expected_max() > 1;
            if (at.positionals < ++seen || several) break;
            wanted = nullptr;
        }
        if (wanted != nullptr) add_values(answer, *wanted, at);
    }
    return answer;
}

// One line, and no end of one in it.
bool is_printable_line(const std::string& text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
    });
}

}  // namespace

bool is_completion(int argc, const char* const* argv) { return argc > 2 && argv[1] == kWord; }

int complete(const CLI::App& app, int argc, const char* const* argv) {
    const bool explains = std::string_view(argv[2]) != "bash";
    std::vector<std::string> words(argv + 3, argv + argc);
    if (words.empty()) words.emplace_back();
    std::string current = words.back();
    const Cursor at = walk(app, words);
    if (at.option != nullptr && current == "=") current.clear();
    const Answer answer = answer_at(at, current);
    put("{}\n", answer.files);
    for (const Candidate& one : answer.candidates) {
        if (!one.value.starts_with(current) || !is_printable_line(one.value)) continue;
        const std::string meaning = one.meaning.substr(0, one.meaning.find('\n'));
        put("{}{}{}\n", one.value, explains && !meaning.empty() ? "\t" : "",
            explains ? printable(meaning) : std::string());
    }
    return finish_output(kOk);
}

}  // namespace weir::cli
