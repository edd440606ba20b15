// Tested by tests/cli/control_test.py with `--dry-run`.
#include "service/comparison.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "service/file_reader.h"
#include "tooling/files/sha256.h"
#include "tooling/judge/change_report.h"
#include "tooling/judge/policy_changes.h"

namespace weir::service {
namespace {

constexpr std::size_t kMostClasses = 20;
constexpr std::size_t kMaxFileBytes = std::size_t{256} << 20;
constexpr std::size_t kMaxKeptBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxFiles = 256, kMaxPathBytes = std::size_t{32} << 10;  // of the policy in force

Comparison not_compared(const std::string& why) {
    return {fmt::format("not compared with the policy in force: {}\n", printable(why)), {}};
}

// The file as the policy in force has read it.
Result<std::string> text_then(const runtime::Origin& before, const KnownTexts& known, int files,
                              const std::string& path) {
    const auto file = std::find_if(before.files.begin(), before.files.end(),
                                   [&](const runtime::SourceFile& one) { return one.path == path; });
    if (file == before.files.end()) return Error{"it was not read then", {}, 0};
    if (const std::string* text = known.find(file->sha256)) return *text;
    auto text = ask_file(files, path, kMaxFileBytes);
    if (text && tooling::sha256(*text) != file->sha256)
        return Error{"it has changed since, and what it was is no longer known", {}, 0};
    return text;
}

}  // namespace

void KnownTexts::keep(const std::string& text) {
    if (text.size() > kMaxKeptBytes) return;
    std::string sha256 = tooling::sha256(text);
    const auto known = std::find_if(texts_.begin(), texts_.end(), [&](const auto& one) { return one.first == sha256; });
    if (known != texts_.end()) {
        bytes_ -= known->second.size();
        texts_.erase(known);
    }
    bytes_ += text.size();
    texts_.emplace_back(std::move(sha256), text);
    for (; bytes_ > kMaxKeptBytes; texts_.pop_front()) bytes_ -= texts_.front().second.size();
}

const std::string* KnownTexts::find(const std::string& sha256) const {
    const auto known = std::find_if(texts_.begin(), texts_.end(), [&](const auto& one) { return one.first == sha256; });
    return known == texts_.end() ? nullptr : &known->second;
}

bool is_comparable(const runtime::Origin& before) {
    const auto add = [](std::size_t bytes, const runtime::SourceFile& file) { return bytes + file.path.size(); };
    return !before.files.empty() && before.files.size() <= kMaxFiles &&
           std::accumulate(before.files.begin(), before.files.end(), std::size_t{0}, add) <= kMaxPathBytes;
}

Comparison compare_with_policy_in_force(const WorkerRequest& request, const Compiled& policy, const KnownTexts& known,
                                        int files) {
    std::string missing;  // the first file that is not there as it was
    const auto read = [&](const std::string& path) {
        auto text = text_then(request.before, known, files, path);
        if (!text && missing.empty()) missing = fmt::format("{}: {}", path, text.error().message);
        return text;
    };
    const tooling::FileSource source{read, read};
    tooling::PolicyOptions options = request.options;
    options.include_dirs = request.before_include_dirs;
    options.deny_warnings = false;
    const tooling::LoadedPolicy before =
        tooling::analyse_file(request.before.file, options, tooling::Depth::kMeaning, nullptr, nullptr, &source);
    if (!before.compiled) return not_compared(missing.empty() ? "its text has errors now" : missing);
    const tooling::PolicyChanges changes = tooling::compare_policies(*before.compiled, policy, kMostClasses);
    std::string classes;
    for (std::size_t i = 0; i < changes.classes.size() && i < kMostClasses; ++i)
        classes += (i == 0 ? "" : ",") + tooling::json_line(changes.classes[i]);
    return {tooling::human_text(changes, kMostClasses, Colour::kOff), "[" + classes + "]"};
}

}  // namespace weir::service
