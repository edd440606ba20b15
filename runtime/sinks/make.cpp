// Tested by tests/unit/runtime/sinks_test.cpp with `eve`.
#include "runtime/sinks/make.h"

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <iterator>

#include <fmt/format.h>

#include "runtime/sinks/bus_sinks.h"
#include "runtime/sinks/eve.h"
#include "runtime/sinks/http_sinks.h"
#include "runtime/sinks/pcap.h"
#include "runtime/sinks/spooled.h"
#include "runtime/sinks/stdout.h"
#include "runtime/sinks/syslog.h"
#include "runtime/sinks/unix_socket.h"

namespace weir::runtime {
namespace {

using bpf::SinkKind, bpf::SinkWord;

constexpr std::uint32_t kKept = 10;  // of rotated files, where the sink does not say

// Of a policy that a build with this kind of sink has put in force: its events are lost, and its state says why.
class MissingSink final : public Sink {
public:
    explicit MissingSink(std::string why) : why_(std::move(why)) {}
    void deliver(Batch& batch) override { batch.lost("no such sink", batch.size()); }
    std::string state() const override { return why_; }

private:
    std::string why_;
};

template <typename File>
std::unique_ptr<Sink> make_file(const bpf::SinkInfo& sink, const SinkHost&) {
    return std::make_unique<File>(std::string(sink.text(SinkWord::kPath)), sink.number(SinkWord::kRotate, 0),
                                  static_cast<std::uint32_t>(sink.number(SinkWord::kKeep, kKept)));
}

std::unique_ptr<Sink> make_stdout(const bpf::SinkInfo&, const SinkHost&) {
    return std::make_unique<TextLines>(STDOUT_FILENO, line_colour(STDOUT_FILENO));
}

std::unique_ptr<Sink> make_syslog(const bpf::SinkInfo& sink, const SinkHost&) {
    const std::string url(sink.text(SinkWord::kUrl));
    PeerAddress address{Transport::kUnixDatagrams, "/dev/log", {}};
    if (!url.empty()) address = syslog_address(url).value_or(PeerAddress{Transport::kUdp, url, "514"});
    return std::make_unique<Syslog>(static_cast<std::uint32_t>(sink.number(SinkWord::kFacility, 0)), address);
}

std::unique_ptr<Sink> make_unix(const bpf::SinkInfo& sink, const SinkHost&) {
    return std::make_unique<UnixSocket>(std::string(sink.text(SinkWord::kPath)));
}

#ifdef WEIR_HAS_CURL
std::unique_ptr<Sink> make_webhook(const bpf::SinkInfo& sink, const SinkHost&) {
    return std::make_unique<Webhook>(webhook_options(sink));
}
std::unique_ptr<Sink> make_llm(const bpf::SinkInfo& sink, const SinkHost& host) {
    return std::make_unique<Llm>(llm_options(sink, host.state_folder, host.on_triage));
}
#else
constexpr std::nullptr_t make_webhook = nullptr, make_llm = nullptr;
#endif
#ifdef WEIR_HAS_KAFKA
std::unique_ptr<Sink> make_kafka(const bpf::SinkInfo& sink, const SinkHost&) { return make_kafka_sink(sink); }
#else
constexpr std::nullptr_t make_kafka = nullptr;
#endif
#ifdef WEIR_HAS_NATS
std::unique_ptr<Sink> make_nats(const bpf::SinkInfo& sink, const SinkHost&) { return make_nats_sink(sink); }
#else
constexpr std::nullptr_t make_nats = nullptr;
#endif
std::unique_ptr<Sink> make_exec(const bpf::SinkInfo& sink, const SinkHost& host) {
    return make_exec_sink(sink, host.programs);
}

// One row a kind.
struct Row {
    SinkKind kind;
    std::unique_ptr<Sink> (*make)(const bpf::SinkInfo&, const SinkHost&);  // null: this build has none
    const char* package = nullptr;                                         // of Debian, that a build with it needs
};
constexpr Row kRows[] = {{SinkKind::kStdout, make_stdout},
                         {SinkKind::kEve, make_file<EveFile>},
                         {SinkKind::kPcap, make_file<PcapFile>},
                         {SinkKind::kSyslog, make_syslog},
                         {SinkKind::kWebhook, make_webhook, kHttpPackage},
                         {SinkKind::kExec, make_exec},
                         {SinkKind::kUnix, make_unix},
                         {SinkKind::kKafka, make_kafka, kKafkaPackage},
                         {SinkKind::kNats, make_nats, kNatsPackage},
                         {SinkKind::kLlm, make_llm, kHttpPackage}};
static_assert(std::size(kRows) == std::size(kSinkKindNames));

const Row& row_of(SinkKind kind) { return kRows[static_cast<std::size_t>(kind)]; }

std::string missing(const bpf::SinkInfo& sink) {
    return fmt::format("this build of weir has no {} sink, which `{}` is", sink_kind_name(sink.kind), sink.name);
}

}  // namespace

Status can_make(const std::vector<bpf::SinkInfo>& sinks) {
    for (const bpf::SinkInfo& sink : sinks) {
        const Row& row = row_of(sink.kind);
        if (row.make != nullptr) continue;
        const char* needed = row.package;
        return Error{missing(sink),
                     needed == nullptr ? "take the sink out of the policy, or use a build that has it"
                                       : fmt::format("build weir where the package {} is installed", needed),
                     ENOTSUP};
    }
    return Done{};
}

Status can_keep(const std::vector<bpf::SinkInfo>& sinks, const std::string& state_folder) {
    for (const bpf::SinkInfo& sink : sinks)
        if (sink.find(SinkWord::kSpool) != nullptr && state_folder.empty())
            return Error{fmt::format("the sink `{}` has a spool, and the engine has no folder for it", sink.name),
                         "weir run --state DIR gives it one", ENOENT};
    return Done{};
}

std::unique_ptr<Sink> make_sink(const bpf::SinkInfo& sink, const SinkHost& host) {
    const Row& row = row_of(sink.kind);
    if (row.make == nullptr) return std::make_unique<MissingSink>(missing(sink));
    const std::uint64_t spool_bytes = sink.number(SinkWord::kSpool, 0);
    if (spool_bytes == 0) return row.make(sink, host);
    if (Status kept = can_keep({sink}, host.state_folder); !kept)  // of a policy that another engine has put in force
        return std::make_unique<MissingSink>(kept.error().message);
    return std::make_unique<SpooledSink>(row.make(sink, host), fmt::format("{}/spool/{}", host.state_folder, sink.name),
                                         spool_bytes);
}

}  // namespace weir::runtime
