// The fields of a message, said once: the same description writes a message and reads it. Seen by the codecs alone.
//
//     template <typename Fields>
//     void describe(Fields& fields, typename Fields::template Of<Added>& added) {
//         fields("added", added.added);
//     }
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace weir::service {

using Json = nlohmann::ordered_json;

// Writes text at once: with a tree of values in between, a status of 10,000 rules would take five times as long.
class FieldWriter {
public:
    template <typename T>
    using Of = const T;

    // Appends an object to `out`, which ends where this does.
    explicit FieldWriter(std::string& out) : out_(out) { out_ += '{'; }
    ~FieldWriter() { out_ += '}'; }
    FieldWriter(const FieldWriter&) = delete;
    FieldWriter& operator=(const FieldWriter&) = delete;

    template <typename T>
    void operator()(const char* key, const T& value) {
        begin(key);
        write(value);
    }
    template <typename T>
    void operator()(const char* key, const std::optional<T>& value) {
        if (value) (*this)(key, *value);
    }
    template <typename T>
    void required(const char* key, const T& value) {
        (*this)(key, value);
    }
    // Left out where it is what it would be without.
    template <typename T>
    void optional(const char* key, const T& value, const T& otherwise = T()) {
        if (value != otherwise) (*this)(key, value);
    }
    // A text that is JSON itself.
    void optional_json(const char* key, const std::string& json) {
        if (json.empty()) return;
        begin(key);
        out_ += json;
    }
    void optional_up_to(const char* key, std::uint64_t value, std::uint64_t) { optional(key, value); }
    // One of the words; the first is meant where there is none.
    void optional_word(const char* key, const std::string& value, const std::vector<std::string>& words) {
        if (value != words.front()) (*this)(key, value);
    }
    // A number that stands for a word.
    template <typename E, std::size_t N>
    void word(const char* key, E value, const std::pair<E, const char*> (&words)[N]) {
        for (const auto& [number, text] : words)
            if (number == value) (*this)(key, text);
    }
    template <typename T, typename Describe>
    void rows(const char* key, const std::vector<T>& values, const Describe& describe) {
        begin(key);
        out_ += '[';
        for (const T& value : values) {
            if (&value != values.data()) out_ += ',';
            FieldWriter fields(out_);
            describe(fields, value);
        }
        out_ += ']';
    }
    template <typename T, typename Describe>
    void optional_rows(const char* key, const std::vector<T>& values, const Describe& describe) {
        if (!values.empty()) rows(key, values, describe);
    }
    template <typename T, typename Describe>
    void part(const char* key, const T& value, const Describe& describe) {
        begin(key);
        FieldWriter fields(out_);
        describe(fields, value);
    }
    template <typename T, typename Describe>
    void part(const char* key, const std::optional<T>& value, const Describe& describe) {
        if (value) part(key, *value, describe);
    }

private:
    void begin(const char* key) {
        if (is_begun_) out_ += ',';
        is_begun_ = true;
        out_ += '"';
        out_ += key;
        out_ += "\":";
    }
    void write(std::string_view text) {
        const auto is_plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
        if (std::all_of(text.begin(), text.end(), is_plain))
            ((out_ += '"') += text) += '"';
        else
            out_ += Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    void write(const std::string& text) { write(std::string_view(text)); }
    void write(const char* text) { write(std::string_view(text)); }
    void write(bool value) { out_ += value ? "true" : "false"; }
    void write(std::uint64_t value) {
        const fmt::format_int digits(value);
        out_.append(digits.data(), digits.size());
    }
    void write(std::uint32_t value) { write(std::uint64_t{value}); }
    void write(int value) { out_ += fmt::to_string(value); }
    void write(double value) { out_ += Json(value).dump(); }
    void write(const std::vector<std::string>& texts) {
        out_ += '[';
        for (const std::string& text : texts) {
            if (&text != texts.data()) out_ += ',';
            write(text);
        }
        out_ += ']';
    }

    void write(const std::vector<std::uint64_t>& numbers) {
        out_ += '[';
        for (const std::uint64_t& number : numbers) {
            if (&number != numbers.data()) out_ += ',';
            write(number);
        }
        out_ += ']';
    }
    void write(const std::map<std::string, std::uint64_t>& numbers) {
        FieldWriter fields(out_);
        for (const auto& [key, number] : numbers) fields(key.c_str(), number);
    }

    std::string& out_;
    bool is_begun_ = false;
};

// What is missing stays as it is. A value of a wrong type is a fault; it never counts as missing.
class FieldReader {
public:
    template <typename T>
    using Of = T;

    // `in` is an object. `known`: keys that stand in it and were read by others.
    explicit FieldReader(const Json& in, std::vector<std::string_view> known = {})
        : in_(in), known_(std::move(known)) {}

    template <typename T>
    void operator()(const char* key, T& value) {
        take(key, value);
    }
    template <typename T>
    void operator()(const char* key, std::optional<T>& value) {
        T read{};
        if (take(key, read)) value = std::move(read);
    }
    template <typename T>
    void required(const char* key, T& value) {
        if (!in_.contains(key)) say(fmt::format("`{}` is missing: it must be {}", key, expected(value)));
        take(key, value);
    }
    template <typename T>
    void optional(const char* key, T& value, const T& = T()) {
        take(key, value);
    }
    void optional_json(const char* key, std::string& json) {
        if (const Json* found = find(key)) json = found->dump(-1, ' ', true, Json::error_handler_t::replace);
    }
    void optional_up_to(const char* key, std::uint64_t& value, std::uint64_t most) {
        std::uint64_t read = 0;
        if (!take(key, read)) return;
        if (read > most)
            return say(fmt::format("`{}` must be a whole number up to {}, not {}", key, most, in_[key].dump()));
        value = read;
    }
    void optional_word(const char* key, std::string& value, const std::vector<std::string>& words) {
        std::string read;
        if (!take(key, read)) return;
        if (std::find(words.begin(), words.end(), read) == words.end())
            return say(fmt::format("`{}` must be one of {}, not {}", key, fmt::join(words, ", "), shown(in_[key])));
        value = std::move(read);
    }
    template <typename E, std::size_t N>
    void word(const char* key, E& value, const std::pair<E, const char*> (&words)[N]) {
        std::string read;
        if (!take(key, read)) return;
        for (const auto& [number, text] : words)
            if (read == text) {
                value = number;
                return;
            }
        say(fmt::format("`{}` cannot be {}", key, shown(in_[key])));
    }
    template <typename T, typename Describe>
    void optional_rows(const char* key, std::vector<T>& values, const Describe& describe) {
        rows(key, values, describe);
    }
    template <typename T, typename Describe>
    void rows(const char* key, std::vector<T>& values, const Describe& describe) {
        const Json* found = find(key);
        if (found == nullptr) return;
        if (!found->is_array()) return wrong(key, "an array of objects", *found);
        for (const Json& row : *found) read_part(key, row, values.emplace_back(), describe);
    }
    template <typename T, typename Describe>
    void part(const char* key, T& value, const Describe& describe) {
        if (const Json* found = find(key)) read_part(key, *found, value, describe);
    }
    template <typename T, typename Describe>
    void part(const char* key, std::optional<T>& value, const Describe& describe) {
        if (const Json* found = find(key)) read_part(key, *found, value.emplace(), describe);
    }

    // The first fault; empty where there was none.
    const std::string& fault() const { return fault_; }
    // Keys that were asked for, for a sentence.
    std::string known() const { return fmt::format("{}", fmt::join(known_, ", ")); }
    // The first key that nobody asked for; empty where there is none.
    std::string unknown() const {
        for (const auto& [key, value] : in_.items())
            if (std::find(known_.begin(), known_.end(), key) == known_.end()) return key;
        return {};
    }

private:
    static const char* expected(const std::string&) { return "a string"; }
    static const char* expected(bool) { return "true or false"; }
    static const char* expected(std::uint64_t) { return "a whole number"; }
    static const char* expected(std::uint32_t) { return "a whole number"; }
    static const char* expected(double) { return "a number"; }
    static const char* expected(const std::vector<std::string>&) { return "an array of strings"; }

    static const char* expected(const std::vector<std::uint64_t>&) { return "an array of whole numbers"; }
    static const char* expected(const std::map<std::string, std::uint64_t>&) { return "an object of whole numbers"; }

    static bool fits(const Json& from, const std::map<std::string, std::uint64_t>&) {
        return from.is_object() &&
               std::all_of(from.begin(), from.end(), [](const Json& one) { return one.is_number_unsigned(); });
    }
    static bool fits(const Json& from, const std::string&) { return from.is_string(); }
    static bool fits(const Json& from, bool) { return from.is_boolean(); }
    static bool fits(const Json& from, std::uint64_t) { return from.is_number_unsigned(); }
    static bool fits(const Json& from, std::uint32_t) {
        return from.is_number_unsigned() && from.get<std::uint64_t>() <= std::numeric_limits<std::uint32_t>::max();
    }
    static bool fits(const Json& from, double) { return from.is_number(); }
    static bool fits(const Json& from, const std::vector<std::string>&) {
        return from.is_array() &&
               std::all_of(from.begin(), from.end(), [](const Json& one) { return one.is_string(); });
    }

    static bool fits(const Json& from, const std::vector<std::uint64_t>&) {
        return from.is_array() &&
               std::all_of(from.begin(), from.end(), [](const Json& one) { return one.is_number_unsigned(); });
    }

    // A value for a sentence: not all of it where it is long.
    static std::string shown(const Json& value) {
        constexpr std::size_t kShown = 40;
        std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
        if (text.size() > kShown) text = text.substr(0, kShown) + "...";
        return text;
    }

    const Json* find(const char* key) {
        known_.emplace_back(key);
        const auto found = in_.find(key);
        return found == in_.end() ? nullptr : &*found;
    }
    template <typename T>
    bool take(const char* key, T& value) {
        const Json* found = find(key);
        if (found == nullptr) return false;
        if (!fits(*found, value)) return wrong(key, expected(value), *found), false;
        value = found->get<T>();
        return true;
    }
    template <typename T, typename Describe>
    void read_part(const char* key, const Json& from, T& value, const Describe& describe) {
        if (!from.is_object()) return wrong(key, "an object", from);
        FieldReader fields(from);
        describe(fields, value);
        if (!fields.fault_.empty()) say(fmt::format("in `{}`: {}", key, fields.fault_));
    }
    void wrong(const char* key, const char* what, const Json& seen) {
        say(fmt::format("`{}` must be {}, not {}", key, what, shown(seen)));
    }
    void say(std::string fault) {
        if (fault_.empty()) fault_ = std::move(fault);
    }

    const Json& in_;
    std::vector<std::string_view> known_;
    std::string fault_;
};

}  // namespace weir::service
