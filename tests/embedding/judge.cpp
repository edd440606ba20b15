// weir::tooling inside another program: what does each evaluator say of a packet?
// judge FILE CAPTURE
#include <cstdio>

#include "tooling/files/policy_file.h"
#include "tooling/judge/capture.h"
#include "tooling/judge/evaluators.h"

namespace tooling = weir::tooling;

int main(int argc, char** argv) {
    if (argc != 3) return std::fputs("usage: judge FILE CAPTURE\n", stderr), 2;
    const tooling::LoadedPolicy loaded = tooling::analyse_file(argv[1], {});
    if (!loaded.compiled) return std::fprintf(stderr, "%s: not in order\n", argv[1]), 1;
    tooling::Evaluators evaluators(*loaded.compiled);
    for (const tooling::Evaluator one : tooling::kAllEvaluators)
        if (one != tooling::Evaluator::kKernel || tooling::kernel_is_allowed())
            if (!evaluators.add(one)) return 3;
    auto capture = tooling::Capture::open(argv[2]);
    for (auto frame = capture ? capture->next() : capture.error(); frame && *frame; frame = capture->next())
        for (const tooling::Evaluator one : evaluators.added())
            if (auto judged = evaluators.judge_with(one, (*frame)->bytes, (*frame)->time_ns))
                std::printf("%s: %s\n", evaluator_name(one).data(), describe(*judged, loaded.compiled->policy).c_str());
    return 0;
}
