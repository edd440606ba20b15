#include "service/command_codec.h"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "runtime/memory_file.h"

using namespace weir;
using namespace weir::service;

namespace {

template <typename C>
C decoded(const std::string& line) {
    auto result = decode_command(line);
    if (const auto* refusal = std::get_if<Refusal>(&result)) FAIL(line << " is refused: " << refusal->error);
    return std::get<C>(std::move(std::get<Command>(result)));
}

Refusal refused(const std::string& line) {
    auto result = decode_command(line);
    INFO(line);
    REQUIRE(std::holds_alternative<Refusal>(result));
    CHECK(std::get<Refusal>(result).status == kUsage);
    return std::get<Refusal>(result);
}

// Each as the other side reads it.
template <typename C>
C through(C command) {
    return decoded<C>(encode(Command(std::move(command))));
}

}  // namespace

TEST_CASE("a command says what stands in it, and the rest is as command.h has it") {
    const auto plain = decoded<ReloadCommand>(R"({"command":"reload"})");
    CHECK(plain.file.empty());
    CHECK(plain.confirm_within_ms == 0);
    CHECK_FALSE(plain.shadow);
    CHECK(plain.format == "human");
    const auto full = decoded<ReloadCommand>(
        R"({"command":"reload","file":"/p.rules","include":["/a","/b"],"confirm_within_ms":60000,"deny_warnings":true,"format":"json","colour":true})");
    CHECK(full.file == "/p.rules");
    CHECK(full.include == std::vector<std::string>{"/a", "/b"});
    CHECK(full.confirm_within_ms == 60'000);
    CHECK((full.deny_warnings && full.colour && full.format == "json"));
    CHECK(decoded<PromoteCommand>(R"({"command":"promote","if_disagreements_under":1})").if_disagreements_under == 1);
    CHECK(decoded<EventsCommand>(R"({"command":"events","follow":true})").follow);
    CHECK(decoded<ListSetCommand>(R"({"command":"set","action":"list","set":"s"})").set == "s");
    CHECK(decoded<AddToSetCommand>(R"({"command":"set","action":"add","set":"s","values":["1"],"for_ns":0})").for_ns ==
          0);
    CHECK_FALSE(decoded<AddToSetCommand>(R"({"command":"set","action":"add","set":"s","values":[]})").for_ns);
}

TEST_CASE("a value of a wrong type is refused by name, never dropped") {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"command":"reload","confirm_within_ms":"60s"})",
         "`confirm_within_ms` must be a whole number, not \"60s\""},
        {R"({"command":"reload","confirm_within_ms":-1})", "`confirm_within_ms` must be a whole number, not -1"},
        {R"({"command":"reload","confirm_within_ms":1.5})", "`confirm_within_ms` must be a whole number, not 1.5"},
        {R"({"command":"reload","confirm_within_ms":604800001})",
         "`confirm_within_ms` must be a whole number up to 604800000, not 604800001"},
        {R"({"command":"reload","shadow":"true"})", "`shadow` must be true or false, not \"true\""},
        {R"({"command":"reload","shadow":1})", "`shadow` must be true or false, not 1"},
        {R"({"command":"reload","file":7})", "`file` must be a string, not 7"},
        {R"({"command":"reload","file":"p.rules"})", "`file` must be a path from the root"},
        {R"({"command":"reload","include":"/a"})", "`include` must be an array of strings, not \"/a\""},
        {R"({"command":"reload","include":["/a",1]})", "`include` must be an array of strings, not [\"/a\",1]"},
        {R"({"command":"reload","include":["a"]})", "`include` must be paths from the root"},
        {R"({"command":"reload","format":"xml"})",
         "`format` must be one of human, json, sarif, github, gitlab, not \"xml\""},
        {R"({"command":"reload","file":null})", "`file` must be a string, not null"},
        {R"({"command":"reload","confirm_within":60})", "there is no key `confirm_within` in this command"},
        {R"({"command":"reload","shadow":true,"confirm_within_ms":1})",
         "`confirm_within_ms` does not go with `shadow`: a candidate is not in force"},
        {R"({"command":"reload","samples":"/s"})", "`samples` goes with `shadow` only"},
        {R"({"command":"promote","if_disagreements_under":"1"})",
         "`if_disagreements_under` must be a whole number, not \"1\""},
        {R"({"command":"promote","if_disagreements_under":1,"cancel":true})",
         "`if_disagreements_under` does not go with `cancel`"},
        {R"({"command":"events","follow":"yes"})", "`follow` must be true or false, not \"yes\""},
        {R"({"command":"status","name":"x"})", "there is no key `name` in this command"},
        {R"({"command":"confirm","action":"list"})", "there is no key `action` in this command"},
        {R"({"command":"set","action":"list"})", "`set` is missing: it must be a string"},
        {R"({"command":"set","action":"add","set":"s"})", "`values` is missing: it must be an array of strings"},
        {R"({"command":"set","action":"add","set":"s","values":[1]})", "`values` must be an array of strings, not [1]"},
        {R"({"command":"set","action":"add","set":"s","values":["1"],"for_ns":"1h"})",
         "`for_ns` must be a whole number, not \"1h\""},
        {R"({"command":"set","action":"grow","set":"s"})", "`action` must be one of list, add, remove"},
        {R"({"command":"set","set":"s"})", "`action` must be one of list, add, remove"},
        {R"({"command":5})",
         "`command` must be one of status, reload, confirm, rollback, promote, events, set, withdraw, record, flows, "
         "policy, judge"},
        {R"({})",
         "`command` must be one of status, reload, confirm, rollback, promote, events, set, withdraw, record, flows, "
         "policy, judge"},
        {R"([1,2])", "a request must be one JSON object a line"},
        {R"({"command":"reload","dry_run":true,"shadow":true})",
         "`dry_run` goes with neither `shadow` nor `confirm_within_ms`: nothing is put in force"},
        {"", "a request must be one JSON object a line"},
        {"\xff\xfe", "a request must be one JSON object a line"},
    };
    for (const auto& [line, sentence] : cases) CHECK(refused(line).error == sentence);
    CHECK(refused(R"({"command":"promote","x":1})").help == "its keys: command, if_disagreements_under, cancel");
    CHECK(refused(R"({"command":"reload","file":[")" + std::string(1000, 'x') + R"("]})").error.size() < 100);
}

