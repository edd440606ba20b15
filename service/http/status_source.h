// The engine's status for those who ask the door: asked for once a second at most, and only while somebody wants it. A
// thread of its own reads it and writes the metrics: for 10,000 rules that takes longer than anybody should wait here.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/handles.h"
#include "service/http/channels.h"
#include "service/http/metrics.h"
#include "service/http/server.h"

namespace weir::service::http {

class StatusSource {
public:
    enum class What : std::uint8_t { kStatus, kMetrics };

    explicit StatusSource(Channel& channel);
    StatusSource(const StatusSource&) = delete;
    StatusSource& operator=(const StatusSource&) = delete;
    ~StatusSource();  // ends the thread
    // The thread. To be called once the process is confined.
    void start();

    // Answers `id` from the last status that is not older than a second, or with the next one.
    void ask(Server& server, std::uint64_t id, What what);
    // What was asked before this is old: the engine has changed.
    void forget() { is_old_ = true; }

    int fd() const { return ready_.get(); }  // readable where step() has something to do
    void step(Server& server, const DoorStatus& door);

private:
    struct Rendered {
        SharedAnswer status{}, metrics{};
    };
    struct Job {
        std::string line;
        DoorStatus door;
        std::uint64_t taken_ns;
    };
    struct Waiting {
        std::uint64_t id;
        What what;
    };
    void fetch();
    void live();
    static Rendered render(const Job& job);

    Channel& channel_;
    runtime::UniqueFd ready_;  // an eventfd
    std::vector<Waiting> waiting_{};
    Rendered last_{};
    std::uint64_t taken_ns_ = 0;   // when `last_` was asked for; 0: there is none
    std::uint64_t asked_ns_ = 0;   // when that under way was asked for; 0: none is
    std::uint64_t wanted_ns_ = 0;  // when somebody last wanted one
    bool is_old_ = false;
    bool is_asked_again_ = false;        // what is under way may be from before forget()
    std::optional<std::string> line_{};  // from the engine, for the thread

    std::mutex mutex_{};
    std::condition_variable has_work_{};
    std::optional<Job> job_{};        // under mutex_
    std::optional<Rendered> done_{};  // under mutex_
    bool ends_ = false;               // under mutex_
    std::thread thread_{};
};

}  // namespace weir::service::http
