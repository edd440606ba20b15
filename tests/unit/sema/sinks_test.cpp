#include <catch2/catch.hpp>

#include <algorithm>

#include "compiler/sema/sink_kinds.h"
#include "tests/unit/sema/checked.h"

using namespace weir;
using weir::tests::check;

namespace {

bpf::SinkInfo made(const std::string& sink) {
    const auto checked =
        check("rule r { when tcp then capture, alert a, drop }\nalert a { message \"x\" }\nsink s = " + sink);
    INFO(checked.said);
    REQUIRE(checked.compiled);
    const auto object = compile(*checked.compiled, {});
    REQUIRE(object);
    return object->manifest.sinks.at(0);
}

}  // namespace

TEST_CASE("each kind of sink takes its example, and each argument as the table writes it") {
    for (std::size_t number = 0; number < std::size(kSinkKindNames); ++number) {
        const auto kind = static_cast<SinkKind>(number);
        const sema::SinkRow& row = sema::sink_row(kind);
        REQUIRE(row.kind == kind);
        const bpf::SinkInfo example = made(std::string(row.example));
        CHECK(example.kind == kind);
        std::string all(kSinkKindNames[number]);
        all += '(';
        for (const sema::SinkParameter& parameter : row.parameters) all += std::string(parameter.form) + ", ";
        all += std::string(sema::queue_parameter().form) + ")";
        const bpf::SinkInfo whole = made(all);
        INFO(all);
        CHECK(whole.number(SinkWord::kQueue, 0) == 10'000);
        REQUIRE(whole.options.size() == row.parameters.size() + 1);
        for (std::size_t i = 0; i < row.parameters.size(); ++i) {
            CHECK(whole.options[i].word == row.parameters[i].word);
            const bpf::SinkOption& option = whole.options[i];
            CHECK((!option.text.empty() || option.number != 0 || !option.parts.empty()));
        }
    }
}

TEST_CASE("the place of named arguments does not matter, and what is not written has its default") {
    CHECK(made("eve(\"/a\", keep 10, rotate 1MB)") == made("eve(\"/a\", rotate 1MB)"));
    CHECK(made("eve(keep 3, \"/a\")") == made("eve(\"/a\", keep 3, queue 65536)"));
    CHECK(made("stdout()").number(SinkWord::kQueue, 0) == 65'536);
    const bpf::SinkInfo hook = made("webhook(\"https://192.0.2.9/\")");
    CHECK(hook.number(SinkWord::kBatch, 0) == 100);
    CHECK(hook.number(SinkWord::kTimeout, 0) == 10'000'000'000);
    CHECK(hook.find(SinkWord::kSpool) == nullptr);
    CHECK(hook.find(SinkWord::kHeader) == nullptr);
    CHECK(hook.text(SinkWord::kUrl) == "https://192.0.2.9/");
    const bpf::SinkInfo triage = made("llm(\"https://192.0.2.9/\", model \"m\")");
    CHECK(triage.text(SinkWord::kDialect) == "openai");
    CHECK(triage.text(SinkWord::kAddresses) == "pseudonym");
    CHECK(triage.number(SinkWord::kBudget, 0) == 200);
    CHECK(made("syslog(local3)").number(SinkWord::kFacility, 0) == 19);
}

TEST_CASE("repeated arguments keep their order, and a program's have holes") {
    const bpf::SinkInfo hook =
        made("webhook(\"https://192.0.2.9/\", header \"B\" env \"X\", batch 5, header \"A\" env \"Y\")");
    REQUIRE(hook.options.size() >= 3);
    CHECK((hook.options[1].text == "B" && hook.options[1].second == "X"));
    CHECK((hook.options[2].text == "A" && hook.options[2].second == "Y"));
    const bpf::SinkInfo run = made("exec(\"/bin/true\", \"-s{ip.src}\", \"\", \"{{}}\")");
    REQUIRE(run.options.size() == 7);
    CHECK(run.text(SinkWord::kPath) == "/bin/true");
    REQUIRE(run.options[1].parts.size() == 2);
    CHECK(std::get<std::string>(run.options[1].parts[0]) == "-s");
    CHECK(std::get<bpf::FieldRef>(run.options[1].parts[1]).name == "ip.src");
    CHECK(run.options[2].parts.empty());
    CHECK(run.options[3].parts.size() == 2);
}
