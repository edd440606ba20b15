// A local HTTP server for tests: tests/support/http_peer.py in a process of its own.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace weir::test {

class HttpPeer {
public:
    // `tls_name`: it speaks TLS with a certificate for that name; empty: plain HTTP.
    explicit HttpPeer(const std::string& tls_name = {});
    HttpPeer(const HttpPeer&) = delete;
    ~HttpPeer();

    std::string url(const std::string& path) const;
    // Those that came, each with "path", "headers", "body".
    std::vector<nlohmann::json> requests() const;
    std::string authority_file() const { return folder_ + "/authority.pem"; }

private:
    std::string folder_;
    std::string origin_;
    pid_t process_ = -1;
    int input_ = -1;  // it ends with it
};

}  // namespace weir::test