TEST_CASE("what a command writes the engine reads") {
    const auto read = through(ReloadCommand{"/p \"x\"\n", {"/i"}, 5, true, "sarif", true, false, {}, {}});
    CHECK(read.file == "/p \"x\"\n");
    CHECK(read.include == std::vector<std::string>{"/i"});
    CHECK((read.confirm_within_ms == 5 && read.deny_warnings && read.format == "sarif" && read.colour));
    const auto shadow = through(ReloadCommand{"/p", {}, 0, false, "human", false, true, "/s", {}});
    CHECK((shadow.shadow && shadow.samples == "/s"));
    CHECK(through(PromoteCommand{7, false}).if_disagreements_under == 7);
    CHECK(through(PromoteCommand{{}, true}).cancel);
    CHECK(through(EventsCommand{true}).follow);
    CHECK(through(AddToSetCommand{"s", {"1", "2"}, 9}).values.size() == 2);
    CHECK(through(RemoveFromSetCommand{"s", {"1"}}).set == "s");
    static_cast<void>(through(StatusCommand{}));
    static_cast<void>(through(ConfirmCommand{}));
    static_cast<void>(through(RollbackCommand{}));
    CHECK(through(ListSetCommand{"s"}).set == "s");
    CHECK_FALSE(through(ListSetCommand{"s"}).most);
    CHECK(through(ListSetCommand{"s", 7}).most == 7u);
    static_cast<void>(through(WithdrawCommand{}));
    ReloadCommand plan;
    plan.no_tests = plan.dry_run = true;
    const auto read_plan = through(std::move(plan));
    CHECK((read_plan.no_tests && read_plan.dry_run));
    CHECK(through(AddToSetCommand{"s", {"1"}, {}, true}).check_only);
    CHECK(through(RemoveFromSetCommand{"s", {"1"}, true}).check_only);
}

