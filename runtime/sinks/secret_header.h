// A header of requests whose value is in an environment variable: `header "Authorization" env "SOC_TOKEN"`.
#pragma once

#include <string>

#include "grammar/base/result.h"

namespace weir::runtime {

struct SecretHeader {
    std::string name{};
    std::string variable{};

    // "Authorization: …", read now. Errors name the variable, never its value.
    Result<std::string> line() const;
};

// Nobody but root may read this process's memory and environment, and it leaves no core: from here on, for good.
void hide_secrets();

}  // namespace weir::runtime
