// Tested by tests/unit/tooling/import_test.cpp with `write_policy`.
#include "tooling/import/write.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include <fmt/format.h>

#include "compiler/policy/table_bytes.h"
#include "grammar/parser.h"
#include "grammar/print.h"
#include "tooling/files/policy_file.h"
#include "tooling/import/states.h"

namespace weir::tooling::imports {
namespace {

constexpr int kMostRepairs = 64;
constexpr std::size_t kMostReasons = 8;  // of one rule

std::string comment_of(const FlatEntry& entry, std::string_view head) {
    std::string text;
    if (entry.origin != nullptr)
        text += fmt::format("# {}: {}: {}\n", head, one_line(entry.origin->place), one_line(entry.origin->text));
    for (std::size_t i = 0; i < entry.reasons.size() && i < kMostReasons; ++i)
        text += fmt::format("#   {}\n", one_line(entry.reasons[i], 240));
    if (entry.reasons.size() > kMostReasons)
        text += fmt::format("#   and {} more reasons\n", entry.reasons.size() - kMostReasons);
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

// Calls `take` with each word of a condition or of actions that may be a name.
template <typename Take>
void each_word(std::string_view text, Take take) {
    const auto is_name = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    for (std::size_t i = 0; i < text.size();) {
        std::size_t end = i;
        while (end < text.size() && is_name(text[end])) ++end;
        if (end > i) take(text.substr(i, end - i));
        i = end + 1;
    }
}

class Writer {
public:
    Writer(const Ruleset& ruleset, FlatRules& flat, const ImportOptions& options, const std::string& name,
           const std::string& title)
        : ruleset_(ruleset), flat_(flat), options_(options), name_(name), title_(title) {}

    std::string build() {
        places_.clear();
        named_places_.clear();
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
            named_places_[text_.size()] = item.name;
            text_ += item.text + "\n";
        }
        write_fragments();
        for (std::size_t i = 0; i < flat_.entries.size(); ++i) {
            places_.push_back(text_.size());
            if (flat_.entries[i].kind != FlatEntry::Kind::kLet || used_.contains(flat_.entries[i].name))
                text_ += text_of(flat_.entries[i]);
        }
        places_.push_back(text_.size());
        for (const ImportedAlert& alert : ruleset_.alerts) {
            if (!used_.contains(alert.name)) continue;
            named_places_[text_.size()] = alert.name;
            text_ += alert_text(alert);
        }
        return text_;
    }

    // What stands at `offset` of what build() made cannot be said: a rule becomes a comment, and of a set, a let or an
    // alert all rules that name it. False where nothing was there to omit.
    bool omit_at(std::size_t offset, const std::string& reason) {
        FlatEntry* entry = entry_at(offset);
        if (entry != nullptr && entry->kind == FlatEntry::Kind::kUnsaid) return false;
        if (entry != nullptr && entry->kind == FlatEntry::Kind::kRule) return omit(*entry, reason), true;
        if (entry != nullptr) return omit_naming(entry->name, reason);
        const auto next = named_places_.upper_bound(offset);
        return next != named_places_.begin() && omit_naming(std::prev(next)->second, reason);
    }

private:
    // The names in the rules that are written, and in the lets that those name. Lets stand before what names them.
    void find_used() {
        used_.clear();
        for (auto entry = flat_.entries.rbegin(); entry != flat_.entries.rend(); ++entry) {
            const bool is_written = entry->kind == FlatEntry::Kind::kRule ||
                                    (entry->kind == FlatEntry::Kind::kLet && used_.contains(entry->name));
            if (!is_written) continue;
            for (const std::string* text : {&entry->when, &entry->actions})
                each_word(*text, [&](std::string_view word) { used_.emplace(word); });
        }
    }

    FlatEntry* entry_at(std::size_t offset) {
        const auto next = std::upper_bound(places_.begin(), places_.end(), offset);
        if (next == places_.begin() || next == places_.end()) return nullptr;
        return &flat_.entries[static_cast<std::size_t>(next - places_.begin()) - 1];
    }

    static void omit(FlatEntry& entry, const std::string& reason) {
        entry.kind = FlatEntry::Kind::kUnsaid;
        entry.reasons = {reason};
    }

    // Lets stand before what names them.
    bool omit_naming(const std::string& name, const std::string& reason) {
        std::set<std::string, std::less<>> refused{name};
        bool omitted = false;
        for (FlatEntry& entry : flat_.entries) {
            bool names_it = false;
            for (const std::string* text : {&entry.when, &entry.actions})
                each_word(*text, [&](std::string_view word) { names_it = names_it || refused.contains(word); });
            if (!names_it || entry.kind == FlatEntry::Kind::kUnsaid) continue;
            if (entry.kind == FlatEntry::Kind::kLet) {
                refused.insert(entry.name);
            } else {
                omit(entry, reason);
                omitted = true;
            }
        }
        return omitted;
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
    std::vector<std::size_t> places_{};                  // of the entries, and where they end
    std::map<std::size_t, std::string> named_places_{};  // of sets and alerts
    std::set<std::string, std::less<>> used_{};
};

// `unsaid` gets each rule once, with the first reason.
ImportCounts counts_of(const Ruleset& ruleset, const FlatRules& flat, std::vector<UnsaidRule>& unsaid) {
    enum Fate : std::uint8_t { kNothing, kSaid, kPartly, kUnsaid };
    std::vector<Fate> fates(ruleset.sources, kNothing);
    ImportCounts counts;
    for (const FlatEntry& entry : flat.entries) {
        if (entry.kind == FlatEntry::Kind::kLet || entry.origin == nullptr || entry.source >= fates.size()) continue;
        const Fate fate = entry.kind == FlatEntry::Kind::kUnsaid ? kUnsaid : entry.reasons.empty() ? kSaid : kPartly;
        if (fate > kSaid && fates[entry.source] <= kSaid && !entry.reasons.empty()) {
            ++counts.reasons[entry.reasons.front()];
            unsaid.push_back({entry.origin->span, entry.origin->place, entry.reasons.front(), fate == kPartly});
        }
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
    for (const Diagnostic& one : checked.diagnostics.all())
        if (code_severity(one.code) == Severity::kError)
            repaired =
                writer.omit_at(one.span.begin, fmt::format("{}: {}", code_name(one.code), one.message)) || repaired;
    return repaired;
}

// Rules with the largest tables become comments until those of the others fit into what a policy takes by default.
bool repair_memory(Writer& writer, const policy::TypedPolicy& policy) {
    std::vector<policy::TableBytes> tables = policy::table_bytes(policy);
    std::uint64_t all = 0;
    for (const policy::TableBytes& table : tables) all += table.bytes;
    std::reverse(tables.begin(), tables.end());  // of two as large the later one
    std::stable_sort(tables.begin(), tables.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
    bool repaired = false;
    for (const policy::TableBytes& table : tables) {
        if (all <= policy::kDefaultTableBytes) break;
        const std::string reason =
            fmt::format("{}: the tables of the policy would take more than {} MB of kernel memory",
                        code_name(Code::E521), policy::kDefaultTableBytes / 1'000'000);
        if (!writer.omit_at(table.span.begin, reason)) continue;
        all -= table.bytes;
        repaired = true;
    }
    return repaired;
}

std::optional<ImportedPolicy> too_long(std::size_t bytes, Diagnostics& diagnostics) {
    diagnostics.add({Code::E602,
                     {0, 0, 1},
                     fmt::format("the policy would have {} bytes; the limit is {}", bytes, kMaxFileBytes),
                     {},
                     "put long sets into files, one element a line, and import the rules in parts",
                     {},
                     {},
                     {},
                     {}});
    return std::nullopt;
}

}  // namespace

Result<std::optional<ImportedPolicy>> write_policy(const Ruleset& ruleset, FlatRules flat, const ImportOptions& options,
                                                   const std::string& name, const std::string& title,
                                                   Diagnostics& diagnostics) {
    Writer writer(ruleset, flat, options, name, title);
    const sema::Files none;
    PolicyOptions checking;
    checking.table_bytes = UINT64_MAX;  // see repair_memory()
    for (int round = 0;; ++round) {
        std::string text = writer.build();
        if (text.size() > kMaxFileBytes) return too_long(text.size(), diagnostics);
        LoadedPolicy checked = analyse_text("imported.rules", std::move(text), none, checking);
        const bool is_taken = !checked.diagnostics.has_errors() && checked.compiled;
        const bool repaired = is_taken ? repair_memory(writer, checked.compiled->policy) : repair(writer, checked);
        if (is_taken && !repaired) break;
        if (!repaired || round >= kMostRepairs)
            return bug_of_ours("the imported policy is refused: " + (checked.diagnostics.all().empty()
                                                                         ? std::string("too large")
                                                                         : checked.diagnostics.all().front().message));
    }
    Sources sources;
    Diagnostics unsaid;
    const std::uint32_t root = sources.add("imported.rules", writer.build());
    const ast::Policy policy = parse(sources, root, unsaid);
    std::string text = format(sources, policy);
    if (text.size() > kMaxFileBytes) return too_long(text.size(), diagnostics);
    ImportedPolicy imported{std::move(text), {}, {}};
    imported.counts = counts_of(ruleset, flat, imported.unsaid);
    return std::optional(std::move(imported));
}

}  // namespace weir::tooling::imports
