// Tested by tests/kernel/upkeep_test.cpp.
#include "runtime/state/set_changer.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "runtime/kernel.h"

extern "C" const char weir_template_tables_begin[];
extern "C" const char weir_template_tables_end[];

namespace weir::runtime {

Result<ObjectPtr> SetChanger::load() {
    LIBBPF_OPTS(bpf_object_open_opts, open, .object_name = "weir_tables");
    ObjectPtr object(
        bpf_object__open_mem(weir_template_tables_begin,
                             static_cast<std::size_t>(weir_template_tables_end - weir_template_tables_begin), &open));
    if (!object) return kernel_error(errno, "reading the program that changes sets");
    if (const int failed = bpf_object__load(object.get()); failed != 0)
        return kernel_error(failed, "loading the program that changes sets");
    return object;
}

void SetChanger::prepare() {
    if (object_ || loading_.valid()) return;
    try {
        loading_ = std::async(std::launch::async, load);
    } catch (const std::system_error&) {
        // The first change loads it.
    }
}

int SetChanger::map(const char* name) const { return bpf_object__find_map_fd_by_name(object_.get(), name); }

// For each table that is put there or taken out, the kernel waits for all programs that run.
Status SetChanger::use(int table) {
    bpf_map_info facts{};
    __u32 length = sizeof(facts);
    const std::uint32_t zero = 0;
    if (bpf_obj_get_info_by_fd(table, &facts, &length) != 0) return kernel_error(errno, "looking for a set");
    if (facts.id == table_) return Done{};
    if (bpf_map_update_elem(map("weir_requested_table"), &zero, &table, BPF_ANY) != 0)
        return kernel_error(errno, "changing a set");
    table_ = facts.id;
    return Done{};
}

void SetChanger::forget() {
    const std::uint32_t zero = 0;
    if (table_ != 0) bpf_map_delete_elem(map("weir_requested_table"), &zero);
    table_ = 0;
}

Status SetChanger::carry_out(int table, std::vector<weir_set_request>& requests, std::uint64_t now_ns) {
    if (requests.empty()) return Done{};
    if (!object_) {
        auto loaded = loading_.valid() ? loading_.get() : load();
        if (!loaded) return loaded.error();
        object_ = std::move(*loaded);
    }
    if (Status used = use(table); !used) return used;
    const int program = bpf_program__fd(bpf_object__find_program_by_name(object_.get(), "weir_change_table"));
    const int asked = map(".data.weir_set_requests"), how_many = map(".data.weir_set_request_count"),
              when = map(".data.weir_set_request_ns");
    const std::uint32_t zero = 0;
    std::vector<weir_set_request> some(WEIR_SET_REQUESTS);
    for (std::size_t first = 0; first < requests.size(); first += WEIR_SET_REQUESTS) {
        const auto count =
            static_cast<std::uint32_t>(std::min<std::size_t>(WEIR_SET_REQUESTS, requests.size() - first));
        std::copy_n(requests.begin() + static_cast<std::ptrdiff_t>(first), count, some.begin());
        const std::uint8_t frame[64] = {};
        LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(frame), .repeat = 1);
        if (bpf_map_update_elem(asked, &zero, some.data(), BPF_ANY) != 0 ||
            bpf_map_update_elem(how_many, &zero, &count, BPF_ANY) != 0 ||
            bpf_map_update_elem(when, &zero, &now_ns, BPF_ANY) != 0 || bpf_prog_test_run_opts(program, &run) != 0 ||
            bpf_map_lookup_elem(asked, &zero, some.data()) != 0)
            return kernel_error(errno, "changing a set");
        std::copy_n(some.begin(), count, requests.begin() + static_cast<std::ptrdiff_t>(first));
    }
    return Done{};
}

}  // namespace weir::runtime
