// What libmicrohttpd calls, with its types. Seen by the server alone.
#pragma once

#include <microhttpd.h>

#include <cstdarg>
#include <string>

#include "service/http/server.h"

namespace weir::service::http {

struct Callbacks {
    static MHD_Result may_come(void* listening, const sockaddr* address, socklen_t bytes);
    static void connection(void* listening, MHD_Connection* connection, void** place,
                           MHD_ConnectionNotificationCode code);
    static MHD_Result request(void* listening, MHD_Connection* connection, const char* url, const char* method,
                              const char* version, const char* piece, std::size_t* piece_bytes, void** place);
    static void completed(void* server, MHD_Connection* connection, void** place, MHD_RequestTerminationCode code);
    static std::size_t unescape(void*, MHD_Connection*, char* text);
    static ssize_t read_stream(void* stream, std::uint64_t, char* to, std::size_t most);
    static void end_stream(void* stream);
    __attribute__((format(printf, 2, 0))) static void log(void* problem, const char* format, va_list values);
};

}  // namespace weir::service::http
