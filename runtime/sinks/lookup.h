// The addresses of a name, asked for without waiting longer than the caller wants to.
#pragma once

#include <netdb.h>

#include <memory>
#include <string>

namespace weir::runtime {

class Lookup {
public:
    // `socket_type`: SOCK_DGRAM or SOCK_STREAM.
    Lookup(std::string host, std::string port, int socket_type);
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;
    // One that is still under way keeps its memory.
    ~Lookup();

    enum class State : unsigned char { kUnderWay, kFound, kFailed };
    // Waits for the answer, `ms` at most.
    State wait(int ms);
    const addrinfo* found() const;  // kFound
    std::string error() const;      // kFailed

private:
    // What the C library's thread works on.
    struct Request;
    std::unique_ptr<Request> request_;
};

}  // namespace weir::runtime
