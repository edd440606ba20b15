// Tested by tests/unit/tooling/import_nft_test.cpp with `import_nft`.
#include <algorithm>

#include <fmt/format.h>

#include "tooling/files/json_depth.h"
#include "tooling/import/flatten.h"
#include "tooling/import/import.h"
#include "tooling/import/nft_scope.h"
#include "tooling/import/states.h"

namespace weir::tooling::imports {
namespace {

struct BaseChain {
    Hook hook{};
    std::int64_t priority = 0;
};

class Importer {
public:
    Importer(const Json& list, const std::string& file, const ImportOptions& options, Ruleset& ruleset, NftScope& scope)
        : list_(list), file_(file), options_(options), ruleset_(ruleset), scope_(scope) {}

    void run() {
        for (const Json& one : list_)
            if (one.contains("rule")) note_changes(one["rule"], scope_);
        for (const Json& one : list_) {
            is_empty_ = is_empty_ && !one.contains("table") && !one.contains("chain");
            if (one.contains("set")) read_nft_set(one["set"], scope_);
            if (one.contains("map")) read_map(one["map"]);
            if (one.contains("chain")) read_chain(one["chain"]);
        }
        for (const Json& one : list_)
            if (one.contains("rule")) read_rule(one["rule"]);
        choose_hooks();
    }
    bool is_empty() const { return is_empty_; }

private:
    static std::string table_of(const Json& object) {
        return fmt::format("{} {}", object.value("family", std::string()), object.value("table", std::string()));
    }

    void read_map(const Json& map) {
        if (map.value("map", Json()) == "verdict")
            scope_.maps[table_of(map) + "/" + map.value("name", std::string())] = map.value("elem", Json::array());
    }

    void read_chain(const Json& chain) {
        const std::string key = table_of(chain) + "/" + chain.value("name", std::string());
        ruleset_.chains[key];
        if (!chain.contains("hook")) return;
        const std::string hook = chain["hook"].get<std::string>(), family = chain.value("family", std::string());
        if (chain.value("type", std::string()) != "filter")
            return void(unsaid_[key] = fmt::format("chains of type {}: they change packets",
                                                   one_line(chain.value("type", std::string()), 40)));
        if (family == "bridge")
            return void(unsaid_[key] = "tables of family bridge: they judge frames between ports of a bridge");
        BaseChain base;
        base.priority = chain.value("prio", std::int64_t{0});
        base.hook.chain = key;
        base.hook.name = hook;
        base.hook.family = family == "ip"                          ? "ip4"
                           : family == "ip6"                       ? "ip6"
                           : family == "arp"                       ? "arp"
                           : family == "inet" && hook != "ingress" ? "ip"
                                                                   : "";
        base.hook.policy = chain.value("policy", std::string("accept")) == "drop" ? "drop" : "pass";
        base.hook.policy_origin = {
            file_,
            fmt::format("chain {} {}: policy {}", table_of(chain), chain.value("name", std::string()),
                        chain.value("policy", std::string("accept"))),
            {}};
        base.hook.is_everything = hook == "ingress" || hook == "prerouting";
        if (base.hook.family.empty()) ruleset_.judges_frames = true;
        if (hook == "ingress" && chain.value("dev", Json()).is_string())
            base.hook.guard = fmt::format("iface == {}", string_literal(chain["dev"].get<std::string>()));
        if (hook == "input" || base.hook.is_everything)
            base.hook.kind = HookKind::kInput;
        else if (hook == "forward")
            base.hook.kind = HookKind::kForward;
        else if (hook == "output" || hook == "postrouting")
            base.hook.kind = HookKind::kOutput;
        else
            return void(unsaid_[key] = fmt::format("hook {}", one_line(hook, 40)));
        bases_.push_back(std::move(base));
    }

    void read_rule(const Json& rule) {
        scope_.table = table_of(rule);
        const std::string key = scope_.table + "/" + rule.value("chain", std::string());
        const std::size_t source = ruleset_.sources++;
        if (const auto found = unsaid_.find(key); found != unsaid_.end())
            return void(++ruleset_.omitted[found->second]);
        for (ImportedRule& one : read_nft_rule(rule, scope_)) {
            one.source = source;
            ruleset_.chains[key].rules.push_back(std::move(one));
        }
    }

