// Tested by tests/unit/tooling/import_test.cpp with `write_policy`.
#include "tooling/import/write.h"

#include <algorithm>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "grammar/parser.h"
#include "grammar/print.h"
#include "tooling/files/policy_file.h"
#include "tooling/import/states.h"

namespace weir::tooling::imports {
namespace {

constexpr int kMostRepairs = 4;

std::string comment_of(const FlatEntry& entry, std::string_view head) {
    std::string text;
    if (entry.origin != nullptr)
        text += fmt::format("# {}: {}: {}\n", head, one_line(entry.origin->place), one_line(entry.origin->text));
    for (const std::string& reason : entry.reasons) text += fmt::format("#   {}\n", one_line(reason, 240));
    return text;
}

std::string note_of(const FlatEntry& entry) {
    std::string note = entry.origin == nullptr ? std::string() : entry.origin->place;
    if (entry.origin != nullptr && !entry.origin->text.empty()) note += ": " + entry.origin->text;
    if (!entry.comment.empty()) note += " — " + entry.comment;
    return string_literal(note, 200);
}

std::string text_of(const FlatEntry& entry) {
    if (entry.kind == FlatEntry::Kind::kUnsaid) return "\n" + comment_of(entry, "not said");
    if (entry.kind == FlatEntry::Kind::kLet) return fmt::format("\nlet {} = {}\n", entry.name, entry.when);
    const std::string partly = entry.reasons.empty() ? std::string() : comment_of(entry, "said in part");
    const std::string when = entry.when.empty() ? "packet.len >= 0" : entry.when;
    return fmt::format("\n{}rule {} {{\n note {}\n{} when {}\n then {}\n}}\n", partly, entry.name, note_of(entry),
                       entry.is_egress ? " egress\n" : "", when, entry.actions);
}

class Writer {
public:
    Writer(const Ruleset& ruleset, FlatRules& flat, const ImportOptions& options, const std::string& name,
           const std::string& title)
        : ruleset_(ruleset), flat_(flat), options_(options), name_(name), title_(title) {}

    std::string build() {
        places_.clear();
        find_used();
        text_ = fmt::format("# {}\n", one_line(title_, 300));
        for (const std::string& remark : ruleset_.remarks) text_ += fmt::format("# {}\n", one_line(remark, 300));
        text_ += fmt::format("\npolicy {}\n\ndefault pass\n", name_);
        if (!ruleset_.judges_frames) text_ += "malformed drop\n";
        text_ += "\n";
        write_host();
        text_ += state_lets(ruleset_.states, used_);
        for (const ImportedItem& item : ruleset_.items) {
            if (!used_.contains(item.name)) continue;
            for (const std::string& remark : item.remarks)
                text_ += fmt::format("# said in part: {}\n", one_line(remark, 240));
            text_ += item.text + "\n";
        }
        write_fragments();
        for (std::size_t i = 0; i < flat_.entries.size(); ++i) {
            places_.push_back(text_.size());
            if (flat_.entries[i].kind != FlatEntry::Kind::kLet || used_.contains(flat_.entries[i].name))
                text_ += text_of(flat_.entries[i]);
        }
        places_.push_back(text_.size());
        for (const ImportedAlert& alert : ruleset_.alerts)
            if (used_.contains(alert.name)) text_ += alert_text(alert);
        return text_;
    }

    // The entry that stands at `offset` of what build() made.
    FlatEntry* entry_at(std::size_t offset) {
        const auto next = std::upper_bound(places_.begin(), places_.end(), offset);
        if (next == places_.begin() || next == places_.end()) return nullptr;
        return &flat_.entries[static_cast<std::size_t>(next - places_.begin()) - 1];
    }

private:
    // The names in the rules that are written, and in the lets that those name. Lets stand before what names them.
    void find_used() {
        used_.clear();
        for (auto entry = flat_.entries.rbegin(); entry != flat_.entries.rend(); ++entry) {
            const bool is_written = entry->kind == FlatEntry::Kind::kRule ||
                                    (entry->kind == FlatEntry::Kind::kLet && used_.contains(entry->name));
            if (!is_written) continue;
            note_words(entry->when);
            note_words(entry->actions);
        }
    }
    void note_words(std::string_view text) {
        const auto is_name = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
        for (std::size_t i = 0; i < text.size();) {
            std::size_t end = i;
            while (end < text.size() && is_name(text[end])) ++end;
            if (end > i) used_.emplace(text.substr(i, end - i));
            i = end + 1;
        }
    }

