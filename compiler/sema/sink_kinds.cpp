// Tested by tests/unit/sema/sinks_test.cpp.
#include "compiler/sema/sink_kinds.h"

#include <iterator>

namespace weir::sema {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000, kMinute = 60 * kSecond;
constexpr std::uint64_t kMostPath = 4'095;  // PATH_MAX without its NUL
constexpr std::uint64_t kMostSocket = 107;  // sockaddr_un.sun_path without its NUL
constexpr std::uint64_t kMostUrl = 2'048;   // docs/limits.md
constexpr std::uint64_t kMostName = 255;
constexpr std::uint64_t kMostTopic = 249;  // Kafka's
constexpr std::uint64_t kMostUser = 32;    // useradd(8)

constexpr std::string_view kWeb[] = {"https", "http"};
constexpr std::string_view kNatsSchemes[] = {"nats", "tls"};
constexpr std::string_view kSyslogSchemes[] = {"udp", "tcp"};

using enum SinkType;
using enum Occurs;

constexpr SinkParameter number(SinkWord word, SinkType type, std::string_view takes, std::string_view form,
                               std::uint64_t otherwise = 0) {
    const SinkBounds bounds = sink_bounds(word);
    return {word, type, kOptional, takes, form, bounds.least, bounds.most, otherwise};
}

constexpr SinkParameter kQueue =
    number(SinkWord::kQueue, kCount, "a number of events, 1 to 1048576", "queue 10000", 65'536);
constexpr SinkParameter kRotate = number(SinkWord::kRotate, kSize, "a size", "rotate 100MB");
constexpr SinkParameter kKeep = number(SinkWord::kKeep, kCount, "a number of files, 1 to 1000", "keep 10", 10);
constexpr SinkParameter kSpool = number(SinkWord::kSpool, kSize, "a size, 1MB to 1000GB", "spool 500MB");
constexpr SinkParameter kHeaders{SinkWord::kHeader,
                                 kHeader,
                                 kRepeated,
                                 "a header's name, `env`, and the variable that has its value",
                                 "header \"Authorization\" env \"SOC_TOKEN\"",
                                 1,
                                 kMostName};
constexpr SinkParameter time_limit(std::uint64_t otherwise) {
    return number(SinkWord::kTimeout, kDuration, "a duration, 100ms to 5m", "timeout 10s", otherwise);
}

constexpr SinkParameter kOfEve[] = {
    {SinkWord::kPath, kPath, kOnce, "a path", "\"/var/log/weir/eve.json\"", 1, kMostPath}, kRotate, kKeep};
constexpr SinkParameter kOfPcap[] = {
    {SinkWord::kPath, kPath, kOnce, "a path", "\"/var/log/weir/alerts.pcapng\"", 1, kMostPath}, kRotate, kKeep};
constexpr SinkParameter kOfSyslog[] = {
    {SinkWord::kFacility, kChoice, kOnce, "a facility", "daemon", 0, 0, 0, kFacilityNames},
    {SinkWord::kUrl, kUrl, kOptional, "the address of a log server", "\"udp://192.0.2.1:514\"", 1, kMostUrl, 0,
     kSyslogSchemes}};
constexpr SinkParameter kOfWebhook[] = {
    {SinkWord::kUrl, kUrl, kOnce, "a URL", "\"https://soc.example/hook\"", 1, kMostUrl, 0, kWeb},
    kHeaders,
    number(SinkWord::kBatch, kCount, "a number of events, 1 to 10000", "batch 100", 100),
    time_limit(10 * kSecond),
    kSpool};
constexpr SinkParameter kOfExec[] = {
    {SinkWord::kPath, kProgram, kOnce, "the path of a program", "\"/usr/local/lib/weir/block\"", 1, kMostPath},
    {SinkWord::kArgument, kTemplate, kRepeated, "an argument", "\"{ip.src}\"", 0, kMostPath},
    {SinkWord::kUser, kName, kOptional, "a user's name", "user \"nobody\"", 1, kMostUser},
    time_limit(10 * kSecond),
    number(SinkWord::kAtOnce, kCount, "a number of processes, 1 to 64", "at_once 4", 4)};
constexpr SinkParameter kOfUnix[] = {
    {SinkWord::kPath, kSocket, kOnce, "the path of a socket", "\"/run/collector.sock\"", 1, kMostSocket}};
constexpr SinkParameter kOfKafka[] = {
    {SinkWord::kBrokers, kBrokers, kOnce, "brokers", "\"192.0.2.1:9092,192.0.2.2:9092\"", 1, kMostUrl},
    {SinkWord::kTopic, kTopic, kOnce, "a topic", "topic \"weir\"", 1, kMostTopic},
    kSpool};
constexpr SinkParameter kOfNats[] = {
    {SinkWord::kUrl, kUrl, kOnce, "a URL", "\"nats://192.0.2.1:4222\"", 1, kMostUrl, 0, kNatsSchemes},
    {SinkWord::kSubject, kSubject, kOnce, "a subject", "subject \"weir.alerts\"", 1, kMostName},
    kSpool};
constexpr SinkParameter kOfLlm[] = {
    {SinkWord::kUrl, kUrl, kOnce, "a URL", "\"https://gateway.example/v1/chat/completions\"", 1, kMostUrl, 0, kWeb},
    {SinkWord::kModel, kName, kOnce, "a model's name", "model \"gpt-4o-mini\"", 1, kMostName},
    kHeaders,
    {SinkWord::kDialect, kChoice, kOptional, "a dialect", "dialect openai", 0, 0, 0, kSinkDialectNames},
    number(SinkWord::kBudget, kPerDay, "calls a day, 1/d to 100000/d", "budget 200/d", 200),
    number(SinkWord::kTokens, kPerDay, "tokens a day, 1/d to 1000000000/d", "tokens 500000/d", 500'000),
    {SinkWord::kAddresses, kChoice, kOptional, "what stands for addresses", "addresses pseudonym", 0, 0, 0,
     kSinkAddressesNames},
    time_limit(kMinute)};

constexpr SinkRow kRows[] = {
    {SinkKind::kStdout, "stdout()", {}},
    {SinkKind::kEve, "eve(\"/var/log/weir/eve.json\", rotate 100MB, keep 10)", kOfEve},
    {SinkKind::kPcap, "pcap(\"/var/log/weir/alerts.pcapng\", rotate 100MB, keep 10)", kOfPcap},
    {SinkKind::kSyslog, "syslog(daemon)", kOfSyslog},
    {SinkKind::kWebhook, "webhook(\"https://soc.example/hook\", header \"Authorization\" env \"SOC_TOKEN\")",
     kOfWebhook},
    {SinkKind::kExec, "exec(\"/usr/local/lib/weir/block\", \"{ip.src}\", user \"nobody\")", kOfExec},
    {SinkKind::kUnix, "unix(\"/run/collector.sock\")", kOfUnix},
    {SinkKind::kKafka, "kafka(\"192.0.2.1:9092\", topic \"weir\")", kOfKafka},
    {SinkKind::kNats, "nats(\"nats://192.0.2.1:4222\", subject \"weir.alerts\")", kOfNats},
    {SinkKind::kLlm,
     "llm(\"https://gateway.example/v1/chat/completions\", model \"gpt-4o-mini\", header \"Authorization\" env "
     "\"LLM_TOKEN\")",
     kOfLlm}};
static_assert(std::size(kRows) == std::size(kSinkKindNames));

}  // namespace

const SinkRow& sink_row(SinkKind kind) { return kRows[static_cast<std::size_t>(kind)]; }

const SinkParameter& queue_parameter() { return kQueue; }

}  // namespace weir::sema
