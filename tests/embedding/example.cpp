// weir inside another program: compile a policy from a string, attach it, receive its events, swap it.
// example INTERFACE
#include <cstdio>
#include <cstdlib>

#include "compiler/compiler.h"
#include "grammar/render.h"
#include "runtime/engine/engine.h"

static weir::bpf::Object compiled(const std::string& text) {
    weir::Sources sources;
    weir::Diagnostics diagnostics;
    const auto policy = weir::analyse(sources, "inline.rules", text, {}, diagnostics);
    std::fputs(render(sources, diagnostics, weir::DiagnosticFormat::kHuman, weir::Colour::kOff).c_str(), stderr);
    if (!policy) std::exit(1);  // the author's fault
    auto object = weir::compile(*policy, {});
    if (!object) std::exit((std::fprintf(stderr, "%s\n", object.error().message.c_str()), 1));
    return std::move(*object);
}

int main(int argc, char** argv) {
    if (argc != 2) return std::fputs("usage: example INTERFACE\n", stderr), 2;
    int events = 0;
    weir::runtime::EngineOptions options;
    options.interfaces = {argv[1]};
    options.deliver_to_sinks = false;
    options.on_event = [&](const weir::runtime::Event& event) {
        std::printf("%s: %s\n", event.alert.c_str(), event.message.c_str());
        ++events;
    };
    auto engine = weir::runtime::Engine::start(
        compiled("rule ping { when icmp.type == 8 then alert ping, drop } alert ping { message \"from {ip.src}\" }"),
        options);
    if (!engine) return std::fprintf(stderr, "%s\n", engine.error().message.c_str()), 3;  // the world's fault
    while (events == 0)
        if (!(*engine)->poll(100)) return 3;
    if (!(*engine)->swap(compiled("rule seen { when icmp then alert late } alert late { message \"{ip.dst}\" }")))
        return 3;
    while (events < 3)
        if (!(*engine)->poll(100)) return 3;
    return 0;  // detaches
}