    // docs/import.md, "Which chain judges".
    void choose_hooks() {
        const auto rank = [](const BaseChain& base) {
            const std::string& hook = base.hook.name;
            return hook == "ingress"                     ? 0
                   : hook == "prerouting"                ? 1
                   : hook == "input" || hook == "output" ? 2
                   : hook == "forward"                   ? 3
                                                         : 4;
        };
        std::stable_sort(bases_.begin(), bases_.end(), [&](const BaseChain& a, const BaseChain& b) {
            return std::pair(rank(a), a.priority) < std::pair(rank(b), b.priority);
        });
        for (BaseChain& base : bases_) {
            const bool is_idle = ruleset_.chains[base.hook.chain].rules.empty() && base.hook.policy == "pass";
            if (is_idle && (base.hook.kind == HookKind::kOutput || options_.addresses.empty())) continue;
            if (base.hook.kind != HookKind::kOutput && !base.hook.is_everything && options_.addresses.empty() &&
                base.hook.kind != options_.judged && base.hook.family != "arp") {
                ruleset_.remarks.push_back(
                    fmt::format("Chain {} is not judged: all packets that come in meet the other hook (--chain, "
                                "--address: docs/import.md).",
                                base.hook.chain));
                ruleset_.unjudged.insert(base.hook.chain);
                continue;
            }
            ruleset_.hooks.push_back(base.hook);
        }
        for (std::size_t i = 0; i < ruleset_.hooks.size(); ++i)
            for (std::size_t j = i + 1; j < ruleset_.hooks.size(); ++j)
                ruleset_.hooks[i].is_last = ruleset_.hooks[i].is_last && !meets(ruleset_.hooks[i], ruleset_.hooks[j]);
    }

    // A packet that leaves `first` may come to `second`.
    static bool meets(const Hook& first, const Hook& second) {
        if ((first.kind == HookKind::kOutput) != (second.kind == HookKind::kOutput)) return false;
        const bool different = !first.family.empty() && !second.family.empty() && first.family != second.family;
        if (different && (first.family != "ip" || second.family == "arp") &&
            (second.family != "ip" || first.family == "arp"))
            return false;
        return first.is_everything || second.is_everything || first.kind == second.kind;
    }

    const Json& list_;
    const std::string& file_;
    const ImportOptions& options_;
    Ruleset& ruleset_;
    NftScope& scope_;
    bool is_empty_ = true;
    std::vector<BaseChain> bases_{};
    std::map<std::string, std::string> unsaid_{};  // base chains whose rules cannot be said
};

void wrong(Diagnostics& diagnostics, std::uint32_t offset, std::string message) {
    diagnostics.add({Code::E601,
                     {0, offset, offset + 1},
                     std::move(message),
                     {},
                     "`weir import nft` reads what `nft -j list ruleset` writes",
                     {},
                     {},
                     {},
                     {}});
}

std::optional<Json> parse_json(const std::string& text, Diagnostics& diagnostics) {
    if (is_nested_too_deep(text)) return wrong(diagnostics, 0, "JSON that is nested too deep"), std::nullopt;
    try {
        return Json::parse(text);
    } catch (const Json::parse_error& error) {
        const std::size_t byte = error.byte == 0 ? 0 : error.byte - 1;
        wrong(diagnostics, static_cast<std::uint32_t>(std::min(byte, text.empty() ? 0 : text.size() - 1)),
              "this is not JSON");
        return std::nullopt;
    }
}

}  // namespace

bool is_json(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return first != std::string_view::npos && text[first] == '{';
}

Result<std::optional<ImportedPolicy>> import_nft(const Sources& sources, const std::string& name,
                                                 const ImportOptions& options, Diagnostics& diagnostics) {
    const auto json = parse_json(sources.text(0), diagnostics);
    if (!json) return std::optional<ImportedPolicy>();
    if (!json->is_object() || !json->contains("nftables") || !(*json)["nftables"].is_array()) {
        wrong(diagnostics, 0, "this has no list `nftables`");
        return std::optional<ImportedPolicy>();
    }
    Ruleset ruleset;
    Names rule_names, value_names, alert_names;
    reserve_states(value_names);
    for (const char* own : {"host_addresses", "host_receives"}) value_names.make(own);
    rule_names.make("later_fragments");
    NftScope scope{ruleset, value_names, alert_names, options};
    try {
        Importer importer((*json)["nftables"], sources.name(0), options, ruleset, scope);
        importer.run();
        if (importer.is_empty()) wrong(diagnostics, 0, "this has no table");
    } catch (const Json::exception& error) {              // a member of another type than nft writes
        const std::string what = one_line(error.what());  // "[json.exception.type_error.302] type must be …"
        wrong(diagnostics, 0, "this is not what nft writes: " + what.substr(what.find("] ") + 2));
    }
    if (diagnostics.has_errors()) return std::optional<ImportedPolicy>();
    FlatRules flat = flatten(ruleset, options, rule_names, value_names, diagnostics);
    if (diagnostics.has_errors()) return std::optional<ImportedPolicy>();
    return write_policy(ruleset, std::move(flat), options, name, "Imported from nft: " + sources.name(0), diagnostics);
}

}  // namespace weir::tooling::imports
