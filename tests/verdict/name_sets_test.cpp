// Sets of names and of strings: what is in them, on all engines, and against lists of labels compared one by one.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <algorithm>

#include "grammar/base/seeded.h"
#include "tests/support/engines.h"
#include "tests/support/table.h"

using namespace weir;
using namespace weir::tests;

namespace {

using Labels = std::vector<std::string>;

Bytes query(const Labels& labels) {
    Bytes message = be16(1) + be16(0x0100) + be16(1) + be16(0) + be16(0) + be16(0);
    for (const std::string& label : labels) {
        message.push_back(static_cast<std::uint8_t>(label.size()));
        message = message + text(label);
    }
    return udp4({.source = 40000, .destination = 53}, message + zeros(1) + be16(1) + be16(1));
}

Labels labels_of(std::string_view name) {
    Labels labels{""};
    for (const char c : name)
        if (c == '.')
            labels.emplace_back();
        else
            labels.back() += c;
    return labels;
}

bool is_under(const Labels& name, const std::string& of_set) {
    const Labels end = labels_of(of_set);
    return end.size() <= name.size() && std::equal(end.rbegin(), end.rend(), name.rbegin());
}

std::string repeated(std::string_view text, std::size_t times) {
    std::string all;
    while (times-- > 0) all += text;
    return all;
}

// Labels of 1 to 63 bytes, such that many end alike.
std::string random_label(Seeded& random) {
    if (random.one_in(20)) return std::string(random.between(1, 63), random.one_in(2) ? 'x' : 'y');
    const std::vector<std::string> few{"a",          "b",   "aa", "ab",      "com",      "example",
                                       "notexample", "a-b", "_x", "0123456", "01234567", "012345678"};
    return random.of(few);
}
std::string random_name(Seeded& random) {
    std::string name;
    for (std::uint64_t left = random.one_in(30) ? random.between(20, 60) : random.between(1, 4); left > 0; --left) {
        const std::string label = random_label(random);
        if (name.size() + 1 + label.size() > 253) break;
        name += (name.empty() ? "" : ".") + label;
    }
    return name;
}
// One of the set, one under it, one beside it, or any.
Labels random_query(Seeded& random, const std::vector<std::string>& names) {
    Labels labels = labels_of(random.one_in(4) ? random_name(random) : random.of(names));
    if (random.one_in(3)) labels.insert(labels.begin(), random_label(random));
    if (random.one_in(4)) labels.front() = "x" + labels.front().substr(0, 62);
    if (random.one_in(8)) labels.back() += "x";
    if (random.one_in(8) && labels.size() > 1) labels.erase(labels.begin());
    if (random.one_in(8) && labels.size() > 1) {  // a dot within a label
        labels[0] += "." + labels[1];
        labels.erase(labels.begin() + 1);
    }
    if (random.one_in(8)) labels[random.below(labels.size())][0] ^= 0x20;
    std::size_t bytes = 1;
    for (std::string& label : labels) {
        label = label.substr(0, 63);
        bytes += label.size() + 1;
    }
    while (bytes > 255) {
        bytes -= labels.front().size() + 1;
        labels.erase(labels.begin());
    }
    return labels;
}

Labels in_small_letters(Labels labels) {
    for (std::string& label : labels)
        for (char& c : label) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return labels;
}

std::string lines(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += name + "\n";
    return text;
}

}  // namespace

TEST_CASE("a name is in a set with its own labels, and with all before them", "[name_sets]") {
    const std::string in = "dns.qname in { \"example.com\", \"a.b.c.test\" }",
                      not_in = "dns.qname not in { \"example.com\" }";
    const std::string long_label(63, 'l');
    std::string deep = repeated("a.", 126) + "a";
    check_rows(
        {
            {in, query({"example", "com"}), true},
            {in, query({"EXAMPLE", "cOm"}), true},
            {in, query({"www", "example", "com"}), true},
            {in, query({"a", "b", "c", "d", "e", "example", "com"}), true},
            {in, query({"notexample", "com"}), false},
            {in, query({"com"}), false},
            {in, query({}), false},
            {in, query({"example", "com", "org"}), false},
            {in, query({"example.com"}), false},  // a dot within a label is none between two
            {in, query({"a.example", "com"}), false},
            {in, query({"x.y", "example", "com"}), true},
            {in, query({"b", "c", "test"}), false},
            {in, query({"a", "b", "c", "test"}), true},
            {in, query({"x", "b", "c", "test"}), false},
            {not_in, query({"example", "com"}), false},
            {not_in, query({"example", "org"}), true},
            {not_in, query({}), true},
            {not_in, udp4({.source = 1, .destination = 2}, text("x")), false},  // it has no name
            {"dns.qname in { \"" + long_label + ".test\" }", query({"a", long_label, "test"}), true},
            {"dns.qname in { \"" + long_label + ".test\" }", query({"a", std::string(62, 'l'), "test"}), false},
            {"dns.qname in { \"" + deep + "\" }", query(Labels(127, "a")), true},
            {"dns.qname in { \"" + deep + "\" }", query(Labels(126, "a")), false},
            {"dns.qname in { \"a.a\" }", query(Labels(127, "a")), true},
            {"dns.qname in { \"b.a\" }", query(Labels(127, "a")), false},
            {"dns.qname in names", query({"www", "one", "test"}), true},
            {"dns.qname in names", query({"ones", "test"}), false},
            {"dns.qname in both", query({"two", "test"}), true},
            {"dns.qname in both", query({"x", "three", "test"}), true},
            {"dns.qname in both", query({"four", "test"}), false},
            {"dns.qname in empty", query({"four", "test"}), false},
            {"dns.qname in lasting", query({"four", "test"}), true},
            {"dns.qname in lasting", query({"five", "test"}), false},
            {"dns.qname in named", query({"a", "six", "test"}), true},
        },
        "let named = { \"six.test\", \"seven.test\" }\n"
        "set names : domain from \"list\"\nset both : domain from \"list2\" = { \"three.test\" }\nset empty : domain\n"
        "set lasting : domain ttl 1h = { \"four.test\" }\n",
        {{"list", "# names\nOne.Test.\n\n  one.test # again\n"}, {"list2", "\xef\xbb\xbftwo.test\r\n"}});
}

