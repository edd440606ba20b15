// With read_triage of runtime/sinks/llm_answer.h.
#include "runtime/sinks/llm_dialect.h"

#include <catch2/catch.hpp>

#include <ctime>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "runtime/sinks/llm.h"
#include "runtime/sinks/llm_answer.h"

using namespace weir::runtime;
using nlohmann::json;

namespace {

json body(const char* word, AnswerForm form) {
    return json::parse(chat_dialect(word)->body({"some-model", "be careful", "{\"events\":1}", form, 500}));
}

Digest a_digest() {
    Digest digest(Addresses::kPseudonym);
    DigestEvent event;
    event.id = "3f2a9c01d4e5b677-00000000012c40";
    digest.add(event);
    static_cast<void>(digest.text());
    return digest;
}

const char* const kGood = R"({"verdict":"suspicious","confidence":0.5,"reason":"r","evidence":["e1"],"proposal":null})";

json changed(const char* name, const json& value) {
    json answer = json::parse(kGood);
    answer[name] = value;
    return answer;
}

}  // namespace

TEST_CASE("Each dialect asks in its own way; what packets brought is in the user's message alone") {
    const json openai = body("openai", AnswerForm::kSchema);
    CHECK(openai["model"] == "some-model");
    CHECK(openai["messages"][0] == json({{"role", "system"}, {"content", "be careful"}}));
    CHECK(openai["messages"][1] == json({{"role", "user"}, {"content", "{\"events\":1}"}}));
    CHECK(openai["response_format"]["type"] == "json_schema");
    CHECK(openai["response_format"]["json_schema"]["strict"] == true);
    CHECK(openai["max_tokens"] == 500);
    CHECK(body("openai", AnswerForm::kObject)["response_format"]["type"] == "json_object");
    CHECK_FALSE(body("openai", AnswerForm::kText).contains("response_format"));

    const json anthropic = body("anthropic", AnswerForm::kSchema);
    CHECK(anthropic["system"] == "be careful");
    CHECK(anthropic["messages"].size() == 1);
    CHECK(anthropic["messages"][0]["content"] == "{\"events\":1}");
    CHECK(anthropic["output_config"]["format"]["type"] == "json_schema");
    CHECK_FALSE(body("anthropic", AnswerForm::kText).contains("output_config"));
    CHECK(chat_dialect("anthropic")->headers.front() == "anthropic-version: 2023-06-01");

    const json wealthsimple = body("wealthsimple", AnswerForm::kSchema);
    CHECK(wealthsimple["model_kwargs"]["response_format"]["type"] == "json_schema");
    CHECK(wealthsimple["model_kwargs"]["max_tokens"] == 500);
    CHECK(wealthsimple["temperature"] == 0);
    CHECK_FALSE(wealthsimple.contains("max_tokens"));
    CHECK(chat_dialect("cohere") == nullptr);
}

TEST_CASE("An answer is read, with its tokens, and whether it was cut") {
    const auto openai = chat_dialect("openai")->read(
        R"({"choices":[{"message":{"content":"hi"},"finish_reason":"length"}],"usage":{"total_tokens":7}})");
    REQUIRE(openai);
    CHECK(openai->text == "hi");
    CHECK(openai->tokens == 7u);
    CHECK(openai->is_cut);
    const auto anthropic =
        chat_dialect("anthropic")
            ->read(
                R"({"content":[{"type":"thinking"},{"type":"text","text":"h"},{"type":"text","text":"i"}],"stop_reason":"end_turn",
            "usage":{"input_tokens":5,"output_tokens":2}})");
    REQUIRE(anthropic);
    CHECK(anthropic->text == "hi");
    CHECK(anthropic->tokens == 7u);
    CHECK_FALSE(anthropic->is_cut);
    for (const char* word : {"openai", "anthropic", "wealthsimple"})
        for (const char* reply :
             {"", "null", "[]", "{}", "\"x\"", R"({"choices":[]})", R"({"choices":[1]})", R"({"content":"x"})",
              R"({"choices":[{"message":{"content":null}}]})", R"({"choices":{"0":1}})", "{\"choices\":[", "\xff"}) {
            INFO(word << " " << reply);
            CHECK_FALSE(chat_dialect(word)->read(reply));
        }
}

