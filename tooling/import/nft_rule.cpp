// Tested by tests/unit/tooling/import_nft_test.cpp with `nft statements`.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "tooling/import/alerts.h"
#include "tooling/import/nft_scope.h"

namespace weir::tooling::imports {
namespace {

class RuleReader {
public:
    RuleReader(const Json& rule, NftScope& scope) : json_(rule), scope_(scope) {}

    std::vector<ImportedRule> run() {
        now_.origin = {fmt::format("{} {}, handle {}", scope_.table, json_.value("chain", std::string()),
                                   json_.value("handle", 0)),
                       nft_text(json_.value("expr", Json::array())),
                       {}};
        now_.comment = json_.value("comment", std::string());
        for (const Json& statement : json_.value("expr", Json::array())) {
            if (is_over_) break;
            if (!statement.is_object() || statement.size() != 1) {
                refuse("a statement of an unknown form");
                continue;
            }
            take(statement.begin().key(), statement.begin().value());
        }
        if (!is_over_) finish(now_);
        return std::move(rules_);
    }

private:
    void refuse(std::string reason) { now_.when.unsaid.push_back(std::move(reason)); }

    void finish(const ImportedRule& rule) { rules_.push_back(rule); }

    void take(const std::string& kind, const Json& value) {
        if (kind == "match" || kind == "vmap" || kind == "limit" || kind == "meter") split_before_condition(kind);
        if (kind == "match") return add_nft_match(value, scope_, now_.when);
        if (kind == "counter" || kind == "comment") return;
        if (kind == "accept") return end(Next::kVerdict, "pass", {});
        if (kind == "drop") return end(Next::kVerdict, "drop", {});
        if (kind == "reject") return end(Next::kVerdict, "reject", {});
        if (kind == "return") return end(Next::kReturn, {}, {});
        if (kind == "continue") return end(Next::kNextRule, {}, {});
        if (kind == "jump" || kind == "goto")
            return end(kind == "jump" ? Next::kJump : Next::kGoto, {},
                       scope_.table + "/" + value.at("target").get<std::string>());
        if (kind == "limit") return add_limit(value, "");
        if (kind == "log") return log(value);
        if (kind == "vmap") return expand_map(value);
        if (kind == "set") return change_set(value);
        if (kind == "meter") return meter(value);
        if (kind == "fwd" && value.is_object() && value.value("dev", Json()).is_string())
            return end(Next::kVerdict, fmt::format("redirect({})", string_literal(value["dev"].get<std::string>())),
                       {});
        refuse(fmt::format("`{}` cannot be said", one_line(kind, 40)));
    }

    // A log or an add happens for packets that later conditions refuse: it is a rule of its own then.
    void split_before_condition(const std::string& kind) {
        if (!now_.when.terms.empty() && kind != "limit")
            return refuse("a condition behind a limit: the limit would not count the packets that it refuses");
        if (now_.effects.empty()) return;
        if (!now_.when.terms.empty()) return refuse("a limit before a log with more conditions behind it");
        finish(now_);
        now_.effects.clear();
    }

    void end(Next next, std::string verdict, std::string chain) {
        now_.next = next;
        now_.verdict = std::move(verdict);
        now_.chain = std::move(chain);
        finish(now_);
        is_over_ = true;
    }

    void add_limit(const Json& limit, const std::string& key) {
        const auto rate = limit.value("rate", std::uint64_t{0}), burst = limit.value("burst", std::uint64_t{5});
        const std::string unit = limit.value("rate_unit", std::string("packets"));
        const auto each = rate_text(fmt::format("{}", rate), limit.value("per", std::string("second")));
        if (!each) return refuse("a limit is said as N/second, minute, hour or day");
        const char* sign = limit.value("inv", false) ? ">" : "<=";
        if (unit == "packets")
            return now_.when.terms.push_back(
                fmt::format("rate({}) {} {} burst {}", key, sign, *each, burst == 0 ? 1 : burst));
        refuse(
            "limits of bytes count from the IP header in nft, and by 1024: write byterate() with a burst of your own");
    }

    void log(const Json& value) {
        const auto word = [&](const char* name) {
            const auto found = value.is_object() ? value.find(name) : value.end();
            return value.is_object() && found != value.end() && found->is_string() ? found->get<std::string>()
                                                                                   : std::string();
        };
        if (word("level") == "audit") return refuse("`log level audit` cannot be said");
        now_.effects.push_back(log_action(word("prefix"), word("level"), json_.value("chain", std::string()),
                                          scope_.ruleset, scope_.alert_names, scope_.alerts_by_prefix));
    }

