// What an import says, for its tests.
#pragma once

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tooling/import/import.h"

namespace weir::tests {

struct Said {
    std::string text{};
    tooling::imports::ImportCounts counts{};
    Diagnostics diagnostics{};
    bool has(std::string_view part) const { return text.find(part) != std::string::npos; }
};

// `import` is called with Diagnostics.
template <typename Import>
Said said_by(const Import& import) {
    Said answer;
    auto imported = import(answer.diagnostics);
    REQUIRE(imported);
    if (*imported) {
        answer.text = std::move((*imported)->text);
        answer.counts = std::move((*imported)->counts);
    }
    return answer;
}

}  // namespace weir::tests
