// Tested by tests/unit/runtime/llm_test.cpp with `webhook_options`.
#include "runtime/sinks/http_sinks.h"

#include <utility>

namespace weir::runtime {
namespace {

constexpr std::uint64_t kMillisecond_ns = 1'000'000;

std::vector<SecretHeader> headers_of(const bpf::SinkInfo& sink) {
    std::vector<SecretHeader> headers;
    for (const bpf::SinkOption& option : sink.options)
        if (option.word == bpf::SinkWord::kHeader) headers.push_back({option.text, option.second});
    return headers;
}

std::uint32_t timeout_ms(const bpf::SinkInfo& sink, std::uint32_t otherwise_ms) {
    return static_cast<std::uint32_t>(sink.number(bpf::SinkWord::kTimeout, otherwise_ms * kMillisecond_ns) /
                                      kMillisecond_ns);
}

}  // namespace

WebhookOptions webhook_options(const bpf::SinkInfo& sink) {
    WebhookOptions options;
    options.url = sink.text(bpf::SinkWord::kUrl);
    options.headers = headers_of(sink);
    options.batch = sink.number(bpf::SinkWord::kBatch, options.batch);
    options.timeout_ms = timeout_ms(sink, options.timeout_ms);
    return options;
}

LlmOptions llm_options(const bpf::SinkInfo& sink, const std::string& folder, OnTriage on_triage) {
    LlmOptions options;
    options.name = sink.name;
    options.url = sink.text(bpf::SinkWord::kUrl);
    options.model = sink.text(bpf::SinkWord::kModel);
    options.headers = headers_of(sink);
    const std::string_view dialect = sink.text(bpf::SinkWord::kDialect);
    options.dialect = chat_dialect(dialect.empty() ? "openai" : dialect);
    options.calls_a_day = sink.number(bpf::SinkWord::kBudget, 0);
    options.tokens_a_day = sink.number(bpf::SinkWord::kTokens, 0);
    if (sink.text(bpf::SinkWord::kAddresses) == "plain") options.addresses = Addresses::kPlain;
    if (!folder.empty()) options.budget_file = folder + "/sinks/" + sink.name + ".budget";
    options.on_triage = std::move(on_triage);
    options.times.timeout_ms = timeout_ms(sink, options.times.timeout_ms);
    return options;
}

}  // namespace weir::runtime
