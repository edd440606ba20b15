#include "hostile.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "compiler/object_bytes.h"
#include "runtime/bytes.h"
#include "service/file_reader.h"
#include "service/message_socket.h"

using namespace weir;
using namespace weir::service;

namespace {

struct Question {
    std::string what, argument;  // "attempts", "1234"
    std::string path;
    runtime::UniqueFd memory;
};

void put(const Question& question, const void* bytes, std::size_t count) {
    static_cast<void>(write(question.memory.get(), bytes, count));
}

void say(const WorkerEnds& ends, const WorkerAnswer& answer) {
    runtime::ByteWriter out;
    out.put(answer);
    send_message(ends.engine, out.bytes());
}

void answer_text(const WorkerEnds& ends, const Question& question, const std::string& text) {
    put(question, text.data(), text.size());
    say(ends, {kPolicyFault, text.size(), 0, 0});
}

void answer_object(const WorkerEnds& ends, const Question& question, const std::vector<std::uint8_t>& bytes) {
    put(question, bytes.data(), bytes.size());
    say(ends, {kOk, 0, 0, bytes.size()});
}

// One line of each thing that it got done.
std::string attempts(const WorkerEnds& ends, const Question& question) {
    std::string done;
    const auto note = [&](const char* what, long result) {
        if (result >= 0) done += std::string(what) + "\n";
    };
    const int engine = std::atoi(question.argument.c_str());
    note("opened a file", open("/etc/passwd", O_RDONLY));
    note("opened the policy itself", open(question.path.c_str(), O_RDONLY));
    note("made a file", open("/tmp/weir-hostile", O_RDWR | O_CREAT, 0600));
    note("read a link", readlink("/proc/self/exe", done.data(), 0));
    note("opened a descriptor again", open("/proc/self/fd/3", O_RDWR));
    note("made an IP socket", socket(AF_INET, SOCK_STREAM, 0));
    note("made a UNIX socket", socket(AF_UNIX, SOCK_STREAM, 0));
    note("made a pair of sockets", syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, nullptr));
    bpf_attr attribute{};
    attribute.map_type = BPF_MAP_TYPE_ARRAY;
    attribute.key_size = attribute.value_size = 4;
    attribute.max_entries = 1;
    note("made a map", syscall(SYS_bpf, BPF_MAP_CREATE, &attribute, sizeof(attribute)));
    std::memset(&attribute, 0, sizeof(attribute));
    note("listed maps", syscall(SYS_bpf, BPF_MAP_GET_NEXT_ID, &attribute, sizeof(attribute)));
    const char* pinned = "/sys/fs/bpf/weir";
    attribute.pathname = reinterpret_cast<std::uintptr_t>(pinned);
    note("opened a pin", syscall(SYS_bpf, BPF_OBJ_GET, &attribute, sizeof(attribute)));
    const std::uint32_t key = 0, value = 0;
    for (int fd = 0; fd < 64; ++fd) {  // whatever it was left with
        std::memset(&attribute, 0, sizeof(attribute));
        attribute.map_fd = static_cast<std::uint32_t>(fd);
        attribute.key = reinterpret_cast<std::uintptr_t>(&key);
        attribute.value = reinterpret_cast<std::uintptr_t>(&value);
        note("changed a map", syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attribute, sizeof(attribute)));
        note("mapped a map",
             mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED || fd == question.memory.get()
                 ? -1
                 : 0);
    }
    note("signalled the engine", kill(engine, 0));
    note("signalled a thread of the engine", syscall(SYS_tgkill, engine, engine, 0));
    note("signalled its parent", kill(getppid(), 0));
    note("signalled everybody", kill(-1, 0));
    note("opened the engine", syscall(SYS_pidfd_open, engine, 0));
    note("traced the engine", ptrace(PTRACE_ATTACH, engine, nullptr, nullptr));
    char byte = 0;
    iovec here{&byte, 1}, there{&byte, 1};
    note("read the engine's memory", process_vm_readv(engine, &here, 1, &there, 1, 0));
    const rlimit none{0, 0};
    note("limited the engine", syscall(SYS_prlimit64, engine, RLIMIT_NOFILE, &none, nullptr));
    note("made a process", syscall(SYS_fork));
    const char* arguments[] = {"/bin/true", nullptr};
    note("started a program", execve(arguments[0], const_cast<char**>(arguments), nullptr));
    note("became root", syscall(SYS_setuid, 0));
    note("mounted", syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, nullptr));
    note("made new code",
         mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
    for (const char* path : {"/etc/passwd", "/etc/shadow", "/proc/1/environ", "/etc/../etc/passwd", ""})
        note("had a file opened", ask_file(ends.files, path, 1000) ? 0 : -1);
    note("had a neighbour of the policy opened", ask_file(ends.files, question.path + ".secret", 1000) ? 0 : -1);
    return done;
}

