// Tested by tests/unit/tooling/bundle_test.cpp.
#include "tooling/files/bundle.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "tooling/files/sha256.h"
#include "tooling/files/tar.h"

namespace weir::tooling {
namespace {

constexpr std::string_view kInclude = "/include/";
constexpr std::string_view kFirstLine = "weir bundle 1", kReleaseLine = "weir bundle 2";
constexpr std::string_view kManifest = "manifest", kSignature = "manifest.sig";
constexpr std::size_t kMaxIncludeFolders = 64;

std::string include_folder(std::size_t number) { return fmt::format("{}{}", kInclude, number); }

// A relative path that stays where it begins.
bool is_plain_path(std::string_view path) {
    if (path.empty() || path.ends_with('/')) return false;
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (std::any_of(path.begin(), path.end(), is_control)) return false;
    while (!path.empty()) {
        const std::size_t slash = path.find('/');
        const std::string_view part = path.substr(0, slash);
        if (part.empty() || part == "." || part == "..") return false;
        path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
    }
    return true;
}

// Where a name is looked for: 0 is the policy's folder, N the Nth --include folder. Nothing where it is outside of
// them.
struct Place {
    std::size_t folder = 0;
    std::string path{};
};
std::optional<Place> place_of(std::string_view name, std::size_t include_folders) {
    if (is_plain_path(name)) return Place{0, std::string(name)};
    if (!name.starts_with(kInclude)) return std::nullopt;
    name.remove_prefix(kInclude.size());
    std::size_t number = 0;
    const auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), number);
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
    if (fault != std::errc() || number == 0 || number > include_folders || !name.starts_with('/')) return std::nullopt;
    if (!is_plain_path(name.substr(1))) return std::nullopt;
    return Place{number, std::string(name.substr(1))};
}

class Collector {
public:
    Collector(std::string folder, const PolicyOptions& options) : folders_{std::move(folder)} {
        for (const std::string& one : options.include_dirs) folders_.push_back(resolved(one));
    }

    sema::Files files() {
        sema::Files files;
        files.read = [this](const std::string& name) { return read(name); };
        for (std::size_t i = 1; i < folders_.size(); ++i) files.include_dirs.push_back(include_folder(i));
        return files;
    }

    Result<std::string> read(const std::string& name) {
        const auto place = place_of(name, folders_.size() - 1);
        if (!place) return outside(name);
        const std::string path = folders_[place->folder] + "/" + place->path;
        const std::string real = resolved(path);
        if (!is_inside(real, folders_[place->folder])) return outside(name);
        auto bytes = read_regular(path, kMaxBundleBytes);
        if (bytes) add(name, *bytes);
        return bytes;
    }
    void add(const std::string& name, const std::string& bytes) {
        if (files_.emplace(name, bytes).second) bytes_ += bytes.size();
        if (bytes_ > kMaxBundleBytes && !fault_)
            fault_ = Error{
                fmt::format("the policy and what it reads have more than {} MB", kMaxBundleBytes >> 20), {}, EFBIG};
    }

    const std::optional<Error>& fault() const { return fault_; }
    Bundle bundle(const std::string& policy) const {
        Bundle bundle{policy, folders_.size() - 1, {}, {}, {}};
        for (const auto& [name, bytes] : files_) bundle.files.push_back({name, sha256(bytes), bytes});
        return bundle;
    }

private:
    Error outside(const std::string& name) {
        Error error{fmt::format("{} is outside of {}", name, folders_.front()),
                    "a bundle has files of the policy's folder and of the --include folders only", EXDEV};
        if (!fault_) fault_ = error;
        return error;
    }

    std::vector<std::string> folders_;  // of the policy, then the --include folders
    std::map<std::string, std::string> files_{};
    std::size_t bytes_ = 0;
    std::optional<Error> fault_{};
};