    void write_host() {
        if (options_.addresses.empty()) return;
        std::vector<std::string> receives{"224.0.0.0/4", "ff00::/8", "255.255.255.255"}, own;
        for (const IpPrefix& one : options_.addresses) {
            own.push_back(to_string(one.address));
            receives.push_back(own.back());
            if (one.address.version == 4 && one.length < 31) receives.push_back(to_string(last_address(network(one))));
        }
        std::sort(receives.begin(), receives.end());
        receives.erase(std::unique(receives.begin(), receives.end()), receives.end());
        if (used_.contains("host_addresses"))
            text_ += fmt::format("let host_addresses = {{ {} }}\n", fmt::join(own, ", "));
        if (!used_.contains("host_receives")) return;
        text_ += fmt::format("let host_receives = {{ {} }}\n\n", fmt::join(receives, ", "));
    }

    // The kernel's hooks see datagrams put together again.
    void write_fragments() {
        if (ruleset_.names_fragments || ruleset_.judges_frames || ruleset_.hooks.empty()) return;
        text_ +=
            "\nrule later_fragments {\n note \"the kernel judges whole datagrams: without its first fragment, which is "
            "judged by its ports, none is put together\"\n when ip.frag_offset > 0\n then pass\n}\n";
    }

    static std::string alert_text(const ImportedAlert& alert) {
        return fmt::format("\nalert {} {{\n severity {}\n message {}\n{}}}\n", alert.name, alert.severity,
                           string_literal(alert.message), alert.clauses);
    }

    const Ruleset& ruleset_;
    FlatRules& flat_;
    const ImportOptions& options_;
    const std::string& name_;
    const std::string& title_;
    std::string text_{};
    std::vector<std::size_t> places_{};
    std::set<std::string, std::less<>> used_{};
};

ImportCounts counts_of(const Ruleset& ruleset, const FlatRules& flat) {
    enum Fate : std::uint8_t { kNothing, kSaid, kPartly, kUnsaid };
    std::vector<Fate> fates(ruleset.sources, kNothing);
    ImportCounts counts;
    for (const FlatEntry& entry : flat.entries) {
        if (entry.kind == FlatEntry::Kind::kLet || entry.origin == nullptr || entry.source >= fates.size()) continue;
        const Fate fate = entry.kind == FlatEntry::Kind::kUnsaid ? kUnsaid : entry.reasons.empty() ? kSaid : kPartly;
        if (fate > kSaid && fates[entry.source] <= kSaid && !entry.reasons.empty())
            ++counts.reasons[entry.reasons.front()];
        fates[entry.source] = std::max(fates[entry.source], fate);
    }
    for (const auto& [reason, rules] : ruleset.omitted) {
        counts.unsaid += rules;
        counts.reasons[reason] += rules;
    }
    counts.unreached = flat.unreached;
    counts.rules = ruleset.sources;
    for (const Fate fate : fates) {
        counts.partly += fate == kPartly;
        counts.unsaid += fate == kUnsaid;
    }
    counts.said = counts.rules - std::min(counts.rules, counts.partly + counts.unsaid + counts.unreached);
    for (const ImportedItem& item : ruleset.items)
        for (const std::string& remark : item.remarks) ++counts.reasons[remark];
    return counts;
}

// Rules that the compiler refuses become comments with its reason. False where nothing is left to repair.
bool repair(Writer& writer, const LoadedPolicy& checked) {
    bool repaired = false;
    for (const Diagnostic& one : checked.diagnostics.all()) {
        if (code_severity(one.code) != Severity::kError) continue;
        FlatEntry* entry = writer.entry_at(one.span.begin);
        if (entry == nullptr || entry->kind != FlatEntry::Kind::kRule) continue;
        entry->kind = FlatEntry::Kind::kUnsaid;
        entry->reasons = {fmt::format("{}: {}", code_name(one.code), one.message)};
        repaired = true;
    }
    return repaired;
}

}  // namespace

Result<ImportedPolicy> write_policy(const Ruleset& ruleset, FlatRules flat, const ImportOptions& options,
                                    const std::string& name, const std::string& title) {
    Writer writer(ruleset, flat, options, name, title);
    const sema::Files none;
    for (int round = 0;; ++round) {
        std::string text = writer.build();
        LoadedPolicy checked = analyse_text("imported.rules", text, none, {});
        if (!checked.diagnostics.has_errors() && checked.compiled) break;
        if (round >= kMostRepairs || !repair(writer, checked))
            return bug_of_ours("the imported policy is refused: " + (checked.diagnostics.all().empty()
                                                                         ? std::string("too large")
                                                                         : checked.diagnostics.all().front().message));
    }
    Sources sources;
    Diagnostics diagnostics;
    const std::uint32_t root = sources.add("imported.rules", writer.build());
    const ast::Policy policy = parse(sources, root, diagnostics);
    return ImportedPolicy{format(sources, policy), counts_of(ruleset, flat)};
}

}  // namespace weir::tooling::imports