    // One rule for each verdict of the map: the elements of a map do not overlap.
    void expand_map(const Json& vmap) {
        is_over_ = true;
        const Json& data = vmap.at("data");
        Json elements = Json::array();
        if (data.is_object() && data.contains("set")) elements = data["set"];
        if (data.is_string()) {
            const auto found = scope_.maps.find(scope_.table + "/" + data.get<std::string>().substr(1));
            if (found == scope_.maps.end())
                refuse("a map that is not in the file");
            else
                elements = found->second;
        }
        if (!now_.when.terms.empty()) refuse("a limit before a verdict map");
        if (!now_.when.unsaid.empty() || elements.empty()) {
            if (elements.empty() && now_.when.unsaid.empty()) refuse("an empty verdict map");
            return finish(now_);
        }
        std::vector<std::pair<Json, Json>> groups;
        std::map<Json, std::size_t> places;  // of the verdicts among the groups
        for (const Json& element : elements) {
            const Json& key = element.at(0);
            const auto [place, is_new] = places.emplace(element.at(1), groups.size());
            if (is_new) groups.emplace_back(element.at(1), Json::array());
            groups[place->second].second.push_back(key.is_object() && key.contains("elem") ? key["elem"].at("val")
                                                                                           : key);
        }
        const ImportedRule base = now_;
        for (const auto& [verdict, keys] : groups) {
            now_ = base;
            add_nft_members(vmap.at("key"), keys, Sense::kIs, scope_, now_.when);
            if (!verdict.is_object() || verdict.size() != 1) {
                refuse("a verdict of an unknown form");
                finish(now_);
                continue;
            }
            take(verdict.begin().key(), verdict.begin().value());
        }
    }

    void change_set(const Json& change) {
        const Json& element = change.at("elem");
        const bool is_wrapped = element.is_object() && element.contains("elem");
        const Json& key = is_wrapped ? element["elem"].at("val") : element;
        std::string why, name = change.value("set", std::string());
        if (name.starts_with('@')) name.erase(0, 1);
        const auto text = nft_key(key, why);
        if (!text) return refuse(why);
        require_family(key);
        const Json statements = change.value("stmt", Json::array());
        if (!statements.empty()) {
            split_before_condition("set");
            if (statements.size() != 1 || !statements[0].contains("limit"))
                return refuse("a set with a statement other than a limit");
            return add_limit(statements[0]["limit"],
                             key.contains("concat") ? text->substr(1, text->size() - 2) : *text);
        }
        const auto set = scope_.sets.find(scope_.table + "/" + name);
        if (set == scope_.sets.end() || !set->second.unsaid.empty() || set->second.is_inline)
            return refuse(set == scope_.sets.end() ? fmt::format("set `{}` is not in the file", name)
                                                   : set->second.unsaid);
        if (change.value("op", std::string()) == "delete")
            return now_.effects.push_back(fmt::format("remove {} from {}", *text, set->second.name));
        std::string effect = fmt::format("add {} to {}", *text, set->second.name);
        if (is_wrapped && element["elem"].contains("timeout"))
            effect += " for " + seconds_text(element["elem"]["timeout"].get<std::uint64_t>());
        now_.effects.push_back(std::move(effect));
    }

    // A key names packets of one version of IP only.
    void require_family(const Json& key) {
        if (key.is_object() && key.contains("concat")) {
            for (const Json& part : key["concat"]) require_family(part);
            return;
        }
        std::string why;
        const auto field = nft_field(key, why);
        if (!field || field->version == 0) return;
        bool& implied = now_.when.implies[field->version == 4 ? 0 : 1];
        if (!implied) now_.when.add(field->version == 4 ? "ip4" : "ip6");
        implied = true;
    }

    void meter(const Json& value) {
        std::string why;
        const Json& key = value.at("key");
        const auto text = nft_key(key, why);
        if (!text) return refuse(why);
        require_family(key);
        const Json& statement = value.at("stmt");
        if (!statement.is_object() || !statement.contains("limit"))
            return refuse("a meter of something other than a limit");
        add_limit(statement["limit"], key.contains("concat") ? text->substr(1, text->size() - 2) : *text);
    }

    const Json& json_;
    NftScope& scope_;
    ImportedRule now_{};
    std::vector<ImportedRule> rules_{};
    bool is_over_ = false;
};

}  // namespace

std::optional<std::string> nft_key(const Json& key, std::string& why, std::vector<std::string>* fields) {
    if (key.is_object() && key.contains("concat")) {
        std::vector<std::string> parts;
        for (const Json& part : key["concat"]) {
            const auto one = nft_key(part, why);
            if (!one) return std::nullopt;
            parts.push_back(*one);
        }
        if (fields != nullptr) *fields = parts;
        return fmt::format("({})", fmt::join(parts, ", "));
    }
    const auto field = nft_field(key, why);
    if (!field) return std::nullopt;
    if (field->text.empty() || field->mask || !field->guard.empty())
        return why = "a key that cannot be said", std::nullopt;
    if (!field->prefix) return field->text;
    return field->version == 6 ? fmt::format("{}/32/{}", field->text, *field->prefix)
                               : fmt::format("{}/{}", field->text, *field->prefix);
}

std::vector<ImportedRule> read_nft_rule(const Json& rule, NftScope& scope) { return RuleReader(rule, scope).run(); }

}  // namespace weir::tooling::imports
