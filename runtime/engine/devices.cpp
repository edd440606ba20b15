// Tested by tests/cli/reject_test.py with `redirect`.
#include "runtime/engine/devices.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "bpf/answer.h"
#include "runtime/kernel.h"

namespace weir::runtime {

std::vector<std::string> devices_of(const bpf::Manifest& manifest) {
    std::vector<std::string> devices;
    for (const bpf::RuleInfo& rule : manifest.rules) {
        if (devices.size() == WEIR_DEVICES) break;  // more has no policy that the compiler takes (E383)
        if (rule.verdict == WEIR_REDIRECT && std::find(devices.begin(), devices.end(), rule.redirect) == devices.end())
            devices.push_back(rule.redirect);
    }
    return devices;
}

Status direct(const Program& program, const bpf::Manifest& manifest) {
    const int map = program.map("weir_devices");
    if (map < 0) return Done{};  // it redirects nothing
    const std::vector<std::string> devices = devices_of(manifest);
    Status done = Done{};
    for (std::uint32_t number = 0; number < devices.size(); ++number) {
        const auto index = interface_index(devices[number]);
        std::uint32_t now = 0;
        const bool is_there = bpf_map_lookup_elem(map, &number, &now) == 0;
        if (!index) {
            // Only where there is none of that name: other errors say nothing about it.
            if (is_there && index.error().number == ENODEV) bpf_map_delete_elem(map, &number);
            continue;
        }
        const std::uint32_t wanted = *index;
        if (is_there && now == wanted) continue;
        if (bpf_map_update_elem(map, &number, &wanted, BPF_ANY) != 0 && errno != ENODEV)
            done = kernel_error(errno, fmt::format("redirecting packets to {}", devices[number]));
    }
    return done;
}

}  // namespace weir::runtime
