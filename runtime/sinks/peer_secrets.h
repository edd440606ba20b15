// What a sink's peer is told about who we are, from the environment: never in a policy, never shown.
#pragma once

#include <sys/prctl.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace weir::runtime {

// The variable WEIR_SINK_NAME_WORD of the sink `name` ("soc-bus", "USER": WEIR_SINK_SOC_BUS_USER); empty where it is
// not set.
inline std::string sink_variable(std::string_view name, std::string_view word) {
    std::string variable = "WEIR_SINK_";
    for (const char letter : name)
        variable += letter >= 'a' && letter <= 'z'   ? static_cast<char>(letter - 'a' + 'A')
                    : letter == '-' || letter == '.' ? '_'
                                                     : letter;
    variable += '_';
    variable += word;
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr || *value == '\0') return {};
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // no core file; nobody but root reads this process
    return value;
}

// Of servers that speak TLS, where no variable names another file.
inline std::string certificate_authorities(const std::string& named) {
    return named.empty() ? "/etc/ssl/certs/ca-certificates.crt" : named;
}

}  // namespace weir::runtime
