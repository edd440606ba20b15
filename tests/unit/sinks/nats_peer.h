// A client of NATS that is not ours.
#pragma once

#include <nats/nats.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/unit/sinks/nats_server.h"

namespace weir::tests {

inline constexpr const char* kSubject = "weir.alerts";

// Who looks after streams, and into them.
class NatsReader {
public:
    explicit NatsReader(const NatsServerProcess& server, const std::string& user = {}, const std::string& password = {},
                        const std::string& authorities = {}) {
        natsOptions* options = nullptr;
        natsOptions_Create(&options);
        natsOptions_SetURL(options, server.url().c_str());
        if (!user.empty()) natsOptions_SetUserInfo(options, user.c_str(), password.c_str());
        if (!authorities.empty()) {
            natsOptions_SetSecure(options, true);
            natsOptions_LoadCATrustedCertificates(options, authorities.c_str());
        }
        natsStatus status = NATS_ERR;
        for (int i = 0; i < 300 && status != NATS_OK; ++i) {
            if (i != 0) nats_Sleep(100);
            status = natsConnection_Connect(&connection_, options);
        }
        natsOptions_Destroy(options);
        REQUIRE(status == NATS_OK);
        jsOptions wait;
        jsOptions_Init(&wait);
        wait.Wait = 10'000;
        REQUIRE(natsConnection_JetStream(&context_, connection_, &wait) == NATS_OK);
    }
    ~NatsReader() {
        jsCtx_Destroy(context_);
        natsConnection_Destroy(connection_);
    }
    void add_stream(const std::vector<const char*>& subjects = {kSubject}) const {
        jsStreamConfig settings;
        jsStreamConfig_Init(&settings);
        settings.Name = "ALERTS";
        settings.Subjects = const_cast<const char**>(subjects.data());
        settings.SubjectsLen = static_cast<int>(subjects.size());
        settings.Storage = js_FileStorage;
        natsStatus status = NATS_ERR;
        for (int i = 0; i < 100 && status != NATS_OK; ++i) {
            if (i != 0) nats_Sleep(100);  // JetStream begins after the server
            status = js_AddStream(nullptr, context_, &settings, nullptr, nullptr);
        }
        REQUIRE(status == NATS_OK);
    }
    // How often each event is in the stream, by its text.
    std::map<std::string, std::size_t> read() const {
        std::map<std::string, std::size_t> times;
        jsStreamInfo* facts = nullptr;
        REQUIRE(js_GetStreamInfo(&facts, context_, "ALERTS", nullptr, nullptr) == NATS_OK);
        const std::uint64_t count = facts->State.Msgs;
        jsStreamInfo_Destroy(facts);
        natsSubscription* all = nullptr;
        jsSubOptions from_the_first;
        jsSubOptions_Init(&from_the_first);
        from_the_first.Ordered = true;
        REQUIRE(js_SubscribeSync(&all, context_, ">", nullptr, &from_the_first, nullptr) == NATS_OK);
        for (std::uint64_t i = 0; i < count; ++i) {
            natsMsg* message = nullptr;
            REQUIRE(natsSubscription_NextMsg(&message, all, 30'000) == NATS_OK);
            ++times[std::string(natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message)))];
            natsMsg_Destroy(message);
        }
        natsSubscription_Destroy(all);
        return times;
    }

private:
    natsConnection* connection_ = nullptr;
    jsCtx* context_ = nullptr;
};

}  // namespace weir::tests
