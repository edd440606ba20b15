// Tested by tests/unit/runtime/webhook_test.cpp.
#include "runtime/sinks/secret_header.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cstdlib>

#include "grammar/base/printable.h"

namespace weir::runtime {

Result<std::string> SecretHeader::line() const {
    const char* value = std::getenv(variable.c_str());
    const std::string shown = printable(variable);
    if (value == nullptr || *value == '\0')
        return Error{"the environment variable " + shown + " is not set", "it holds the value of a header", 0};
    const std::string text(value);
    // A line break would begin a header of its own.
    if (std::any_of(text.begin(), text.end(), [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; }))
        return Error{"the environment variable " + shown + " holds a line break or another control character", {}, 0};
    return name + ": " + text;
}

std::string without_values(std::string text, const std::vector<SecretHeader>& headers) {
    for (const SecretHeader& header : headers) {
        const char* set = std::getenv(header.variable.c_str());
        const std::string whole = set == nullptr ? "" : set, key = whole.substr(whole.rfind(' ') + 1);
        for (const std::string& value : {whole, key})
            for (std::size_t at = 0; !value.empty() && (at = text.find(value, at)) != std::string::npos;
                 at += header.variable.size())
                text.replace(at, value.size(), header.variable);
    }
    return text;
}

void hide_secrets() { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

}  // namespace weir::runtime
