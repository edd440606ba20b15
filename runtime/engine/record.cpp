#include "runtime/engine/record.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

#include "runtime/bytes.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

Result<UniqueMapping> map_memory(int map, std::size_t size) {
    UniqueMapping mapping(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0), size);
    if (!mapping) return kernel_error(errno, "sharing memory with the kernel");
    return mapping;
}

}  // namespace

Result<SharedBytes> SharedBytes::create(const char* name, const std::vector<std::uint8_t>& bytes) {
    LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
    UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(std::uint32_t),
                                static_cast<std::uint32_t>(bytes.size()), 1, &opts));
    if (!map) return kernel_error(errno, "making the map of an engine's memory");
    auto mapping = map_memory(map.get(), bytes.size());
    if (!mapping) return mapping.error();
    std::memcpy(mapping->get(), bytes.data(), bytes.size());
    return SharedBytes(std::move(map), std::move(*mapping), bytes.size());
}

Result<SharedBytes> SharedBytes::adopt(UniqueFd map) {
    bpf_map_info info{};
    __u32 length = sizeof(info);
    if (!map || bpf_obj_get_info_by_fd(map.get(), &info, &length) != 0 || info.type != BPF_MAP_TYPE_ARRAY ||
        info.max_entries != 1 || (info.map_flags & BPF_F_MMAPABLE) == 0)
        return Error{"a pin is not what weir pins there", {}, EINVAL};
    auto mapping = map_memory(map.get(), info.value_size);
    if (!mapping) return mapping.error();
    return SharedBytes(std::move(map), std::move(*mapping), info.value_size);
}

Result<Record> Record::create(std::uint32_t generation, std::size_t alerts, const std::vector<std::uint8_t>& rest) {
    ByteWriter out;
    out.put(Head{generation, static_cast<std::uint32_t>(alerts), 0, 0, 0});
    for (std::size_t i = 0; i < alerts; ++i) out.put(Taken{});
    std::vector<std::uint8_t> bytes = out.bytes();
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    auto memory = SharedBytes::create("weir_record", bytes);
    if (!memory) return memory.error();
    return Record(std::move(*memory));
}

Result<Record> Record::adopt(UniqueFd map) {
    auto memory = SharedBytes::adopt(std::move(map));
    if (!memory) return memory.error();
    const std::size_t size = memory->bytes().size();
    Record record(std::move(*memory));
    if (size < sizeof(Head) || (size - sizeof(Head)) / sizeof(Taken) < record.head().alerts)
        return Error{"a pinned record is cut short", {}, EINVAL};
    return record;
}

std::span<Record::Taken> Record::alerts() const {
    return {reinterpret_cast<Taken*>(memory_.bytes().data() + sizeof(Head)), head().alerts};
}

std::span<const std::uint8_t> Record::rest() const {
    return memory_.bytes().subspan(sizeof(Head) + head().alerts * sizeof(Taken));
}

}  // namespace weir::runtime
