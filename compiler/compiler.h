// The compiler as one call: a policy's text to a bpf::Object. Pure: no I/O but through the `Files` it is given.
#pragma once

#include <optional>
#include <string>

#include "compiler/ir/decision.h"
#include "compiler/object.h"
#include "compiler/policy/table_bytes.h"
#include "compiler/policy/typed_policy.h"
#include "compiler/sema/check.h"
#include "grammar/base/result.h"
#include "grammar/diagnostic.h"
#include "grammar/source.h"

namespace weir {
class Session;

// Everything the front end knows of a policy.
struct Compiled {
    std::string source_name;  // the root file, and its text: shown in `bpftool prog dump xlated`
    std::string source_text;
    policy::TypedPolicy policy;
    ir::Decision decision;                 // of packets that come in
    std::optional<ir::Decision> egress{};  // of packets on their way out, where the policy judges them

    const ir::Decision& of(packet::Direction direction) const {
        return direction == packet::Direction::kOut && egress ? *egress : decision;
    }
};

struct AnalyseOptions {
    Session* session = nullptr;                              // where one policy is compiled after another
    std::uint64_t table_bytes = policy::kDefaultTableBytes;  // that all tables may take in the kernel (E521)
};

// Adds `root_name` with `root_text` to `sources`, then parses, checks, lowers and builds. Nothing where there was an
// error; the reasons are in `diagnostics`. Does not touch LLVM.
std::optional<Compiled> analyse(Sources& sources, const std::string& root_name, std::string root_text,
                                const sema::Files& files, Diagnostics& diagnostics, const AnalyseOptions& options = {});

struct CompileOptions {
    bool observe = false;  // the whole policy observes (`weir run --observe`)
};

// Compiled -> BPF object through LLVM. An error is LLVM refusing what we made: our bug, never the author's.
Result<bpf::Object> compile(const Compiled& compiled, const CompileOptions& options, Session* session = nullptr);

enum class Stage : std::uint8_t { kLlvm, kAsm };
// Of the program for that direction. kOut: the policy has to judge packets on their way out.
Result<std::string> emit_text(const Compiled& compiled, Stage stage,
                              packet::Direction direction = packet::Direction::kIn);

}  // namespace weir
