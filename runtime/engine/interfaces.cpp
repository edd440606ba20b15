// Tested by tests/unit/runtime/interfaces_test.cpp.
#include "runtime/engine/interfaces.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "grammar/base/check.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {
constexpr std::uint64_t kMillisecond_ns = 1'000'000;
}  // namespace

void Gaps::open(std::uint64_t now_ns) {
    if (!since_ns_) since_ns_ = now_ns;
}

void Gaps::close(std::uint64_t now_ns) {
    if (!since_ns_) return;
    ++count_;
    last_ms_ = (now_ns - *std::exchange(since_ns_, std::nullopt)) / kMillisecond_ns;
}

Finding examine(bool has_attachment, const Observed& seen) {
    if (!has_attachment) return {seen.index == 0 ? Repair::kWait : Repair::kAttach, {}};
    if (seen.index == 0) {
        if (seen.link_index == 0) return {Repair::kForget, "the interface has been deleted; the policy waits for it"};
        if (!seen.link_interface.empty())
            return {Repair::kWait, fmt::format("the interface is called {} now; the policy stays on it, and waits for "
                                               "one of the old name",
                                               seen.link_interface)};
        return {Repair::kWait,
                "the interface is in another network namespace now; the policy stays on it, and waits "
                "for one of that name here"};
    }
    const bool same = seen.link_index == seen.index;
    if (same && seen.has_root) return {Repair::kNone, {}};
    if (seen.link_index == 0 && seen.index == seen.attached_index)
        return {Repair::kAttach, "its program has been detached"};
    if (seen.link_index == 0) return {Repair::kAttach, "the interface has been deleted, and made again"};
    if (same && !seen.has_root_in_link) return {Repair::kUpdateLink, "its link has been given another program"};
    // Where the number is the same, the link is on an interface of that number in another network namespace.
    const bool is_here = !same && !seen.link_interface.empty();
    return {Repair::kAttach,
            is_here ? fmt::format("another interface has the name now; the one before is called {}, and loses the "
                                  "policy",
                                  seen.link_interface)
                    : "another interface has the name now; the one before is in another network namespace, and loses "
                      "the policy"};
}

Result<Interfaces> Interfaces::find(const std::vector<std::string>& names, Missing missing) {
    if (names.empty()) return Error{"no interface to attach to", "name one at least", EINVAL};
    Interfaces interfaces;
    for (const std::string& name : names) {
        auto index = interface_index(name);
        if (!index && (missing == Missing::kRefused || index.error().number != ENODEV)) return index.error();
        if (interfaces.named(name) != nullptr)
            return Error{fmt::format("interface {} is named twice", name), "", EINVAL};
        const unsigned number = index ? *index : 0;
        const auto& known = interfaces.rows_;
        if (std::any_of(known.begin(), known.end(),
                        [&](const Interface& row) { return number != 0 && row.index == number; }))
            return Error{fmt::format("interface {} is named twice, by different names", name), "", EINVAL};
        interfaces.rows_.push_back({name, number, number});
    }
    return interfaces;
}

const Interface* Interfaces::named(const std::string& name) const {
    const auto row = std::find_if(rows_.begin(), rows_.end(), [&](const Interface& one) { return one.name == name; });
    return row == rows_.end() ? nullptr : &*row;
}

std::string Interfaces::name_of(unsigned index) const {
    for (const Interface& row : rows_)
        if (row.index == index) return row.name;
    for (const Interface& row : rows_)
        if (row.last_index == index) return row.name;
    return interface_name(index);
}

void Interfaces::attach(Interface& row, Attachment attachment) {
    if (row.attachment) row.attachment->release_pin();
    row.attachment.reset();
    // Another row that had the number is elsewhere by now.
    for (Interface& other : rows_)
        if (other.index == attachment.index()) other.index = 0;
    row.index = row.last_index = attachment.index();
    row.attachment.emplace(std::move(attachment));
}

void Interfaces::confirm(Interface& row, std::uint64_t now_ns) {
    WEIR_CHECK(row.attachment.has_value());
    row.is_attached = true;
    row.last_attached_ns = now_ns;
    row.gaps.close(now_ns);
}

void Interfaces::forget(Interface& row) {
    row.attachment.reset();
    row.egress.reset();
    row.is_attached = false;
    row.index = 0;
}

void Interfaces::detach_all() {
    for (Interface& row : rows_) {
        row.attachment.reset();
        row.egress.reset();
        row.is_attached = false;
    }
}

}  // namespace weir::runtime
