// Tested by tests/cli/explain_test.py with `"--local"`.
#include "cli/local_net.h"

namespace weir::cli {

std::optional<IpPrefix> local_net(const std::string& text) {
    if (auto net = parse_prefix(text)) return net;
    if (const auto address = parse_ip(text))
        return IpPrefix{*address, static_cast<std::uint8_t>(address->version == 4 ? 32 : 128)};
    return std::nullopt;
}

void add_capture_options(CLI::App& command, std::string& interface, std::vector<std::string>& local) {
    command
        .add_option("--iface", interface,
                    "the interface that all packets came in on; without it, the one that a pcapng names")
        ->type_name("NAME")
        ->check([](const std::string& name) { return name.empty() ? "an interface has a name" : std::string(); });
    command
        .add_option("--local", local,
                    "the host's own addresses: packets that they send are on their way out, where the capture itself "
                    "does not say so; may be given several times")
        ->type_name("NET")
        ->check([](const std::string& text) {
            return local_net(text) ? std::string() : "neither an address nor a prefix: " + text;
        });
}

}  // namespace weir::cli
