// Tested by tests/unit/service/door_settings_test.cpp.
#include "service/http/door_settings.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

#include <fmt/format.h>

#include "runtime/bytes.h"
#include "runtime/kernel.h"
#include "service/file_reader.h"
#include "service/http/channels.h"
#include "service/http/routes.h"

namespace weir::service::http {
namespace {

constexpr std::size_t kMostFileBytes = 1 << 20;  // certificates and keys
constexpr std::size_t kMostTokenBytes = 4096;
constexpr std::size_t kMostListeners = 16;

enum class Secret : std::uint8_t { kNo, kYes };

Result<std::string> read_file(const std::string& path, const char* what, Secret secret) {
    auto file = open_regular(path);
    if (!file) return Error{fmt::format("{} {}: {}", what, path, file.error().message), file.error().help, 0};
    struct stat facts{};
    if (fstat(file->get(), &facts) != 0) return runtime::kernel_error(errno, fmt::format("reading {}", path));
    if (secret == Secret::kYes && (facts.st_mode & 077) != 0)
        return Error{fmt::format("others than its owner can read or write {} {}", what, path),
                     fmt::format("chmod 0600 {}", path), EPERM};
    if (secret == Secret::kYes && facts.st_uid != 0 && facts.st_uid != geteuid())
        return Error{fmt::format("{} {} belongs to somebody else", what, path), fmt::format("chown root {}", path),
                     EPERM};
    std::string text(kMostFileBytes + 1, '\0');
    const ssize_t got = read(file->get(), text.data(), text.size());
    if (got < 0) return runtime::kernel_error(errno, fmt::format("reading {}", path));
    if (static_cast<std::size_t>(got) > kMostFileBytes)
        return Error{fmt::format("{} {} is longer than 1 MB", what, path), {}, EFBIG};
    text.resize(static_cast<std::size_t>(got));
    return text;
}

Result<std::string> read_token(const std::string& path) {
    auto text = read_file(path, "the token file", Secret::kYes);
    if (!text) return text;
    while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
    const auto is_visible = [](char c) { return c > ' ' && c <= '~'; };
    const char* const help = "openssl rand -hex 32 writes a good one";
    if (text->size() < kLeastTokenBytes || text->size() > kMostTokenBytes)
        return Error{fmt::format("the token in {} has {} bytes: it needs {} to {}", path, text->size(),
                                 kLeastTokenBytes, kMostTokenBytes),
                     help, EINVAL};
    if (!std::all_of(text->begin(), text->end(), is_visible))
        return Error{fmt::format("the token in {} must be visible ASCII characters, on one line", path), help, EINVAL};
    return text;
}

Status check_reach(const DoorSettings& settings) {
    for (const ListenAddress& address : settings.addresses)
        if (address.reach == Reach::kPublic && (settings.token.empty() || settings.certificate.empty()))
            return Error{fmt::format("others can reach {}: that needs a token and TLS", address.text),
                         "--api-token-file FILE --tls-cert FILE --tls-key FILE, or listen at 127.0.0.1 behind a proxy",
                         EPERM};
    return Done{};
}

// A door that was taken over gives what commands it likes. None that names a file of this host.
bool may_give(const Command& command, Right right) {
    if (const auto* reload = std::get_if<ReloadCommand>(&command))
        return right == Right::kManage && reload->from == "text" && reload->samples.empty();
    if (const auto* judge = std::get_if<JudgeCommand>(&command))
        return right == Right::kManage && judge->from == "text";
    if (std::holds_alternative<RecordCommand>(command)) return false;  // packets, and a map of the kernel's
    const bool reads =
        std::holds_alternative<StatusCommand>(command) || std::holds_alternative<EventsCommand>(command) ||
        std::holds_alternative<ListSetCommand>(command) || std::holds_alternative<FlowsCommand>(command) ||
        std::holds_alternative<PolicyTextCommand>(command) || std::holds_alternative<WithdrawCommand>(command);
    return reads || right == Right::kManage;
}

}  // namespace

Result<DoorSettings> read_settings(const DoorOptions& options) {
    DoorSettings settings;
    for (const std::string& text : options.listen) {
        auto address = parse_listen_address(text);
        if (!address) return address.error();
        settings.addresses.push_back(std::move(*address));
    }
    if (settings.addresses.size() > kMostListeners)
        return Error{fmt::format("more than {} addresses to listen at", kMostListeners), {}, EINVAL};
    for (std::string name : options.names) {
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
        settings.names.push_back(std::move(name));
    }
    if (options.certificate_file.empty() != options.key_file.empty())
        return Error{"a certificate and its key go together", "--tls-cert FILE --tls-key FILE", EINVAL};
    if (!options.token_file.empty()) {
        auto token = read_token(options.token_file);
        if (!token) return token.error();
        settings.token = std::move(*token);
    }
    if (!options.certificate_file.empty()) {
        auto certificate = read_file(options.certificate_file, "the certificate", Secret::kNo);
        if (!certificate) return certificate.error();
        auto key = read_file(options.key_file, "the key", Secret::kYes);
        if (!key) return key.error();
        settings.certificate = std::move(*certificate);
        settings.key = std::move(*key);
    }
    if (Status fit = check_reach(settings); !fit) return fit.error();
    return settings;
}

Result<SideProcessOptions> door_process(const DoorSettings& settings) {
    SideProcessOptions options;
    options.argument = "network-door";
    options.name = "the network door";
    options.channels = kChannels;
    options.may_give = [changes = !settings.token.empty()](const Command& command) {
        return may_give(command, changes ? Right::kManage : Right::kRead);
    };
    options.settings = to_text(settings);
    for (const ListenAddress& address : settings.addresses) {
        auto socket = open_listener(address);
        if (!socket) return socket.error();
        options.given.push_back(std::move(*socket));
        const char* const scheme = settings.certificate.empty() ? "http" : "https";
        options.addresses.push_back(address.reach == Reach::kUnix ? address.text
                                                                  : fmt::format("{}://{}", scheme, address.text));
    }
    return options;
}

std::string to_text(const DoorSettings& settings) {
    runtime::ByteWriter out;
    out.put(static_cast<std::uint32_t>(settings.addresses.size()));
    for (const ListenAddress& address : settings.addresses) out.put(address.text);
    out.put(static_cast<std::uint32_t>(settings.names.size()));
    for (const std::string& name : settings.names) out.put(name);
    for (const std::string& text : {settings.token, settings.certificate, settings.key}) out.put(text);
    return {out.bytes().begin(), out.bytes().end()};
}

Result<DoorSettings> settings_from(const std::string& text) {
    runtime::ByteReader in({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    DoorSettings settings;
    for (auto left = in.get<std::uint32_t>(); left != 0 && in.good(); --left) {
        auto address = parse_listen_address(in.text());
        if (!address) return address.error();
        settings.addresses.push_back(std::move(*address));
    }
    for (auto left = in.get<std::uint32_t>(); left != 0 && in.good(); --left) settings.names.push_back(in.text());
    settings.token = in.text();
    settings.certificate = in.text();
    settings.key = in.text();
    if (!in.good()) return Error{"the door's settings are cut short", {}, EINVAL};
    return settings;
}

}  // namespace weir::service::http
