// Tested by tests/cli/usage_test.py with `--version`.
#include "cli/version.h"

#include <sys/utsname.h>

#include <string_view>

#include <fmt/format.h>
#include <weir_build_id.h>  // of the build

#include "bpf/abi.h"
#include "runtime/libbpf_version.h"

namespace weir::cli {

std::string version_text() {
    utsname kernel{};
    if (uname(&kernel) != 0) kernel.release[0] = '\0';
    const std::string_view commit = WEIR_COMMIT;  // empty: built from an archive
    return fmt::format("weir {} ({}{}{})\nLLVM {}, libbpf {}, kernel {}, policy ABI {}", WEIR_VERSION, commit,
                       commit.empty() ? "" : ", ", WEIR_BUILD_TYPE, WEIR_LLVM_VERSION, runtime::libbpf_version(),
                       kernel.release, WEIR_ABI_VERSION);
}

}  // namespace weir::cli
