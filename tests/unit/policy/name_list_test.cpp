#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "compiler/policy/name_list.h"
#include "tests/support/random.h"

using namespace weir;
using policy::NameList;

namespace {

std::vector<std::string> texts(const NameList& list) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < list.size(); ++i) all.emplace_back(list[i]);
    return all;
}

NameList list_of(const std::vector<std::string>& names) {
    NameList list;
    for (const std::string& name : names) list.add(name);
    list.sort();
    return list;
}

}  // namespace

TEST_CASE("Names are sorted so that each stands before those under it, and each once") {
    const NameList list =
        list_of({"xa.com", "b.a.com", "a-x.com", "com", "a.com", "b.a.com", "com.a", std::string(253, 'x'), "a.org"});
    CHECK(texts(list) == std::vector<std::string>{"com.a", "a.org", "com", "a.com", "b.a.com", "xa.com", "a-x.com",
                                                  std::string(253, 'x')});
}

TEST_CASE("Texts of any bytes are sorted, each once") {
    const std::string zero("\0x", 2), full("\xff\xff\xff\xff\xff\xff\xff\xff");
    CHECK(list_of({full + "x", zero, full, "", "/", full, zero, "\xfe"}).size() == 6);
}

TEST_CASE("Suffixes are counted as a set of them counts") {
    Seeded random(1);
    for (int round = 0; round < 300; ++round) {
        std::vector<std::string> names;
        std::set<std::string> suffixes;
        for (std::uint64_t i = 0, count = random() % 12; i < count; ++i) {
            std::string name;
            for (std::uint64_t labels = 1 + random() % 4; labels > 0; --labels)
                name += std::string(name.empty() ? "" : ".") + (random() % 2 == 0   ? "a"
                                                                : random() % 2 == 0 ? "b"
                                                                                    : "aa");
            names.push_back(name);
            for (std::size_t at = 0; at != std::string::npos; at = name.find('.', at + 1))
                suffixes.insert(name.substr(at == 0 ? 0 : at + 1));
        }
        CAPTURE(names);
        CHECK(list_of(names).suffixes() == suffixes.size());
    }
}
