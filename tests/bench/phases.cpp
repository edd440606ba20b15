// Where a compilation's time goes, in ms, the least of several runs: bench_phases FILE [CHANGED]. With CHANGED, what
// that takes where FILE was compiled just before, as in a reload.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

#include <fmt/core.h>

#include "compiler/compiler.h"
#include "compiler/ir/box.h"
#include "compiler/ir/build.h"
#include "compiler/ir/lower.h"
#include "compiler/sema/check.h"
#include "compiler/session.h"

namespace {

struct Phase {
    const char* name;
    double ms = std::numeric_limits<double>::max();
};
Phase phases[] = {{"parse"}, {"check"}, {"lower"}, {"boxes"}, {"build (boxes once more, trees)"}, {"emit"}, {"all"}};

class Clock {
public:
    void end(Phase& phase) {
        const auto now = std::chrono::steady_clock::now();
        phase.ms = std::min(phase.ms, std::chrono::duration<double, std::milli>(now - begin_).count());
        begin_ = now;
    }

private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// False where the policy is refused.
bool run(const std::string& name, const std::string& text, weir::Session* session) {
    const weir::sema::Files files;  // a policy of one file
    weir::Sources sources;
    weir::Diagnostics diagnostics;
    Clock all, clock;
    const auto root = sources.add(name, text);
    const auto policies = weir::sema::parse_all(sources, root, files, diagnostics);
    clock.end(phases[0]);
    auto policy = weir::sema::check(sources, policies, files, diagnostics);
    if (!policy) return false;
    clock.end(phases[1]);
    weir::Compiled compiled;
    compiled.decision = weir::ir::lower(*policy);
    clock.end(phases[2]);
    {
        weir::ir::Decision copy = compiled.decision;
        clock = {};
        weir::ir::make_boxes(copy, {});
        clock.end(phases[3]);
    }
    clock = {};
    weir::ir::build(compiled.decision, session != nullptr ? &session->build_cache() : nullptr);
    clock.end(phases[4]);
    compiled.policy = std::move(*policy);
    compiled.source_name = name;
    compiled.source_text = text;
    clock = {};
    if (!weir::compile(compiled, {}, session)) return false;
    clock.end(phases[5]);
    all.end(phases[6]);
    return true;
}

}  // namespace

std::string content_of(const char* path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

int main(int argc, char** argv) {
    const bool has_changed = argc > 2;
    for (int i = 0; i < 5; ++i) {
        weir::Session session;
        bool accepted = argc > 1 && run(argv[1], content_of(argv[1]), has_changed ? &session : nullptr);
        session.prepare();
        if (has_changed && i == 0)
            for (Phase& phase : phases) phase.ms = std::numeric_limits<double>::max();
        if (accepted && has_changed) accepted = run(argv[1], content_of(argv[2]), &session);
        if (!accepted) {
            fmt::print(stderr, "bench_phases: the policy is refused, or cannot be read\n");
            return 1;
        }
    }
    for (const Phase& phase : phases) fmt::print("{:<32} {:8.1f}\n", phase.name, phase.ms);
}
