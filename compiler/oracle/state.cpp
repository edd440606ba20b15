// Tested by tests/verdict/stateful.cpp with `stateful`.
#include "compiler/oracle/state.h"

#include <algorithm>
#include <limits>

#include "compiler/policy/distinct.h"
#include "compiler/policy/set_element.h"
#include "grammar/base/check.h"

namespace weir::oracle {
namespace {

__extension__ using Wide = unsigned __int128;

// Of a name or text its print.
std::uint64_t number_of(const packet::FieldValue& value) {
    if (const auto* name = std::get_if<packet::DomainName>(&value))
        return policy::text_print(name->text(), name->labels.size());
    if (const auto* text = std::get_if<std::string>(&value)) return policy::text_print(*text, 0);
    return std::get<std::uint64_t>(value);
}

// bpf/abi.h, WEIR_SKETCH_BITS: a value as five words.
std::uint64_t value_hash(const packet::FieldValue& value) {
    std::uint64_t words[5] = {};
    if (const auto* address = std::get_if<IpAddress>(&value)) {
        words[0] = address->version;
        for (std::size_t i = 0; i < 16; ++i) words[1 + i / 4] = words[1 + i / 4] << 8 | address->bytes[i];
    } else if (const auto* flag = std::get_if<bool>(&value)) {
        words[0] = *flag ? 1 : 0;
    } else {
        const std::uint64_t number = number_of(value);
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
    if (type == policy::SetType::kIp || type == policy::SetType::kNet) return element.address;
    return element.number;
}

IpAddress first_bits(IpAddress address, unsigned bits) {
    for (unsigned bit = bits; bit < 8 * address.bytes.size(); ++bit)
        address.bytes[bit / 8] &= static_cast<std::uint8_t>(~(0x80u >> bit % 8));
    return address;
}

LiveSet::LiveSet(const policy::Set& set) : size_(set.size) {
    for (std::size_t part = 0; part < set.types.size(); ++part)
        if (set.types[part] == policy::SetType::kNet) net_part_ = part;
    for (std::size_t i = 0; i < set.entries.size(); ++i) {
        const std::vector<policy::SetElement> entry = set.entries.entry(i);
        SetKey key;
        for (std::size_t part = 0; part < entry.size(); ++part)
            key.values.push_back(field_value(set.types[part], entry[part]));
        if (net_part_) key.net_length = entry[*net_part_].prefix_length;
        until_.emplace(std::move(key), 0);
    }
}

bool LiveSet::has(const SetKey& key, std::uint64_t now_ns) const {
    if (!net_part_) return has_entry(key, now_ns);
    SetKey around = key;
    auto& address = std::get<IpAddress>(around.values[*net_part_]);
    for (unsigned length = key.net_length + 1u; length-- > 0;) {
        around.net_length = static_cast<std::uint8_t>(length);
        address = first_bits(address, length);
        if (has_entry(around, now_ns)) return true;
    }
    return false;
}

bool LiveSet::has_entry(const SetKey& key, std::uint64_t now_ns) const {
    const auto found = until_.find(key);
    return found != until_.end() && (found->second == 0 || now_ns < found->second);
}

bool LiveSet::add(const SetKey& key, std::uint64_t for_ns, std::uint64_t now_ns) {
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

std::pair<Buckets::Map::iterator, bool> Buckets::find_or_make(const KeyValue& key, std::uint64_t size,
                                                              std::uint64_t now_ns) {
    if (const auto found = buckets_.find(key); found != buckets_.end()) {
        take_out_of_order(found);
        return {found, false};
    }
    if (buckets_.size() >= size) evict(now_ns);
    return {buckets_.emplace(key, Placed{}).first, true};
}

void Buckets::take_out_of_order(Map::iterator at) {
    const Placed& placed = at->second;
    by_time_.erase({placed.bucket.initial_at_ns, placed.number});
    by_distance_.erase({placed.bucket.distance, placed.number});
}

void Buckets::put_in_order(Map::iterator at) {
    Placed& placed = at->second;
    placed.number = ++changes_;
    by_time_.emplace(std::pair{placed.bucket.initial_at_ns, placed.number}, at);
    by_distance_.emplace(std::pair{placed.bucket.distance, placed.number}, at);
}

void Buckets::evict(std::uint64_t now_ns) {
    const Map::iterator first = by_time_.begin()->second;
    const bool is_initial = first->second.bucket.initial_at_ns <= now_ns;
    const Map::iterator at = is_initial ? first : by_distance_.begin()->second;
    if (!is_initial || at->second.bucket.held_back != 0) ++evictions_;
    take_out_of_order(at);
    buckets_.erase(at);
}

namespace {

std::uint64_t later(std::uint64_t time_ns, Wide by_ns) {
    const std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
    return by_ns > most - time_ns ? most : time_ns + static_cast<std::uint64_t>(by_ns);
}

bool takes(const policy::StateTerm& term, Bucket& bucket, bool is_new, std::uint64_t wanted, std::uint64_t now_ns) {
    const Wide full = Wide{term.burst} * term.unit_ns;
    const Wide had = is_new ? full : Wide{bucket.tokens} + Wide{since(bucket.time_ns, now_ns)} * term.limit;
    const Wide tokens = std::min(full, had), price = Wide{wanted} * term.unit_ns;
    const bool found = tokens >= price;
    bucket.tokens = static_cast<std::uint64_t>(found ? tokens - price : tokens);
    bucket.time_ns = std::max(bucket.time_ns, now_ns);
    bucket.initial_at_ns = later(bucket.time_ns, (full - bucket.tokens + term.limit - 1) / term.limit);
    bucket.distance = bucket.initial_at_ns;  // all fill as fast
    return !found;
}

// Opens the next window where the last one has ended. True where it did.
bool opens(const policy::StateTerm& term, Bucket& bucket, std::uint64_t now_ns) {
    if (bucket.tokens != 0 && since(bucket.time_ns, now_ns) < term.unit_ns) return false;
    bucket.time_ns = now_ns;
    bucket.initial_at_ns = later(now_ns, term.unit_ns);
    bucket.tokens = 0;
    return true;
}

bool counts(const policy::StateTerm& term, Bucket& bucket, std::uint64_t now_ns) {
    opens(term, bucket, now_ns);
    bucket.distance = ++bucket.tokens;
    return bucket.tokens > term.limit;
}

bool distinguishes(const policy::StateTerm& term, Bucket& bucket, const packet::FieldValue& value,
                   std::uint64_t now_ns) {
    if (opens(term, bucket, now_ns)) {
        bucket.values.clear();
        bucket.marks.clear();
    }
    ++bucket.tokens;
    if (term.limit <= policy::kExactDistinct) {
        bucket.values.insert(value);
        bucket.distance = bucket.values.size();
        return bucket.values.size() > term.limit;
    }
    const policy::DistinctSketch sketch = policy::distinct_sketch(term.limit);
    const std::uint64_t hash = value_hash(value);
    if ((hash >> 40 & ((std::uint64_t{1} << sketch.sampled_bits) - 1)) == 0) bucket.marks.insert(hash % 2048);
    bucket.distance = bucket.marks.size();
    return bucket.marks.size() > sketch.marks;
}

}  // namespace

// A key over its limit goes only where all are.
constexpr std::uint64_t kIsOver = std::uint64_t{1} << 62;

bool shares(const policy::StateTerm& term, Bucket& bucket, bool is_hit, std::uint64_t now_ns) {
    constexpr std::uint64_t kAll = 10'000;  // hundredths of a percent
    if (opens(term, bucket, now_ns)) bucket.hits = 0;
    ++bucket.tokens;
    if (is_hit) ++bucket.hits;
    const bool is_over =
        bucket.tokens >= term.least && Wide{bucket.hits} * kAll > Wide{term.limit} * Wide{bucket.tokens};
    bucket.distance = bucket.tokens + (is_over ? kIsOver : 0);
    return is_over;
}

// language.md, `surge`: s, c, a and n are time_ns, tokens, average and windows.
bool surges(const policy::StateTerm& term, Bucket& bucket, bool is_new, std::uint64_t now_ns) {
    constexpr std::uint64_t kMostWindows = 255, kLeastWindows = 8, kForgets = 64;
    constexpr std::uint64_t kMostPackets = std::numeric_limits<std::uint32_t>::max();
    if (is_new) bucket.time_ns = now_ns;
    const std::uint64_t passed = since(bucket.time_ns, now_ns) / term.unit_ns;
    if (passed >= 1) {
        if (bucket.windows == 0)
            bucket.average = 256 * bucket.tokens;
        else
            bucket.average = bucket.average - bucket.average / 8 + 32 * bucket.tokens;
        const std::uint64_t empty = passed - 1;
        if (empty > kForgets) bucket.average = 0;
        for (std::uint64_t i = 0; i < std::min(empty, kForgets); ++i) bucket.average -= bucket.average / 8;
        bucket.windows = static_cast<std::uint64_t>(std::min(Wide{kMostWindows}, Wide{bucket.windows} + passed));
        bucket.time_ns += passed * term.unit_ns;
        bucket.tokens = 0;
    }
    bucket.tokens = std::min(bucket.tokens + 1, kMostPackets);
    const bool is_over = bucket.windows >= kLeastWindows && bucket.tokens > term.least &&
                         Wide{256} * bucket.tokens > Wide{term.limit} * bucket.average;
    // What it has learnt of the key never is as if the key had not been met.
    bucket.initial_at_ns = std::numeric_limits<std::uint64_t>::max();
    bucket.distance = bucket.average + 256 * bucket.tokens + (is_over ? kIsOver : 0);
    return is_over;
}

namespace {

// The term's answer for one more packet of the bucket's key.
bool counts_in(const policy::StateTerm& term, Bucket& bucket, bool is_new, const TermState::Seen& seen) {
    switch (term.kind) {
        case policy::TermKind::kRate: return takes(term, bucket, is_new, 1, seen.now_ns);
        case policy::TermKind::kByteRate: return takes(term, bucket, is_new, seen.packet_bytes, seen.now_ns);
        case policy::TermKind::kCount: return counts(term, bucket, seen.now_ns);
        case policy::TermKind::kDistinct: return distinguishes(term, bucket, *seen.value, seen.now_ns);
        case policy::TermKind::kShare: return shares(term, bucket, seen.is_hit, seen.now_ns);
        case policy::TermKind::kSurge: return surges(term, bucket, is_new, seen.now_ns);
        case policy::TermKind::kThrottle: break;
    }
    WEIR_CHECK(!"a term of a rule");
    return false;
}

TermState::Reading reading_of(const policy::StateTerm& term, const Bucket& bucket) {
    switch (term.kind) {
        case policy::TermKind::kRate:
        case policy::TermKind::kByteRate: return {bucket.tokens / term.unit_ns, 0};
        case policy::TermKind::kDistinct: return {std::max(bucket.values.size(), bucket.marks.size()), 0};
        case policy::TermKind::kShare: return {bucket.hits, bucket.tokens};
        default: return {bucket.tokens, 0};
    }
}

}  // namespace

bool TermState::exceeds(const policy::StateTerm& term, const KeyValue& key, const Seen& seen) {
    return buckets_.change(key, term.size, seen.now_ns, [&](Bucket& bucket, bool is_new) {
        const bool exceeds = counts_in(term, bucket, is_new, seen);
        last_ = reading_of(term, bucket);
        return exceeds;
    });
}

std::uint32_t Throttles::passes(std::uint32_t alert, const policy::StateTerm& throttle,
                                const std::optional<KeyValue>& key, std::uint64_t now_ns) {
    KeyValue whole{std::uint64_t{alert}};
    if (key) whole.insert(whole.end(), key->begin(), key->end());
    return buckets_.change(whole, size_, now_ns, [&](Bucket& bucket, bool) {
        opens(throttle, bucket, now_ns);
        std::uint32_t before = kHeldBack;
        if (bucket.tokens < throttle.limit) {
            ++bucket.tokens;
            before = static_cast<std::uint32_t>(bucket.held_back);
            bucket.held_back = 0;
        } else if (bucket.held_back < kMostHeldBack) {
            ++bucket.held_back;
        }
        bucket.distance = bucket.held_back << 32 | bucket.tokens;
        return before;
    });
}

OracleState::OracleState(const policy::TypedPolicy& policy) : throttles(policy.throttles_size) {
    for (std::uint32_t number = 0; number < policy.sets.size(); ++number)
        if (policy.sets[number].dynamic && !has_names(policy.sets[number].types))  // no rule changes names
            sets.emplace(number, LiveSet(policy.sets[number]));
}

std::uint64_t OracleState::evictions() const {
    std::uint64_t sum = throttles.evictions();
    for (const auto& [place, term] : terms) sum += term.evictions();
    return sum;
}

}  // namespace weir::oracle