// Of each test; what cannot be read is the world's fault here.
Status collect_captures(const policy::TypedPolicy& policy, Collector& collector) {
    for (const policy::Test& test : policy.tests)
        for (const policy::TestStep& step : test.steps)
            if (const auto* replay = std::get_if<policy::ReplayCapture>(&step.node))
                if (auto bytes = collector.read(replay->path); !bytes)
                    return Error{fmt::format("{} cannot be read: {}", replay->path, bytes.error().message),
                                 bytes.error().help, bytes.error().number};
    return Done{};
}

// "policy/edge.rules", "include/1/common.rules".
std::string archive_name(const std::string& name) { return name.starts_with('/') ? name.substr(1) : "policy/" + name; }
std::optional<std::string> name_in_archive(const std::string& name) {
    if (name.starts_with("policy/")) return name.substr(7);
    if (name.starts_with("include/")) return "/" + name;
    return std::nullopt;
}

Error refused(const std::string& why) { return {"the bundle is refused: " + why, {}, EINVAL}; }

// What follows "\nNAME " up to the end of that line; nothing where no line begins so. The manifest is compared as a
// whole later.
std::optional<std::string_view> word_of(std::string_view manifest, std::string_view name) {
    const std::string begin = fmt::format("\n{} ", name);
    const std::size_t at = manifest.find(begin);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view rest = manifest.substr(at + begin.size());
    return rest.substr(0, rest.find('\n'));
}
template <typename Number>
bool take_number(std::string_view manifest, std::string_view name, Number& number) {
    const auto word = word_of(manifest, name);
    if (!word) return false;
    const auto [end, fault] = std::from_chars(word->data(), word->data() + word->size(), number);
    return fault == std::errc() && end == word->data() + word->size();
}

// All but the files.
std::optional<Bundle> head_of(std::string_view manifest) {
    const auto policy = word_of(manifest, "policy");
    Bundle bundle{std::string(policy.value_or(std::string_view())), 0, {}, {}, {}};
    if (!policy || !take_number(manifest, "include", bundle.include_folders) ||
        bundle.include_folders > kMaxIncludeFolders)
        return std::nullopt;
    if (!manifest.starts_with(kReleaseLine)) return bundle;
    Release release;
    const auto bucket = word_of(manifest, "bucket"), key = word_of(manifest, "key");
    if (!bucket || !key || !take_number(manifest, "serial", release.serial) ||
        !take_number(manifest, "canary", release.canary) || release.canary > kEveryHost ||
        !take_number(manifest, "confirm_within_ms", release.confirm_within_ms))
        return std::nullopt;
    release.bucket = *bucket;
    release.key = *key;
    bundle.release = std::move(release);
    return bundle;
}

}  // namespace

const BundleFile* Bundle::find(std::string_view name) const {
    const auto found = std::lower_bound(files.begin(), files.end(), name,
                                        [](const BundleFile& file, std::string_view one) { return file.name < one; });
    return found != files.end() && found->name == name ? &*found : nullptr;
}

Result<Collected> collect(const std::string& path, const PolicyOptions& options, const std::string& folder) {
    if (path == "-") return Error{"a bundle is made from a file, not from standard input", {}, EINVAL};
    // As it is written, so that a policy that is itself a symbolic link finds its neighbours.
    const std::string base = resolved(folder.empty() ? folder_of(path) : folder);
    const std::string whole = resolved(folder_of(path)) + path.substr(path.rfind('/') + 1).insert(0, "/");
    if (!is_inside(whole, base)) return Error{fmt::format("{} is outside of {}", path, folder), {}, EXDEV};
    if (options.include_dirs.size() > kMaxIncludeFolders)
        return Error{fmt::format("more than {} --include folders", kMaxIncludeFolders), {}, EINVAL};
    const std::string name = whole.substr(base == "/" ? 1 : base.size() + 1);
    auto text = read_file(path);
    if (!text) return text.error();
    Collector collector(base, options);
    collector.add(name, *text);
    Collected collected;
    collected.loaded = analyse_text(name, std::move(*text), collector.files(), options);
    if (collected.loaded.compiled)
        if (Status captures = collect_captures(collected.loaded.compiled->policy, collector); !captures)
            return captures.error();
    if (collector.fault()) return *collector.fault();
    collected.bundle = collector.bundle(name);
    return collected;
}

