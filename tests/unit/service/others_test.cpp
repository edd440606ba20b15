// Policies from others: what comes in a bundle, or as a text alone, reads no file of this host, whatever it names.
#include "service/bundle_files.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "runtime/memory_file.h"
#include "runtime/sinks/rights.h"
#include "service/worker.h"
#include "tests/unit/tooling/folder.h"
#include "tooling/files/sha256.h"

using namespace weir;
using namespace weir::service;

namespace {

const tooling::Expected kWhere{"policies", "edge", {}};
// What no answer may have.
constexpr const char* kSecret = "10.99.99.0/24 hunter2";

runtime::UniqueFd in_memory(const std::string& bytes) {
    auto memory = runtime::make_memory_file("test");
    REQUIRE(memory);
    REQUIRE(write((*memory).get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
    return std::move(*memory);
}

std::string value_of(std::vector<tooling::BundleFile> files, std::size_t include_folders = 0) {
    std::sort(files.begin(), files.end(), [](const auto& one, const auto& other) { return one.name < other.name; });
    for (auto& file : files) file.sha256 = tooling::sha256(file.bytes);
    tooling::Bundle bundle{"edge.rules", include_folders, std::move(files), {}, {}};
    bundle.release = tooling::Release{"policies", "edge", 1};
    const auto value = tooling::make_value(std::move(bundle), nullptr);
    REQUIRE(value);
    return *value;
}

WorkerOutcome compile(Worker& worker, From from, const std::string& value, std::size_t include_folders = 0,
                      const tooling::Expected& where = kWhere) {
    const runtime::UniqueFd memory = in_memory(value);
    WorkerRequest request;
    request.file = from == From::kBundle ? path_in_bundle(where, "edge.rules") : "/<policy>";
    request.from = from;
    request.expected = where;
    request.options.include_dirs = include_dirs_of_bundle(where, include_folders);
    REQUIRE(worker.ask(request, memory.get()));
    for (;;) {
        pollfd ready{worker.fd(), POLLIN, 0};
        poll(&ready, 1, static_cast<int>(worker.timeout_ms().value_or(1000)));
        if (auto outcome = worker.step()) return std::move(*outcome);
    }
}

Worker started() {
    auto worker = Worker::start({{"/proc/self/exe", "compile-worker"}, 120'000});
    REQUIRE(worker);
    return std::move(*worker);
}

struct Host {
    tests::Folder folder{};
    std::string secret = folder.write("secret.txt", kSecret);
    std::string capture = folder.write("some.pcap", kSecret);
    Host() { std::filesystem::create_symlink(secret, folder.path("link.txt")); }
};

}  // namespace

TEST_CASE("a bundle's imports, sets and captures are read from it") {
    Worker worker = started();
    const std::string policy =
        "import \"parts/ports.rules\"\nimport \"shared.rules\"\nset bad : net from \"lists/bad.netset\"\n"
        "rule r { when ip.src in bad and ports then drop }\n";
    const WorkerOutcome done =
        compile(worker, From::kBundle,
                value_of({{"edge.rules", {}, policy},
                          {"parts/ports.rules", {}, "let ports = tcp.dport == 22\n"},
                          {"lists/bad.netset", {}, "10.0.0.0/8\n"},
                          {"/include/1/shared.rules", {}, "rule shared { when arp then pass }\n"}},
                         1),
                1);
    INFO(done.diagnostics);
    CHECK(done.status == kOk);
    // Those that were looked for beside, and are not there, have no hash.
    CHECK(std::count_if(done.files.begin(), done.files.end(), [](const auto& file) { return !file.sha256.empty(); }) ==
          4);
    CHECK(done.files.front().path == "/<policies/edge>/edge.rules");
}

TEST_CASE("a policy from others opens nothing of this host") {
    const Host host;
    Worker worker = started();
    const std::string up = fmt::format("{}{}", "../../../../../../..", host.secret);
    for (const std::string& path :
         {host.secret, up, std::string("/etc/passwd"), std::string("../../etc/passwd"), host.folder.path("link.txt"),
          std::string("/proc/self/environ"), std::string("/dev/zero"), std::string("../edge.rules"),
          fmt::format("{}/./../{}/secret.txt", host.folder.path(), host.folder.path().substr(5))}) {
        for (const char* shape :
             {"import \"{}\"\n", "set s : net from \"{}\"\nrule r {{ when ip.src in s then drop }}\n",
              "rule r {{ when tcp then drop }}\ntest \"t\" {{ replay \"{}\" => pass }}\n"}) {
            const std::string text = fmt::format(fmt::runtime(shape), path);
            INFO(text);
            for (const From from : {From::kBundle, From::kText}) {
                const WorkerOutcome done =
                    compile(worker, from, from == From::kBundle ? value_of({{"edge.rules", {}, text}}) : text);
                INFO(done.diagnostics);
                CHECK(done.status != kOk);
                CHECK(!done.image);
                CHECK(done.diagnostics.find("hunter2") == std::string::npos);
                CHECK(done.diagnostics.find("root:") == std::string::npos);
                const bool is_said = done.diagnostics.find("bundle") != std::string::npos ||
                                     done.diagnostics.find("reads no file of this host") != std::string::npos;
                CHECK(is_said);
            }
        }
    }
}

TEST_CASE("a text from others is put in force where it names no file") {
    Worker worker = started();
    CHECK(compile(worker, From::kText, "rule r { when tcp then drop }\n").status == kOk);
    CHECK(compile(worker, From::kBundle, "rule r { when tcp then drop }\n").status == kOk);
}

TEST_CASE("the value is verified once more where it is compiled") {
    const auto key = tooling::SigningKey::generate();
    REQUIRE(key);
    Worker worker = started();
    const tooling::Expected signed_only{"policies", "edge", (*key).public_key()};
    const std::string text = "rule r { when tcp then drop }\n";
    CHECK_THAT(compile(worker, From::kBundle, text, 0, signed_only).diagnostics, Catch::Contains("it is not signed"));
    CHECK_THAT(compile(worker, From::kBundle, value_of({{"edge.rules", {}, text}}), 0, signed_only).diagnostics,
               Catch::Contains("it is not signed"));
    tooling::Bundle bundle{"edge.rules", 0, {{"edge.rules", tooling::sha256(text), text}}, {}, {}};
    bundle.release = tooling::Release{"policies", "edge", 1};
    const auto good = tooling::make_value(bundle, &*key);
    REQUIRE(good);
    CHECK(compile(worker, From::kBundle, *good, 0, signed_only).status == kOk);
    bundle.release->key = "core";
    const auto elsewhere = tooling::make_value(bundle, &*key);
    REQUIRE(elsewhere);
    CHECK_THAT(compile(worker, From::kBundle, *elsewhere, 0, signed_only).diagnostics,
               Catch::Contains("made for policies/core"));
}

TEST_CASE("a policy from others has the sinks, files and variables that the operator names") {
    const tests::Folder folder;
    const auto sink = [](SinkKind kind, std::vector<bpf::SinkOption> options) {
        return std::vector<bpf::SinkInfo>{{"s", kind, std::move(options)}};
    };
    const auto path = [](const std::string& text) { return bpf::SinkOption{SinkWord::kPath, text, {}, 0, {}}; };
    const auto header = [](const std::string& variable) {
        return std::vector<bpf::SinkOption>{{SinkWord::kUrl, "http://192.0.2.1/", {}, 0, {}},
                                            {SinkWord::kHeader, "Authorization", variable, 0, {}}};
    };
    const auto fault = [](const runtime::SinkRights& rights, const std::vector<bpf::SinkInfo>& sinks) {
        const Status admitted = runtime::admit_from_others(rights, sinks);
        return admitted ? std::string() : admitted.error().message;
    };
    runtime::SinkRights none, some;
    some.kinds = {SinkKind::kEve, SinkKind::kWebhook, SinkKind::kExec};
    CHECK(fault(none, {}).empty());
    CHECK(fault(none, sink(SinkKind::kStdout, {})).empty());
    // With nothing named, nothing but standard output.
    for (const SinkKind kind : {SinkKind::kEve, SinkKind::kPcap, SinkKind::kSyslog, SinkKind::kWebhook, SinkKind::kExec,
                                SinkKind::kUnix, SinkKind::kKafka, SinkKind::kNats, SinkKind::kLlm})
        CHECK_THAT(fault(none, sink(kind, {path("/tmp/x")})), Catch::Contains("only the sinks that this host names"));
    CHECK_THAT(fault(some, sink(SinkKind::kSyslog, {})), Catch::Contains("not among --allow-sinks"));
    CHECK_THAT(fault(some, sink(SinkKind::kStdout, {})), Catch::Contains("not among --allow-sinks"));
    // A file needs a folder, and stays below it.
    CHECK_THAT(fault(some, sink(SinkKind::kEve, {path(folder.path("x.json"))})),
               Catch::Contains("does not choose where"));
    some.folder = folder.path();
    CHECK(fault(some, sink(SinkKind::kEve, {path(folder.path("x.json"))})).empty());
    std::filesystem::create_directory_symlink("/etc", folder.path("etc"));
    for (const std::string& outside :
         {std::string("/etc/cron.d/x"), folder.path("../x.json"), folder.path("etc/x"), std::string("x.json")})
        CHECK_THAT(fault(some, sink(SinkKind::kEve, {path(outside)})), Catch::Contains("is not in"));
    // Programs.
    CHECK_THAT(fault(some, sink(SinkKind::kExec, {path("/bin/sh")})), Catch::Contains("runs a program"));
    some.programs = folder.path();
    CHECK_THAT(fault(some, sink(SinkKind::kExec, {path("/bin/sh")})), Catch::Contains("is not in"));
    // Variables: those of the engine's environment are none of the policy's.
    for (const char* variable : {"PATH", "AWS_SECRET_ACCESS_KEY", "weir_sink_x", "XWEIR_SINK_X", ""})
        CHECK_THAT(fault(some, sink(SinkKind::kWebhook, header(variable))), Catch::Contains("reads the variable"));
    CHECK(fault(some, sink(SinkKind::kWebhook, header("WEIR_SINK_SOC_TOKEN"))).empty());
}