namespace {
template <typename R, typename C>
R reply_through(const R& reply, C asked) {
    auto read = decode_reply(encode(Reply(reply)), Command(std::move(asked)));
    REQUIRE(read);
    return std::get<R>(*read);
}
}  // namespace

TEST_CASE("what the engine replies the command reads") {
    const auto refusal = reply_through(Refusal{kPolicyFault, "no", "help", "E101"}, StatusCommand{});
    CHECK(refusal.status == kPolicyFault);
    CHECK((refusal.error == "no" && refusal.help == "help" && refusal.diagnostics == "E101"));
    Refusal values{kUsage, "no", {}};
    values.values = {{3, "`x` is no address"}};
    const auto wrong = reply_through(values, AddToSetCommand{}).values;
    REQUIRE(wrong.size() == 1);
    CHECK((wrong[0].index == 3 && wrong[0].error == "`x` is no address"));
    const auto committed = reply_through(
        ReloadReply{"w", "p", 3, 6, 1.5, Committed{2.5, 0.25, {"set s: (ip)"}, 1000, 2}}, ReloadCommand{});
    const auto& outcome = std::get<Committed>(committed.outcome);
    CHECK((committed.diagnostics == "w" && committed.generation == 3 && committed.rules == 6));
    CHECK((outcome.load_ms == 2.5 && outcome.forgotten.size() == 1 && outcome.falls_back_to == 2u));
    ReloadCommand shadow;
    shadow.shadow = true;
    const auto compared = reply_through(ReloadReply{"", "p", 3, 6, 1.5, Compared{"q", "/s"}}, std::move(shadow));
    CHECK(std::get<Compared>(compared.outcome).candidate == "q");
    ReloadCommand dry_run;
    dry_run.dry_run = true;
    const auto planned = std::get<Planned>(
        reply_through(ReloadReply{"", "p", 3, 6, 1.5, Planned{{"a"}, {"b", "c"}, {"set s: (ip)"}, 2.5}, true, {"sink"}},
                      std::move(dry_run))
            .outcome);
    CHECK((planned.new_rules.size() == 1 && planned.removed_rules.size() == 2 && planned.forgotten.size() == 1));
    static_cast<void>(reply_through(WithdrawReply{}, WithdrawCommand{}));
    CHECK(reply_through(ChangeReply{"p", 1, "/f"}, RollbackCommand{}).file == "/f");
    CHECK(reply_through(EventsReply{4}, EventsCommand{}).events == 4);
    const auto entries =
        reply_through(SetEntriesReply{{{"10.0.0.1", 0}, {"10.0.0.2", 5}}}, ListSetCommand{"s"}).entries;
    REQUIRE(entries.size() == 2);
    CHECK((entries[0].expires_in_ns == 0 && entries[1].expires_in_ns == 5));
    CHECK(reply_through(SetAddedReply{3, 1}, AddToSetCommand{}).refused == 1);
    CHECK(reply_through(SetRemovedReply{3}, RemoveFromSetCommand{}).removed == 3);
}

