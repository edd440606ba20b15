// Test blocks: names resolved, packets made into frames.
#pragma once

#include "compiler/sema/condition.h"
#include "compiler/sema/names.h"
#include "compiler/sema/typed_policy.h"

namespace weir::sema {

class TestChecker {
public:
    TestChecker(const Sources& sources, const Names& names, ConditionChecker& conditions)
        : sources_(sources), names_(names), conditions_(conditions) {}
    Test check(const ast::Policy& policy, const ast::Test& test);
    // The one packet of a text such as "tcp 10.0.0.1:4000 -> 10.0.0.2:22 syn"; several where a port is a range.
    std::vector<std::vector<std::uint8_t>> frames(const ast::PacketSpec& spec);

private:
    TestStep step(const ast::Policy& policy, const ast::Step& step);
    Expectation expectation(const ast::Outcome& outcome);
    std::vector<std::vector<std::uint8_t>> repeated(const ast::SendStep& send);
    void wrong(Span span, std::string message, std::string help = {});

    const Sources& sources_;
    const Names& names_;
    ConditionChecker& conditions_;
    std::size_t frames_ = 0;              // of the whole policy
};

}  // namespace weir::sema
