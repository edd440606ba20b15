// A policy with all that it reads: imports, set files, captures of tests. What is sent to another machine, and checked
// there without a disk.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/sema/check.h"
#include "grammar/base/result.h"
#include "tooling/files/policy_file.h"

namespace weir::tooling {

inline constexpr std::size_t kMaxBundleBytes = std::size_t{64} << 20;  // of all files together

// `name` is the path from the policy's folder, as diagnostics show it: "edge.rules", "sets/bogons.rules". What was
// found in the Nth --include folder is "/include/N/PATH".
struct BundleFile {
    std::string name{};
    std::string sha256{};
    std::string bytes{};
    friend bool operator==(const BundleFile&, const BundleFile&) = default;
};
struct Bundle {
    std::string policy{};             // the name of the policy's own file
    std::size_t include_folders = 0;  // "/include/1" and so on
    std::vector<BundleFile> files{};  // by name, each once
    const BundleFile* find(std::string_view name) const;
    friend bool operator==(const Bundle&, const Bundle&) = default;
};

struct Collected {
    LoadedPolicy loaded{};  // the policy as it is in the bundle
    Bundle bundle{};        // whole only where `loaded.compiled` is there
};
// Reads the policy `path` and everything that it names. Names are relative to `folder`, by default the policy's own;
// what is outside of it and of the --include folders, also by a symbolic link, is an error: a policy cannot take other
// files of this machine along.
Result<Collected> collect(const std::string& path, const PolicyOptions& options, const std::string& folder = {});

// The bundle's files and no others. The bundle must outlive them.
sema::Files files_of(const Bundle& bundle);
LoadedPolicy analyse_bundle(const Bundle& bundle, const PolicyOptions& options, Depth depth = Depth::kMeaning,
                            Session* session = nullptr);

// A tar: `manifest`, which names the policy's file and has the SHA-256 of each, then the files, those of the policy's
// folder under `policy/`, the others under `include/N/`. The same bundle gives the same bytes.
Result<std::string> to_tar(const Bundle& bundle);
// An error where anything is not as to_tar() writes it: a file too few or too many, a hash, a name that leads outside.
Result<Bundle> bundle_from_tar(std::string_view bytes);

}  // namespace weir::tooling
