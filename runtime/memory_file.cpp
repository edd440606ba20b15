// Tested by tests/unit/runtime/memory_file_test.cpp.
#include "runtime/memory_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/kernel.h"

namespace weir::runtime {

Result<UniqueFd> make_memory_file(const char* name) {
    UniqueFd memory(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory) return kernel_error(errno, "making a file in memory");
    return memory;
}

Result<UniqueFd> make_memory_file(const char* name, std::string_view bytes) {
    auto memory = make_memory_file(name);
    for (std::size_t at = 0; memory && at < bytes.size();) {
        const ssize_t written = pwrite(memory->get(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return kernel_error(written < 0 ? errno : ENOSPC, "writing a file in memory");
        at += static_cast<std::size_t>(written);
    }
    return memory;
}

Status seal(int memory) {
    constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    if (fcntl(memory, F_ADD_SEALS, kSeals) != 0 && fcntl(memory, F_GET_SEALS) != kSeals)
        return kernel_error(errno, "sealing a file in memory");
    return Done{};
}

}  // namespace weir::runtime
