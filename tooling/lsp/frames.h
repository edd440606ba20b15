// Messages of the base protocol: headers, an empty line, and as many bytes of JSON as `Content-Length` says.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "tooling/lsp/text.h"

namespace weir::tooling::lsp {

inline constexpr std::size_t kMostHeaderBytes = 4'096;
inline constexpr std::size_t kMostContentBytes = std::size_t{40} << 20;  // a policy of 16 MB, escaped

// Takes bytes as they come. What is no message is skipped up to the next header and reported once.
class FrameReader {
public:
    struct Frame {
        std::string content{};
        std::string problem{};  // what was wrong in its place; then there is no content
    };
    void add(std::string_view bytes) { in_.append(bytes); }
    // Nothing: more bytes are needed.
    std::optional<Frame> next();

private:
    std::optional<Frame> read_header();

    std::string in_;
    std::optional<std::size_t> length_{};  // of the content that is awaited
    std::size_t skip_ = 0;                 // bytes of a content that is too large
};

std::string framed(const Json& message);
// Nothing where it is no JSON, or nested too deep.
std::optional<Json> parse_json(std::string_view text);

// Members of what a peer sent, whatever it is: null, "" or nothing where they are missing or of another type.
const Json& member(const Json& object, const char* name);
std::string string_of(const Json& value);
std::optional<std::uint32_t> number_of(const Json& value);  // 0 to 2^31 - 1, as the protocol has it
std::optional<Place> place_of(const Json& value);
std::optional<Range> range_of(const Json& value);

}  // namespace weir::tooling::lsp
