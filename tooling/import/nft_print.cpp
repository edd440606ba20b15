// Tested by tests/unit/tooling/import_nft_test.cpp with `nft_text`.
#include <fmt/format.h>

#include "tooling/import/nft_fields.h"
#include "tooling/import/words.h"

namespace weir::tooling::imports {
namespace {

constexpr int kMostNested = 12;

void print(const Json& json, std::string& out, std::size_t limit, int depth);

void print_all(const Json& list, const char* between, std::string& out, std::size_t limit, int depth) {
    bool is_first = true;
    for (const Json& one : list) {
        if (out.size() > limit) return;
        if (!is_first) out += between;
        is_first = false;
        print(one, out, limit, depth + 1);
    }
}

void print_word(const Json& object, const char* key, std::string& out) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    if (!object.is_object() || found == object.end()) return;
    if (found->is_string()) out += (out.empty() || out.back() == ' ' ? "" : " ") + found->get<std::string>();
    if (found->is_number_unsigned())
        out += fmt::format("{}{}", out.empty() || out.back() == ' ' ? "" : " ", found->get<std::uint64_t>());
}

// {"tcp": …} and its kin: the word, then what is in it.
void print_object(const std::string& kind, const Json& inside, std::string& out, std::size_t limit, int depth) {
    if (kind == "match") {
        print(inside.value("left", Json()), out, limit, depth + 1);
        const std::string op = inside.value("op", std::string());
        out += op == "==" || op == "in" ? " " : " " + op + " ";
        return print(inside.value("right", Json()), out, limit, depth + 1);
    }
    if (kind == "payload") return print_word(inside, "protocol", out), print_word(inside, "field", out);
    if (kind == "meta") return print_word(inside, "key", out);
    if (kind == "set" && inside.is_array()) {
        out += "{ ";
        print_all(inside, ", ", out, limit, depth);
        out += " }";
        return;
    }
    if (kind == "concat") return print_all(inside, " . ", out, limit, depth);
    if (kind == "range") return print_all(inside, "-", out, limit, depth);
    if (kind == "|") return print_all(inside, " | ", out, limit, depth);
    if (kind == "&") return print_all(inside, " & ", out, limit, depth);
    if (kind == "elem") return print(inside.is_object() ? inside.value("val", Json()) : inside, out, limit, depth + 1);
    if (kind == "prefix") {
        std::string length;
        print_word(inside, "addr", out);
        print_word(inside, "len", length);
        out += "/" + length;
        return;
    }
    out += kind;
    if (kind == "counter") return;
    if (kind == "vmap" && inside.is_object()) {
        out.resize(out.size() - kind.size());
        print(inside.value("key", Json()), out, limit, depth + 1);
        out += " vmap ";
        return print(inside.value("data", Json()), out, limit, depth + 1);
    }
    for (const char* key :
         {"key", "target", "op", "set", "prefix", "level", "type", "expr", "rate", "per", "dev", "name", "field"})
        print_word(inside, key, out);
}

void print(const Json& json, std::string& out, std::size_t limit, int depth) {
    if (depth > kMostNested || out.size() > limit) return void(out += "…");
    if (json.is_string())
        out += json.get<std::string>();
    else if (json.is_number_unsigned())
        out += fmt::format("{}", json.get<std::uint64_t>());
    else if (json.is_array())
        print_all(json, depth == 0 ? " " : " : ", out, limit, depth);
    else if (json.is_object() && json.size() == 1)
        print_object(json.begin().key(), json.begin().value(), out, limit, depth);
    else if (json.is_object())
        out += "…";
}

}  // namespace

std::string nft_text(const Json& json, std::size_t limit_bytes) {
    std::string out;
    print(json, out, limit_bytes, 0);
    return one_line(out, limit_bytes);
}

}  // namespace weir::tooling::imports
