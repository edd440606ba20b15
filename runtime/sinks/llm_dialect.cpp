// The shapes are from the providers' references: OpenAI "Chat completions" and "Structured outputs", Anthropic
// "Messages" (version 2023-06-01), and Wealthsimple's llm-gateway (llm_gateway/routers/openai_api.py).
// Tested by tests/unit/runtime/llm_dialect_test.cpp.
#include "runtime/sinks/llm_dialect.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace weir::runtime {
namespace {

using Json = nlohmann::ordered_json;
using Answer = nlohmann::json;  // names are found by a tree: an object may have 30,000 of them

constexpr std::string_view kSchema =
    R"({"type":"object","additionalProperties":false,)"
    R"("required":["verdict","confidence","reason","evidence","proposal"],"properties":{)"
    R"("verdict":{"type":"string","enum":["benign","suspicious","malicious","unknown"]},)"
    R"("confidence":{"type":"number"},"reason":{"type":"string"},)"
    R"("evidence":{"type":"array","items":{"type":"string"}},"proposal":{"type":["string","null"]}}})";

std::string dump(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

Json message(const char* role, std::string_view text) { return {{"role", role}, {"content", std::string(text)}}; }

// OpenAI's `response_format`; null where none is asked for.
Json response_format(AnswerForm form) {
    if (form == AnswerForm::kSchema)
        return {{"type", "json_schema"},
                {"json_schema", {{"name", "triage"}, {"strict", true}, {"schema", Json::parse(kSchema)}}}};
    if (form == AnswerForm::kObject) return {{"type", "json_object"}};
    return nullptr;
}

std::string openai_body(const Question& question) {
    Json body = {{"model", std::string(question.model)},
                 {"messages", Json::array({message("system", question.system), message("user", question.user)})},
                 {"max_tokens", question.max_tokens},
                 {"stream", false}};
    if (Json format = response_format(question.form); !format.is_null()) body["response_format"] = std::move(format);
    return dump(body);
}

// What is not among the gateway's own arguments goes through `model_kwargs`.
std::string wealthsimple_body(const Question& question) {
    Json more = {{"max_tokens", question.max_tokens}};
    if (Json format = response_format(question.form); !format.is_null()) more["response_format"] = std::move(format);
    return dump({{"model", std::string(question.model)},
                 {"messages", Json::array({message("system", question.system), message("user", question.user)})},
                 {"temperature", 0},
                 {"model_kwargs", std::move(more)}});
}

std::string anthropic_body(const Question& question) {
    Json body = {{"model", std::string(question.model)},
                 {"max_tokens", question.max_tokens},
                 {"system", std::string(question.system)},
                 {"messages", Json::array({message("user", question.user)})}};
    if (question.form == AnswerForm::kSchema)
        body["output_config"] = {{"format", {{"type", "json_schema"}, {"schema", Json::parse(kSchema)}}}};
    return dump(body);
}

// Of an object's member; null where it is none, or has none of that name.
const Answer& at(const Answer& json, const char* name) {
    static const Answer nothing;
    if (!json.is_object()) return nothing;
    const auto found = json.find(name);
    return found == json.end() ? nothing : *found;
}
std::uint64_t number(const Answer& json) { return json.is_number_unsigned() ? json.get<std::uint64_t>() : 0; }

std::optional<Completion> read_openai(std::string_view reply) {
    const Answer json = Answer::parse(reply, nullptr, false);
    const Answer& choices = at(json, "choices");
    if (!choices.is_array() || choices.empty()) return std::nullopt;
    const Answer& content = at(at(choices[0], "message"), "content");
    if (!content.is_string()) return std::nullopt;
    Completion completion{content.get<std::string>(), std::nullopt, at(choices[0], "finish_reason") == "length"};
    if (const Answer& total = at(at(json, "usage"), "total_tokens"); total.is_number_unsigned())
        completion.tokens = number(total);
    return completion;
}

std::optional<Completion> read_anthropic(std::string_view reply) {
    const Answer json = Answer::parse(reply, nullptr, false);
    const Answer& content = at(json, "content");
    if (!content.is_array()) return std::nullopt;
    Completion completion;
    for (const Answer& block : content)
        if (at(block, "type") == "text" && at(block, "text").is_string())
            completion.text += at(block, "text").get<std::string>();
    completion.is_cut = at(json, "stop_reason") == "max_tokens";
    if (const Answer& usage = at(json, "usage"); usage.is_object()) {
        std::uint64_t tokens = 0;
        for (const char* part :
             {"input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"})
            tokens += number(at(usage, part));
        completion.tokens = tokens;
    }
    return completion;
}

const std::array<ChatDialect, 3> kDialects = {{
    {"openai", {}, openai_body, read_openai, 0},
    {"anthropic", {"anthropic-version: 2023-06-01"}, anthropic_body, read_anthropic, 0},
    // Every error of its provider is a 500 with the text in `detail`.
    {"wealthsimple", {}, wealthsimple_body, read_openai, 500},
}};

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

std::string_view answer_schema() { return kSchema; }

const ChatDialect* chat_dialect(std::string_view word) {
    const auto* at =
        std::find_if(kDialects.begin(), kDialects.end(), [&](const auto& row) { return row.word == word; });
    return at == kDialects.end() ? nullptr : at;
}

Refused refusal_of(const ChatDialect& dialect, int status, std::string_view reply, AnswerForm form) {
    for (const char* spent : {"insufficient_quota", "enforced_spend_limit_reached", "billing_hard_limit_reached",
                              "exceeded your current quota", "credit balance is too low"})
        if (has(reply, spent)) return Refused::kSpent;
    if (status == 402) return Refused::kSpent;
    const bool may_be_form = status == 400 || status == 422 || (status == dialect.form_status && status != 0);
    if (may_be_form && form != AnswerForm::kText) {
        if (status != dialect.form_status) return Refused::kForm;
        for (const char* about : {"response_format", "json_schema", "json_object", "Unrecognized request argument"})
            if (has(reply, about)) return Refused::kForm;
    }
    return status == 408 || status == 425 || status == 429 || status >= 500 ? Refused::kLater : Refused::kWrong;
}

}  // namespace weir::runtime
