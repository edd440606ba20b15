// A header of requests whose value is in an environment variable: `header "Authorization" env "SOC_TOKEN"`.
#pragma once

#include <string>
#include <vector>

#include "grammar/base/result.h"

namespace weir::runtime {

struct SecretHeader {
    std::string name{};
    std::string variable{};

    // "Authorization: …", read now. Errors name the variable, never its value.
    Result<std::string> line() const;
};

// The text without the values of `headers`, which a peer may repeat, also without "Bearer" before them: the names of
// their variables stand there.
std::string without_values(std::string text, const std::vector<SecretHeader>& headers);

// Nobody but root may read this process's memory and environment, and it leaves no core: from here on, for good.
void hide_secrets();

}  // namespace weir::runtime
