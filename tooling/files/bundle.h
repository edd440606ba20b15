// A policy with all that it reads: imports, set files, captures of tests. What is sent to another machine, and checked
// there without a disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/sema/check.h"
#include "grammar/base/result.h"
#include "tooling/files/policy_file.h"

namespace weir::tooling {

inline constexpr std::size_t kMaxBundleBytes = std::size_t{64} << 20;  // of all files together
inline constexpr std::size_t kSignatureBytes = 64;                     // Ed25519

// `name` is the path from the policy's folder, as diagnostics show it: "edge.rules", "sets/bogons.rules". What was
// found in the Nth --include folder is "/include/N/PATH".
struct BundleFile {
    std::string name{};
    std::string sha256{};
    std::string bytes{};
    friend bool operator==(const BundleFile&, const BundleFile&) = default;
};
// What a bundle that goes to a fleet says beside its files: docs/fleet.md.
inline constexpr std::uint32_t kEveryHost = 10'000;
struct Release {
    std::string bucket{}, key{};          // of NATS, where it belongs
    std::uint64_t serial = 0;             // grows with each release of that key
    std::uint32_t canary = kEveryHost;    // so many of 10,000 hosts take it, by the hash of their name
    std::uint64_t confirm_within_ms = 0;  // 0: in force for good
    friend bool operator==(const Release&, const Release&) = default;
};
struct Bundle {
    std::string policy{};             // the name of the policy's own file
    std::size_t include_folders = 0;  // "/include/1" and so on
    std::vector<BundleFile> files{};  // by name, each once
    std::optional<Release> release{};
    std::string signature{};  // over the manifest, 64 bytes; empty: none. Who reads a bundle has to verify it
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

// Names the policy's file, says what the release says, and has the SHA-256 of each file. The same bundle gives the same
// bytes.
std::string manifest_of(const Bundle& bundle);
// A tar: `manifest`, `manifest.sig` where there is a signature, then the files, those of the policy's folder under
// `policy/`, the others under `include/N/`.
Result<std::string> to_tar(const Bundle& bundle);
// An error where any byte is not as to_tar() writes it: a file too few or too many, a hash, a name that leads outside.
Result<Bundle> bundle_from_tar(std::string_view bytes);

}  // namespace weir::tooling
