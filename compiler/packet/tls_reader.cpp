// Tested by tests/unit/packet/tls_reader_test.cpp with `tls`.
#include "compiler/packet/tls_reader.h"

#include <algorithm>
#include <utility>

namespace weir::packet {
namespace {

constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kHelloHeader = 9;  // the record's and the handshake message's
constexpr std::size_t kMaxExtensions = 64;
constexpr std::size_t kMaxNameBytes = 255;

class HelloReader {
public:
    // `starts` as for read_later_name.
    HelloReader(std::span<const std::uint8_t> payload, std::span<const std::size_t> starts)
        : payload_(payload),
          starts_(starts),
          most_(std::min(kHelloBytes, kRecordHeader + number(3, 2))),
          reach_(std::min(payload.size(), most_)),
          hello_end_(kHelloHeader + number(6, 3)) {}

    void read();

    bool contradicts_itself = false;
    std::optional<std::uint16_t> version;
    bool met_server_name = false;   // the extension, whatever is in it
    bool read_server_name = false;  // it was read through
    std::optional<DomainName> sni;
    bool met_alpn = false;  // likewise
    std::optional<std::string> alpn;
    bool ends_between_extensions = false;  // of the payload: what follows it may begin with one

private:
    std::size_t number(std::size_t at, std::size_t bytes) const {
        std::size_t value = 0;
        for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | payload_[at + i];
        return value;
    }
    // Whether `bytes` at `at_` are there, in one segment; `end` is of what they are part of.
    bool has(std::size_t bytes, std::size_t end) {
        if (at_ + bytes > end) contradicts_itself = true;
        return !contradicts_itself && at_ + bytes <= reach_ && segment_of(at_) == segment_of(at_ + bytes - 1);
    }
    // The number at `at_`, behind which `at_` then is.
    std::optional<std::size_t> next(std::size_t bytes, std::size_t end) {
        if (!has(bytes, end)) return std::nullopt;
        at_ += bytes;
        return number(at_ - bytes, bytes);
    }
    // A length, and what ends that many bytes behind it: the end.
    std::optional<std::size_t> next_end(std::size_t bytes, std::size_t end) {
        const auto length = next(bytes, end);
        if (!length) return std::nullopt;
        if (at_ + *length > end) contradicts_itself = true;
        if (contradicts_itself) return std::nullopt;
        return at_ + *length;
    }
    std::size_t segment_of(std::size_t at) const {
        return static_cast<std::size_t>(std::count_if(starts_.begin(), starts_.end(), [&](auto s) { return s <= at; }));
    }
    bool skip_to_extensions();
    void read_extensions(std::size_t end);
    bool read_names(std::size_t end);
    void read_protocols(std::size_t end);

