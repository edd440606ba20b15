// Tested by tests/kernel/measure_test.cpp.
#include "runtime/state/measure_table.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

std::uint32_t copies_of(std::uint32_t size) {
    if (size > WEIR_MEASURE_COPIED_KEYS) return 1;
    const long cpus = std::clamp<long>(sysconf(_SC_NPROCESSORS_CONF), 1, WEIR_MEASURE_COPIES);
    return std::bit_ceil(static_cast<std::uint32_t>(cpus));
}

Error foreign() { return {"a table of measures is not as weir made it", {}, EBADMSG}; }

Result<UniqueMapping> mapped(int fd, std::uint32_t elements) {
    const std::size_t bytes = std::size_t{elements} * WEIR_HISTOGRAM_BYTES;
    UniqueMapping memory(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), bytes);
    if (!memory) return kernel_error(errno, "reading measures");
    return memory;
}

// Are all places that are computed from the head inside of the memory?
bool fits(const weir_measure_head& head, std::uint32_t elements) {
    const bool has_words = head.key_words == 0 || head.key_words == 2 || head.key_words == 6 || head.key_words == 16;
    return has_words && head.size != 0 && head.size <= WEIR_MEASURE_MOST_KEYS && std::has_single_bit(head.copies) &&
           head.copies <= WEIR_MEASURE_COPIES && head.lines == weir_index_lines(head.size) &&
           weir_measure_elements(head.size, head.copies) <= elements;
}

}  // namespace

std::uint64_t MeasuredKey::quantile(std::uint32_t thousandths) const {
    __extension__ using Wide = unsigned __int128;
    constexpr std::uint64_t kThousand = 1000;
    if (count == 0) return 0;
    const auto rank = static_cast<std::uint64_t>((Wide{count} * thousandths + kThousand - 1) / kThousand);
    std::uint64_t below = 0;
    for (std::uint32_t bucket = 0; bucket < WEIR_HISTOGRAM_BUCKETS; ++bucket) {
        below += buckets[bucket];
        if (below >= std::max<std::uint64_t>(rank, 1))
            return std::min<std::uint64_t>(weir_bucket_first(bucket) + weir_bucket_width(bucket) / 2, largest);
    }
    return largest;
}

Result<MeasureTable> MeasureTable::open(int fd) {
    bpf_map_info facts{};
    __u32 length = sizeof(facts);
    if (fd < 0 || bpf_obj_get_info_by_fd(fd, &facts, &length) != 0) return kernel_error(errno, "looking for measures");
    if (facts.type != BPF_MAP_TYPE_ARRAY || facts.value_size != WEIR_HISTOGRAM_BYTES || facts.max_entries == 0)
        return foreign();
    auto memory = mapped(fd, facts.max_entries);
    if (!memory) return memory.error();
    weir_measure_head head;
    std::memcpy(&head, memory->get(), sizeof(head));
    if (!fits(head, facts.max_entries)) return foreign();
    return MeasureTable(std::move(*memory), head);
}

Result<UniqueFd> MeasureTable::make(std::uint32_t size, std::uint32_t key_words) {
    const std::uint32_t copies = copies_of(size), elements = weir_measure_elements(size, copies);
    LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
    UniqueFd fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "weir_measure", sizeof(std::uint32_t), WEIR_HISTOGRAM_BYTES,
                               elements, &opts));
    if (!fd) return kernel_error(errno, "making room for measures");
    auto memory = mapped(fd.get(), elements);
    if (!memory) return memory.error();
    __u64 random[WEIR_PRINT_WORDS];
    if (getrandom(random, sizeof(random), 0) != sizeof(random)) return kernel_error(errno, "asking for random numbers");
    weir_begin_measure(memory->get(), random, size, key_words, copies);
    return fd;
}

// Into a table that nobody else writes to yet.
void MeasureTable::take(const MeasuredKey& key) const {
    auto& head = *static_cast<weir_measure_head*>(memory_.get());
    const std::uint32_t number = head_.key_words == 0 ? 0 : head.keys;
    if (number >= head_.size) {
        head.refused += key.count;
        return;
    }
    if (head_.key_words != 0) {
        std::copy(key.words.begin(), key.words.end(), weir_measured_key(memory_.get(), number));
        const std::uint64_t print = weir_print(head.by, key.words.data(), head_.key_words);
        const std::uint32_t home = weir_index_home(print, head_.lines);
        auto* index = static_cast<std::uint64_t*>(memory_.get()) +
                      std::size_t{1 + home / WEIR_INDEX_ELEMENT} * (WEIR_HISTOGRAM_BYTES / 8);
        for (std::uint32_t i = 0; i < WEIR_INDEX_TRIED; ++i) {
            std::uint64_t& entry = index[(home + i) % WEIR_INDEX_ELEMENT];
            if (entry != 0) continue;
            entry = weir_index_entry(print, number + 1);
            ++head.keys;
            break;
        }
    }
    weir_histogram& to = *weir_measured(memory_.get(), number, 0);
    to.sum = key.sum;
    to.largest = key.largest;
    std::copy(key.buckets.begin(), key.buckets.end(), to.buckets);
}

