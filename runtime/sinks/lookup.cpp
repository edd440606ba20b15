// Tested by tests/unit/runtime/syslog_test.cpp with `host`.
#include "runtime/sinks/lookup.h"

#include <csignal>
#include <ctime>

namespace weir::runtime {

struct Lookup::Request {
    std::string host, port;
    addrinfo hints{};
    gaicb question{};
    gaicb* list[1] = {&question};
    int begun = 0;  // what getaddrinfo_a() said
};

Lookup::Lookup(std::string host, std::string port, int socket_type) : request_(std::make_unique<Request>()) {
    Request& request = *request_;
    request.host = std::move(host);
    request.port = std::move(port);
    request.hints.ai_socktype = socket_type;
    // Not AI_ADDRCONFIG: a host that has no network but its loopback has sinks there, too.
    request.hints.ai_flags = AI_NUMERICSERV;
    request.question.ar_name = request.host.c_str();
    request.question.ar_service = request.port.c_str();
    request.question.ar_request = &request.hints;
    sigevent silent{};
    silent.sigev_notify = SIGEV_NONE;
    request.begun = getaddrinfo_a(GAI_NOWAIT, request.list, 1, &silent);
}

Lookup::~Lookup() {
    if (request_->begun == 0 && gai_error(&request_->question) == EAI_INPROGRESS &&
        gai_cancel(&request_->question) == EAI_NOTCANCELED) {
        static_cast<void>(request_.release());
        return;
    }
    if (request_->question.ar_result != nullptr) freeaddrinfo(request_->question.ar_result);
}

Lookup::State Lookup::wait(int ms) {
    if (request_->begun != 0) return State::kFailed;
    const timespec time{ms / 1000, ms % 1000 * 1'000'000L};
    if (gai_error(&request_->question) == EAI_INPROGRESS) gai_suspend(request_->list, 1, &time);
    const int outcome = gai_error(&request_->question);
    if (outcome == EAI_INPROGRESS) return State::kUnderWay;
    return outcome == 0 ? State::kFound : State::kFailed;
}

const addrinfo* Lookup::found() const { return request_->question.ar_result; }

std::string Lookup::error() const {
    return gai_strerror(request_->begun != 0 ? request_->begun : gai_error(&request_->question));
}

}  // namespace weir::runtime
