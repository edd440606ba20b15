// Each run has a network namespace of its own, which ends with it: nothing to clean up, whatever happens.
#include <sched.h>
#include <sys/mount.h>

#include <cstdio>

#include "runtime/kernel.h"
#include "tests/kernel/wire.h"
#include "tests/support/catch_run.h"

int main(int argc, char** argv) {
    constexpr int kSkipped = 77;
    if (!weir::runtime::may_load_programs()) return std::puts("skipped: may not load BPF programs"), kSkipped;
    if (unshare(CLONE_NEWNET) != 0) return std::puts("skipped: may not make a network namespace"), kSkipped;
    // Pins go into a BPF file system of this run's own.
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr) != 0)
        return std::puts("skipped: may not mount a BPF file system"), kSkipped;
    if (!weir::test::make_wires()) return std::puts("skipped: may not make veth devices"), kSkipped;
    return weir::test::run_tests(argc, argv);
}
