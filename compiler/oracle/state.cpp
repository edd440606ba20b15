// Tested by tests/verdict/stateful.cpp with `stateful`.
#include "compiler/oracle/state.h"

#include <algorithm>
#include <limits>

#include "compiler/policy/distinct.h"
#include "compiler/policy/set_element.h"

namespace weir::oracle {
namespace {

__extension__ using Wide = unsigned __int128;

// bpf/abi.h, WEIR_SKETCH_BITS: a value as five words.
std::uint64_t value_hash(const packet::FieldValue& value) {
    std::uint64_t words[5] = {};
    if (const auto* address = std::get_if<IpAddress>(&value)) {
        words[0] = address->version;
        for (std::size_t i = 0; i < 16; ++i) words[1 + i / 4] = words[1 + i / 4] << 8 | address->bytes[i];
    } else if (const auto* flag = std::get_if<bool>(&value)) {
        words[0] = *flag ? 1 : 0;
    } else {
        const std::uint64_t number = std::get<std::uint64_t>(value);
        words[0] = number & 0xffffffff;
        words[1] = number >> 32;
    }
    std::uint64_t hash = 0;
    for (const std::uint64_t word : words) {
        hash = (hash ^ word) * 0xff51afd7ed558ccd;
        hash ^= hash >> 32;
    }
    return hash;
}

std::uint64_t since(std::uint64_t then_ns, std::uint64_t now_ns) { return now_ns > then_ns ? now_ns - then_ns : 0; }

}  // namespace

packet::FieldValue field_value(policy::SetType type, const policy::SetElement& element) {
    if (type == policy::SetType::kIp) return element.address;
    return element.number;
}

LiveSet::LiveSet(const policy::Set& set) : size_(set.size) {
    for (std::size_t i = 0; i < set.entries.size(); ++i) {
        const std::vector<policy::SetElement> entry = set.entries.entry(i);
        KeyValue key;
        for (std::size_t part = 0; part < entry.size(); ++part)
            key.push_back(field_value(set.types[part], entry[part]));
        until_.emplace(std::move(key), 0);
    }
}

bool LiveSet::has(const KeyValue& key, std::uint64_t now_ns) const {
    const auto found = until_.find(key);
    return found != until_.end() && (found->second == 0 || now_ns < found->second);
}

bool LiveSet::add(const KeyValue& key, std::uint64_t for_ns, std::uint64_t now_ns) {
    const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t until = for_ns == 0 ? 0 : for_ns > most - now_ns ? most : now_ns + for_ns;
    if (const auto found = until_.find(key); found != until_.end()) {
        found->second = until;
        return true;
    }
    if (until_.size() >= size_)
        std::erase_if(until_, [&](const auto& entry) { return entry.second != 0 && entry.second <= now_ns; });
    if (until_.size() >= size_) return false;
    until_.emplace(key, until);
    return true;
}

TermState::Bucket& TermState::bucket(const policy::StateTerm& term, const KeyValue& key, std::uint64_t now_ns) {
    auto found = buckets_.find(key);
    if (found == buckets_.end()) {
        if (buckets_.size() >= term.size) {
            buckets_.erase(by_use_.begin()->second);
            by_use_.erase(by_use_.begin());
            ++evictions_;
        }
        found = buckets_.emplace(key, Bucket{}).first;
        const bool is_rate = term.kind == policy::TermKind::kRate || term.kind == policy::TermKind::kByteRate;
        found->second.time_ns = now_ns;
        found->second.tokens = is_rate ? term.burst * term.unit_ns : 0;
    } else {
        by_use_.erase(found->second.used);
    }
    found->second.used = ++looks_;
    by_use_.emplace(looks_, key);
    return found->second;
}

bool TermState::takes(const policy::StateTerm& term, Bucket& bucket, std::uint64_t wanted, std::uint64_t now_ns) {
    const Wide full = Wide{term.burst} * term.unit_ns;
    const Wide tokens = std::min(full, bucket.tokens + Wide{since(bucket.time_ns, now_ns)} * term.limit);
    const Wide price = Wide{wanted} * term.unit_ns;
    const bool found = tokens >= price;
    bucket.tokens = static_cast<std::uint64_t>(found ? tokens - price : tokens);
    bucket.time_ns = std::max(bucket.time_ns, now_ns);
    return !found;
}

bool TermState::counts(const policy::StateTerm& term, Bucket& bucket, std::uint64_t now_ns) {
    if (bucket.tokens == 0 || since(bucket.time_ns, now_ns) >= term.unit_ns) {
        bucket.time_ns = now_ns;
        bucket.tokens = 0;
    }
    return ++bucket.tokens > term.limit;
}

bool TermState::distinguishes(const policy::StateTerm& term, Bucket& bucket, const packet::FieldValue& value,
                              std::uint64_t now_ns) {
    if (bucket.tokens == 0 || since(bucket.time_ns, now_ns) >= term.unit_ns) {
        bucket.values.clear();
        bucket.marks.clear();
    }
    counts(term, bucket, now_ns);  // opens the window
    if (term.limit <= policy::kExactDistinct) {
        bucket.values.insert(value);
        return bucket.values.size() > term.limit;
    }
    const policy::DistinctSketch sketch = policy::distinct_sketch(term.limit);
    const std::uint64_t hash = value_hash(value);
    if ((hash >> 40 & ((std::uint64_t{1} << sketch.sampled_bits) - 1)) == 0) bucket.marks.insert(hash % 2048);
    return bucket.marks.size() > sketch.marks;
}

bool TermState::exceeds(const policy::StateTerm& term, const KeyValue& key, const Seen& seen) {
    Bucket& found = bucket(term, key, seen.now_ns);
    switch (term.kind) {
        case policy::TermKind::kRate: return takes(term, found, 1, seen.now_ns);
        case policy::TermKind::kByteRate: return takes(term, found, seen.packet_bytes, seen.now_ns);
        case policy::TermKind::kCount: return counts(term, found, seen.now_ns);
        case policy::TermKind::kDistinct:
        case policy::TermKind::kThrottle: break;  // throttles hold back events, which the oracle has none of
    }
    return distinguishes(term, found, *seen.value, seen.now_ns);
}

OracleState::OracleState(const policy::TypedPolicy& policy) {
    for (std::uint32_t number = 0; number < policy.sets.size(); ++number)
        if (policy.sets[number].dynamic && !has_net(policy.sets[number].types))
            sets.emplace(number, LiveSet(policy.sets[number]));
}

}  // namespace weir::oracle
