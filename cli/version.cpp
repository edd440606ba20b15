// Tested by tests/cli/usage_test.py with `--version`.
#include "cli/version.h"

#include <sys/utsname.h>

#include <string_view>

#include <fmt/format.h>
#include <weir_build_id.h>  // of the build
#include <nlohmann/json.hpp>

#include "bpf/abi.h"
#include "runtime/libbpf_version.h"

namespace weir::cli {

namespace {

constexpr std::string_view kCommit = WEIR_COMMIT;  // empty: built from an archive that names none
constexpr std::string_view kDirty = "-dirty";      // as git describe says it

std::string kernel_release() {
    utsname kernel{};
    return uname(&kernel) == 0 ? kernel.release : "";
}

}  // namespace

std::string version_text() {
    return fmt::format("weir {} ({}, {})\nLLVM {}, libbpf {}, kernel {}, policy ABI {}", WEIR_VERSION,
                       kCommit.empty() ? "from an archive" : kCommit, WEIR_BUILD_TYPE, WEIR_LLVM_VERSION,
                       runtime::libbpf_version(), kernel_release(), WEIR_ABI_VERSION);
}

std::string version_json() {
    nlohmann::ordered_json said{{"version", WEIR_VERSION}, {"commit", nullptr}};
    if (!kCommit.empty()) said["commit"] = kCommit.substr(0, kCommit.find(kDirty));
    said["changed"] = kCommit.ends_with(kDirty);
    said["build_type"] = WEIR_BUILD_TYPE;
    said["llvm"] = WEIR_LLVM_VERSION;
    said["libbpf"] = runtime::libbpf_version();
    said["kernel"] = kernel_release();
    said["abi"] = WEIR_ABI_VERSION;
    return said.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

std::string version_number() { return WEIR_VERSION; }

}  // namespace weir::cli
