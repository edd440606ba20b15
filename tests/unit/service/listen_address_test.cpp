#include "service/http/listen_address.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

using namespace weir::service::http;

TEST_CASE("addresses to listen at") {
    const auto reach = [](const char* text) {
        const auto address = parse_listen_address(text);
        REQUIRE(address);
        return address->reach;
    };
    CHECK(reach("127.0.0.1:9464") == Reach::kLoopback);
    CHECK(reach("127.8.0.1:1") == Reach::kLoopback);
    CHECK(reach("[::1]:9464") == Reach::kLoopback);
    CHECK(reach("0.0.0.0:9464") == Reach::kPublic);
    CHECK(reach("[::]:9464") == Reach::kPublic);
    CHECK(reach("192.0.2.1:9464") == Reach::kPublic);
    CHECK(reach("[::ffff:127.0.0.1]:9464") == Reach::kPublic);  // asks for a token: the safe side
    CHECK(reach("/run/weir.sock") == Reach::kUnix);
    CHECK(parse_listen_address("[::1]:9464")->host == "::1");
    CHECK(parse_listen_address("[::]:9464")->is_any);
    CHECK(parse_listen_address("127.0.0.1:9464")->port == 9464);
    for (const char* text :
         {"", "9464", ":9464", "localhost:9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
          "127.0.0.1:9464x", "::1:9464", "[::1:9464", "relative.sock", "127.1:80"})
        CHECK_FALSE(parse_listen_address(text));
}

TEST_CASE("a UNIX socket replaces one that nobody listens at, and nothing else") {
    const auto folder = std::filesystem::temp_directory_path() / ("weir-listen-" + std::to_string(getpid()));
    std::filesystem::create_directory(folder);
    const std::string path = (folder / "door.sock").string();
    const ListenAddress address = *parse_listen_address(path);
    {
        const auto first = open_listener(address);
        REQUIRE(first);
        struct stat facts{};
        REQUIRE(stat(path.c_str(), &facts) == 0);
        CHECK((facts.st_mode & 0777) == 0600);
        CHECK_FALSE(open_listener(address));  // somebody listens
    }
    CHECK(open_listener(address));  // nobody does
    std::filesystem::remove(path);
    weir::runtime::UniqueFd file(open(path.c_str(), O_CREAT | O_WRONLY, 0600));
    CHECK_FALSE(open_listener(address));
    CHECK(std::filesystem::is_regular_file(path));
    std::filesystem::remove_all(folder);
}
