// The options of `weir run` for the network door.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "service/control_socket.h"
#include "service/http/door_settings.h"
#include "service/side_process.h"

namespace CLI {
class App;
}

namespace weir::cli {

void add_door_options(CLI::App& command, service::http::DoorOptions& options);

// Nothing without --listen. Reads the files that the options name.
Result<std::optional<service::http::DoorSettings>> door_settings(const service::http::DoorOptions& options);

// The sockets that a door listens at, and its process, which has said that it is ready.
class OpenDoor {
public:
    static Result<OpenDoor> open(const service::http::DoorSettings& settings, service::ControlServer& control);
    OpenDoor(OpenDoor&&) = default;
    OpenDoor& operator=(OpenDoor&&) = delete;
    ~OpenDoor();  // removes the files of UNIX sockets

    std::unique_ptr<service::SideProcess> take_process() { return std::move(process_); }

private:
    OpenDoor() = default;
    std::unique_ptr<service::SideProcess> process_{};
    std::vector<std::string> files_{};
};

// Nothing without settings.
Result<std::optional<OpenDoor>> open_door(const std::optional<service::http::DoorSettings>& settings,
                                          service::ControlServer& control);

}  // namespace weir::cli
