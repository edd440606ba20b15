// The world's faults: what the kernel, the network or the disk refused. The author's faults are Diagnostics.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace weir {

struct Error {
    std::string message;  // one sentence that says what failed
    std::string help;     // what to do about it; may be empty
    int number = 0;       // errno, or 0
};

// A value or an error. [[nodiscard]]: an error that nobody looks at is a bug of ours.
template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::move(value)) {}
    Result(Error error) : state_(std::move(error)) {}
    explicit operator bool() const { return state_.index() == 0; }
    T& operator*() { return std::get<0>(state_); }
    const T& operator*() const { return std::get<0>(state_); }
    T* operator->() { return &std::get<0>(state_); }
    const T* operator->() const { return &std::get<0>(state_); }
    const Error& error() const { return std::get<1>(state_); }

private:
    std::variant<T, Error> state_;
};

// A fault of ours that still has to be reported as an error, not by ending the process: LLVM or the kernel refused what
// we made.
inline Error bug_of_ours(std::string message) {
    return {std::move(message), "this is a bug of weir: please report it with the policy", 0};
}

struct Done {};
using Status = Result<Done>;

}  // namespace weir
