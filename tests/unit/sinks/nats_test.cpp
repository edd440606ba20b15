#include "runtime/sinks/nats.h"
#include "runtime/sinks/nats_key.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "runtime/kernel.h"
#include "tests/unit/runtime/folder.h"
#include "tests/unit/sinks/nats_peer.h"
#include "tests/unit/sinks/peer.h"

using namespace weir::runtime;
using namespace weir::tests;

namespace {

using Server = NatsServerProcess;
using Admin = NatsReader;

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

UniqueFd listening(in_addr_t host, in_port_t port) {
    UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(host);
    address.sin_port = htons(port);
    REQUIRE(bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(listen(listener.get(), 64) == 0);
    return listener;
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
        CAPTURE(peer.says.substr(0, 80));
        CHECK(deliver_until(
            sink, batch, [&] { return sink.state() == terms.url + ": " + peer.state; }, std::chrono::seconds(30)));
        CHECK(batch.size() == events.size());
    }
}

TEST_CASE("nats: a server that asks without end and never reads fills nothing") {
    std::string pings;
    while (pings.size() < 60'000) pings += "PING\r\n";
    const std::uint16_t port = free_port();
    const UniqueFd listener = listening(INADDR_LOOPBACK, port);
    constexpr std::size_t kAll = 100 << 20;
    std::atomic<bool> has_said_all = false, is_over = false;
    std::thread server([&] {
        const UniqueFd client(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        const std::string greeting = "INFO {}\r\nPONG\r\n";
        static_cast<void>(send(client.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL));
        for (std::size_t said = 0; said < kAll; said += pings.size())
            if (send(client.get(), pings.data(), pings.size(), MSG_NOSIGNAL) < 0) break;
        has_said_all = true;
        while (!is_over) usleep(1000);
    });
    NatsConnection connection(nats_server("nats://127.0.0.1:" + std::to_string(port)));
    CHECK(connection.connect(10'000, -1));
    std::size_t most = 0;
    while (!has_said_all && connection.exchange(100, -1, [](const auto&) {}))
        most = std::max(most, connection.unsent());
    CHECK(has_said_all);
    CHECK(most <= 5 << 20);
    connection.close();
    is_over = true;
    server.join();
}

TEST_CASE("nats: two addresses, in a process of its own", "[.]") {
    const std::uint16_t port = free_port();
    const UniqueFd silent = listening(INADDR_LOOPBACK, port), good = listening(INADDR_LOOPBACK + 1, port);
    REQUIRE(replace_file("/etc/hosts", "127.0.0.1 bus.example\n127.0.0.2 bus.example\n"));
    std::atomic<bool> is_over = false;
    std::thread server([&] {
        const UniqueFd client(accept4(good.get(), nullptr, nullptr, SOCK_CLOEXEC));
        const std::string greeting = "INFO {}\r\nPONG\r\n";
        static_cast<void>(send(client.get(), greeting.data(), greeting.size(), MSG_NOSIGNAL));
        while (!is_over) usleep(1000);
    });
    NatsConnection connection(nats_server("nats://bus.example:" + std::to_string(port)));
    CHECK_FALSE(connection.connect(500, -1));
    bool is_connected = false;
    for (int i = 0; i < 20 && !is_connected; ++i) is_connected = static_cast<bool>(connection.connect(500, -1));
    CHECK(is_connected);
    is_over = true;
    shutdown(good.get(), SHUT_RDWR);
    server.join();
}

// With another /etc/hosts. A fork alone is not enough: the C library believes that its threads for names are there
// still.
TEST_CASE("nats: of a name's addresses, one that never answers does not hide the next") {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe");
    CHECK(std::system(("'" + self + "' 'nats: two addresses, in a process of its own' >/dev/null").c_str()) == 0);
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

// The key's bytes are 1 to 32; the signature is that of `openssl pkeyutl -sign -rawin`.
TEST_CASE("nkey: a user's seed signs the server's nonce") {
    const std::string seed = "SUAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB6IC5CQ";
    const auto signature = nkey_signature(seed, "nonce-of-the-server");
    REQUIRE(signature);
    CHECK(*signature == "IJlqeaTN1dhkfoZoJ-A_8HpJPrUYJg8l0JynJp4lMlIBHoChd2l-vCqQ7QdBtvrIXYMdPk1gNf56gtpl1F0uDQ");
    std::string changed = seed;
    changed.back() = 'A';
    for (const std::string& none : {changed, std::string(), std::string("not a seed"), seed.substr(1)}) {
        const auto refused = nkey_signature(none, "x");
        REQUIRE(!refused);
        CHECK(refused.error().message.find(none.empty() ? "SU" : none) == std::string::npos);
    }
    NatsServer server;
    CHECK(take_credentials(server,
                           "-----BEGIN NATS USER JWT-----\neyJ0.x.y\n------END NATS USER JWT------\n\n"
                           "-----BEGIN USER NKEY SEED-----\n" +
                               seed + "\n------END USER NKEY SEED------\n"));
    CHECK(server.jwt == "eyJ0.x.y");
    CHECK(server.seed == seed);
    CHECK(!take_credentials(server, "root:x:0:0"));
}
