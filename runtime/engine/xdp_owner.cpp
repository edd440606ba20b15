// Tested by tests/kernel/owner_test.cpp.
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
std::uint32_t link_of(const Hook& hook, std::uint32_t program, unsigned index) {
    for (std::uint32_t id = 0; bpf_link_get_next_id(id, &id) == 0;) {
        const UniqueFd fd(bpf_link_get_fd_by_id(id));
        bpf_link_info info{};
        __u32 length = sizeof(info);
        if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) continue;
        if (info.type == hook.link_type && info.prog_id == program && hook.link_interface(info) == index)
            return info.id;
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

Error interface_taken(const Hook& hook, const std::string& interface, unsigned index) {
    auto on = hook.query(index);
    if (!on || on->programs.empty())
        return {fmt::format("{} on {} is taken", hook.name, interface), "detach what is there first", EBUSY};
    const std::uint32_t program = on->programs.front(), link = link_of(hook, program, index);
    const std::string name = program_name(program), holder = link == 0 ? std::string() : holder_of(link);
    const bool ours = name.starts_with("weir_root");
    std::string message = fmt::format("{} on {} is taken by {} `{}` (id {}){}", hook.name, interface,
                                      ours ? "another weir, program" : "program", name, program, holder);
    const std::string engine = link == 0 ? std::string() : engine_that_pins_link(link);
    const bool was_killed = !engine.empty() && holder.empty();
    if (was_killed) message += fmt::format(", left by engine `{}`, which was killed", engine);
    std::string help = was_killed  ? fmt::format("go on with it: weir run … --name {}; or detach it: rm -r {}/{}",
                                                 engine, kPinRoot, engine)
                       : link == 0 ? "detach it: " + fmt::format(fmt::runtime(hook.detach_command), interface)
                       : ours      ? "end that one, or reload its policy instead"
                                   : fmt::format("end the process that holds it, or: bpftool link detach id {}", link);
    return {std::move(message), std::move(help), EBUSY};
}

}  // namespace weir::runtime
