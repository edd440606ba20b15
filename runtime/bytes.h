// Numbers and texts one after another, in this machine's byte order, for maps that the next engine of this machine
// reads.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace weir::runtime {

// Of two texts of one length that differ in one word of 8 bytes the sums differ; of any other two they are the same
// with a chance of 2^-64. `before`: the sum of what stands in front of them. It finds accidents, not forgeries.
inline std::uint64_t checksum(std::span<const std::uint8_t> bytes, std::uint64_t before = 0x9e3779b97f4a7c15) {
    std::uint64_t sum = before ^ bytes.size();
    while (!bytes.empty()) {
        std::uint64_t word = 0;
        const std::size_t size = bytes.size() < sizeof(word) ? bytes.size() : sizeof(word);
        std::memcpy(&word, bytes.data(), size);
        sum = (sum ^ word) * 0xff51afd7ed558ccd;
        sum ^= sum >> 32;
        bytes = bytes.subspan(size);
    }
    return sum;
}

class ByteWriter {
public:
    template <typename T>
        requires std::is_trivially_copyable_v<T>
    void put(const T& value) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
        bytes_.insert(bytes_.end(), bytes, bytes + sizeof(value));
    }
    void put(const std::string& text) {
        put(std::uint64_t{text.size()});
        bytes_.insert(bytes_.end(), text.begin(), text.end());
    }
    template <typename T>
        requires std::is_trivially_copyable_v<T>
    void put(const std::vector<T>& values) {
        put(std::uint64_t{values.size()});
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(values.data());
        bytes_.insert(bytes_.end(), bytes, bytes + values.size() * sizeof(T));
    }
    // As they are, without their number.
    void append(std::span<const std::uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    void reserve(std::size_t more) { bytes_.reserve(bytes_.size() + more); }
    const std::vector<std::uint8_t>& bytes() const { return bytes_; }

private:
    std::vector<std::uint8_t> bytes_;
};

// What is cut short reads as zeros, and good() says so.
class ByteReader {
public:
    explicit ByteReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    bool good() const { return good_; }

    template <typename T>
        requires std::is_trivially_copyable_v<T>
    T get() {
        T value{};
        if (const auto* bytes = take(sizeof(value))) std::memcpy(&value, bytes, sizeof(value));
        return value;
    }
    std::string text() {
        const auto size = get<std::uint64_t>();
        const auto* bytes = take(size);
        return bytes == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(bytes), size);
    }
    template <typename T>
        requires std::is_trivially_copyable_v<T>
    std::vector<T> list() {
        const auto size = get<std::uint64_t>();
        std::vector<T> values;
        if (size > bytes_.size() / sizeof(T)) return good_ = false, values;
        values.resize(size);
        if (const auto* bytes = take(size * sizeof(T)); bytes != nullptr && size != 0)
            std::memcpy(values.data(), bytes, size * sizeof(T));
        return values;
    }

private:
    const std::uint8_t* take(std::uint64_t size) {
        if (!good_ || size > bytes_.size()) return good_ = false, nullptr;
        const std::uint8_t* at = bytes_.data();
        bytes_ = bytes_.subspan(size);
        return at;
    }
    std::span<const std::uint8_t> bytes_;
    bool good_ = true;
};

}  // namespace weir::runtime
