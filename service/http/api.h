// The API: what a request asks the engine, and what its answer says. Values in, values out.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "runtime/handles.h"
#include "service/http/channels.h"
#include "service/http/request.h"
#include "service/http/server.h"

namespace weir::service::http {

// For the engine: a line of the control socket, and over which channel it goes.
struct Question {
    ChannelOf channel = ChannelOf::kStatus;
    std::string line;
    runtime::UniqueFd attached{};  // the body, where it is a policy's text
};
// An answer where a parameter or the body cannot be that.
std::variant<Question, Answer> question_of(const Asked& asked);

// The engine's answer, as HTTP. What it refuses is 422 where the policy or the request is at fault, 404 where there is
// no such set, 503 while it starts, else 409: not now, or not here. `right`: of the request's route; what only reads
// is handed on as it is.
Answer answer_of(std::string_view line, Right right);

}  // namespace weir::service::http
