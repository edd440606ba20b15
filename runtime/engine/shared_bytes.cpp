// Tested by tests/unit/runtime/record_test.cpp with `record`.
#include "runtime/engine/shared_bytes.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

Result<UniqueMapping> map_memory(int map, std::size_t size) {
    const int flags = map < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
    UniqueMapping mapping(mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, map, 0), size);
    if (!mapping) return kernel_error(errno, "sharing memory with the kernel");
    return mapping;
}

}  // namespace

Result<SharedBytes> SharedBytes::create(const char* name, const std::vector<std::uint8_t>& bytes, Lifetime lifetime) {
    LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
    UniqueFd map;
    if (lifetime == Lifetime::kPinned) {
        map = UniqueFd(bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(std::uint32_t),
                                      static_cast<std::uint32_t>(bytes.size()), 1, &opts));
        if (!map) return kernel_error(errno, "making the map of an engine's memory");
    }
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

}  // namespace weir::runtime
