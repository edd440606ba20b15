// Tested by tests/http/door_test.py with `--listen`.
#include "cli/door_options.h"

#include <unistd.h>

#include <utility>

#include <CLI/CLI.hpp>

#include "service/notice.h"
#include "tooling/files/policy_file.h"

namespace weir::cli {

void add_door_options(CLI::App& command, service::http::DoorOptions& options) {
    command
        .add_option(
            "--listen", options.listen,
            "serve metrics, an API and a page: 127.0.0.1:9464, [::1]:9464, or the path of a UNIX socket; may be "
            "given several times")
        ->check([](const std::string& text) {
            const auto address = service::http::parse_listen_address(text);
            return address ? std::string() : address.error().message + ": " + address.error().help;
        })
        ->type_name("ADDR");
    command
        .add_option("--listen-name", options.names,
                    "a name under which clients reach it, beside its addresses and `localhost`; may be given several "
                    "times")
        ->type_name("HOST");
    command
        .add_option("--api-token-file", options.token_file,
                    "who sends the token in FILE (mode 0600, 32 bytes at least) may manage the engine")
        ->type_name("FILE");
    command.add_option("--tls-cert", options.certificate_file, "serve TLS with this certificate (PEM)")
        ->type_name("FILE");
    command.add_option("--tls-key", options.key_file, "the certificate's key (PEM, mode 0600)")->type_name("FILE");
}

Result<std::optional<service::http::DoorSettings>> door_settings(const service::http::DoorOptions& options) {
    const bool has_others = !options.names.empty() || !options.token_file.empty() ||
                            !options.certificate_file.empty() || !options.key_file.empty();
    if (options.listen.empty() && has_others)
        return Error{"nothing listens: the door's options need an address", "--listen 127.0.0.1:9464", 0};
    if (options.listen.empty()) return std::optional<service::http::DoorSettings>();
    auto settings = service::http::read_settings(options);
    if (!settings) return settings.error();
    return std::optional<service::http::DoorSettings>(std::move(*settings));
}

Result<OpenDoor> OpenDoor::open(const service::http::DoorSettings& settings, service::ControlServer& control) {
    auto options = service::http::door_process(settings);
    if (!options) return options.error();
    OpenDoor door;
    for (const service::http::ListenAddress& address : settings.addresses)
        if (address.reach == service::http::Reach::kUnix) door.files_.push_back(address.host);
    door.process_ = std::make_unique<service::SideProcess>(std::move(*options));
    const Status begun =
        door.process_->begin([&](runtime::UniqueFd channel) { return control.adopt(std::move(channel)); });
    if (!begun) return begun.error();
    for (const std::string& lack : door.process_->report().lacks)
        service::say_problem({"the network door keeps its rights: " + lack, {}, 0});
    return door;
}

Result<std::optional<OpenDoor>> open_door(const std::optional<service::http::DoorSettings>& settings,
                                          service::ControlServer& control) {
    if (!settings) return std::optional<OpenDoor>();
    auto opened = OpenDoor::open(*settings, control);
    if (!opened) return opened.error();
    return std::optional<OpenDoor>(std::move(*opened));
}

OpenDoor::~OpenDoor() {
    for (const std::string& file : files_) unlink(file.c_str());
}

}  // namespace weir::cli