    std::span<const std::uint8_t> payload_;
    std::span<const std::size_t> starts_;
    std::size_t at_ = kHelloHeader;
    std::size_t most_;   // nothing is looked at from here on
    std::size_t reach_;  // nor from here on: the payload ends
    std::size_t hello_end_;
};

// False where the hello ends, or cannot be read, before its extensions.
bool HelloReader::skip_to_extensions() {
    const auto number = next(2, hello_end_);
    if (!number) return false;
    version = static_cast<std::uint16_t>(*number);
    at_ += 32;                                             // random
    for (const std::size_t length_bytes : {1u, 2u, 1u}) {  // session id, cipher suites, compression methods
        const auto end = next_end(length_bytes, hello_end_);
        if (!end) return false;
        at_ = *end;
    }
    return at_ != hello_end_;
}

void HelloReader::read() {
    constexpr std::size_t kLeastBytes = 35;  // of a hello: version, random, the length of the session id
    contradicts_itself = hello_end_ < kHelloHeader + kLeastBytes;
    if (contradicts_itself) return;
    if (!skip_to_extensions()) return;
    if (const auto end = next_end(2, hello_end_)) read_extensions(*end);
}

void HelloReader::read_extensions(std::size_t end) {
    for (std::size_t count = 0; at_ < end && count < kMaxExtensions; ++count) {
        ends_between_extensions = at_ >= payload_.size();
        const auto type = has(4, end) ? next(2, end) : std::nullopt;
        const auto extension_end = type ? next_end(2, end) : std::nullopt;
        if (!extension_end) return;
        if (*type == 0 && !met_server_name) {
            read_server_name = read_names(*extension_end);
            if (!read_server_name) return;
        }
        if (*type == 16 && !std::exchange(met_alpn, true)) read_protocols(*extension_end);
        if (contradicts_itself) return;
        at_ = *extension_end;
    }
}

// server_name: a list of (type, name); type 0 is a host's. False where the walk ends in there.
bool HelloReader::read_names(std::size_t end) {
    constexpr int kMaxEntries = 8;
    met_server_name = true;
    const auto list_end = next_end(2, end);
    if (!list_end) return false;
    for (int entries = 0; at_ < *list_end && entries < kMaxEntries; ++entries) {
        const auto type = has(3, *list_end) ? next(1, *list_end) : std::nullopt;
        const auto name_end = type ? next_end(2, *list_end) : std::nullopt;
        if (!name_end) return false;
        const std::size_t bytes = *name_end - at_;
        if (*type == 0) {
            if (bytes == 0) return true;
            if (!has(bytes, end)) return false;
            std::string name(payload_.begin() + static_cast<std::ptrdiff_t>(at_),
                             payload_.begin() + static_cast<std::ptrdiff_t>(*name_end));
            if (name.ends_with('.')) name.pop_back();
            if (!name.empty() && name.size() <= kMaxNameBytes) sni = domain_of_text(name);
            return true;
        }
        at_ = *name_end;
    }
    return true;
}

// application_layer_protocol_negotiation: a list of names, of which the first counts. Only of a hello's first segment.
void HelloReader::read_protocols(std::size_t end) {
    if (segment_of(at_) != 0) return;
    const auto list_end = next_end(2, end);
    if (!list_end || at_ == *list_end) return;
    const auto name_end = next_end(1, *list_end);
    if (!name_end || at_ == *name_end || !has(*name_end - at_, end) || segment_of(at_) != 0) return;
    alpn = std::string(payload_.begin() + static_cast<std::ptrdiff_t>(at_),
                       payload_.begin() + static_cast<std::ptrdiff_t>(*name_end));
}

}  // namespace

std::optional<TlsRecord> read_tls(std::span<const std::uint8_t> payload) {
    if (payload.size() < kRecordHeader || payload[0] != 0x16 || payload[1] != 0x03) return std::nullopt;
    TlsRecord record;
    record.is_client_hello = payload.size() > kRecordHeader && payload[kRecordHeader] == 1 &&
                             (payload[3] != 0 || payload[4] != 0);  // the record has that byte
    if (!record.is_client_hello) {
        record.version = static_cast<std::uint16_t>(payload[1] << 8 | payload[2]);
        return record;
    }
    record.is_cut = true;
    const std::size_t record_end = kRecordHeader + (payload[3] << 8u | payload[4]);
    if (payload.size() < kHelloHeader || record_end < kHelloHeader) return record;
    const std::size_t hello_end = kHelloHeader + (payload[6] << 16u | payload[7] << 8u | payload[8]);
    record.is_cut = hello_end > payload.size() || hello_end > record_end;
    HelloReader hello(payload, {});
    hello.read();
    if (hello.contradicts_itself && !hello.read_server_name) {
        record.is_cut = false;
        return record;
    }
    record.version = hello.version;
    record.sni = hello.sni;
    record.alpn = hello.alpn;
    record.name_may_follow = !hello.met_server_name && hello.ends_between_extensions && hello_end <= record_end &&
                             payload.size() < kHelloBytes;
    return record;
}

LaterName read_later_name(std::span<const std::uint8_t> payload, std::span<const std::size_t> starts) {
    HelloReader hello(payload, starts);
    hello.read();
    const bool goes_on = !hello.met_server_name && hello.ends_between_extensions && !hello.contradicts_itself &&
                         payload.size() < kHelloBytes;
    return {hello.sni, goes_on};
}

}  // namespace weir::packet
