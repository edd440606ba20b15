// Telling the service manager, where one started us: sd_notify's protocol, a datagram to the socket that it names.
#pragma once

#include <cstdint>
#include <string>

namespace weir::service {

// "READY=1", lines separated by \n. Nothing where there is no service manager.
void notify_service(const std::string& state);

// Tells it in time that the engine still lives, where it wants to know.
class Watchdog {
public:
    Watchdog();
    void beat();

private:
    std::uint64_t period_ns_ = 0;  // 0: nobody wants to know
    std::uint64_t last_ns_ = 0;
};

}  // namespace weir::service
