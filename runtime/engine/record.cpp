// Tested by tests/unit/runtime/record_test.cpp.
#include "runtime/engine/record.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "grammar/base/check.h"
#include "runtime/bytes.h"

namespace weir::runtime {

std::uint64_t Record::checksum_of(const Head& head, std::span<const std::uint8_t> rest) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&head);
    return checksum(rest, checksum({bytes, offsetof(Head, checksum)}));
}

Result<Record> Record::create(std::uint32_t generation, std::size_t alerts, const std::vector<std::uint8_t>& rest,
                              Lifetime lifetime) {
    Head head{kVersion, generation, static_cast<std::uint32_t>(alerts), 0, rest.size(), 0, 0};
    head.checksum = checksum_of(head, rest);
    ByteWriter out;
    out.put(head);
    for (std::size_t i = 0; i < alerts; ++i) out.put(Taken{});
    out.append(rest);
    auto memory = SharedBytes::create("weir_record", out.bytes(), lifetime);
    if (!memory) return memory.error();
    return Record(std::move(*memory));
}

Result<Record> Record::adopt(UniqueFd map) {
    auto memory = SharedBytes::adopt(std::move(map));
    if (!memory) return memory.error();
    const std::size_t size = memory->bytes().size();
    const Error broken{"a pinned record is not as weir wrote it", {}, EBADMSG};
    if (size < sizeof(Head)) return broken;
    Record record(std::move(*memory));
    const Head head = record.head();
    if (head.version != kVersion || head.alerts > (size - sizeof(Head)) / sizeof(Taken) ||
        head.rest_bytes != size - sizeof(Head) - head.alerts * sizeof(Taken) ||
        head.checksum != checksum_of(head, record.rest()))
        return broken;
    return record;
}

std::span<Record::Taken> Record::taken() const {
    return {reinterpret_cast<Taken*>(memory_.bytes().data() + sizeof(Head)), head().alerts};
}

void Record::count(std::uint32_t alert, Outcome outcome) {
    hold(alert);
    release(alert, outcome);
}

void Record::repeat(std::uint32_t alert) {
    WEIR_CHECK(alert < head().alerts);
    ++taken()[alert].repeated;
}

void Record::hold(std::uint32_t alert) {
    WEIR_CHECK(alert < head().alerts);
    Taken& of = taken()[alert];
    ++head().read;
    ++of.held;
}

void Record::release(std::uint32_t alert, Outcome outcome) {
    WEIR_CHECK(alert < head().alerts);
    Taken& of = taken()[alert];
    WEIR_CHECK(of.held != 0);
    ++(outcome == Outcome::kDelivered ? of.delivered : of.lost);
    --of.held;
}

bool Record::holds() const {
    return std::any_of(taken().begin(), taken().end(), [](const Taken& of) { return of.held != 0; });
}

void Record::lose_held() {
    for (Taken& of : taken()) {
        of.lost += of.held;
        of.held = 0;
    }
}

void Record::restore(std::uint32_t alert, std::uint64_t read, const Taken& before) {
    WEIR_CHECK(alert < head().alerts);
    head().read = read;
    taken()[alert] = before;
}

std::span<const std::uint8_t> Record::rest() const {
    return memory_.bytes().subspan(sizeof(Head) + head().alerts * sizeof(Taken));
}

}  // namespace weir::runtime
