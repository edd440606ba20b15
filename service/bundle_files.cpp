// Tested by tests/unit/service/others_test.cpp.
#include "service/bundle_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "runtime/memory_file.h"

namespace weir::service {
namespace {

constexpr std::string_view kInclude = "/include/";

std::string folder_of(const tooling::Expected& where) {
    return fmt::format("{}{}/{}>", kNoFolder, where.bucket, where.key);
}
std::string include_folder_of(const tooling::Expected& where) {
    return fmt::format("{}{}/{} include>", kNoFolder, where.bucket, where.key);
}

Result<std::string> read_whole(int fd) {
    struct stat facts{};
    if (fstat(fd, &facts) != 0 || static_cast<std::size_t>(facts.st_size) > tooling::kMaxBundleBytes)
        return Error{
            fmt::format("the value is refused: it has more than {} MB", tooling::kMaxBundleBytes >> 20), {}, EFBIG};
    std::string text(static_cast<std::size_t>(facts.st_size), '\0');
    for (std::size_t at = 0; at < text.size();) {
        const ssize_t got = pread(fd, text.data() + at, text.size() - at, static_cast<off_t>(at));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return Error{"the value cannot be read", {}, EIO};
        at += static_cast<std::size_t>(got);
    }
    return text;
}

Result<tooling::Bundle> bundle_in(int fd, const tooling::Expected& expected) {
    const auto value = read_whole(fd);
    if (!value) return value.error();
    return tooling::read_value(*value, expected);
}

}  // namespace

std::string path_in_bundle(const tooling::Expected& where, std::string_view name) {
    if (name.starts_with(kInclude)) return fmt::format("{}/{}", include_folder_of(where), name.substr(kInclude.size()));
    return fmt::format("{}/{}", folder_of(where), name);
}

std::vector<std::string> include_dirs_of_bundle(const tooling::Expected& where, std::size_t folders) {
    std::vector<std::string> paths;
    for (std::size_t i = 1; i <= folders; ++i) paths.push_back(fmt::format("{}/{}", include_folder_of(where), i));
    return paths;
}

bool is_path_in_bundle(const tooling::Expected& where, std::string_view path) {
    return path.starts_with(folder_of(where) + "/") || path.starts_with(include_folder_of(where) + "/");
}

BundleFiles::BundleFiles(int value, tooling::Expected expected)
    : expected_(std::move(expected)), bundle_(bundle_in(value, expected_)) {}

Result<runtime::UniqueFd> BundleFiles::open(const std::string& path) const {
    if (!bundle_) return bundle_.error();
    const std::string folder = folder_of(expected_) + "/", include = include_folder_of(expected_) + "/";
    const bool is_included = path.starts_with(include);
    if (!is_included && !path.starts_with(folder)) return Error{"it is outside of the bundle", {}, 0};
    const std::string name =
        is_included ? fmt::format("{}{}", kInclude, path.substr(include.size())) : path.substr(folder.size());
    const tooling::BundleFile* file = bundle_->find(name);
    if (file == nullptr) return Error{"it is not in the bundle", {}, 0};
    return runtime::make_memory_file("weir-bundle", file->bytes);
}

}  // namespace weir::service
