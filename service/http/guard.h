// Who may ask what: the checks before a request is carried out.
#pragma once

#include <optional>

#include "service/http/door_settings.h"
#include "service/http/request.h"
#include "service/http/routes.h"

namespace weir::service::http {

// The refusal of a request whose header has come: of a page of another site (Host and Origin: a name that leads here is
// not ours by that), of nobody's token, of a body that is too long or of another type. Nothing: it may go on.
std::optional<Answer> refused(const Request& request, const Found& found, const DoorSettings& settings);

// Whether `host`, as a request has it, names this door: an address that it listens at, `localhost`, or a name of its
// settings. The port does not matter.
bool is_ours(std::string_view host, const DoorSettings& settings);

// Takes the same time whatever of `given` is right.
bool is_token(std::string_view given, const std::string& token);

// `length` as the header has it; nothing where it is not a number.
std::optional<std::uint64_t> content_length(const Request& request);

}  // namespace weir::service::http
