// Text that grows at its end. Its memory is kept when it is emptied: whoever formats one event after another allocates
// nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace weir::runtime {

class TextBuffer {
public:
    std::string_view text() const { return {bytes_.get(), size_}; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    void clear() { size_ = 0; }
    // What is behind its first `size` bytes goes.
    void cut(std::size_t size) { size_ = std::min(size_, size); }
    // Its first `size` bytes go.
    void drop(std::size_t size) {
        size = std::min(size_, size);
        if (size != size_ && size != 0) std::memmove(bytes_.get(), bytes_.get() + size, size_ - size);
        size_ -= size;
    }

    // Inlined, so that the length of a literal is known where it is copied.
    [[gnu::always_inline]] void append(std::string_view text) {
        char* to = room(text.size());
        if (!text.empty()) std::memcpy(to, text.data(), text.size());
        size_ += text.size();
    }
    void append(char byte) {
        *room(1) = byte;
        ++size_;
    }
    // A place for so many bytes, at the end. Those that were put there belong to the text after filled().
    [[gnu::always_inline]] char* room(std::size_t bytes) {
        if (capacity_ - size_ < bytes) [[unlikely]]
            grow(bytes);
        return bytes_.get() + size_;
    }
    void filled(const char* end) { size_ = static_cast<std::size_t>(end - bytes_.get()); }

private:
    [[gnu::noinline]] void grow(std::size_t bytes) {
        const std::size_t capacity = std::max({size_ + bytes, 2 * capacity_, std::size_t{1024}});
        std::unique_ptr<char[]> larger(new char[capacity]);
        if (size_ != 0) std::memcpy(larger.get(), bytes_.get(), size_);
        bytes_ = std::move(larger);
        capacity_ = capacity;
    }

    std::unique_ptr<char[]> bytes_{};
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
};

}  // namespace weir::runtime
