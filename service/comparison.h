// What a policy would change of the one in force: found out in the compiler's process, which reads what both name.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <utility>

#include "compiler/compiler.h"
#include "service/worker.h"

namespace weir::service {

// Policies that this process has read, by hash: what is in force may not be on the disk any more.
class KnownTexts {
public:
    void keep(const std::string& text);
    const std::string* find(const std::string& sha256) const;  // nullptr: it was not kept, or not for so long

private:
    std::deque<std::pair<std::string, std::string>> texts_{};  // with their hashes, the last one read last
    std::size_t bytes_ = 0;
};

struct Comparison {
    std::string text{};     // lines for people; why there is none, where that is so
    std::string classes{};  // a JSON array of objects as `weir diff` prints them; empty where it was not compared
};
// `files`: the socket of ask_file().
Comparison compare_with_policy_in_force(const WorkerRequest& request, const Compiled& policy, const KnownTexts& known,
                                        int files);

// Can it be asked for? A policy of very many files cannot: the request is one message.
bool is_comparable(const runtime::Origin& before);

}  // namespace weir::service
