// Tested by tests/unit/runtime/answers_test.cpp and tests/cli/reject_test.py.
#include "runtime/engine/answers.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "runtime/engine/devices.h"
#include "runtime/handles.h"
#include "runtime/kernel.h"

namespace weir::runtime {
namespace {

// Identities of state, where no term's or set's can be.
constexpr const char* kAnswers = "answers";
constexpr const char* kWithoutRoom = "answers without room";
constexpr const char* kRedirects = "redirects";

// Asks a driver. `request` begins with the command, and is what it fills.
bool ask_driver(const std::string& interface, void* request) {
    const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq wanted{};
    std::strncpy(wanted.ifr_name, interface.c_str(), IFNAMSIZ - 1);
    wanted.ifr_data = static_cast<char*>(request);
    return fd && ioctl(fd.get(), SIOCETHTOOL, &wanted) == 0;
}

bool is_veth(const std::string& interface) {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    return ask_driver(interface, &info) && std::strcmp(info.driver, "veth") == 0;
}

}  // namespace

std::uint64_t answer_ns(std::uint64_t limit) {
    if (limit == 0) return WEIR_ANSWER_BUCKET_NS + 1;
    return (WEIR_ANSWER_BUCKET_NS + limit - 1) / limit;
}

bool answers(const bpf::Manifest& manifest) {
    return manifest.default_verdict == WEIR_REJECT ||
           std::any_of(manifest.rules.begin(), manifest.rules.end(), [](const bpf::RuleInfo& rule) {
               return !rule.observe && (rule.verdict == WEIR_REJECT || rule.verdict == WEIR_REDIRECT);
           });
}

std::vector<std::string> answer_identities() { return {kAnswers, kWithoutRoom, kRedirects}; }

Status read_answers(const Program& program, StateAccounts& state) {
    // A program that answers nothing has no such map once it is adopted; its rows are the same then.
    weir_answer_account sums{};
    if (const int map = program.map("weir_answer_accounts"); map >= 0) {
        auto read = read_answer_account(map);
        if (!read) return read.error();
        sums = *read;
    }
    state.emplace_back(kAnswers, weir_state_account{sums.sent, sums.dropped, 0});
    state.emplace_back(kWithoutRoom, weir_state_account{sums.failed, 0, 0});
    state.emplace_back(kRedirects, weir_state_account{sums.redirected, sums.missing, 0});
    return Done{};
}

bool is_not_sent(std::string_view name, std::string_view statistic) {
    const auto at = name.find(statistic);
    if (at == std::string_view::npos) return false;
    const std::string_view rest = name.substr(at + statistic.size());
    return rest.find("err") != rest.npos || rest.find("drop") != rest.npos || rest.find("full") != rest.npos;
}

std::uint64_t not_sent(const std::string& interface, std::string_view statistic) {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    constexpr std::uint32_t kMostStatistics = 1 << 16;
    if (!ask_driver(interface, &info) || info.n_stats == 0 || info.n_stats > kMostStatistics) return 0;
    // The kernel asks the driver again how many there are; more than before it would write behind the end.
    const std::size_t room = info.n_stats + 1024;
    std::vector<std::uint32_t> names(sizeof(ethtool_gstrings) / 4 + room * ETH_GSTRING_LEN / 4);
    std::vector<std::uint64_t> values(sizeof(ethtool_stats) / 8 + room);
    auto* strings = reinterpret_cast<ethtool_gstrings*>(names.data());
    auto* numbers = reinterpret_cast<ethtool_stats*>(values.data());
    strings->cmd = ETHTOOL_GSTRINGS;
    strings->string_set = ETH_SS_STATS;
    strings->len = info.n_stats;
    numbers->cmd = ETHTOOL_GSTATS;
    numbers->n_stats = info.n_stats;
    if (!ask_driver(interface, strings) || !ask_driver(interface, numbers)) return 0;
    std::uint64_t sum = 0;
    const std::uint32_t count = std::min({strings->len, numbers->n_stats, static_cast<std::uint32_t>(room)});
    for (std::uint32_t i = 0; i < count; ++i) {
        const char* name = reinterpret_cast<const char*>(strings->data) + std::size_t{i} * ETH_GSTRING_LEN;
        if (is_not_sent({name, strnlen(name, ETH_GSTRING_LEN)}, statistic)) sum += numbers->data[i];
    }
    return sum;
}

std::uint64_t DriverLosses::count(std::map<std::string, Seen>& seen, const std::string& name,
                                  std::string_view statistic) {
    const auto index = interface_index(name);
    const auto [at, is_new] = seen.try_emplace(name);
    Seen& one = at->second;
    if (!index) return one.before + one.last - one.begin;
    const std::uint64_t now = not_sent(name, statistic);
    if (is_new) {
        one = {*index, now, now, 0};
    } else if (*index != one.index || now < one.last) {  // another interface, or its driver began at 0 again
        one = {*index, 0, now, one.before + one.last - one.begin};
    }
    one.last = now;
    return one.before + one.last - one.begin;
}

DriverLosses::Sums DriverLosses::count(const std::vector<std::string>& interfaces,
                                       const std::vector<std::string>& devices) {
    Sums sums;
    for (const std::string& name : interfaces) sums.answers += count(answers_, name, "xdp_tx");
    for (const std::string& name : devices) sums.redirects += count(redirects_, name, "xdp_xmit");
    return sums;
}

void DriverLosses::begin(const std::vector<std::string>& interfaces, const std::vector<std::string>& devices) {
    for (const std::string& name : interfaces)
        if (!answers_.contains(name)) count(answers_, name, "xdp_tx");
    for (const std::string& name : devices)
        if (!redirects_.contains(name)) count(redirects_, name, "xdp_xmit");
}

std::string loses_answers(const std::string& interface, const bpf::Manifest& manifest) {
    if (!answers(manifest)) return {};
    const char* kWhy =
        "is a veth device: what XDP sends there natively is lost unless its peer has an XDP program, too";
    if (is_veth(interface)) return fmt::format("the policy rejects or redirects packets, and {} {}", interface, kWhy);
    for (const std::string& device : devices_of(manifest))
        if (is_veth(device)) return fmt::format("the policy redirects packets to {}, which {}", device, kWhy);
    return {};
}

void fill_answers(EngineStatus& status, const Accounts& accounts, const Counts& counts,
                  const std::vector<std::string>& devices, const DriverLosses::Sums& lost) {
    const weir_state_account sent = accounts.state(kAnswers, counts), failed = accounts.state(kWithoutRoom, counts),
                             redirected = accounts.state(kRedirects, counts);
    status.answers = {sent.inserted, sent.refused, failed.inserted, lost.answers};
    status.redirects = {redirected.inserted, redirected.refused, lost.redirects, {}};
    for (const std::string& device : devices)
        status.redirects.interfaces.push_back({device, static_cast<bool>(interface_index(device))});
}

}  // namespace weir::runtime
