// Tested by tests/kernel/tls_walks_test.cpp.
#include "runtime/state/tls_walks.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <vector>

#include "bpf/tls_walks.h"
#include "runtime/kernel.h"

namespace weir::runtime {

Result<std::uint64_t> evicted_tls_walks(int map) {
    const std::uint32_t zero = 0;
    weir_tls_walks_head head{};
    if (bpf_map_lookup_elem(map, &zero, &head) != 0) return kernel_error(errno, "counting walks through ClientHellos");
    return head.evicted;
}

Result<TlsWalksCount> count_tls_walks(int map) {
    std::vector<std::uint32_t> numbers(WEIR_TLS_WALK_ELEMENTS);
    std::vector<weir_tls_walks> groups(WEIR_TLS_WALK_ELEMENTS);
    std::uint32_t read = WEIR_TLS_WALK_ELEMENTS, next = 0;
    // ENOENT: that was all of it.
    if (bpf_map_lookup_batch(map, nullptr, &next, numbers.data(), groups.data(), &read, nullptr) != 0 &&
        errno != ENOENT)
        return kernel_error(errno, "counting walks through ClientHellos");
    TlsWalksCount count;
    for (std::uint32_t i = 0; i < read; ++i) {
        if (numbers[i] == 0)
            count.evicted = reinterpret_cast<const weir_tls_walks_head&>(groups[i]).evicted;
        else
            count.walks +=
                static_cast<std::uint64_t>(std::count_if(std::begin(groups[i].prints), std::end(groups[i].prints),
                                                         [](std::uint64_t print) { return print != 0; }));
    }
    return count;
}

Status forget_tls_walks(int map) {
    std::vector<std::uint32_t> numbers(WEIR_TLS_WALK_ELEMENTS);
    std::iota(numbers.begin(), numbers.end(), 0u);
    const std::vector<weir_tls_walks> groups(WEIR_TLS_WALK_ELEMENTS);
    auto count = static_cast<std::uint32_t>(groups.size());
    if (bpf_map_update_batch(map, numbers.data(), groups.data(), &count, nullptr) != 0)
        return kernel_error(errno, "forgetting walks through ClientHellos");
    return Done{};
}

}  // namespace weir::runtime
