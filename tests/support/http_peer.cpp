#include "tests/support/http_peer.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace weir::test {

HttpPeer::HttpPeer(const std::string& tls_name) {
    std::string folder = (std::filesystem::temp_directory_path() / "weir-peer-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no folder for an HTTP peer");
    folder_ = folder;
    std::array<int, 2> in{}, out{};
    if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0)
        throw std::runtime_error("no pipes for an HTTP peer");
    process_ = fork();
    if (process_ == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        const char* tls = tls_name.empty() ? nullptr : "--tls";
        execlp("python3", "python3", WEIR_SOURCE_DIR "/tests/support/http_peer.py", folder_.c_str(), tls,
               tls_name.c_str(), nullptr);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    std::string port;
    for (char byte = 0; read(out[0], &byte, 1) == 1 && byte != '\n';) port += byte;
    close(out[0]);
    if (port.empty()) throw std::runtime_error("the HTTP peer does not start");
    origin_ = (tls_name.empty() ? "http://127.0.0.1:" : "https://localhost:") + port;
}

HttpPeer::~HttpPeer() {
    close(input_);
    waitpid(process_, nullptr, 0);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

std::string HttpPeer::url(const std::string& path) const { return origin_ + path; }

std::vector<nlohmann::json> HttpPeer::requests() const {
    std::vector<nlohmann::json> requests;
    std::ifstream file(folder_ + "/requests");
    for (std::string line; std::getline(file, line);) requests.push_back(nlohmann::json::parse(line));
    return requests;
}

}  // namespace weir::test
