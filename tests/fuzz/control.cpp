// Any line as a command of the control socket, and as a reply to each command: refused with a sentence, or read, and
// what is written of it is read as the same.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "grammar/base/check.h"
#include "service/command_codec.h"

namespace {

using namespace weir;

template <std::size_t... I>
void read_as_replies(std::string_view line, std::index_sequence<I...>) {
    const auto read = [&](const service::Command& asked) {
        const auto reply = service::decode_reply(line, asked);
        if (!reply) {
            WEIR_CHECK(!reply.error().message.empty());
            return;
        }
        const std::string written = service::encode(*reply);
        const auto again = service::decode_reply(written, asked);
        WEIR_CHECK(again);
        WEIR_CHECK(service::encode(*again) == written);
        WEIR_CHECK(written.find('\n') == std::string::npos);
        service::encode_result(*reply);
    };
    (read(service::Command(std::in_place_index<I>)), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string_view line(reinterpret_cast<const char*>(bytes), size);
    const auto command = service::decode_command(line);
    if (const auto* refusal = std::get_if<service::Refusal>(&command)) {
        WEIR_CHECK(!refusal->error.empty());
    } else {
        const std::string written = service::encode(std::get<service::Command>(command));
        const auto again = service::decode_command(written);
        WEIR_CHECK(std::holds_alternative<service::Command>(again));
        WEIR_CHECK(service::encode(std::get<service::Command>(again)) == written);
    }
    read_as_replies(line, std::make_index_sequence<std::variant_size_v<service::Command>>());
    return 0;
}