sema::Files files_of(const Bundle& bundle) {
    sema::Files files;
    files.read = [&bundle](const std::string& name) -> Result<std::string> {
        if (const BundleFile* file = bundle.find(name)) return file->bytes;
        const bool is_inside = place_of(name, bundle.include_folders).has_value();
        return Error{is_inside ? "it is not in the bundle" : "it is outside of the bundle", {}, 0};
    };
    for (std::size_t i = 1; i <= bundle.include_folders; ++i) files.include_dirs.push_back(include_folder(i));
    return files;
}

LoadedPolicy analyse_bundle(const Bundle& bundle, const PolicyOptions& options, Depth depth, Session* session) {
    if (const BundleFile* file = bundle.find(bundle.policy))
        return analyse_text(bundle.policy, file->bytes, files_of(bundle), options, depth, session);
    LoadedPolicy loaded;
    loaded.unreadable = refused("it has no policy");
    loaded.status = kWorldFault;
    return loaded;
}

std::string manifest_of(const Bundle& bundle) {
    std::string text = fmt::format("{}\npolicy {}\ninclude {}\n", bundle.release ? kReleaseLine : kFirstLine,
                                   bundle.policy, bundle.include_folders);
    if (bundle.release)
        text += fmt::format("bucket {}\nkey {}\nserial {}\ncanary {}\nconfirm_within_ms {}\n", bundle.release->bucket,
                            bundle.release->key, bundle.release->serial, bundle.release->canary,
                            bundle.release->confirm_within_ms);
    for (const BundleFile& file : bundle.files) text += fmt::format("{}  {}\n", file.sha256, archive_name(file.name));
    return text;
}

Result<std::string> to_tar(const Bundle& bundle) {
    std::vector<TarEntry> entries{{std::string(kManifest), manifest_of(bundle)}};
    if (!bundle.signature.empty()) entries.push_back({std::string(kSignature), bundle.signature});
    for (const BundleFile& file : bundle.files) entries.push_back({archive_name(file.name), file.bytes});
    return to_tar(entries);
}

Result<Bundle> bundle_from_tar(std::string_view bytes) {
    auto entries = from_tar(bytes);
    if (!entries) return entries.error();
    if (entries->empty() || entries->front().name != kManifest) return refused("its first file is not `manifest`");
    const std::string& manifest = entries->front().bytes;
    auto head = head_of(manifest);
    if (!head) return refused("its manifest cannot be read");
    Bundle bundle = std::move(*head);
    std::size_t first = 1;
    if (bundle.release && entries->size() > 1 && (*entries)[1].name == kSignature) {
        bundle.signature = (*entries)[first++].bytes;
        if (bundle.signature.size() != kSignatureBytes) return refused("its signature cannot be read");
    }
    std::size_t total = 0;
    for (std::size_t i = first; i < entries->size(); ++i) {
        TarEntry& entry = (*entries)[i];
        const auto name = name_in_archive(entry.name);
        if (!name || !place_of(*name, bundle.include_folders)) return refused(entry.name + " leads outside of it");
        if (!bundle.files.empty() && bundle.files.back().name >= *name) return refused("its files are not in order");
        total += entry.bytes.size();
        bundle.files.push_back({*name, sha256(entry.bytes), std::move(entry.bytes)});
    }
    if (total > kMaxBundleBytes) return refused(fmt::format("it has more than {} MB", kMaxBundleBytes >> 20));
    if (bundle.find(bundle.policy) == nullptr) return refused("it has no policy");
    // Every name and every hash in one comparison.
    if (manifest != manifest_of(bundle)) return refused("its files are not those of its manifest");
    const auto again = to_tar(bundle);
    if (!again || *again != bytes) return refused("it is not written as weir writes it");
    return bundle;
}

}  // namespace weir::tooling
