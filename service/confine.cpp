// Held by tests/unit/service/hostile_worker_test.cpp.
// Tested by tests/unit/service/hostile.cpp with `hostile`.
#include "service/confine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "runtime/handles.h"

namespace weir::service {
namespace {

constexpr uid_t kNobody = 65534;

using Lacks = std::vector<std::string>;

void note(Lacks& lacks, const char* what, bool done) {
    if (!done) lacks.push_back(std::string(what) + ": " + std::strerror(errno));
}

// ---- capabilities ----

using CapabilityWords = __user_cap_data_struct[2];

bool get_capabilities(CapabilityWords& now) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    return syscall(SYS_capget, &header, now) == 0;
}

std::uint64_t held_capabilities() {
    CapabilityWords now = {};
    get_capabilities(now);
    return now[0].permitted | std::uint64_t{now[1].permitted} << 32;
}

// Of those that it holds. Programs that it starts have `handed_on`, whoever its user is; those of root have all that
// the bounding set leaves.
bool set_capabilities(std::uint64_t kept, std::uint64_t handed_on = 0) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    CapabilityWords now = {};
    if (!get_capabilities(now)) return false;
    for (int word = 0; word < 2; ++word) {
        now[word].permitted &= static_cast<std::uint32_t>(kept >> (32 * word));
        now[word].effective = now[word].permitted;
        now[word].inheritable = now[word].permitted & static_cast<std::uint32_t>(handed_on >> (32 * word));
    }
    if (syscall(SYS_capset, &header, now) != 0) return false;
    for (int capability = 0; capability < 64; ++capability)
        if ((now[capability / 32].inheritable >> (capability % 32) & 1) != 0 &&
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) != 0)
            return false;
    return true;
}

// Without CAP_SETPCAP the bounding set stays: with no new privileges, nothing can make use of it.
void drop_bounds(std::uint64_t kept) {
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
        if ((kept >> capability & 1) == 0) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

bool become_nobody() {
    return setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
           setresuid(kNobody, kNobody, kNobody) == 0;
}

// ---- Landlock ----

// Of kernels later than the headers of Debian 12: linux/landlock.h.
struct LandlockRules {
    std::uint64_t handled_access_fs = 0;
    std::uint64_t handled_access_net = 0;  // ABI 4
    std::uint64_t scoped = 0;              // ABI 6
};
constexpr std::uint64_t kFsReadFile = std::uint64_t{1} << 2, kFsReadDir = std::uint64_t{1} << 3;

// Forbids all that this kernel's Landlock knows; with `readable`, files can be read. kScoped: no signals to processes
// outside, and none when this process ends, either (PR_SET_PDEATHSIG of a child).
enum class Signals : std::uint8_t { kScoped, kFree };
enum class Network : std::uint8_t { kNone, kConnect };
bool restrict_with_landlock(std::uint64_t readable, Signals signals, Network network = Network::kNone,
                            std::initializer_list<const char*> below = {"/"}) {
    const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 0) return false;
    LandlockRules rules;
    const int fs_rights = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;
    rules.handled_access_fs = (std::uint64_t{1} << fs_rights) - 1;
    if (abi >= 4) rules.handled_access_net = network == Network::kConnect ? 1 : 3;  // bind and connect of TCP
    if (abi >= 6) rules.scoped = signals == Signals::kScoped ? 3 : 1;  // abstract sockets; signals to others
    const std::size_t size = abi >= 6 ? sizeof(rules) : abi >= 4 ? 16 : 8;
    const runtime::UniqueFd ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &rules, size, 0)));
    if (!ruleset) return false;
    for (const char* path : below) {
        if (readable == 0) break;
        const runtime::UniqueFd folder(open(path, O_PATH | O_CLOEXEC));
        if (!folder && errno == ENOENT) continue;
        landlock_path_beneath_attr beneath{};
        beneath.allowed_access = readable;
        beneath.parent_fd = folder.get();
        if (!folder || syscall(SYS_landlock_add_rule, ruleset.get(), LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
            return false;
    }
    return syscall(SYS_landlock_restrict_self, ruleset.get(), 0) == 0;
}

// ---- seccomp ----

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0;
#endif

// What a compile was seen to use on Debian 12 (strace -f, policies of 1 to 131,072 rules), and what glibc and libstdc++
// use in its place. Calls that take a path, make a socket or name another process are not among them.
constexpr int kAllowed[] = {
    SYS_brk,
    SYS_close,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_exit,
    SYS_exit_group,
    SYS_fstat,
    SYS_ftruncate,
    SYS_futex,
    SYS_getpid,
    SYS_getrandom,
    SYS_getrusage,
    SYS_gettid,
    SYS_lseek,
    SYS_madvise,
    SYS_mremap,
    SYS_munmap,
    SYS_ppoll,
    SYS_pread64,
    SYS_pwrite64,
    SYS_read,
    SYS_recvfrom,
    SYS_recvmsg,
    SYS_restart_syscall,
    SYS_rseq,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sched_getaffinity,
    SYS_sched_yield,
    SYS_sendmsg,
    SYS_sendto,
    SYS_set_robust_list,
    SYS_sigaltstack,
    SYS_sysinfo,
    SYS_write,
    SYS_writev,
#if defined(__x86_64__)
    SYS_poll,
#endif
};

// What serving connections needs besides, on sockets that are there already: libmicrohttpd and GnuTLS as Debian 12 has
// them. A policy's text goes to the engine in a file in memory.
constexpr int kServing[] = {
    SYS_accept4,    SYS_epoll_ctl,   SYS_epoll_pwait, SYS_fcntl,        SYS_getpeername,
    SYS_getsockopt, SYS_getsockname, SYS_setsockopt,  SYS_memfd_create, SYS_shutdown,
#if defined(__x86_64__)
    SYS_epoll_wait,
#endif
};

class Filter {
public:
    void load(std::size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
    void mask(std::uint32_t bits) { add(BPF_ALU | BPF_AND | BPF_K, bits); }
    // The next `skipped` instructions are passed over where what was loaded is not `value`.
    void unless_equal_skip(std::uint32_t value, std::uint8_t skipped) {
        add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped);
    }
    void if_equal_skip(std::uint32_t value, std::uint8_t skipped) { add(BPF_JMP | BPF_JEQ | BPF_K, value, skipped, 0); }
    void if_below_skip(std::uint32_t value, std::uint8_t skipped) { add(BPF_JMP | BPF_JGE | BPF_K, value, 0, skipped); }
    void end(std::uint32_t action) { add(BPF_RET | BPF_K, action); }

    bool install() {
        sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
    }

private:
    void add(int code, std::uint32_t value, std::uint8_t if_true = 0, std::uint8_t if_false = 0) {
        code_.push_back({static_cast<std::uint16_t>(code), if_true, if_false, value});
    }
    std::vector<sock_filter> code_;
};

constexpr std::uint32_t kDenied = SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA);
constexpr std::size_t low_half(int argument) {
    return offsetof(seccomp_data, args) + sizeof(std::uint64_t) * static_cast<std::size_t>(argument);  // little endian
}

