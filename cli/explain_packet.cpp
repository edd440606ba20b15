// Tested by tests/cli/explain_test.py with `"explain"`.
#include "cli/explain_packet.h"

#include <unistd.h>

#include <cstdio>
#include <optional>

#include <fmt/format.h>

#include "cli/end_on_interrupt.h"
#include "cli/load.h"
#include "cli/local_net.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "cli/usage.h"
#include "compiler/packet/packet_text.h"
#include "tooling/judge/capture.h"
#include "tooling/judge/explain.h"
#include "tooling/judge/replay.h"
#include "tooling/judge/text_packet.h"

namespace weir::cli {
namespace {

int say(const tooling::Account& account, const tooling::LoadedPolicy& loaded, const std::string& format) {
    const std::string text = format == "json" ? tooling::explain_json(account, loaded)
                                              : tooling::explain_text(account, loaded, colour_of(STDOUT_FILENO));
    std::fputs(text.c_str(), stdout);
    if (account.difference.empty()) return kOk;
    put(stderr, "weir: the evaluators differ on this packet: {}: this is a bug of weir, please report it\n",
        printable(account.difference));
    return kPolicyFault;
}

// The oracle, whose account it is, and those that `--engine` names.
Result<tooling::Evaluators> evaluators_of(const tooling::LoadedPolicy& loaded, const std::string& engine) {
    using tooling::Evaluator;
    tooling::Evaluators evaluators(*loaded.compiled);
    if (Status added = evaluators.add(Evaluator::kOracle); !added) return added.error();
    const bool has_kernel = tooling::kernel_is_allowed();
    const bool adds_kernel = engine == "kernel" || engine == "all" || (engine.empty() && has_kernel);
    const bool adds_native = engine == "native" || engine == "all" || (engine.empty() && !has_kernel);
    if (adds_kernel)
        if (Status added = evaluators.add(Evaluator::kKernel); !added) return added.error();
    if (adds_native)
        if (Status added = evaluators.add(Evaluator::kNative); !added) return added.error();
    return evaluators;
}

int explain_text_packet(const ExplainArguments& arguments, const tooling::TextPacket& packet,
                        const tooling::LoadedPolicy& loaded, tooling::Evaluators& evaluators) {
    using Kernel = tooling::Evaluators::Kernel;
    const bool fits = tooling::kernel_takes(packet.frame, packet.direction);
    if (Status ready = evaluators.begin(fits ? Kernel::kTakesAll : Kernel::kNot); !ready)
        return say_error(ready.error());
    tooling::Explainer explainer(loaded, evaluators);
    explainer.listen();
    const auto answer = evaluators.judge(packet.frame, 0, packet.interface, packet.direction);
    if (!answer) return say_error(answer.error());
    const std::string text = packet::packet_text(packet.frame, packet.direction, packet.interface);
    return say(explainer.account(*answer, text), loaded, arguments.options.format);
}

// With the state that the frames before it left.
int explain_frame(const ExplainArguments& arguments, const tooling::LoadedPolicy& loaded,
                  tooling::Evaluators& evaluators) {
    auto capture = tooling::Capture::open(arguments.capture);
    if (!capture) return say_error(capture.error());
    auto facts = capture->facts();
    if (!facts) return say_error(facts.error());
    if (arguments.frame == 0 || arguments.frame > facts->frames) {
        put(stderr, "weir: `--frame {}`: {} has the frames 1 to {}\n", arguments.frame, printable(arguments.capture),
            facts->frames);
        return kUsage;
    }
    facts->frames = arguments.frame;
    tooling::ReplayWhere where{arguments.interface, {}};
    for (const std::string& net : arguments.local) where.local.push_back(*local_net(net));
    tooling::Explainer explainer(loaded, evaluators);
    if (arguments.frame == 1) explainer.listen();
    std::optional<tooling::Account> account;
    Progress progress("packets", facts->frames);
    const Status replayed = tooling::replay(
        *capture, *facts, evaluators,
        [&](const tooling::ReplayedPacket& packet) -> Status {
            progress.step(packet.number);
            if (packet.number + 1 == arguments.frame) explainer.listen();
            if (packet.number == arguments.frame)
                account = explainer.account(
                    packet.answer, packet::packet_text(packet.frame.bytes, packet.direction, packet.frame.interface));
            return Done{};
        },
        where);
    progress.finish();
    if (!replayed) return say_error(replayed.error());
    if (!evaluators.compares()) say_note(tooling::kNotCompared);
    return say(*account, loaded, arguments.options.format);
}

}  // namespace

int explain_packet(const ExplainArguments& arguments) {
    end_on_interrupt();
    if (const int wrong = refuse_repeated_stdin({arguments.subject, arguments.capture}); wrong != kOk) return wrong;
    std::optional<tooling::TextPacket> packet;
    if (arguments.capture.empty()) {
        auto read = tooling::packet_of_text(arguments.packet);
        if (!read) return std::fputs(read.error().message.c_str(), stderr), kUsage;
        packet = std::move(*read);
    }
    const tooling::LoadedPolicy loaded = load_policy(arguments.subject, arguments.options);
    if (!loaded.compiled) return loaded.status;
    std::optional<Progress> progress(std::in_place, "compiling " + arguments.subject);
    auto evaluators = evaluators_of(loaded, arguments.engine);
    progress.reset();
    if (!evaluators) return say_error(evaluators.error());
    return packet ? explain_text_packet(arguments, *packet, loaded, *evaluators)
                  : explain_frame(arguments, loaded, *evaluators);
}

}  // namespace weir::cli
