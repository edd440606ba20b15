// Tested by tests/cli/usage_test.py with `libbpf`.
#include "runtime/libbpf_version.h"

#include <bpf/libbpf.h>

namespace weir::runtime {

std::string libbpf_version() {
    const std::string version = libbpf_version_string();
    return version.starts_with('v') ? version.substr(1) : version;
}

}  // namespace weir::runtime
