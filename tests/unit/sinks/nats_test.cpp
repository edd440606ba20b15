#include "runtime/sinks/nats.h"

#include <fcntl.h>
#include <nats/nats.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/kernel.h"
#include "tests/unit/runtime/folder.h"
#include "tests/unit/sinks/peer.h"

extern char** environ;

using namespace weir::runtime;
using namespace weir::tests;

namespace {

constexpr const char* kProgram = "/usr/sbin/nats-server";  // of Debian's package of that name
constexpr const char* kSubject = "weir.alerts";

// Debian's server, with its store in a folder of its own, which stays when the server ends.
class Server {
public:
    explicit Server(std::string configuration = {}) : port_(free_port()) {
        std::ofstream(folder_.path / "server.conf") << "listen: 127.0.0.1:" << port_ << "\n" << configuration;
        start(true);
    }
    ~Server() { end(SIGKILL); }

    void start(bool has_jetstream) {
        const std::string file = folder_.path / "server.conf", store = folder_.path / "store";
        std::vector<const char*> words = {kProgram, "-c", file.c_str()};
        if (has_jetstream) words.insert(words.end(), {"-js", "-sd", store.c_str()});
        words.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        REQUIRE(posix_spawn(&process_, kProgram, &actions, nullptr, const_cast<char**>(words.data()), environ) == 0);
        posix_spawn_file_actions_destroy(&actions);
    }
    void end(int signal) {
        if (process_ > 0) {
            kill(process_, signal);
            waitpid(process_, nullptr, 0);
        }
        process_ = -1;
    }
    void send(int signal) const { kill(process_, signal); }
    std::string url() const { return "nats://127.0.0.1:" + std::to_string(port_); }

private:
    Folder folder_{};
    std::uint16_t port_;
    pid_t process_ = -1;
};

// Who looks after streams, and into them.
class Admin {
public:
    explicit Admin(const Server& server, const std::string& user = {}, const std::string& password = {},
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
    ~Admin() {
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

NatsTerms terms(const Server& server) {
    NatsTerms terms;
    terms.name = "bus";
    terms.url = server.url();
    terms.subject = kSubject;
    return terms;
}

// All that was delivered is there, and nothing is there twice.
void check_stream(const std::map<std::string, std::size_t>& stream, const std::vector<SpooledLine>& events,
                  const Batch& batch) {
    std::size_t missing = 0, doubles = 0;
    for (std::size_t i = 0; i < batch.outcomes().size(); ++i)
        if (batch.outcomes()[i] == nullptr) missing += stream.count(events[i].text) == 0;
    for (const auto& [text, times] : stream) doubles += times - 1;
    CHECK(missing == 0);
    CHECK(doubles == 0);
}

}  // namespace

TEST_CASE("nats: each event is in the stream once") {
    const Server server;
    const Admin admin(server);
    admin.add_stream();
    const auto events = lines(20'000);
    Batch batch(events);
    NatsSink sink(terms(server));
    sink.prepare();
    REQUIRE(deliver_all(sink, batch));
    CHECK(outcomes(batch) == std::map<std::string, std::size_t>{{"", 20'000}});
    CHECK(sink.state() == "ok");
    const auto stream = admin.read();
    CHECK(stream.size() == events.size());
    check_stream(stream, events, batch);
}

TEST_CASE("nats: a server killed and restarted, again and again, loses nothing that it acknowledged") {
    Server server;
    { Admin(server).add_stream(); }
    const auto events = lines(40'000);
    NatsSink sink(terms(server));
    constexpr std::size_t kBatch = 500;
    constexpr int kKills = 5;
    std::atomic<std::size_t> delivered = 0;
    std::thread killer([&] {
        for (int i = 1; i <= kKills; ++i) {
            while (delivered < events.size() / (kKills + 1) * static_cast<std::size_t>(i)) usleep(1000);
            server.end(SIGKILL);
            server.start(true);
        }
    });
    std::size_t missing = 0;
    for (std::size_t first = 0; first < events.size(); first += kBatch) {
        Batch batch(std::span<const SpooledLine>(events).subspan(first, kBatch));
        if (!deliver_all(sink, batch)) ++missing;
        delivered += batch.outcomes().size();
        missing += outcomes(batch)[""] != kBatch;
        if (missing != 0) break;
    }
    delivered = events.size();
    killer.join();
    CHECK(missing == 0);
    CHECK(sink.state() == "ok");
    const auto stream = Admin(server).read();
    CHECK(stream.size() == events.size());
    for (const auto& [text, times] : stream)
        if (times != 1) FAIL(text << " is there " << times << " times");
}

TEST_CASE("nats: a server without JetStream, and one without the stream, say so and lose nothing") {
    Server server;
    server.end(SIGKILL);
    server.start(false);
    const auto events = lines(100);
    Batch batch(events);
    NatsSink sink(terms(server));
    REQUIRE(deliver_until(sink, batch, [&] { return sink.state().find("no JetStream") != std::string::npos; }));
    CHECK(batch.size() == events.size());
    server.end(SIGKILL);
    server.start(true);
    REQUIRE(deliver_until(
        sink, batch, [&] { return sink.state().find("no stream takes subject weir.alerts") != std::string::npos; }));
    CHECK(batch.size() == events.size());
    const Admin admin(server);
    admin.add_stream();
    REQUIRE(deliver_all(sink, batch));
    CHECK(sink.state() == "ok");
    check_stream(admin.read(), events, batch);
}

TEST_CASE("nats: a server that stands still holds nobody; what it had is there once") {
    const Server server;
    const Admin admin(server);
    admin.add_stream();
    const auto events = lines(5'000);
    NatsTerms impatient = terms(server);
    impatient.silence_ms = 1000;
    NatsSink sink(impatient);
    Batch first(std::span<const SpooledLine>(events).first(100));
    REQUIRE(deliver_all(sink, first));
    server.send(SIGSTOP);
    Batch batch(std::span<const SpooledLine>(events).subspan(100));
    REQUIRE(deliver_until(sink, batch, [&] { return sink.state() != "ok"; }));
    CHECK(batch.size() == events.size() - 100);
    server.send(SIGCONT);
    REQUIRE(deliver_all(sink, batch));
    CHECK(sink.state() == "ok");
    const auto stream = admin.read();
    CHECK(stream.size() == events.size());
    for (const auto& [text, times] : stream)
        if (times != 1) FAIL(text << " is there " << times << " times");
}

TEST_CASE("nats: a server that stands still does not hold the end") {
    const Server server;
    const Admin admin(server);
    admin.add_stream();
    const auto events = lines(4'000);
    EndSignal end;
    Batch batch(events, &end);
    auto sink = std::make_unique<NatsSink>(terms(server));
    server.send(SIGSTOP);
    sink->deliver(batch);
    end.set();
    sink->deliver(batch);
    CHECK(batch.size() == events.size());
    sink.reset();
    server.send(SIGCONT);
}

TEST_CASE("nats: a peer that never says a word, or other words, holds nobody and fills nothing") {
    const std::string info = "INFO {\"max_payload\":1048576,\"headers\":true}\r\n";
    const struct {
        std::string says, state;
    } peers[] = {{"", "the server does not answer"},
                 {info, "the server does not answer"},  // and never PONG
                 {std::string(1 << 20, 'x'), "this is no NATS server"},
                 {"HTTP/1.1 400 Bad Request\r\n\r\n", "this is no NATS server"},
                 {"INFO [1, 2\r\n", "this is no NATS server"},
                 {"INFO {\"tls_required\":true}\r\n", "the server wants TLS: write tls:// in place of nats://"},
                 {info + "-ERR 'no \x1b[31mway'\r\n", "the server says  'no \\x1b[31mway'"},
                 {info + "PONG\r\nMSG a 1 99999999999\r\n", "the server does not speak the protocol of NATS"},
                 {info + "PONG\r\nHMSG a 1 500 5\r\nhello\r\n", "the server does not speak the protocol of NATS"},
                 {info + "PONG\r\nMSG\r\n", "the server does not speak the protocol of NATS"},
                 {info + "PONG\r\n" + std::string(1 << 20, 'x'), "the server does not speak the protocol of NATS"},
                 {info + "PONG\r\nMSG _INBOX.x.y 1 2\r\nab\r\n", "the server does not answer"}};
    const auto events = lines(10);
    for (const auto& peer : peers) {
        const DullServer server(peer.says);
        NatsTerms terms;
        terms.name = "bus";
        terms.url = "nats://127.0.0.1:" + std::to_string(server.port());
        terms.subject = kSubject;
        terms.silence_ms = 500;
        Batch batch(events);
        NatsSink sink(terms);
        sink.prepare();
        CAPTURE(peer.says.substr(0, 80), sink.state());
        CHECK(deliver_until(
            sink, batch, [&] { return sink.state() == terms.url + ": " + peer.state; }, std::chrono::seconds(30)));
        CHECK(batch.size() == events.size());
    }
}

TEST_CASE("nats: TLS, and only with a server of the right name") {
    const Folder folder;
    const auto certificate = [&](const std::string& name, const std::string& of) {
        const std::string path = folder.path / name;
        const std::string command =
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext subjectAltName=" + of +
            " -keyout " + path + ".key -out " + path + ".pem 2>/dev/null";
        REQUIRE(std::system(command.c_str()) == 0);
        return path;
    };
    const auto events = lines(10);
    const auto tls_server = [](const std::string& path) {
        return "tls { cert_file: \"" + path + ".pem\", key_file: \"" + path + ".key\" }\n";
    };
    const auto over_tls = [](const Server& server, const std::string& authorities) {
        NatsTerms all = terms(server);
        all.url = "tls" + all.url.substr(4);
        all.authorities = authorities;
        return all;
    };
    const std::string right = certificate("right", "IP:127.0.0.1"), wrong = certificate("wrong", "DNS:other.example");
    const Server good(tls_server(right));
    const Admin admin(good, {}, {}, right + ".pem");
    admin.add_stream();
    Batch batch(events);
    NatsSink sink(over_tls(good, right + ".pem"));
    REQUIRE(deliver_all(sink, batch));
    CHECK(admin.read().size() == events.size());
    const auto refused = [&](const NatsTerms& terms, const char* why) {
        Batch left(events);
        NatsSink other(terms);
        CAPTURE(why);
        CHECK(deliver_until(other, left, [&] { return other.state().find(why) != std::string::npos; }));
        CHECK(left.size() == events.size());
    };
    refused(over_tls(good, wrong + ".pem"), "TLS: self-signed certificate");
    refused(over_tls(good, ""), "TLS: self-signed certificate");
    const Server other(tls_server(wrong));
    refused(over_tls(other, wrong + ".pem"), "TLS: IP address mismatch");
    refused(terms(good), "the server wants TLS");
}

TEST_CASE("nats: user and password, which nothing shows") {
    Server server("authorization { user: weir, password: \"do-not-show-me\" }\n");
    const Admin admin(server, "weir", "do-not-show-me");
    admin.add_stream();
    const auto events = lines(10);
    NatsTerms wrong = terms(server);
    wrong.user = "weir", wrong.password = "not-this-one";
    Batch refused(events);
    NatsSink sink(wrong);
    REQUIRE(deliver_until(sink, refused, [&] { return sink.state().find("uthorization") != std::string::npos; }));
    CHECK(sink.state().find("not-this-one") == std::string::npos);
    CHECK(refused.size() == events.size());
    NatsTerms in_url = terms(server);
    in_url.url.insert(in_url.url.find("127"), "weir:do-not-show-me@");
    in_url.subject = "nobody.takes.this";
    NatsSink lost(in_url);
    REQUIRE(deliver_until(lost, refused, [&] { return lost.state().find("no stream") != std::string::npos; }));
    CHECK(lost.state().find("do-not-show-me") == std::string::npos);
    NatsTerms right = terms(server);
    right.user = "weir", right.password = "do-not-show-me";
    NatsSink good(right);
    REQUIRE(deliver_all(good, refused));
    CHECK(good.state() == "ok");
}

TEST_CASE("nats: what the server finds too large is lost alone") {
    Server server("max_payload: 1000\n");
    const Admin admin(server);
    admin.add_stream();
    auto events = lines(50);
    events[7].text.assign(2'000, 'x');
    Batch batch(events);
    NatsSink sink(terms(server));
    REQUIRE(deliver_all(sink, batch));
    CHECK(outcomes(batch) == std::map<std::string, std::size_t>{{"", 49}, {"too large", 1}});
    CHECK(batch.outcomes()[7] == std::string("too large"));
}

TEST_CASE("nats: two sinks into one stream do not take one another's events for doubles") {
    const Server server;
    const Admin admin(server);
    admin.add_stream({"weir.>"});
    const auto events = lines(100);
    NatsTerms first = terms(server), second = terms(server);
    second.name = "other", second.subject = "weir.other";
    NatsSink sinks[] = {NatsSink(first), NatsSink(second)};
    for (NatsSink& sink : sinks) {
        Batch batch(events);
        REQUIRE(deliver_all(sink, batch));
    }
    const auto stream = admin.read();
    CHECK(stream.size() == events.size());
    for (const auto& [text, times] : stream) CHECK(times == 2);
}
