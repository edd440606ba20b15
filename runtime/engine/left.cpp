// Tested by tests/cli/stop_test.py with `stop`.
#include "runtime/engine/left.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "runtime/engine/pins.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

constexpr const char* kLink = "link-";
constexpr const char* kOffload = "offload-";

// It enforces nothing where its interface was deleted.
bool is_attached(int link) {
    bpf_link_info info{};
    __u32 length = sizeof(info);
    return bpf_obj_get_info_by_fd(link, &info, &length) == 0 && info.type == BPF_LINK_TYPE_XDP && info.xdp.ifindex != 0;
}

}  // namespace

std::vector<LeftEngine> engines_left() {
    std::vector<LeftEngine> left;
    for (const std::string& name : engines_without_process()) {
        LeftEngine engine{name, {}};
        for (const std::string& interface : interfaces_left_by(name))
            if (const UniqueFd link = pinned_link(name, interface); is_attached(link.get()))
                engine.interfaces.push_back(interface);
        if (!engine.interfaces.empty()) left.push_back(std::move(engine));
    }
    return left;
}

Result<std::vector<std::string>> detach_left(const std::string& name) {
    if (interfaces_left_by(name).empty() && !Pins::has_beside(name))
        return Error{fmt::format("no engine named `{}` left a policy in force", name), {}, ENOENT};
    auto pins = Pins::open(name);
    if (!pins) return pins.error();
    std::vector<std::string> interfaces = pins->names(kLink);
    for (const std::string& interface : interfaces)
        // Without this the kernel detaches a moment after the last descriptor is closed. Deleted interfaces fail it.
        static_cast<void>(bpf_link_detach(pins->get(kLink + interface).get()));
    for (const std::string& interface : pins->names(kOffload)) static_cast<void>(enable_vlan_offload(interface));
    pins->drop_all();
    if (!Pins::has_beside(name)) return interfaces;
    // An upgrade was killed: one of the two folders has the links.
    auto beside = Pins::open_beside(name);
    if (!beside) return beside.error();
    for (const std::string& interface : beside->names(kLink)) {
        static_cast<void>(bpf_link_detach(beside->get(kLink + interface).get()));
        if (std::find(interfaces.begin(), interfaces.end(), interface) == interfaces.end())
            interfaces.push_back(interface);
    }
    beside->drop_all();
    return interfaces;
}

std::string in_words(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, ", ")); }

}  // namespace weir::runtime
