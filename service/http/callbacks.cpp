// Tested by tests/http/door_test.py with `"/healthz"`.
#include "service/http/callbacks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>

namespace weir::service::http {
namespace {

// Whoever has one address of a network of version 6 has all of its /64.
std::string address_text(const sockaddr* address) {
    char text[INET6_ADDRSTRLEN] = {};
    if (address != nullptr && address->sa_family == AF_INET) {
        sockaddr_in four{};
        std::memcpy(&four, address, sizeof(four));
        inet_ntop(AF_INET, &four.sin_addr, text, sizeof(text));
    }
    if (address != nullptr && address->sa_family == AF_INET6) {
        sockaddr_in6 six{};
        std::memcpy(&six, address, sizeof(six));
        std::memset(six.sin6_addr.s6_addr + 8, 0, 8);
        inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof(text));
    }
    return text;
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

MHD_Result add_header(void* pairs, MHD_ValueKind, const char* name, const char* value) {
    std::string key = name;
    std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
    static_cast<Pairs*>(pairs)->emplace_back(std::move(key), value == nullptr ? "" : value);
    return MHD_YES;
}

// What is badly written stays as it is: no parameter has a percent sign in its name.
MHD_Result add_parameter(void* pairs, MHD_ValueKind, const char* name, const char* value) {
    static_cast<Pairs*>(pairs)->emplace_back(percent_decoded(name).value_or(name),
                                             value == nullptr ? "" : percent_decoded(value).value_or(value));
    return MHD_YES;
}

}  // namespace

// Paths and parameters are decoded by us: a NUL would end them early.
std::size_t Callbacks::unescape(void*, MHD_Connection*, char* text) { return std::strlen(text); }

MHD_Result Callbacks::may_come(void* listening, const sockaddr* address, socklen_t) {
    const auto& one = *static_cast<Server::Listening*>(listening);
    return one.server->may_come(address_text(address), one.reach) ? MHD_YES : MHD_NO;
}

void Callbacks::connection(void* listening, MHD_Connection* connection, void** place,
                           MHD_ConnectionNotificationCode code) {
    const auto& one = *static_cast<Server::Listening*>(listening);
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*place != nullptr) one.server->left(*static_cast<Server::Visit*>(*place));
        *place = nullptr;
        return;
    }
    const auto* fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const auto* from = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    one.server->came(fd->connect_fd, address_text(from->client_addr), one.reach, place);
}

// Called once the header has come, then for each piece of the body, then to have an answer.
MHD_Result Callbacks::request(void* listening, MHD_Connection* connection, const char* url, const char* method,
                              const char*, const char* piece, std::size_t* piece_bytes, void** place) {
    const auto& one = *static_cast<Server::Listening*>(listening);
    Server& server = *one.server;
    if (*place == nullptr) {
        Request asked;
        asked.method = method;
        asked.path = url;
        asked.reach = one.reach;
        MHD_get_connection_values(connection, MHD_HEADER_KIND, &add_header, &asked.headers);
        MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, &add_parameter, &asked.query);
        const auto* visit = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
        auto& exchange =
            server.begin(*static_cast<Server::Visit*>(visit->socket_context), connection, std::move(asked));
        *place = &exchange;
        const auto refused = server.check_(exchange.request, exchange.found);
        if (refused) server.answer(exchange.id, *refused);
        return MHD_YES;
    }
    auto& exchange = *static_cast<Server::Exchange*>(*place);
    if (*piece_bytes != 0) {
        server.take_piece(exchange, {piece, *piece_bytes});
        *piece_bytes = 0;
        return MHD_YES;
    }
    if (!exchange.is_taken) server.take(exchange);
    if (!exchange.is_answered) server.suspend(exchange);
    return MHD_YES;
}

void Callbacks::completed(void* server, MHD_Connection*, void** place, MHD_RequestTerminationCode) {
    if (*place != nullptr) static_cast<Server*>(server)->completed(*static_cast<Server::Exchange*>(*place));
    *place = nullptr;
}

ssize_t Callbacks::read_stream(void* stream, std::uint64_t, char* to, std::size_t most) {
    auto& one = *static_cast<Server::Stream*>(stream);
    return one.server->read_stream(one, to, most);
}

void Callbacks::end_stream(void* stream) {
    auto& one = *static_cast<Server::Stream*>(stream);
    one.server->end_stream(one);
}

// What is said while serving is of clients: accounts have it.
void Callbacks::log(void* problem, const char* format, va_list values) {
    char text[300];
    std::vsnprintf(text, sizeof(text), format, values);
    *static_cast<std::string*>(problem) = text;
}

}  // namespace weir::service::http
