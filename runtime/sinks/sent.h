// What a peer that acknowledges events one by one, and in any order, has said of those that it was sent.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "runtime/sinks/batch.h"

namespace weir::runtime {

class Sent {
public:
    // True where it has to be sent now; false where the peer has it, or has answered already.
    bool begin(std::string_view id);

    // The peer's answer. One for an event that does not wait (a second answer, a late one) changes nothing.
    void delivered(std::string_view id) { answer(id, nullptr, Fate::kDelivered); }
    // `reason`: a literal, as for Batch::lost().
    void lost(std::string_view id, const char* reason) { answer(id, reason, Fate::kLost); }
    // Has to be sent once more.
    void again(std::string_view id);
    void all_again();

    // Settles those of the batch that have been answered, from the first on, up to the first that has not.
    void settle(Batch& batch);

    std::size_t waiting() const { return waiting_; }  // for the peer's answer

private:
    enum class Fate : std::uint8_t { kWaiting, kDelivered, kLost };
    struct Entry {
        Fate fate = Fate::kWaiting;
        const char* reason = nullptr;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view id) const { return std::hash<std::string_view>()(id); }
    };
    void answer(std::string_view id, const char* reason, Fate fate);

    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_{};  // by event_id()
    std::size_t waiting_ = 0;
};

}  // namespace weir::runtime
