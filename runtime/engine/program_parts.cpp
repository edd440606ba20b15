// Programs on their way from the process that loaded them.
// Tested by tests/cli/load_test.py with `reload`.
#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "bpf/answer.h"
#include "bpf/tls_walks.h"
#include "runtime/engine/program.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

// What user space reads and writes, by the name that the kernel keeps of it.
struct Shape {
    std::string_view name;
    std::uint32_t key_bytes, value_bytes;
};
constexpr Shape kShapes[] = {
    {"weir_counters", 4, sizeof(weir_counter_block)},
    {"weir_alert_acco", 4, sizeof(weir_alert_account)},
    {"weir_state_acco", 4, sizeof(weir_state_account)},
    {"weir_ifaces", 4, 4},
    {"weir_tls_walks", 4, sizeof(weir_tls_walks)},
    {"weir_answer_acc", 4, sizeof(weir_answer_account)},
    {"weir_devices", 4, 4},
};

// The kernel copies as many bytes as the map says, not as many as there is room for.
Status check_shape(const std::string& name, int fd) {
    bpf_map_info info{};
    __u32 length = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return kernel_error(errno, "asking the kernel about a map");
    for (const Shape& shape : kShapes)
        if (shape.name == name && (info.key_size != shape.key_bytes || info.value_size != shape.value_bytes))
            return Error{fmt::format("`{}` of the loaded policy has another shape", name), {}, EBADMSG};
    return Done{};
}

Status check_type(int fd, bpf_prog_type type) {
    bpf_prog_info info{};
    __u32 length = sizeof(info);
    if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0 || info.type != type)
        return Error{"what was loaded is no program of this hook", {}, EBADMSG};
    return Done{};
}

}  // namespace

ProgramFds Program::fds() const {
    ProgramFds all{program_.get(), egress_fd(), {}, state_.fds(), state_.taken_over()};
    for (const Map& map : maps_) all.maps.emplace_back(map.name, map.fd.get());
    return all;
}

Result<Program> Program::assemble(ProgramParts parts, const std::vector<bpf::StateMap>& shapes) {
    const std::size_t maps = parts.map_names.size();
    const std::size_t first = parts.has_egress ? 2 : 1;  // the maps are behind the programs
    if (parts.fds.size() != first + maps + parts.taken_over.size())
        return Error{"a loaded policy lacks some of its maps", {}, EBADMSG};
    if (Status checked = check_type(parts.fds[0].get(), BPF_PROG_TYPE_XDP); !checked) return checked.error();
    if (parts.has_egress)
        if (Status checked = check_type(parts.fds[1].get(), BPF_PROG_TYPE_SCHED_CLS); !checked) return checked.error();
    Program program;
    program.program_ = std::move(parts.fds[0]);
    if (parts.has_egress) program.egress_ = std::move(parts.fds[1]);
    for (std::size_t i = 0; i < maps; ++i) {
        if (Status checked = check_shape(parts.map_names[i], parts.fds[first + i].get()); !checked)
            return checked.error();
        program.maps_.push_back({std::move(parts.map_names[i]), std::move(parts.fds[first + i])});
    }
    std::vector<UniqueFd> state;
    for (std::size_t i = first + maps; i < parts.fds.size(); ++i) state.push_back(std::move(parts.fds[i]));
    auto assembled = StateMaps::assemble(shapes, std::move(state), parts.taken_over);
    if (!assembled) return assembled.error();
    program.state_ = std::move(*assembled);
    return program;
}

}  // namespace weir::runtime
