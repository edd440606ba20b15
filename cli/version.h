// What this program is made of, for reports of faults.
#pragma once

#include <string>

namespace weir::cli {

// Two lines: "weir 0.1.0 (COMMIT, BUILD TYPE)", and the libraries, the kernel that runs and the ABI of policies.
std::string version_text();
// "0.1.0"
std::string version_number();

// The same as one JSON object: version, commit (null where the sources name none), changed (files differ from the
// commit), build_type, llvm, libbpf, kernel, abi.
std::string version_json();

}  // namespace weir::cli