Result<UniqueFd> MeasureTable::make_resized(std::uint32_t size, std::uint32_t key_words, const MeasureTable& others) {
    auto fd = make(size, key_words);
    if (!fd) return fd.error();
    auto table = open(fd->get());
    if (!table) return table.error();
    for (const MeasuredKey& key : others.keys()) table->take(key);
    static_cast<weir_measure_head*>(table->memory_.get())->refused += others.refused();
    return fd;
}

namespace {

// `head`: as it was when it was checked.
std::uint32_t key_count_of(const void* elements, const weir_measure_head& head) {
    const auto& now = *static_cast<const weir_measure_head*>(elements);
    return head.key_words == 0 ? 1 : std::min<std::uint32_t>(__atomic_load_n(&now.keys, __ATOMIC_ACQUIRE), head.size);
}

void add_copy(MeasuredKey& key, const weir_histogram& copy) {
    key.sum += __atomic_load_n(&copy.sum, __ATOMIC_RELAXED);
    key.largest = std::max<std::uint64_t>(key.largest, __atomic_load_n(&copy.largest, __ATOMIC_RELAXED));
    for (std::uint32_t bucket = 0; bucket < WEIR_HISTOGRAM_BUCKETS; ++bucket) {
        const std::uint64_t values = __atomic_load_n(&copy.buckets[bucket], __ATOMIC_RELAXED);
        key.buckets[bucket] += values;
        key.count += values;
    }
}

std::vector<MeasuredKey> read_keys(const void* elements, const weir_measure_head& head) {
    const std::uint64_t first = weir_first_measure_key(head.lines),
                        histograms = weir_first_histogram(head.lines, head.size);
    const auto element = [&](std::uint64_t number) {
        return static_cast<const std::uint8_t*>(elements) + number * WEIR_HISTOGRAM_BYTES;
    };
    std::vector<MeasuredKey> all(key_count_of(elements, head));
    for (std::uint32_t i = 0; i < all.size(); ++i) {
        const auto* words = reinterpret_cast<const weir_measure_keys*>(element(first + i / WEIR_KEYS_AN_ELEMENT))
                                ->words[i % WEIR_KEYS_AN_ELEMENT];
        all[i].words.assign(words, words + head.key_words);
        for (std::uint32_t copy = 0; copy < head.copies; ++copy)
            add_copy(all[i], *reinterpret_cast<const weir_histogram*>(
                                 element(histograms + std::uint64_t{copy} * head.size + i)));
    }
    return all;
}

}  // namespace

std::vector<MeasuredKey> MeasureTable::keys() const { return read_keys(memory_.get(), head_); }
std::uint64_t MeasureTable::key_count() const { return key_count_of(memory_.get(), head_); }
std::uint64_t MeasureTable::refused() const { return refused_of(memory_.get()); }

std::vector<MeasuredKey> read_measured(const void* elements) {
    return read_keys(elements, *static_cast<const weir_measure_head*>(elements));
}
std::uint64_t refused_of(const void* elements) {
    return __atomic_load_n(&static_cast<const weir_measure_head*>(elements)->refused, __ATOMIC_RELAXED);
}

