#include "service/worker.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "runtime/memory_file.h"
#include "service/file_reader.h"
#include "service/message_socket.h"
#include "tests/unit/tooling/captures.h"
#include "tooling/files/sha256.h"

using namespace weir;
using namespace weir::service;

namespace {

struct Folder {
    std::filesystem::path path = std::filesystem::temp_directory_path() / ("weir-worker-" + std::to_string(getpid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(path / name) << text;
        return (path / name).string();
    }
};

Worker started(std::uint64_t deadline_ms = 120'000) {
    auto worker = Worker::start({{"/proc/self/exe", "compile-worker"}, deadline_ms});
    REQUIRE(worker);
    return std::move(*worker);
}

WorkerOutcome wait_for(Worker& worker) {
    for (;;) {
        pollfd ready{worker.fd(), POLLIN, 0};
        poll(&ready, 1, static_cast<int>(worker.timeout_ms().value_or(1000)));
        if (auto outcome = worker.step()) return std::move(*outcome);
    }
}

WorkerOutcome compile(Worker& worker, const std::string& file, int text = -1) {
    WorkerRequest request;
    request.file = file;
    worker.ask(request, text);
    return wait_for(worker);
}

// The process that compiles: the child of the one that opens files. Never 0 or -1, which mean many processes to kill().
pid_t compiler_of(const Worker& worker) {
    const std::string opener = std::to_string(worker.process());
    pid_t found = -1;
    while (found <= 1) {  // it may not be there yet
        std::ifstream children("/proc/" + opener + "/task/" + opener + "/children");
        REQUIRE(children);
        children >> found;
    }
    return found;
}
// A signal is sent before it acts.
void wait_until_stopped(pid_t process) {
    for (std::string state; state != "T";) {
        std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
        std::string number, name;
        REQUIRE(stat >> number >> name >> state);  // the name has no blank
    }
}

std::string status_line(pid_t process, const std::string& name) {
    std::ifstream status("/proc/" + std::to_string(process) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
    return {};
}

constexpr const char* kPolicy = "rule r { when tcp.dport == 22 then drop }\n";

}  // namespace

TEST_CASE("a policy that is only judged") {
    const Folder folder;
    const std::string before = folder.write("a.rules", kPolicy);
    const std::string file = folder.write("b.rules",
                                          "rule r { when tcp.dport == 23 then drop }\n"
                                          "test \"good\" { tcp 192.0.2.1:4 -> 192.0.2.2:23 syn => drop by r }\n"
                                          "test \"bad\" { tcp 192.0.2.1:4 -> 192.0.2.2:23 syn => pass }\n");
    Worker worker = started();
    CHECK(compile(worker, before).text == kPolicy);
    const auto judge = [&](Judge what, const std::string& path) {
        WorkerRequest request;
        request.file = path;
        request.options.format = "json";
        request.judge = what;
        if (what == Judge::kDiff) request.before = {before, {{before, tooling::sha256(kPolicy)}}};
        worker.ask(request);
        return wait_for(worker);
    };
    const WorkerOutcome checked = judge(Judge::kCheck, file);
    CHECK(checked.status == kOk);
    CHECK(checked.judged.ends_with("\"rules\":1}"));
    CHECK_FALSE(checked.image);
    const WorkerOutcome tested = judge(Judge::kTest, file);
    CHECK(tested.status == kPolicyFault);
    CHECK(tested.judged.ends_with("\"passed\":1,\"failed\":1}"));
    const WorkerOutcome compared = judge(Judge::kDiff, file);
    CHECK(compared.status == kOk);
    CHECK(compared.judged.find("\"classes\":[{\"old\":") != std::string::npos);
    const WorkerOutcome bad = judge(Judge::kTest, folder.write("bad.rules", "rule r {"));
    CHECK(bad.status == kPolicyFault);
    CHECK(bad.judged.empty());
    CHECK(bad.diagnostics.find("\"code\":\"E") != std::string::npos);
}

TEST_CASE("one policy after another, by the same process") {
    const Folder folder;
    folder.write("common.rules", "rule c { when udp.dport == 9 then drop }\n");
    folder.write("list.txt", "192.0.2.1\n192.0.2.2\n");
    const std::string file =
        folder.write("a.rules", std::string("import \"common.rules\"\nset s : ip from \"list.txt\"\n"
                                            "sink e = eve(\"/nowhere/eve.json\")\n"
                                            "rule bad { when ip.src in s then drop }\n") +
                                    kPolicy);
    Worker worker = started();
    const WorkerOutcome first = compile(worker, file);
    INFO(first.diagnostics);
    REQUIRE(first.status == kOk);
    REQUIRE(first.image);
    CHECK(first.files.size() == 3);
    CHECK(first.files[0].sha256.size() == 64);
    CHECK(first.names.manifest.rules.size() == 3);
    CHECK(first.names.elf.empty());
    CHECK(first.names.manifest.sinks[0].text(SinkWord::kPath) == "/nowhere/eve.json");
    const auto whole = first.image->read();
    REQUIRE(whole);
    CHECK_FALSE((*whole).elf.empty());
    const pid_t compiler = compiler_of(worker);

    const WorkerOutcome bad = compile(worker, folder.write("bad.rules", "rule r { when tcp.dprot == 1 then drop }\n"));
    CHECK(bad.status == kPolicyFault);
    CHECK(bad.diagnostics.find("E201") != std::string::npos);
    CHECK_FALSE(bad.image);
    CHECK(compile(worker, file).status == kOk);
    CHECK(compiler_of(worker) == compiler);
}

TEST_CASE("the policy's own tests run first, with the captures that they name") {
    const Folder folder;
    // One TCP segment to port 22, of 54 bytes.
    const std::string frame(
        "\xff\xff\xff\xff\xff\xff\0\0\0\0\0\1\x08\0"
        "\x45\0\0\x28\0\0\0\0\x40\6\0\0\x0a\0\0\1\x0a\0\0\2"
        "\0\1\0\x16\0\0\0\0\0\0\0\0\x50\2\0\0\0\0\0\0",
        54);
    folder.write("ssh.pcap", tests::pcap_head() + tests::pcap_packet(frame));
    const std::string fails = "test \"web\" { tcp 10.0.0.1:1 -> 10.0.0.2:80 => drop }\n";
    const std::string file = folder.write("own.rules", kPolicy + fails);
    Worker worker = started();
    const WorkerOutcome refused = compile(worker, file);
    CHECK(refused.status == kPolicyFault);
    CHECK_FALSE(refused.image);
    CHECK(refused.diagnostics.find(file + ":2: test \"web\" failed in step 1: expected drop, got pass by default") !=
          std::string::npos);

    WorkerRequest request;
    request.file = file;
    request.tests = TestsFirst::kLeaveOut;
    worker.ask(request);
    CHECK(wait_for(worker).status == kOk);

    const std::string replays =
        folder.write("replays.rules", std::string(kPolicy) + "test \"c\" { replay \"ssh.pcap\" => drop by r }\n");
    const WorkerOutcome replayed = compile(worker, replays);
    INFO(replayed.diagnostics);
    CHECK(replayed.status == kOk);
    std::filesystem::remove(folder.path / "ssh.pcap");
    const WorkerOutcome missing = compile(worker, replays);
    CHECK(missing.status == kPolicyFault);
    INFO(missing.diagnostics);
    CHECK(missing.diagnostics.find("No such file") != std::string::npos);

    folder.write("import.rules", kPolicy + fails);
    CHECK(compile(worker, folder.write("imports.rules", "import \"import.rules\"\n")).status == kOk);
}

TEST_CASE("the process has no rights left") {
    if (geteuid() != 0) return;
    const Folder folder;
    Worker worker = started();
    REQUIRE(compile(worker, folder.write("a.rules", kPolicy)).status == kOk);
    const pid_t compiler = compiler_of(worker);
    CHECK(worker.lacks().empty());
    CHECK(status_line(compiler, "Uid") == "65534\t65534\t65534\t65534");
    CHECK(status_line(compiler, "Gid") == "65534\t65534\t65534\t65534");
    for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
        CHECK(status_line(compiler, set) == "0000000000000000");
    CHECK(status_line(compiler, "NoNewPrivs") == "1");
    CHECK(status_line(compiler, "Seccomp") == "2");
    int descriptors = 0;
    for (const auto& one : std::filesystem::directory_iterator("/proc/" + std::to_string(compiler) + "/fd"))
        descriptors += one.exists() || one.is_symlink() ? 1 : 0;
    CHECK(descriptors <= 5);  // three that are standard, and two sockets
}

TEST_CASE("a policy that only root may read is read") {
    const Folder folder;
    const std::string file =
        folder.write("a.rules", "set s : ip from \"secret.txt\"\nrule r { when ip.src in s then drop }\n");
    const std::string list = folder.write("secret.txt", "192.0.2.1\n");
    REQUIRE(chmod(file.c_str(), 0600) == 0);
    REQUIRE(chmod(list.c_str(), 0600) == 0);
    REQUIRE(chmod(folder.path.c_str(), 0700) == 0);
    Worker worker = started();
    CHECK(compile(worker, file).status == kOk);
}

TEST_CASE("pipes, devices and folders are refused, and nothing waits for them") {
    const Folder folder;
    const std::string fifo = (folder.path / "fifo").string();
    REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
    Worker worker = started();
    for (const auto& [file, why] :
         {std::pair(fifo, "it is no regular file"), std::pair(std::string("/dev/zero"), "it is no regular file"),
          std::pair(folder.path.string(), "it is a directory"),
          std::pair(folder.path.string() + "/nowhere", "No such file")}) {
        const WorkerOutcome outcome = compile(worker, file);
        CHECK(outcome.status == kWorldFault);
        CHECK(outcome.diagnostics.find(why) != std::string::npos);
    }
    const WorkerOutcome named =
        compile(worker, folder.write("a.rules", "set s : ip from \"fifo\"\nrule r { when ip.src in s then drop }\n"));
    CHECK(named.status == kPolicyFault);
    CHECK(named.diagnostics.find("it is no regular file") != std::string::npos);
    CHECK(worker.is_alive());
}

TEST_CASE("a text takes the place of the file") {
    const Folder folder;
    folder.write("list.txt", "192.0.2.1\n");
    auto memory = runtime::make_memory_file("text");
    REQUIRE(memory);
    const std::string text = "set s : ip from \"list.txt\"\nrule only_here { when ip.src in s then drop }\n";
    REQUIRE(write((*memory).get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    Worker worker = started();
    const WorkerOutcome outcome = compile(worker, (folder.path / "<stdin>").string(), (*memory).get());
    INFO(outcome.diagnostics);
    REQUIRE(outcome.status == kOk);
    CHECK(outcome.names.manifest.rules.at(0).name == "only_here");
}

TEST_CASE("a proposal is checked and tested behind the policy, and never compiled") {
    const Folder folder;
    WorkerRequest request;
    const std::string policy =
        std::string(kPolicy) + "test \"a page\" { tcp 198.51.100.7:4000 -> 192.0.2.1:80 => pass }\n";
    request.file = folder.write("edge.rules", policy);
    request.sha256 = tooling::sha256(policy);
    Worker worker = started();
    const auto outcome_of = [&](const std::string& proposal) {
        request.proposal = proposal;
        worker.ask(request);
        return wait_for(worker);
    };
    const WorkerOutcome good = outcome_of("rule more { when tcp.dport == 23 then drop }");
    CHECK(good.status == kOk);
    CHECK(good.diagnostics.empty());
    CHECK(good.text.starts_with(policy));
    CHECK(good.text.ends_with("rule more { when tcp.dport == 23 then drop }\n"));
    CHECK_FALSE(good.image);

    // The policy's own tests hold it, and its own; names that the policy has are taken.
    const std::pair<const char*, const char*> kRefused[] = {
        {"rule more { when tcp.dport == 80 then drop }", "a page"},
        {"rule more { when tcp.dport == 23 then drop } test \"t\" { tcp 198.51.100.7:4000 -> 192.0.2.1:23 => pass }",
         "more"},
        {"rule r { when udp then drop }", "E2"},
        {"rule more { when nothing.like.it then drop }", "E2"},
        {"import \"/etc/passwd\"", "it has an import"},
        {"sink s = eve(\"/etc/cron.d/x\")", "it has a sink"},
    };
    for (const auto& [proposal, why] : kRefused) {
        const WorkerOutcome refused = outcome_of(proposal);
        INFO(proposal << "\n" << refused.diagnostics);
        CHECK(refused.status == kPolicyFault);
        CHECK(refused.diagnostics.find(why) != std::string::npos);
        CHECK(refused.diagnostics.find("root:") == std::string::npos);
        CHECK(refused.text.empty());
        CHECK_FALSE(refused.image);
    }
    request.sha256 = tooling::sha256("another");
    CHECK(
        outcome_of("rule more { when tcp.dport == 23 then drop }").diagnostics.find("no longer the policy in force") !=
        std::string::npos);
    request.sha256 = request.proposal = "";
    CHECK(compile(worker, request.file).image);  // the same process compiles what is asked for next
}

TEST_CASE("a process that dies or hangs is an error, whatever it was at") {
    const Folder folder;
    const std::string file = folder.write("a.rules", kPolicy);
    {
        Worker worker = started();
        REQUIRE(compile(worker, file).status == kOk);
        kill(compiler_of(worker), SIGSEGV);
        const WorkerOutcome outcome = wait_for(worker);  // nobody asked it for anything
        CHECK(outcome.diagnostics.find("process died (Segmentation fault)") != std::string::npos);
        CHECK_FALSE(worker.is_alive());
    }
    {
        Worker worker = started();
        REQUIRE(compile(worker, file).status == kOk);
        kill(compiler_of(worker), SIGSTOP);
        wait_until_stopped(compiler_of(worker));  // else it may read the request before it stops
        WorkerRequest request;
        request.file = file;
        REQUIRE(worker.ask(request));
        kill(compiler_of(worker), SIGKILL);
        CHECK(wait_for(worker).is_unread);
    }
    Worker worker = started(300);
    kill(compiler_of(worker), SIGSTOP);
    const WorkerOutcome outcome = compile(worker, file);
    CHECK(outcome.status == kWorldFault);
    CHECK(outcome.diagnostics.find("it had no answer after") != std::string::npos);
    CHECK_FALSE(worker.is_alive());
}

TEST_CASE("a program that is none of ours is an error") {
    CHECK_FALSE(Worker::start({{"/nowhere/at/all"}, 1000}));
    auto worker = Worker::start({{"/bin/false"}, 1000});
    REQUIRE(worker);
    CHECK(wait_for(*worker).status == kWorldFault);
}

TEST_CASE("messages are whole, bounded, and bring no more descriptors than asked for") {
    auto pair = make_socket_pair();
    REQUIRE(pair);
    const int a = pair->ours.get(), b = pair->theirs.get();
    Message message;
    CHECK(receive_message(b, message, 0, Wait::kNo) == Received::kNothing);
    const std::vector<std::uint8_t> bytes(kMaxMessageBytes, 7), more(kMaxMessageBytes + 1, 7);
    CHECK_FALSE(send_message(a, more));
    CHECK_FALSE(send_message(a, {}));
    const int fds[] = {0, 1, 2};
    REQUIRE(send_message(a, bytes, fds));
    REQUIRE(receive_message(b, message, 2, Wait::kNo) == Received::kMessage);
    CHECK(message.bytes == bytes);
    CHECK(message.fds.size() == 2);
    REQUIRE(send_message(a, {bytes.data(), 1}, fds));
    REQUIRE(receive_message(b, message, 0, Wait::kNo) == Received::kMessage);
    CHECK(message.fds.empty());
    REQUIRE(write(a, more.data(), more.size()) == static_cast<ssize_t>(more.size()));
    CHECK(receive_message(b, message, 0, Wait::kNo) == Received::kClosed);  // longer than any of ours
    pair->ours = {};
    CHECK(receive_message(b, message, 0, Wait::kNo) == Received::kClosed);
    CHECK_FALSE(send_message(b, {bytes.data(), 1}));
}
