// The description of the API as an OpenAPI 3.1 document, made from the table of routes.
#pragma once

#include <string>

namespace weir::service::http {

// JSON. Pure: the same at every call.
std::string openapi_document();

}  // namespace weir::service::http
