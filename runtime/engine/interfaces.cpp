// Held by tests/unit/runtime/interfaces_test.cpp and tests/kernel/links_test.cpp.
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

Result<Interfaces> Interfaces::find(const std::vector<std::string>& names) {
    if (names.empty()) return Error{"no interface to attach to", "name one at least", EINVAL};
    Interfaces interfaces;
    for (const std::string& name : names) {
        auto index = interface_index(name);
        if (!index) return index.error();
        const auto& known = interfaces.rows_;
        if (std::any_of(known.begin(), known.end(), [&](const Interface& row) { return row.index == *index; }))
            return Error{fmt::format("interface {} is named twice", name), "", EINVAL};
        interfaces.rows_.push_back({name, *index});
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
    return interface_name(index);
}

bool Interfaces::all_attached() const {
    return std::all_of(rows_.begin(), rows_.end(), [](const Interface& row) { return row.attachment.has_value(); });
}

void Interfaces::attach(Interface& row, Attachment attachment, std::uint64_t now_ns) {
    WEIR_CHECK(std::none_of(rows_.begin(), rows_.end(), [&](const Interface& other) {
        return &other != &row && other.index == attachment.index();
    }));
    if (row.attachment) row.attachment->release_pin();
    row.attachment.reset();
    row.index = attachment.index();
    row.attachment.emplace(std::move(attachment));
    row.gaps.close(now_ns);
}

void Interfaces::lose(Interface& row, std::uint64_t now_ns) {
    row.attachment.reset();
    row.gaps.open(now_ns);
}

void Interfaces::detach_all() {
    for (Interface& row : rows_) row.attachment.reset();
}

}  // namespace weir::runtime
