// Tested by tests/unit/sema/verdicts_test.cpp with `redirect`.
#include <algorithm>

#include <fmt/format.h>

#include "bpf/answer.h"
#include "compiler/sema/check_items.h"

namespace weir::sema {
namespace {

constexpr std::size_t kMaxNameBytes = 15;  // IFNAMSIZ without its zero

// What the kernel takes as the name of an interface: dev_valid_name() of net/core/dev.c.
bool is_interface_name(const std::string& name) {
    const auto is_bad = [](unsigned char c) { return c == '/' || c == ':' || c == '\0' || std::isspace(c) != 0; };
    return !name.empty() && name.size() <= kMaxNameBytes && name != "." && name != ".." &&
           std::none_of(name.begin(), name.end(), is_bad);
}

}  // namespace

policy::Verdict ItemChecker::verdict(const ast::Verdict& written, Span span) {
    if (written.kind != policy::VerdictKind::kRedirect) return written;
    if (!is_interface_name(written.interface)) {
        say({.code = Code::E382,
             .span = span,
             .message = fmt::format("`{}` is no name of an interface", written.interface),
             .help = "a name has 1 to 15 bytes, without white space, `/` and `:`"});
        return written;
    }
    if (std::find(devices_.begin(), devices_.end(), written.interface) != devices_.end()) return written;
    devices_.push_back(written.interface);
    if (devices_.size() == WEIR_DEVICES + 1)
        say({.code = Code::E383,
             .span = span,
             .message = fmt::format("this policy redirects to more than {} interfaces", WEIR_DEVICES),
             .label = "the first beyond the limit"});
    return written;
}

// A packet that no rule decides, or whose headers cannot be read: it has no rule, and a malformed one cannot be
// answered.
policy::Verdict ItemChecker::default_verdict(const ast::DefaultVerdict& written) {
    const policy::VerdictKind kind = written.verdict.kind;
    const bool is_malformed = written.of == ast::VerdictOf::kMalformed;
    if (kind == policy::VerdictKind::kRedirect)
        say({.code = Code::E380,
             .span = written.verdict_span,
             .message = fmt::format("`{}` cannot redirect", is_malformed ? "malformed" : "default"),
             .help = "a rule can: `rule rest { when ip then redirect(\"eth1\") }`, the last one"});
    if (is_malformed && kind == policy::VerdictKind::kReject)
        say({.code = Code::E381,
             .span = written.verdict_span,
             .message = "`malformed` cannot reject: weir does not answer packets whose headers it cannot read",
             .fix = Fix{written.verdict_span, "drop"}});
    return written.verdict;
}

}  // namespace weir::sema