TEST_CASE("a status keeps everything on its way") {
    StatusReply reply;
    runtime::EngineStatus& engine = reply.engine;
    engine.name = "eth0";
    engine.in_force = {"p", 7, 1, "t", {"/p", {{"/p", "00"}}}, 500, 6};
    engine.history = {{6, "q", "s"}};
    engine.interfaces = {{"eth0", runtime::AttachMode::kGeneric, false, 2, 48}};
    engine.rules = {{"r", 1, 2, bpf::Direction::kOut, "drop", true}};
    engine.default_ = {"default", 3, 4};
    engine.malformed = {"malformed", 5, 6};
    engine.shadow.emplace().disagreements = 8;
    engine.sets = {{"s", 9, 10}};
    engine.sets_file.emplace().path = "/sets";
    engine.terms = {{"t", 11, 12, 13}};
    engine.alerts.emplace_back().matched = 14;
    engine.sinks.emplace_back().state = "no room";
    engine.sinks[0].spool.emplace().max_bytes = 18;
    engine.measures = {{"m", "ns", {{{"22"}, 3, 4, 5, 6, 7, 8, {1, 2}, {0, 3}}}, 9, {"tcp.dport"}, {1023, 2047}}};
    reply.reloads = {1, 2, 3, true, 31.5, 9, 0.25};
    reply.process = {"1.2.3", "now", 1.5, 4096};
    reply.samples = StatusReply::Samples{"/s", 15, "ok"};
    reply.reload_failed = 16;
    reply.compiler.lacks = {"Landlock: no"};
    reply.rights = {17, {"CAP_BPF"}, {"few capabilities: no"}};
    const std::string line = encode(Reply(reply));
    const auto read = decode_reply(line, StatusCommand{});
    REQUIRE(read);
    CHECK(encode(*read) == line);  // each field of the status's description is written and read
    const auto& status = std::get<StatusReply>(*read).engine;
    CHECK(status.interfaces.at(0).mode == runtime::AttachMode::kGeneric);
    CHECK((status.in_force.confirm_within_ms == 500u && status.in_force.falls_back_to == 6u));
    CHECK((status.rules.at(0).verdict == "drop" && status.rules[0].observed));
    CHECK(status.measures.at(0).keys.at(0).buckets == std::vector<std::uint64_t>{1, 2});
    CHECK(status.measures.at(0).keys.at(0).counts == std::vector<std::uint64_t>{0, 3});
    CHECK((std::get<StatusReply>(*read).reloads.last_refused && status.sinks.at(0).spool->max_bytes == 18));
    CHECK(encode_result(*read).starts_with(R"({"name":"eth0","policy":"p","generation":7,)"));
}

TEST_CASE("a reply of a later version is read, one that is none is an error") {
    const auto later = decode_reply(R"({"ok":true,"status":0,"removed":2,"more":{"x":1}})", RemoveFromSetCommand{});
    REQUIRE(later);
    CHECK(std::get<SetRemovedReply>(*later).removed == 2);
    for (const char* line :
         {"", "x", "[]", "7", R"({"ok":"yes"})", R"({"ok":true,"removed":"2"})", R"({"ok":true,"removed":-1})"})
        CHECK_FALSE(decode_reply(line, RemoveFromSetCommand{}));
    CHECK_FALSE(decode_reply(R"({"ok":true,"status":0})", StatusCommand{}));
    CHECK_FALSE(decode_reply(R"({"ok":true,"engine":{"rules":[7]}})", StatusCommand{}));
    const auto plain = decode_reply("{}", StatusCommand{});
    REQUIRE(plain);
    CHECK(std::get<Refusal>(*plain).status == kWorldFault);
}

TEST_CASE("a text comes as a descriptor of a regular file, or not at all") {
    const std::string line = R"({"command":"reload","file":"/x/<stdin>","attached":true})";
    CHECK(refused(line).error == "`attached` is true, but no descriptor came along");
    CHECK(refused(R"({"command":"reload","attached":"yes"})").error == "`attached` must be true or false, not \"yes\"");
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const runtime::UniqueFd writer(ends[1]);
    auto piped = decode_command(line, runtime::UniqueFd(ends[0]));
    REQUIRE(std::holds_alternative<Refusal>(piped));
    CHECK(std::get<Refusal>(piped).error == "the descriptor that came along must be of a regular file");
    const auto memory = [] {
        auto made = runtime::make_memory_file("x");
        REQUIRE(made);
        return std::move(*made);
    };
    auto good = decode_command(line, memory());
    REQUIRE(std::holds_alternative<Command>(good));
    CHECK(std::get<ReloadCommand>(std::get<Command>(good)).text);
    auto nameless = decode_command(R"({"command":"reload","attached":true})", memory());
    CHECK(std::holds_alternative<Refusal>(nameless));
    auto unasked = decode_command(R"({"command":"reload"})", memory());  // closed
    CHECK_FALSE(std::get<ReloadCommand>(std::get<Command>(unasked)).text);
    ReloadCommand command;
    command.text = memory();
    CHECK(encode(Command(std::move(command))) == R"({"command":"reload","attached":true})");
}
