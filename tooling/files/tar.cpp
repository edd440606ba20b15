// Tested by tests/unit/tooling/bundle_test.cpp.
#include "tooling/files/tar.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include <fmt/format.h>

namespace weir::tooling {
namespace {

constexpr std::size_t kBlockBytes = 512;

// POSIX.1-2017, pax, "ustar Interchange Format". Numbers are octal digits.
struct Header {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6];
    char version[2];
    char user[32];
    char group[32];
    char major[8];
    char minor[8];
    char prefix[155];
    char padding[12];
};
static_assert(sizeof(Header) == kBlockBytes);

Error damaged(const std::string& what) { return {"the archive is damaged: " + what, {}, EINVAL}; }

template <std::size_t N>
std::string_view field(const char (&bytes)[N]) {
    return {bytes, strnlen(bytes, N)};
}

template <std::size_t N>
void put_text(char (&bytes)[N], std::string_view text) {
    std::memcpy(bytes, text.data(), std::min(text.size(), N));
}
template <std::size_t N>
void put_number(char (&bytes)[N], std::uint64_t number) {
    put_text(bytes, fmt::format("{:0{}o}", number, N - 1));
}

template <std::size_t N>
std::optional<std::uint64_t> number_of(const char (&bytes)[N]) {
    std::string_view text = field(bytes);
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    std::uint64_t number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number, 8);
    if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// Of all bytes, those of the field itself as spaces.
std::uint64_t checksum_of(Header header) {
    std::memset(header.checksum, ' ', sizeof(header.checksum));
    std::uint64_t sum = 0;
    for (const char c : std::string_view(reinterpret_cast<const char*>(&header), sizeof(header)))
        sum += static_cast<unsigned char>(c);
    return sum;
}

// Long names are divided at a slash.
bool put_name(Header& header, std::string_view name) {
    if (name.size() <= sizeof(header.name)) {
        put_text(header.name, name);
        return true;
    }
    for (std::size_t slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/', slash + 1)) {
        if (slash > sizeof(header.prefix)) return false;
        if (name.size() - slash - 1 > sizeof(header.name)) continue;
        put_text(header.prefix, name.substr(0, slash));
        put_text(header.name, name.substr(slash + 1));
        return true;
    }
    return false;
}

std::string name_of(const Header& header) {
    const std::string_view prefix = field(header.prefix), name = field(header.name);
    return prefix.empty() ? std::string(name) : fmt::format("{}/{}", prefix, name);
}

}  // namespace

Result<std::string> to_tar(const std::vector<TarEntry>& entries) {
    std::string out;
    for (const TarEntry& entry : entries) {
        Header header{};
        if (entry.name.empty() || !put_name(header, entry.name))
            return Error{fmt::format("the path {} is too long for an archive", entry.name), {}, ENAMETOOLONG};
        put_number(header.mode, 0644);
        put_number(header.uid, 0);
        put_number(header.gid, 0);
        put_number(header.size, entry.bytes.size());
        put_number(header.mtime, 0);
        header.type = '0';
        put_text(header.magic, std::string_view("ustar\0", 6));
        put_text(header.version, "00");
        put_text(header.checksum, fmt::format("{:06o}", checksum_of(header)) + std::string("\0 ", 2));
        out.append(reinterpret_cast<const char*>(&header), sizeof(header));
        out += entry.bytes;
        out.append((kBlockBytes - out.size() % kBlockBytes) % kBlockBytes, '\0');
    }
    return out.append(2 * kBlockBytes, '\0');
}

Result<std::vector<TarEntry>> from_tar(std::string_view bytes) {
    std::vector<TarEntry> entries;
    for (;;) {
        Header header;
        if (bytes.size() < sizeof(header)) return damaged("it has no end");
        std::memcpy(&header, bytes.data(), sizeof(header));
        bytes.remove_prefix(sizeof(header));
        if (std::string_view(reinterpret_cast<const char*>(&header), sizeof(header)).find_first_not_of('\0') ==
            std::string_view::npos)
            return entries;
        if (number_of(header.checksum) != checksum_of(header)) return damaged("a header's check sum is wrong");
        if (header.type != '0' && header.type != '\0')
            return damaged(fmt::format("{} is no regular file", name_of(header)));
        const auto size = number_of(header.size);
        if (!size || *size > bytes.size()) return damaged(fmt::format("{} is cut", name_of(header)));
        entries.push_back({name_of(header), std::string(bytes.substr(0, *size))});
        bytes.remove_prefix(std::min<std::size_t>(bytes.size(), (*size + kBlockBytes - 1) / kBlockBytes * kBlockBytes));
    }
}

}  // namespace weir::tooling
