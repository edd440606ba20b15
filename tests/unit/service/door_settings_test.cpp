#include "service/http/door_settings.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace weir::service;
using namespace weir::service::http;

namespace {

struct File {
    std::string path;
    File(const std::string& name, const std::string& text, mode_t mode = 0600)
        : path((std::filesystem::temp_directory_path() / ("weir-settings-" + std::to_string(getpid()) + name))
                   .string()) {
        std::ofstream(path) << text;
        chmod(path.c_str(), mode);
    }
    ~File() { std::filesystem::remove(path); }
};

const std::string kToken(32, 't');

std::string problem(const DoorOptions& options) {
    const auto settings = read_settings(options);
    return settings ? std::string() : settings.error().message;
}

}  // namespace

TEST_CASE("an address that others reach needs a token and TLS") {
    const File token("token", kToken + "\n"), certificate("cert", "c"), key("key", "k");
    DoorOptions options;
    for (const char* address : {"0.0.0.0:9464", "[::]:9464", "192.0.2.1:9464"}) {
        options = {{address}, {}, {}, {}, {}};
        CHECK(problem(options).find("needs a token and TLS") != std::string::npos);
        options.token_file = token.path;
        CHECK(problem(options).find("needs a token and TLS") != std::string::npos);
        options.certificate_file = certificate.path;
        options.key_file = key.path;
        CHECK(problem(options).empty());
        options.token_file.clear();
        CHECK(problem(options).find("needs a token and TLS") != std::string::npos);
    }
    CHECK(problem({{"127.0.0.1:9464", "/run/x.sock"}, {}, {}, {}, {}}).empty());
    CHECK(problem({{"127.0.0.1:9464", "0.0.0.0:9465"}, {}, {}, {}, {}}).find("0.0.0.0:9465") != std::string::npos);
}

TEST_CASE("tokens are long, visible, and nobody else's to read") {
    const auto with = [](const File& file) { return problem({{"127.0.0.1:9464"}, {}, file.path, {}, {}}); };
    CHECK(with(File("good", kToken + "\n")).empty());
    CHECK(with(File("short", std::string(31, 't'))).find("31 bytes") != std::string::npos);
    CHECK(with(File("long", std::string(5000, 't'))).find("5000 bytes") != std::string::npos);
    CHECK(with(File("blank", std::string(20, 't') + " " + kToken)).find("visible") != std::string::npos);
    CHECK(with(File("read", kToken, 0640)).find("others than its owner") != std::string::npos);
    CHECK(with(File("all", kToken, 0604)).find("others than its owner") != std::string::npos);
    CHECK(problem({{"127.0.0.1:9464"}, {}, "/nowhere", {}, {}}).find("/nowhere") != std::string::npos);
    CHECK(problem({{"127.0.0.1:9464"}, {}, "/dev/zero", {}, {}}).find("/dev/zero") != std::string::npos);
}

TEST_CASE("a door that was taken over may not give each command") {
    DoorSettings settings;
    const auto of = [&](const char* token) {
        settings.token = token;
        return door_process(settings)->may_give;
    };
    const auto reads = of(""), changes = of(kToken.c_str());
    CHECK(reads(StatusCommand{}));
    CHECK(reads(EventsCommand{true}));
    CHECK(reads(PolicyTextCommand{}));
    CHECK_FALSE(reads(ConfirmCommand{}));
    CHECK_FALSE(reads(AddToSetCommand{}));
    CHECK(changes(AddToSetCommand{}));
    CHECK(changes(RollbackCommand{}));
    CHECK_FALSE(changes(RecordCommand{}));
    ReloadCommand reload;
    reload.file = "/etc/weir/edge.rules";
    CHECK_FALSE(changes(std::move(reload)));
    ReloadCommand text;
    text.from = "text";
    CHECK(changes(std::move(text)));
    ReloadCommand again;
    again.from = "text";
    CHECK_FALSE(reads(std::move(again)));
    CHECK_FALSE(changes(JudgeCommand{}));
}

TEST_CASE("a certificate and its key go together, and the settings arrive as they were") {
    const File token("token", kToken), certificate("cert", "c"), key("key", "k"), open_key("open", "k", 0644);
    CHECK_FALSE(problem({{"127.0.0.1:9464"}, {}, {}, certificate.path, {}}).empty());
    CHECK_FALSE(problem({{"127.0.0.1:9464"}, {}, {}, certificate.path, open_key.path}).empty());
    const auto settings =
        read_settings({{"127.0.0.1:9464", "[::1]:9465"}, {"Edge.Example"}, token.path, certificate.path, key.path});
    REQUIRE(settings);
    const auto read = settings_from(to_text(*settings));
    REQUIRE(read);
    CHECK(read->addresses.size() == 2);
    CHECK(read->addresses[1].host == "::1");
    CHECK(read->names == std::vector<std::string>{"edge.example"});
    CHECK(read->token == kToken);
    CHECK(read->certificate == "c");
    CHECK(read->key == "k");
    CHECK_FALSE(settings_from(to_text(*settings).substr(0, 60)));
}
