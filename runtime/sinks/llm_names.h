// What leaves the host in a digest, and what stays: docs/http-sinks.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::runtime {

enum class Addresses : std::uint8_t { kPseudonym, kPlain };

// Names in the place of addresses and hosts, the same for the same one within a digest: "ip-1", "mac-1", "host-1". The
// table stays here. With kPlain they stay as they are.
class DigestNames {
public:
    explicit DigestNames(Addresses addresses) : addresses_(addresses) {}
    std::string ip(std::string_view text) { return name("ip", text); }
    std::string mac(std::string_view text) { return name("mac", text); }
    std::string host(std::string_view text);

    // Text that a packet or its sender wrote, as it may be sent: addresses and host names in it as above. With kPlain,
    // too, without what gateways blank by themselves, which would make the digest unreadable there: e-mail addresses,
    // nine digits or more in a row (telephone, card and insurance numbers), Canadian postal codes. Control characters
    // are escaped; kMaxTextBytes at most.
    // `hosts`: names that are known to be in it, of one label, too.
    std::string text(std::string_view text, const std::vector<std::string>& hosts = {});
    static constexpr std::size_t kMaxTextBytes = 200;

private:
    std::string without_hosts(std::string text, const std::vector<std::string>& hosts);
    std::string without_inner(std::string_view token, bool (*is_of)(char), std::vector<std::string>& held);
    std::string name(const char* kind, std::string_view text);
    std::optional<std::string> name_of(std::string_view token, const std::vector<std::string>& hosts);

    Addresses addresses_;
    std::map<std::string, std::string, std::less<>> names_{};
    std::map<std::string, unsigned, std::less<>> last_{};  // number given, by kind
};

}  // namespace weir::runtime