// Allows `call` where the bits `mask` of the low half of an argument are `value`.
void allow_where(Filter& filter, int call, int argument, std::uint32_t mask, std::uint32_t value) {
    filter.unless_equal_skip(static_cast<std::uint32_t>(call), 5);
    filter.load(low_half(argument));
    filter.mask(mask);
    filter.unless_equal_skip(value, 1);
    filter.end(SECCOMP_RET_ALLOW);
    filter.end(kDenied);
}

bool filter_calls(std::span<const int> more = {}) {
    if (kArchitecture == 0) return errno = ENOSYS, false;
    Filter filter;
    filter.load(offsetof(seccomp_data, arch));
    filter.unless_equal_skip(kArchitecture, 1);
    filter.load(offsetof(seccomp_data, nr));
    // Another architecture's number stands in the accumulator otherwise: it equals none of these but by its size.
    for (const std::span<const int> calls : {std::span<const int>(kAllowed), more})
        for (const int call : calls) {
            filter.unless_equal_skip(static_cast<std::uint32_t>(call), 1);
            filter.end(SECCOMP_RET_ALLOW);
        }
    constexpr std::uint32_t kAll = ~0u;
    allow_where(filter, SYS_clone, 0, CLONE_THREAD, CLONE_THREAD);  // threads, no processes
    allow_where(filter, SYS_mmap, 2, PROT_EXEC, 0);                 // no new code
    allow_where(filter, SYS_mprotect, 2, PROT_EXEC, 0);
    allow_where(filter, SYS_prlimit64, 0, kAll, 0);                                  // its own limits, which only sink
    allow_where(filter, SYS_tgkill, 0, kAll, static_cast<std::uint32_t>(getpid()));  // abort()
    filter.unless_equal_skip(SYS_clone3, 1);
    filter.end(SECCOMP_RET_ERRNO | ENOSYS);  // glibc uses clone then, whose flags can be seen
    filter.end(kDenied);
    return filter.install();
}

// What a process that finds names by glibc's modules and connects has no use for: programs, other processes, the
// kernel.
constexpr int kDeniedCalls[] = {
    SYS_execve,        SYS_execveat,          SYS_ptrace,         SYS_process_vm_readv, SYS_process_vm_writev,
    SYS_bpf,           SYS_perf_event_open,   SYS_mount,          SYS_umount2,          SYS_pivot_root,
    SYS_chroot,        SYS_unshare,           SYS_setns,          SYS_init_module,      SYS_finit_module,
    SYS_delete_module, SYS_kexec_load,        SYS_io_uring_setup, SYS_keyctl,           SYS_add_key,
    SYS_request_key,   SYS_userfaultfd,       SYS_reboot,         SYS_swapon,           SYS_kill,
    SYS_pidfd_getfd,   SYS_pidfd_send_signal, SYS_accept,         SYS_accept4,          SYS_listen};