// Names that take more memory than they have bytes: empty texts, many of them.
std::vector<std::uint8_t> many_names() {
    bpf::Object object;
    object.manifest.sinks.resize(1);
    object.manifest.rules.resize(3'000'000);
    return bpf::to_bytes(object);
}

std::vector<std::uint8_t> out_of_range(const std::string& what) {
    bpf::Object object;
    bpf::Manifest& manifest = object.manifest;
    manifest.sinks.resize(1);
    manifest.alerts.resize(1);
    if (what == "sink") manifest.alerts[0].sinks = {7};
    if (what == "field")
        manifest.alerts[0].message = {bpf::FieldRef{"x", bpf::FieldFormat::kNumber, 0, 60'000, 8, 0, 1}};
    if (what == "iface") manifest.ifaces.resize(33);
    if (what == "path") manifest.sinks[0] = {"s", bpf::SinkKind::kEve, {{bpf::SinkWord::kPath, "/etc/cron.d/x"}}};
    if (what == "argument")
        manifest.sinks[0] = {"s",
                             bpf::SinkKind::kExec,
                             {{bpf::SinkWord::kArgument, "", "", 0, {std::string("rm"), MessageWord::kRule}}}};
    if (what == "variable")
        manifest.sinks[0] = {"s", bpf::SinkKind::kWebhook, {{bpf::SinkWord::kHeader, "", "AWS_SECRET"}}};
    return bpf::to_bytes(object);
}

void act(const WorkerEnds& ends, const Question& question) {
    const std::string& what = question.what;
    if (what == "attempts") return answer_text(ends, question, attempts(ends, question));
    if (what == "terminal") return answer_text(ends, question, "\x1b]0;owned\x07\x1b[2J\x1b[1;31m\xc2\x9b\n");
    if (what == "wrap") return say(ends, {kOk, ~0ull - 10, 4, 11});
    if (what == "negative") return say(ends, {-7, 0, 0, 0});
    if (what == "long") return say(ends, {kPolicyFault, 1ull << 40, 0, 0});
    if (what == "short") return say(ends, {kOk, 0, 0, 1000});
    if (what == "names") return answer_object(ends, question, many_names());
    if (what == "range") return answer_object(ends, question, out_of_range(question.argument));
    if (what == "garbage") return answer_object(ends, question, std::vector<std::uint8_t>(1 << 20, 0xff));
    if (what == "mapped") {
        put(question, "x", 1);
        static_cast<void>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, question.memory.get(), 0));
        return say(ends, {kOk, 0, 0, 1});
    }
    if (what == "flood")
        for (const std::vector<std::uint8_t> noise(kMaxMessageBytes, 1); send_message(ends.engine, noise);) {}
    if (what == "fill")
        for (const std::vector<std::uint8_t> noise(1 << 20, 1);;) put(question, noise.data(), noise.size());
    if (what == "silent")
        for (;;) pause();
    if (what == "closed") close(ends.engine);
    for (;;) sleep(1);
}

}  // namespace

void be_hostile(const WorkerEnds& ends) {
    Message message;
    while (receive_message(ends.engine, message, 1, Wait::kYes) == Received::kMessage && !message.fds.empty()) {
        Question question;
        question.path = request_from(message.bytes).file;
        question.what = question.path.substr(question.path.rfind('/') + 1);
        const std::size_t dash = question.what.find('-');
        if (dash != std::string::npos) {
            question.argument = question.what.substr(dash + 1);
            question.what.resize(dash);
        }
        question.memory = std::move(message.fds.front());
        act(ends, question);
    }
}