TEST_CASE("A refusal is one for now, for today, of the form, or for good") {
    const ChatDialect &openai = *chat_dialect("openai"), &wealthsimple = *chat_dialect("wealthsimple");
    CHECK(refusal_of(openai, 429, "slow down", AnswerForm::kSchema) == Refused::kLater);
    CHECK(refusal_of(openai, 529, "", AnswerForm::kSchema) == Refused::kLater);
    CHECK(refusal_of(openai, 500, "", AnswerForm::kSchema) == Refused::kLater);
    CHECK(refusal_of(openai, 429, R"({"error":{"code":"insufficient_quota"}})", AnswerForm::kSchema) ==
          Refused::kSpent);
    CHECK(refusal_of(openai, 402, "", AnswerForm::kSchema) == Refused::kSpent);
    CHECK(refusal_of(openai, 400, "", AnswerForm::kSchema) == Refused::kForm);
    CHECK(refusal_of(openai, 422, "", AnswerForm::kObject) == Refused::kForm);
    CHECK(refusal_of(openai, 400, "", AnswerForm::kText) == Refused::kWrong);
    CHECK(refusal_of(openai, 401, "", AnswerForm::kSchema) == Refused::kWrong);
    CHECK(refusal_of(openai, 302, "", AnswerForm::kSchema) == Refused::kWrong);
    CHECK(refusal_of(wealthsimple, 500, R"({"detail":"response_format?"})", AnswerForm::kSchema) == Refused::kForm);
    CHECK(refusal_of(wealthsimple, 500, R"({"detail":"busy"})", AnswerForm::kSchema) == Refused::kLater);
    CHECK(refusal_of(wealthsimple, 500, R"({"detail":"You exceeded your current quota"})", AnswerForm::kText) ==
          Refused::kSpent);
}

TEST_CASE("What a model says counts as far as it is what was asked for") {
    const Digest digest = a_digest();
    const auto good = read_triage(kGood, digest);
    REQUIRE(good);
    CHECK(good->verdict == "suspicious");
    CHECK(good->is_cited);
    CHECK(good->evidence == std::vector<std::string>{"3f2a9c01d4e5b677-00000000012c40"});
    CHECK(good->proposal.empty());
    CHECK(read_triage(std::string("Sure: ```json\n") + kGood + "\n``` {}", digest));
    CHECK(
        read_triage(changed("proposal", "rule x { when tcp then drop }").dump(), digest)->proposal.starts_with("rule"));

    // Events that were not sent are no evidence.
    CHECK_FALSE(read_triage(changed("evidence", {"e1", "e2"}).dump(), digest)->is_cited);
    CHECK(read_triage(changed("evidence", {"e1", "e2"}).dump(), digest)->evidence.size() == 1);
    CHECK_FALSE(read_triage(changed("evidence", json::array()).dump(), digest)->is_cited);
    CHECK_FALSE(read_triage(changed("evidence", {7}).dump(), digest)->is_cited);

    const auto hostile = read_triage(changed("reason", "a\n\x1b[2Jb" + std::string(9000, 'z')).dump(), digest);
    REQUIRE(hostile);
    CHECK(hostile->reason.starts_with("a\\x0a\\x1b[2Jb"));
    CHECK(hostile->reason.size() <= kMaxReasonBytes);

    for (const auto& [name, value] :
         std::vector<std::pair<const char*, json>>{{"verdict", "harmless"},
                                                   {"verdict", 1},
                                                   {"confidence", 1.5},
                                                   {"confidence", -0.1},
                                                   {"confidence", "high"},
                                                   {"reason", {"a"}},
                                                   {"evidence", "e1"},
                                                   {"evidence", json::array_t(65, "e1")},
                                                   {"proposal", 1},
                                                   {"proposal", std::string(70'000, 'x')}}) {
        INFO(name << " " << value.dump().substr(0, 40));
        CHECK_FALSE(read_triage(changed(name, value).dump(), digest));
    }
    for (const char* text : {"", "{", "}{", "{}", "[]", "null", "{\"a\":\"}\"", "text", "{{}}"})
        CHECK_FALSE(read_triage(text, digest));
    CHECK_FALSE(read_triage(std::string(100'000, '{'), digest));
    json without = json::parse(kGood);
    without.erase("evidence");
    CHECK_FALSE(read_triage(without.dump(), digest));
}

TEST_CASE("An answer of very many names is read as fast as another") {
    std::string names;
    for (int i = 0; names.size() < Llm::kMaxReplyBytes; ++i) names += fmt::format(",\"{:x}\":0", i);
    const Digest digest(Addresses::kPseudonym);
    const std::clock_t begin = std::clock();  // of the processor: others may use it, too
    for (int i = 0; i < 10; ++i) {
        CHECK_FALSE(read_triage("{" + names.substr(1) + "}", digest));
        for (const char* word : {"openai", "anthropic"})
            CHECK_FALSE(chat_dialect(word)->read("{" + names.substr(1) + "}"));
    }
    CHECK((std::clock() - begin) / CLOCKS_PER_SEC < 20);
}
