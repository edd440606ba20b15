// The last value that was in force for good, on disk: an engine starts with it where the server is away. Two files are
// written in turn, and each says what it has to hold: a kill or a full disk costs the newer one at most. They are used
// by descriptor, by a process that can open nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "service/nats/follower.h"

namespace weir::service {

class KeptValue {
public:
    struct Value {
        Revision revision{};
        std::string bytes{};
    };
    using Files = std::array<runtime::UniqueFd, 2>;

    // FOLDER/value.0 and value.1, made where they are missing; the folder, too.
    static Result<KeptValue> open(const std::string& folder);
    explicit KeptValue(Files files) : files_(std::move(files)) {}

    std::optional<Value> read() const;
    // On the disk when it returns.
    Status write(const Revision& revision, const std::string& bytes);
    const Files& files() const { return files_; }

private:
    Files files_;
};

}  // namespace weir::service
