// The files of a policy that came as a value of a bucket of NATS, under paths that no file of this host has:
// "/<policies/edge>/edge.rules".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "tooling/files/signed_bundle.h"

namespace weir::service {

// What the paths of policies without a file on this host begin with, standard input's aside.
inline constexpr std::string_view kNoFolder = "/<";

// Of a bundle's file, by its name there; and the --include folders that it has.
std::string path_in_bundle(const tooling::Expected& where, std::string_view name);
std::vector<std::string> include_dirs_of_bundle(const tooling::Expected& where, std::size_t folders);
bool is_path_in_bundle(const tooling::Expected& where, std::string_view path);

class BundleFiles {
public:
    // `value`: a file with it. A value that is refused opens nothing, and each error says why.
    BundleFiles(int value, tooling::Expected expected);
    // A file in memory, to be read from its beginning. The error is half a sentence.
    Result<runtime::UniqueFd> open(const std::string& path) const;

private:
    tooling::Expected expected_;
    Result<tooling::Bundle> bundle_;
};

}  // namespace weir::service