namespace {

std::string address_text(const std::uint32_t* words, std::uint32_t version, std::uint32_t bits) {
    std::uint8_t bytes[16] = {};
    for (std::size_t i = 0; i < sizeof(bytes); ++i)
        bytes[i] = static_cast<std::uint8_t>(words[i / 4] >> (24 - i % 4 * 8));
    char text[INET6_ADDRSTRLEN] = "";
    inet_ntop(version == 4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
    return bits == (version == 4 ? 32u : 128u) ? std::string(text) : fmt::format("{}/{}", text, bits);
}

}  // namespace

std::vector<std::string> key_texts(const std::vector<bpf::MeasureKeyPart>& parts,
                                   const std::vector<std::uint32_t>& words) {
    std::vector<std::string> texts;
    std::size_t at = 0;  // behind the versions
    for (const bpf::MeasureKeyPart& part : parts)
        if (part.version_word != bpf::kNoVersionWord) at = std::max<std::size_t>(at, part.version_word + 1u);
    for (const bpf::MeasureKeyPart& part : parts) {
        std::uint32_t own[4] = {};
        for (std::size_t i = 0; i < part.words && i < 4 && at + i < words.size(); ++i) own[i] = words[at + i];
        at += part.words;
        const std::uint64_t number = part.words == 2 ? std::uint64_t{own[0]} << 32 | own[1] : own[0];
        const bool has_version = part.version_word < words.size();
        const std::uint32_t version = has_version ? words[part.version_word] : 4;
        switch (part.format) {
            case bpf::FieldFormat::kAddress:
                texts.push_back(address_text(own, version, version == 4 ? part.ip4_bits : part.ip6_bits));
                break;
            case bpf::FieldFormat::kBool: texts.emplace_back(number != 0 ? "true" : "false"); break;
            case bpf::FieldFormat::kMac:
                texts.push_back(fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", number >> 40 & 0xff,
                                            number >> 32 & 0xff, number >> 24 & 0xff, number >> 16 & 0xff,
                                            number >> 8 & 0xff, number & 0xff));
                break;
            default: texts.push_back(fmt::to_string(number));
        }
    }
    return texts;
}

namespace {

// Of "measure sizes: packet.len by ip.src/24/128, tcp.dport" (compiler/policy/identity.h).
std::vector<std::string> key_names(const std::string& identity) {
    constexpr std::string_view kBy = " by ", kNext = ", ";
    std::vector<std::string> names;
    std::size_t at = identity.find(kBy);
    for (std::size_t skip = kBy.size(); at != std::string::npos; skip = kNext.size()) {
        const std::size_t begin = at + skip;
        at = identity.find(kNext, begin);
        names.push_back(identity.substr(begin, at == std::string::npos ? at : at - begin));
    }
    return names;
}

// Buckets of the kernel end before each power of two: so many values can be said exactly.
std::vector<std::uint64_t> bounds_of(bpf::MeasureUnit unit) {
    struct Powers {
        std::uint32_t first, last;
    };
    constexpr Powers kPowers[] = {{0, 32}, {5, 24}, {10, 40}};  // any number; bytes up to 16 MiB; 1 us to 18 minutes
    const Powers powers = kPowers[static_cast<std::size_t>(unit)];
    std::vector<std::uint64_t> bounds;
    for (std::uint32_t power = powers.first; power <= powers.last; ++power)
        bounds.push_back((std::uint64_t{1} << power) - 1);
    return bounds;
}

}  // namespace

std::vector<std::uint64_t> MeasuredKey::up_to(const std::vector<std::uint64_t>& bounds) const {
    std::vector<std::uint64_t> values;
    std::uint64_t sum_so_far = 0;
    std::uint32_t bucket = 0;
    for (const std::uint64_t bound : bounds) {
        for (; bucket < WEIR_HISTOGRAM_BUCKETS && weir_bucket_first(bucket) <= bound; ++bucket)
            sum_so_far += buckets[bucket];
        values.push_back(sum_so_far);
    }
    return values;
}

std::vector<std::uint64_t> MeasuredKey::filled_buckets() const {
    const auto last = std::find_if(buckets.rbegin(), buckets.rend(), [](std::uint64_t values) { return values != 0; });
    return {buckets.begin(), last.base()};
}

Result<MeasureStatus> measure_status(const bpf::MeasureInfo& info, int fd) {
    auto table = MeasureTable::open(fd);
    if (!table) return table.error();
    constexpr const char* kUnits[] = {"", "bytes", "ns"};
    MeasureStatus status{info.name,
                         kUnits[static_cast<std::size_t>(info.unit)],
                         {},
                         table->refused(),
                         key_names(info.identity),
                         bounds_of(info.unit)};
    const std::vector<MeasuredKey> all = table->keys();
    std::vector<const MeasuredKey*> keys;  // they are 2 KB each
    for (const MeasuredKey& key : all)
        if (key.count != 0) keys.push_back(&key);  // else it has just come
    std::stable_sort(keys.begin(), keys.end(),
                     [](const auto* one, const auto* other) { return one->count > other->count; });
    for (const MeasuredKey* key : keys) {
        status.keys.push_back({key_texts(info.keys, key->words), key->count, key->sum, key->quantile(500),
                               key->quantile(900), key->quantile(990), key->largest});
        if (status.keys.size() > MeasureStatus::kBucketedKeys) continue;
        status.keys.back().buckets = key->up_to(status.bounds);
        status.keys.back().counts = key->filled_buckets();
    }
    return status;
}

}  // namespace weir::runtime
