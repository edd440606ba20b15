// The kinds of sinks, the words of their arguments and those of messages, as numbers: of the compiler, and of the
// objects that it makes. What each kind takes: compiler/sema/sink_kinds.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

namespace weir {

enum class SinkKind : std::uint8_t { kStdout, kEve, kPcap, kSyslog, kWebhook, kExec, kUnix, kKafka, kNats, kLlm };
inline constexpr std::string_view kSinkKindNames[] = {"stdout", "eve",  "pcap",  "syslog", "webhook",
                                                      "exec",   "unix", "kafka", "nats",   "llm"};
static_assert(std::size(kSinkKindNames) == static_cast<std::size_t>(SinkKind::kLlm) + 1);

enum class SinkWord : std::uint8_t {
    kPath,      // a file, a program, a socket: the first argument
    kUrl,       // the first argument; of syslog the second
    kBrokers,   // "HOST:PORT,HOST:PORT": the first argument
    kFacility,  // the first argument; number: as RFC 5424 has it
    kArgument,  // of a program, in their order; `parts`
    kRotate,    // bytes
    kKeep,      // files
    kHeader,    // text: its name; second: the variable that has its value
    kBatch,     // events
    kTimeout,   // ns
    kSpool,     // bytes
    kUser,
    kAtOnce,  // processes
    kTopic,
    kSubject,
    kModel,
    kDialect,    // number: enum SinkDialect
    kBudget,     // calls a day
    kTokens,     // tokens a day
    kAddresses,  // number: enum SinkAddresses
    kQueue       // events
};
// Empty: an argument that its place names.
inline constexpr std::string_view kSinkWordNames[] = {
    "",     "",        "",      "",        "",      "rotate",  "keep",   "header", "batch",     "timeout", "spool",
    "user", "at_once", "topic", "subject", "model", "dialect", "budget", "tokens", "addresses", "queue"};
static_assert(std::size(kSinkWordNames) == static_cast<std::size_t>(SinkWord::kQueue) + 1);

// `dialect`: what a chat endpoint speaks; `addresses`: what it is given in their place.
enum class SinkDialect : std::uint8_t { kOpenai, kAnthropic, kWealthsimple };
inline constexpr std::string_view kSinkDialectNames[] = {"openai", "anthropic", "wealthsimple"};
enum class SinkAddresses : std::uint8_t { kPseudonym, kPlain };
inline constexpr std::string_view kSinkAddressesNames[] = {"pseudonym", "plain"};
// In the order of their numbers, RFC 5424, 6.2.1; those that have no name there have none here.
inline constexpr std::string_view kFacilityNames[] = {
    "kern", "user", "mail", "daemon", "auth",   "syslog", "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
    "",     "",     "",     "",       "local0", "local1", "local2", "local3", "local4", "local5", "local6",   "local7"};

// What the numbers behind words may be.
struct SinkBounds {
    std::uint64_t least = 0, most = ~std::uint64_t{0};
};
constexpr SinkBounds sink_bounds(SinkWord word) {
    constexpr std::uint64_t kMB = 1'000'000, kTB = 1'000'000 * kMB, kSecond_ns = 1'000'000'000;
    switch (word) {
        case SinkWord::kRotate: return {1, kTB};
        case SinkWord::kKeep: return {1, 1'000};
        case SinkWord::kBatch: return {1, 10'000};
        case SinkWord::kTimeout: return {kSecond_ns / 10, 300 * kSecond_ns};
        case SinkWord::kSpool: return {kMB, kTB};
        case SinkWord::kAtOnce: return {1, 64};
        case SinkWord::kBudget: return {1, 100'000};
        case SinkWord::kTokens: return {1, 1'000'000'000};
        case SinkWord::kQueue: return {1, 1 << 20};
        default: return {};
    }
}

inline constexpr std::size_t kMostSinks = 64;  // of a policy: docs/limits.md
// Of one alert: docs/limits.md.
inline constexpr std::size_t kMostEscalations = 8, kMostResponses = 8;

// What a hole of a message may name beside a field.
enum class MessageWord : std::uint8_t {
    kSuppressed,  // events that the throttle held back before this one
    kRule,
    kVerdict,
    kPolicy,
    kGeneration,
    kCount  // events that this one stands for: of an escalated copy those of its window, else 1
};
inline constexpr std::string_view kMessageWordNames[] = {"suppressed", "rule",       "verdict",
                                                         "policy",     "generation", "count"};

constexpr std::string_view message_word_name(MessageWord word) {
    return kMessageWordNames[static_cast<std::size_t>(word)];
}
constexpr std::string_view sink_kind_name(SinkKind kind) { return kSinkKindNames[static_cast<std::size_t>(kind)]; }
constexpr std::string_view sink_word_name(SinkWord word) { return kSinkWordNames[static_cast<std::size_t>(word)]; }

}  // namespace weir
