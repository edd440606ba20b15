// Sinks: `sink NAME = KIND(ARGUMENT, …)`. What each kind takes is in a table: compiler/sema/sink_kinds.cpp.
// Tested by tests/unit/sema/sinks_test.cpp with `webhook`.
#include <algorithm>

#include <fmt/format.h>

#include "compiler/sema/check_items.h"
#include "compiler/sema/sink_kinds.h"
#include "grammar/base/nearest.h"

namespace weir::sema {
namespace {

std::optional<Fix> nearest_fix(std::span<const std::string_view> words, const ast::Name& name) {
    const std::string near = nearest_word(words, name.text);
    if (near.empty()) return std::nullopt;
    return Fix{name.span, near};
}

bool is_graphic(char c) { return c > ' ' && c < 0x7f; }
bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// A scheme, an authority without user and password, printable ASCII; the rest is what the peer says to it.
bool is_url(std::string_view text, std::span<const std::string_view> schemes) {
    const std::size_t colon = text.find("://");
    if (colon == std::string_view::npos) return false;
    const std::string_view rest = text.substr(colon + 3), authority = rest.substr(0, rest.find_first_of("/?#"));
    return std::find(schemes.begin(), schemes.end(), text.substr(0, colon)) != schemes.end() && !authority.empty() &&
           authority.find('@') == std::string_view::npos && std::all_of(text.begin(), text.end(), is_graphic);
}

// HOST:PORT, several with commas.
bool are_brokers(std::string_view text) {
    while (true) {
        const std::string_view one = text.substr(0, text.find(','));
        const std::size_t colon = one.rfind(':');
        if (colon == std::string_view::npos || colon == 0 || colon + 1 == one.size() || one.size() - colon > 6 ||
            !std::all_of(one.begin(), one.end(), is_graphic) ||
            one.find_first_not_of("0123456789", colon + 1) != std::string_view::npos)
            return false;
        if (one.size() == text.size()) return true;
        text.remove_prefix(one.size() + 1);
    }
}

bool is_header(std::string_view name) {  // RFC 9110, token
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return std::all_of(name.begin(), name.end(),
                       [&](char c) { return is_alnum(c) || kMarks.find(c) != std::string_view::npos; });
}
bool is_variable(std::string_view name) {
    return !name.empty() && (name[0] < '0' || name[0] > '9') &&
           std::all_of(name.begin(), name.end(), [](char c) { return is_alnum(c) || c == '_'; });
}

bool is_good_text(const SinkParameter& parameter, std::string_view text) {
    if (text.size() < parameter.least || text.size() > parameter.most) return false;
    switch (parameter.type) {
        case SinkType::kProgram: return text[0] == '/' && text.find('\0') == std::string_view::npos;
        case SinkType::kUrl: return is_url(text, parameter.words);
        case SinkType::kBrokers: return are_brokers(text);
        case SinkType::kName: return std::all_of(text.begin(), text.end(), is_graphic);
        case SinkType::kTopic:
            return std::all_of(text.begin(), text.end(),
                               [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; });
        case SinkType::kSubject:
            return std::all_of(text.begin(), text.end(),
                               [](char c) { return is_graphic(c) && c != '*' && c != '>'; }) &&
                   text.front() != '.' && text.back() != '.' && text.find("..") == std::string_view::npos;
        default: return text.find('\0') == std::string_view::npos;
    }
}

bool is_text(SinkType type) { return type <= SinkType::kTemplate; }

// The number that a value is for a parameter; nothing where it is of another type.
std::optional<std::uint64_t> number_of(SinkType type, const Value& value) {
    constexpr std::uint64_t kDayNs = 86'400'000'000'000;
    if (const auto* count = std::get_if<Integer>(&value); count != nullptr && type == SinkType::kCount)
        return count->value;
    if (const auto* size = std::get_if<ByteSize>(&value); size != nullptr && type == SinkType::kSize)
        return size->bytes;
    if (const auto* time = std::get_if<Duration>(&value); time != nullptr && type == SinkType::kDuration)
        return time->ns;
    if (const auto* rate = std::get_if<Rate>(&value);
        rate != nullptr && type == SinkType::kPerDay && rate->per_ns == kDayNs)
        return rate->count;
    return std::nullopt;
}

// As a sentence's subject: `rotate`, or eve().
std::string subject(const SinkParameter& parameter, SinkKind kind) {
    const std::string_view word = sink_word_name(parameter.word);
    return word.empty() ? fmt::format("{}()", sink_kind_name(kind)) : fmt::format("`{}`", word);
}

}  // namespace

// What stands behind the argument's word.
Span ItemChecker::value_span(const ast::SinkArgument& argument) const {
    if (!argument.keyword) return argument.span;
    const std::string_view text = sources_.text(argument.span);
    const std::size_t word = argument.keyword->span.end - argument.keyword->span.begin;
    const std::size_t value = std::min(text.find_first_not_of(" \t\r\n", word), text.size());
    return {argument.span.file, argument.span.begin + static_cast<std::uint32_t>(value), argument.span.end};
}

// `header NAME env VARIABLE`
bool ItemChecker::header_option(const ast::SinkArgument& argument, const SinkParameter& parameter,
                                policy::SinkOption& option) {
    const bool is_shaped = argument.values.size() == 2 && argument.words.size() == 1 &&
                           argument.words.front().text == "env" &&
                           std::holds_alternative<Text>(argument.values[0].value) &&
                           std::holds_alternative<Text>(argument.values[1].value);
    if (!is_shaped) {
        say({.code = Code::E331,
             .span = argument.span,
             .message = fmt::format("`header` takes {}", parameter.takes),
             .help = fmt::format("write `{}`", parameter.form)});
        return false;
    }
    option.text = std::get<Text>(argument.values[0].value).bytes;
    option.second = std::get<Text>(argument.values[1].value).bytes;
    const bool is_named = !option.text.empty() && option.text.size() <= parameter.most && is_header(option.text);
    if (is_named && option.second.size() <= parameter.most && is_variable(option.second)) return true;
    say({.code = Code::E346,
         .span = argument.span,
         .message = is_named ? "this is not the name of a variable" : "this is not the name of a header",
         .help = fmt::format("write `{}`", parameter.form)});
    return false;
}

// Nothing where something is wrong with it, which has been said. `given`: where the value stands.
std::optional<policy::SinkOption> ItemChecker::valued_option(SinkKind kind, const SinkParameter& parameter,
                                                             const Value& value, Span given) {
    policy::SinkOption option{parameter.word, {}, {}, 0, {}};
    const auto* text = std::get_if<Text>(&value);
    const auto number = number_of(parameter.type, value);
    if (is_text(parameter.type) ? text == nullptr : !number) {
        say({.code = Code::E331,
             .span = given,
             .message = fmt::format("{} takes {}", subject(parameter, kind), parameter.takes),
             .help = fmt::format("write `{}`", parameter.form)});
        return std::nullopt;
    }
    if (number && (*number < parameter.least || *number > parameter.most)) {
        say({.code = Code::E344,
             .span = given,
             .message = fmt::format("{} cannot be `{}`", subject(parameter, kind), sources_.text(given)),
             .help = fmt::format("it takes {}", parameter.takes)});
        return std::nullopt;
    }
    if (number) return option.number = *number, option;
    if (!is_good_text(parameter, text->bytes)) {
        say({.code = Code::E346,
             .span = given,
             .message = fmt::format("this is not {}", parameter.takes),
             .help = parameter.type == SinkType::kUrl && text->bytes.find('@') != std::string::npos
                         ? "a user and a password do not stand in a policy"
                         : fmt::format("write `{}`", parameter.form)});
        return std::nullopt;
    }
    if (parameter.type == SinkType::kTemplate)
        option.parts = message(text->bytes, given);
    else
        option.text = text->bytes;
    return option;
}

std::optional<policy::SinkOption> ItemChecker::choice_option(SinkKind kind, const SinkParameter& parameter,
                                                             const ast::Name& word) {
    const auto found = std::find(parameter.words.begin(), parameter.words.end(), word.text);
    if (found != parameter.words.end())
        return policy::SinkOption{
            parameter.word, word.text, {}, static_cast<std::uint64_t>(found - parameter.words.begin()), {}};
    std::string known;
    for (const std::string_view one : parameter.words)
        if (!one.empty()) known += fmt::format("{}{}", known.empty() ? "" : ", ", one);
    say({.code = Code::E331,
         .span = word.span,
         .message = fmt::format("{} takes {}, and `{}` is none", subject(parameter, kind), parameter.takes, word.text),
         .help = fmt::format("one of {}", known),
         .fix = nearest_fix(parameter.words, word)});
    return std::nullopt;
}

// The row that an argument is for: by its word, else by its place.
const SinkParameter* ItemChecker::parameter_of(const SinkRow& row, const ast::SinkArgument& argument,
                                               const std::vector<std::pair<SinkWord, Span>>& so_far) {
    std::vector<std::string_view> words{kSinkWordNames[static_cast<std::size_t>(SinkWord::kQueue)]};
    const bool is_alone = argument.keyword && argument.values.empty() && argument.words.empty();
    for (const SinkParameter& parameter : row.parameters) {
        const std::string_view word = sink_word_name(parameter.word);
        words.push_back(word);
        if (argument.keyword && !word.empty() && word == argument.keyword->text) return &parameter;
        const bool is_taken =
            parameter.occurs != Occurs::kRepeated &&
            std::any_of(so_far.begin(), so_far.end(), [&](const auto& one) { return one.first == parameter.word; });
        const bool fits = !argument.keyword || (parameter.type == SinkType::kChoice && is_alone);
        if (word.empty() && !is_taken && fits) return &parameter;
    }
    if (argument.keyword && argument.keyword->text == words.front()) return &queue_parameter();
    const std::string kind(sink_kind_name(row.kind));
    Diagnostic unknown{.code = Code::E331,
                       .span = argument.span,
                       .message = fmt::format("not an argument of {}()", kind),
                       .help = fmt::format("write `{}`", row.example)};
    if (argument.keyword) {
        unknown.span = argument.keyword->span;
        unknown.message = fmt::format("`{}` is not an argument of {}()", argument.keyword->text, kind);
        unknown.fix = nearest_fix(words, *argument.keyword);
    } else if (!row.parameters.empty() && row.parameters.front().occurs == Occurs::kOnce && !so_far.empty()) {
        unknown.message = fmt::format("{}() takes {}, once", kind, row.parameters.front().takes);
    }
    say(std::move(unknown));
    return nullptr;
}

std::optional<policy::SinkOption> ItemChecker::sink_option(const SinkRow& row, const SinkParameter& parameter,
                                                           const ast::SinkArgument& argument) {
    if (parameter.type == SinkType::kHeader) {
        policy::SinkOption option{parameter.word, {}, {}, 0, {}};
        return header_option(argument, parameter, option) ? std::optional(std::move(option)) : std::nullopt;
    }
    const bool is_placed = sink_word_name(parameter.word).empty();
    const bool is_word = argument.values.empty() && argument.words.size() == (is_placed ? 0u : 1u);
    if (parameter.type == SinkType::kChoice && is_word)
        return choice_option(row.kind, parameter, is_placed ? *argument.keyword : argument.words.front());
    if (parameter.type != SinkType::kChoice && is_word && !is_placed) {
        const ast::Name& let = argument.words.front();
        const Value* value = conditions_.let_value(let.text, let.span);
        return value == nullptr ? std::nullopt : valued_option(row.kind, parameter, *value, let.span);
    }
    if (parameter.type != SinkType::kChoice && argument.values.size() == 1 && argument.words.empty())
        return valued_option(row.kind, parameter, argument.values.front().value, value_span(argument));
    say({.code = Code::E331,
         .span = argument.span,
         .message = fmt::format("{} takes {}", subject(parameter, row.kind), parameter.takes),
         .help = fmt::format("write `{}`", parameter.form)});
    return std::nullopt;
}

// What is not written, and the order of the table: a sink that says the same is the same.
void ItemChecker::complete_options(const SinkRow& row, const ast::Sink& written, policy::Sink& sink) {
    std::vector<policy::SinkOption> options;
    const auto take = [&](const SinkParameter& parameter) {
        bool is_there = false;
        for (policy::SinkOption& option : sink.options)
            if (option.word == parameter.word) is_there = true, options.push_back(std::move(option));
        if (is_there) return;
        if (parameter.occurs == Occurs::kOnce)
            return say({.code = Code::E345,
                        .span = written.kind.span,
                        .message = fmt::format("{}() needs {}", written.kind.text, parameter.takes),
                        .help = fmt::format("write `{}`", row.example)});
        if (parameter.type == SinkType::kChoice)
            options.push_back(
                {parameter.word, std::string(parameter.words[parameter.otherwise]), {}, parameter.otherwise, {}});
        else if (parameter.otherwise != 0)
            options.push_back({parameter.word, {}, {}, parameter.otherwise, {}});
    };
    for (const SinkParameter& parameter : row.parameters) take(parameter);
    take(queue_parameter());
    sink.options = std::move(options);
}

void ItemChecker::sink(const ast::Sink& written) {
    policy::Sink sink{written.name.text, written.name.span, SinkKind::kStdout, {}};
    if (typed_.sinks.size() == kMostSinks)
        say({.code = Code::E535,
             .span = written.name.span,
             .message = fmt::format("more than {} sinks", kMostSinks),
             .help = "several alerts may go to one sink"});
    const auto named = std::find(std::begin(kSinkKindNames), std::end(kSinkKindNames), written.kind.text);
    if (named == std::end(kSinkKindNames)) {
        say({.code = Code::E215,
             .span = written.kind.span,
             .message = fmt::format("unknown kind of sink `{}`", written.kind.text),
             .help = "the kinds are stdout, eve, pcap, syslog, webhook, exec, unix, kafka, nats and llm",
             .fix = nearest_fix(kSinkKindNames, written.kind)});
        typed_.sinks.push_back(std::move(sink));
        return;
    }
    sink.kind = static_cast<SinkKind>(named - std::begin(kSinkKindNames));
    const SinkRow& row = sink_row(sink.kind);
    bool good = true;
    std::vector<std::pair<SinkWord, Span>> places;
    for (const ast::SinkArgument& argument : written.arguments) {
        const SinkParameter* parameter = parameter_of(row, argument, places);
        const auto first = std::find_if(places.begin(), places.end(), [&](const auto& place) {
            return parameter != nullptr && place.first == parameter->word && parameter->occurs != Occurs::kRepeated;
        });
        if (first != places.end())
            say({.code = Code::E343,
                 .span = argument.span,
                 .message = fmt::format("a second {}", subject(*parameter, sink.kind)),
                 .help = "keep one of the two",
                 .notes = {{first->second, "the first one stands here"}}});
        auto option =
            parameter == nullptr || first != places.end() ? std::nullopt : sink_option(row, *parameter, argument);
        good = good && option;
        if (parameter != nullptr) places.emplace_back(parameter->word, argument.span);
        if (option) sink.options.push_back(std::move(*option));
    }
    if (good) complete_options(row, written, sink);
    typed_.sinks.push_back(std::move(sink));
}

}  // namespace weir::sema