bool deny_calls() {
    if (kArchitecture == 0) return errno = ENOSYS, false;
    constexpr std::uint32_t kX32 = 0x40000000;  // the same calls once more, on x86-64
    Filter filter;
    filter.load(offsetof(seccomp_data, arch));
    filter.if_equal_skip(kArchitecture, 1);
    filter.end(kDenied);
    filter.load(offsetof(seccomp_data, nr));
    filter.if_below_skip(kX32, 1);
    filter.end(kDenied);
    for (const int call : kDeniedCalls) {
        filter.unless_equal_skip(static_cast<std::uint32_t>(call), 1);
        filter.end(kDenied);
    }
    filter.end(SECCOMP_RET_ALLOW);
    return filter.install();
}

}  // namespace

bool keep_capabilities(std::initializer_list<int> capabilities) {
    std::uint64_t kept = 0;
    for (const int capability : capabilities) kept |= std::uint64_t{1} << capability;
    drop_bounds(kept);
    return set_capabilities(kept);
}

void go_before_engine() {
    if (const runtime::UniqueFd score(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC)); score)
        static_cast<void>(write(score.get(), "500", 3) == 3);
}

bool end_with_parent(int parent) { return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent; }

namespace {

// No file, new socket, other process, BPF call, capability or user but `nobody`. Of one thread.
Lacks confine_wholly(int parent, std::span<const int> calls) {
    Lacks lacks;
    note(lacks, "no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    note(lacks, "Landlock", restrict_with_landlock(0, Signals::kScoped));
    drop_bounds(0);
    note(lacks, "a user of its own", become_nobody());
    note(lacks, "no capabilities", set_capabilities(0));
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (!end_with_parent(parent)) _exit(1);  // after the change of user, which forgets it
    note(lacks, "seccomp", filter_calls(calls));
    return lacks;
}

}  // namespace

std::vector<std::string> confine_compiler(int parent) { return confine_wholly(parent, {}); }
std::vector<std::string> confine_door(int parent) { return confine_wholly(parent, kServing); }

std::vector<std::string> confine_follower(int parent) {
    Lacks lacks;
    note(lacks, "no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    note(lacks, "Landlock",
         restrict_with_landlock(kFsReadFile | kFsReadDir, Signals::kScoped, Network::kConnect,
                                {"/etc", "/usr", "/lib", "/lib64", "/run/systemd/resolve", "/run/resolvconf"}));
    drop_bounds(0);
    note(lacks, "a user of its own", become_nobody());
    note(lacks, "no capabilities", set_capabilities(0));
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (!end_with_parent(parent)) _exit(1);  // after the change of user, which forgets it
    note(lacks, "seccomp", deny_calls());
    return lacks;
}

// CAP_DAC_OVERRIDE: logs in folders of others. CAP_SYS_RESOURCE: memory of maps, on kernels before 5.11.
Rights confine_engine() {
    constexpr struct {
        int number;
        const char* name;
        bool is_handed_on;
    } kKept[] = {{CAP_BPF, "CAP_BPF", false},
                 {CAP_NET_ADMIN, "CAP_NET_ADMIN", false},
                 {CAP_PERFMON, "CAP_PERFMON", false},
                 {CAP_SETUID, "CAP_SETUID", true},
                 {CAP_SETGID, "CAP_SETGID", true},
                 {CAP_SETPCAP, "CAP_SETPCAP", true},
                 {CAP_KILL, "CAP_KILL", true},
                 {CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE", false},
                 {CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", true},
                 {CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE", false}};
    std::uint64_t kept = 0, handed_on = 0;
    for (const auto& one : kKept) {
        kept |= std::uint64_t{1} << one.number;
        if (one.is_handed_on && geteuid() != 0) handed_on |= std::uint64_t{1} << one.number;
    }
    Rights rights{geteuid(), {}, {}};
    drop_bounds(kept);
    note(rights.lacks, "few capabilities", set_capabilities(kept, handed_on));
    const std::uint64_t held = held_capabilities();
    for (const auto& one : kKept)
        if ((held >> one.number & 1) != 0) rights.capabilities.emplace_back(one.name);
    if ((held & ~kept) != 0) rights.lacks.emplace_back("few capabilities: the engine has others still");
    return rights;
}

std::vector<std::string> confine_loader() {
    Lacks lacks;
    note(lacks, "no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    note(lacks, "Landlock", restrict_with_landlock(kFsReadFile | kFsReadDir, Signals::kScoped));
    note(lacks, "few capabilities", keep_capabilities({CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON}));
    return lacks;
}

std::vector<std::string> confine_reader() {
    Lacks lacks;
    note(lacks, "no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    note(lacks, "Landlock", restrict_with_landlock(kFsReadFile | kFsReadDir, Signals::kFree));
    note(lacks, "few capabilities", keep_capabilities({CAP_DAC_READ_SEARCH, CAP_KILL}));
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return lacks;
}

}  // namespace weir::service
