// weir fleet: the hosts that follow a bucket of NATS.
// Tested by tests/fleet/push_test.py with `"fleet"`.
#include <algorithm>
#include <cstdio>
#include <map>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/end_on_interrupt.h"
#include "cli/terminal.h"
#include "service/nats/fleet.h"
#include "tooling/files/signed_bundle.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;

struct FleetArguments {
    std::string address{};
    std::string credentials{};
    std::string format = "human";
};

// What lies in the bucket, by key.
struct Pushed {
    std::uint64_t revision = 0, serial = 0;
    std::uint32_t canary = tooling::kEveryHost;
    std::string hash{};
    std::string problem{};  // it cannot be read
};

std::map<std::string, Pushed> pushed_of(const std::vector<service::BucketClient::Entry>& entries,
                                        const std::string& bucket) {
    std::map<std::string, Pushed> pushed;
    for (const auto& entry : entries) {
        Pushed one;
        one.revision = entry.revision;
        const auto bundle = tooling::read_value(entry.value, {bucket, entry.key, {}});
        if (!bundle) one.problem = bundle.error().message;
        if (bundle) one.hash = tooling::content_hash(*bundle);
        if (bundle && bundle->release) one.serial = bundle->release->serial, one.canary = bundle->release->canary;
        pushed[entry.key] = std::move(one);
    }
    return pushed;
}

bool differs(const service::HostStatus& status, const std::map<std::string, Pushed>& pushed) {
    const auto found = pushed.find(status.key);
    return found != pushed.end() && status.in_force.hash != found->second.hash;
}

void print_json(const std::vector<service::HostStatus>& statuses, const std::map<std::string, Pushed>& pushed) {
    Json keys = Json::array(), hosts = Json::array();
    for (const auto& [key, one] : pushed) {
        Json row = {{"key", key},
                    {"revision", one.revision},
                    {"serial", one.serial},
                    {"sha256", one.hash},
                    {"canary", one.canary}};
        if (!one.problem.empty()) row["problem"] = one.problem;
        keys.push_back(std::move(row));
    }
    for (const service::HostStatus& status : statuses)
        hosts.push_back({{"key", status.key},
                         {"host", status.host},
                         {"outcome", status.outcome},
                         {"reason", status.reason},
                         {"revision", status.value.number},
                         {"serial", status.value.serial},
                         {"in_force", status.in_force.hash.empty() ? Json() : Json(status.in_force.hash)},
                         {"generation", status.generation},
                         {"differs", differs(status, pushed)},
                         {"bad", service::is_bad(status)},
                         {"silent", service::is_silent(status)},
                         {"time", status.time},
                         {"age_s", status.age_s},
                         {"weir", status.version}});
    const Json said = {{"keys", std::move(keys)}, {"hosts", std::move(hosts)}};
    put("{}\n", said.dump(-1, ' ', true, Json::error_handler_t::replace));
}

std::string short_hash(const std::string& hash) { return hash.empty() ? "-" : printable(hash.substr(0, 12)); }

std::string age_text(std::int64_t age_s) {
    if (age_s < 120) return fmt::format("{} s", std::max<std::int64_t>(age_s, 0));
    return age_s < 7200 ? fmt::format("{} min", age_s / 60) : fmt::format("{} h", age_s / 3600);
}

void print_table(const std::vector<service::HostStatus>& statuses, const std::map<std::string, Pushed>& pushed) {
    for (const auto& [key, one] : pushed)
        put("{}: revision {}{}, sha256 {}{}{}\n", printable(key), one.revision,
            one.serial == 0 ? "" : fmt::format(", serial {}", one.serial), short_hash(one.hash),
            one.canary == tooling::kEveryHost ? ""
                                              : fmt::format(", for the first {:g}% of the hosts", one.canary / 100.0),
            one.problem.empty() ? "" : "; " + printable(one.problem));
    if (statuses.empty()) return put("no host follows\n");
    std::size_t keys = 3, hosts = 4;
    for (const service::HostStatus& status : statuses) {
        keys = std::max(keys, columns(printable(status.key)));
        hosts = std::max(hosts, columns(printable(status.host)));
    }
    put("\n{}  {}  {}  {}  {:>10}  {}\n", padded("key", keys), padded("host", hosts), padded("outcome", 11),
        padded("in force", 12), "generation", "age");
    for (const service::HostStatus& status : statuses) {
        put("{}  {}  {}  {}  {:>10}  {}{}{}\n", padded(status.key, keys), padded(status.host, hosts),
            padded(status.outcome, 11), padded(short_hash(status.in_force.hash), 12), status.generation,
            age_text(status.age_s), differs(status, pushed) ? "  differs" : "",
            service::is_silent(status) ? "  silent" : "");
        if (!service::is_bad(status)) continue;
        put("    {}\n", quoted_lines(status.reason));
    }
}

int fleet_status(const FleetArguments& arguments) {
    end_on_interrupt();
    auto address = service::bucket_address(arguments.address, service::KeyPart::kNone);
    if (!address) return say_error(address.error()), kUsage;
    if (Status known = service::log_in_with(address->server, arguments.credentials); !known)
        return say_error(known.error());
    auto client = service::BucketClient::connect(*address);
    if (!client) return say_error(client.error());
    const auto values = client->list(address->bucket, ">");
    if (!values) return say_error(values.error());
    const auto statuses = service::host_statuses(*client, address->bucket, "");
    if (!statuses) return say_error(statuses.error());
    const auto pushed = pushed_of(*values, address->bucket);
    arguments.format == "json" ? print_json(*statuses, pushed) : print_table(*statuses, pushed);
    return std::any_of(statuses->begin(), statuses->end(), service::is_bad) ? kPolicyFault : kOk;
}

}  // namespace

void add_fleet(CLI::App& app, int& status) {
    static FleetArguments arguments;
    CLI::App* command = app.add_subcommand("fleet", "the hosts that follow a bucket of NATS");
    command->require_subcommand(1);
    CLI::App* shown = command->add_subcommand("status", "shows what is in force on each host, and why where it is not");
    shown->footer("Status 1 where a host has refused a policy or went back to the one before.");
    shown->add_option("URL", arguments.address, "nats://[USER:PASSWORD@]HOST:PORT/BUCKET, or tls://")->required();
    shown->add_option("--nats-creds", arguments.credentials, "credentials of NATS (JWT and seed), as nsc writes them")
        ->type_name("F");
    shown->add_option("--format", arguments.format, "human or json")
        ->check(CLI::IsMember({"human", "json"}))
        ->capture_default_str();
    shown->callback([&status] { status = fleet_status(arguments); });
}

}  // namespace weir::cli
