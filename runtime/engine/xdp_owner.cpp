#include "runtime/engine/xdp_owner.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "runtime/engine/pins.h"
#include "runtime/handles.h"

namespace weir::runtime {
namespace {

namespace fs = std::filesystem;

std::string program_name(std::uint32_t id) {
    const UniqueFd fd(bpf_prog_get_fd_by_id(id));
    bpf_prog_info info{};
    __u32 length = sizeof(info);
    if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) return "?";
    return info.name;
}

// The link that holds a program on an interface, or 0: then it was attached without one.
std::uint32_t link_of(std::uint32_t program, unsigned index) {
    for (std::uint32_t id = 0; bpf_link_get_next_id(id, &id) == 0;) {
        const UniqueFd fd(bpf_link_get_fd_by_id(id));
        bpf_link_info info{};
        __u32 length = sizeof(info);
        if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) continue;
        if (info.type == BPF_LINK_TYPE_XDP && info.prog_id == program && info.xdp.ifindex == index) return info.id;
    }
    return 0;
}

bool holds_link(const fs::path& process, std::uint32_t link) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(process / "fdinfo", none)) {
        std::ifstream facts(entry.path());
        std::string word;
        std::uint32_t id = 0;
        while (facts >> word)
            if (word == "link_id:" && facts >> id && id == link) return true;
    }
    return false;
}

// ", held by weir (process 123)", or nothing where no process of this namespace has it open.
std::string holder_of(std::uint32_t link) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator("/proc", none)) {
        const std::string process = entry.path().filename();
        if (process.find_first_not_of("0123456789") != std::string::npos || !holds_link(entry.path(), link)) continue;
        std::ifstream file(entry.path() / "comm");
        std::string command;
        std::getline(file, command);
        return fmt::format(", held by {} (process {})", command, process);
    }
    return {};
}

}  // namespace

Error interface_taken(const std::string& interface, unsigned index) {
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    std::uint32_t program = 0;
    if (bpf_xdp_query(static_cast<int>(index), 0, &query) == 0)
        program = query.prog_id != 0 ? query.prog_id : query.drv_prog_id != 0 ? query.drv_prog_id : query.skb_prog_id;
    if (program == 0) return {fmt::format("XDP on {} is taken", interface), "detach what is there first", EBUSY};
    const std::uint32_t link = link_of(program, index);
    const std::string name = program_name(program);
    const bool ours = name.starts_with("weir_root");
    std::string message =
        fmt::format("XDP on {} is taken by {} `{}` (id {}){}", interface, ours ? "another weir, program" : "program",
                    name, program, link == 0 ? "" : holder_of(link));
    const std::string engine = link == 0 ? std::string() : engine_that_pins_link(link);
    const bool left = !engine.empty() && holder_of(link).empty();
    if (left) message += fmt::format(", left by engine `{}`, which was killed", engine);
    std::string help =
        left ? fmt::format("go on with it: weir run … --name {}; or detach it: rm -r {}/{}", engine, kPinRoot, engine)
        : link == 0 ? fmt::format("detach it: ip link set dev {} xdp off", interface)
        : ours      ? "end that one, or reload its policy instead"
                    : fmt::format("end the process that holds it, or: bpftool link detach id {}", link);
    return {std::move(message), std::move(help), EBUSY};
}

}  // namespace weir::runtime
