// Tested by tests/cli/load_test.py with `reload`.
#include "service/prepared_programs.h"

#include <cstring>

namespace weir::service {
namespace {

bool same(const runtime::ProgramOptions& a, const runtime::ProgramOptions& b) {
    return std::memcmp(&a.settings, &b.settings, sizeof(a.settings)) == 0 && a.shared.events == b.shared.events &&
           a.shared.generation == b.shared.generation && a.answer_ns == b.answer_ns;
}

}  // namespace

Result<runtime::Program> PreparedPrograms::take(const bpf::Object& object, const runtime::ProgramOptions& options) {
    if (ready_.empty() && otherwise) return otherwise(object, options);
    if (ready_.empty() || !same(ready_.front().options, options))
        return Error{"the policy in force changed while this one was loaded", "reload once more", 0};
    runtime::Program program = std::move(ready_.front().program);
    ready_.erase(ready_.begin());
    return program;
}

void PreparedPrograms::put(const runtime::ProgramOptions& options, runtime::Program program) {
    ready_.push_back({options, std::move(program)});
}

}  // namespace weir::service