TEST_CASE("files of names that hold anything else are refused by their lines", "[name_sets]") {
    const auto said = [](const std::string& list) {
        return analysed("set s : domain from \"list\"\nrule r { when dns.qname in s then drop }\n", {{"list", list}});
    };
    const std::string label(63, 'l'),
        longest = label + "." + label + "." + label + "." + std::string(61, 'm');  // 253 bytes
    CHECK(said(longest + "\n" + longest + ".\n").compiled != nullptr);
    CHECK(said(longest + "m\n").has(Code::E362));
    CHECK(said(std::string(10'000'000, 'a') + "\n").has(Code::E362));
    CHECK(said(repeated("a.", 5'000'000) + "\n").has(Code::E362));
    CHECK(said(std::string(10'000'000, '#') + "\na.test\n").compiled != nullptr);
    CHECK(said(std::string("a.test\n\0b.test\n", 15)).has(Code::E362));
    CHECK(said(std::string("a\0b.test", 8)).has(Code::E362));
    CHECK(said("a.test\nb\xc3\xbc"
               "cher.test\n")
              .has(Code::E361));
    CHECK(said("\xff\xfe"
               "a.test\n")
              .has(Code::E361));
    CHECK(said("*.a.test\n").has(Code::E360));
    CHECK(said(".\n").has(Code::E362));
    CHECK(said("a.test b.test\n").has(Code::E362));
    CHECK(said("").compiled != nullptr);
    CHECK(said("a.test").compiled->policy.sets.front().entries.size() == 1);
    std::string many;
    for (int i = 0; i < 4'000'001; ++i) many += "n" + std::to_string(i) + ".test\n";
    CHECK(said(many).has(Code::E508));
    many.resize(many.find("n100000."));
    CHECK(said(many).compiled->policy.sets.front().entries.names().suffixes() == 100'001);
}

TEST_CASE("strings are in a set whole, whatever bytes they have", "[name_sets]") {
    // Of lengths about those of words, blocks and the longest; told apart by one byte anywhere.
    std::string all;
    std::vector<std::string> texts;
    for (const std::size_t length : {1, 2, 7, 8, 9, 15, 16, 17, 63, 64, 65, 71, 72, 127, 128, 129, 200, 255, 511, 512})
        texts.push_back("/" + std::string(length - 1, 'p'));
    for (const std::string& text : texts) all += "\"" + text + "\", ";
    std::vector<Row> rows;
    const auto get = [](const std::string& target) {
        return tcp4({.flags = 0x18}, text("GET " + target + " HTTP/1.1\r\n\r\n"));
    };
    const std::string in = "http.path in { " + all + "}", not_in = "http.path not in { " + all + "}";
    for (const std::string& path : texts) {
        rows.push_back({in, get(path), true});
        rows.push_back({in, get(path + "?q"), true});
        rows.push_back({in, get(path + "x"), path.size() == 512});  // of a target 512 bytes are read
        for (std::size_t at = 0; at < path.size(); at += path.size() < 80 ? 1 : 13) {
            std::string other = path;
            other[at] = 'q';
            rows.push_back({in, get(other), false});
            if (at % 8 == 0) rows.push_back({not_in, get(other), true});
        }
    }
    rows.push_back({in, tcp4({.flags = 0x18}, text("x")), false});
    rows.push_back({not_in, tcp4({.flags = 0x18}, text("x")), false});
    check_rows(rows);
}

TEST_CASE("sets of random names have what lists of labels have", "[name_sets]") {
    Seeded random(7);
    for (int round = 0; round < 12; ++round) {
        std::vector<std::string> names;
        for (std::uint64_t left = random.one_in(3) ? random.between(1, 5) : random.between(100, 3000); left > 0; --left)
            names.push_back(random_name(random));
        const std::string ttl = random.one_in(3) ? "ttl 1h " : "";
        auto created = Evaluators::create(
            "set names : domain " + ttl + "from \"list\"\n" + "rule r { when dns.qname in names then drop }\n",
            {{"list", lines(names)}});
        INFO(why_not(created));
        REQUIRE(created);
        for (int i = 0; i < 400; ++i) {
            const Labels labels = random_query(random, names);
            std::string difference;
            const Judged judged = (*created)->judge(query(labels), difference);
            CAPTURE(labels, round);
            CHECK(difference.empty());
            const bool is_in = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
                return is_under(in_small_letters(labels), name);
            });
            CHECK((judged.by == Judged::By::kRule) == is_in);
        }
    }
}
