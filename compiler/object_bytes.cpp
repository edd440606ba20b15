// Tested by tests/unit/ir/session_test.cpp.
#include "compiler/object_bytes.h"

#include <cstring>
#include <limits>
#include <string>
#include <type_traits>
#include <variant>

#include "compiler/object_check.h"

namespace weir::bpf {
namespace {

constexpr std::uint32_t kMagic = 0x52494557;  // "WEIR"
constexpr std::uint32_t kVersion = 11;        // of the layout below

// One description of each struct serves both directions: `Writer` and `Reader` have the same operator().
class Writer {
public:
    explicit Writer(std::vector<std::uint8_t>& out) : out_(out) {}
    bool good() const { return true; }

    template <typename T>
        requires std::is_arithmetic_v<T> || std::is_enum_v<T>
    void operator()(T& value) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
        out_.insert(out_.end(), bytes, bytes + sizeof(value));
    }
    void block(std::string& text) { raw(text); }
    void block(std::vector<std::uint8_t>& bytes) { raw(bytes); }
    template <typename T>
    std::uint64_t count(std::vector<T>& values) {
        std::uint64_t size = values.size();
        (*this)(size);
        return size;
    }
    std::uint8_t choice(MessagePart& part) {
        auto index = static_cast<std::uint8_t>(part.index());
        (*this)(index);
        return index;
    }

private:
    template <typename T>
    void raw(T& value) {
        std::uint64_t size = value.size();
        (*this)(size);
        out_.insert(out_.end(), value.begin(), value.end());
    }
    std::vector<std::uint8_t>& out_;
};

// What of an object is read: all of it, or without the contents of program, tables, maps and sets.
enum class Extent : std::uint8_t { kAll, kNames };

class Reader {
public:
    // `room`: how much memory what is read may take.
    Reader(std::span<const std::uint8_t> in, Extent extent, std::size_t room) : in_(in), extent_(extent), room_(room) {}
    // False once something could not be read; from then on everything is zero.
    bool good() const { return good_; }
    bool at_end() const { return good_ && in_.empty(); }

    template <typename T>
        requires std::is_arithmetic_v<T> || std::is_enum_v<T>
    void operator()(T& value) {
        if (!take(sizeof(value))) return;
        if constexpr (std::is_same_v<T, bool>)
            good_ = in_.front() <= 1 && (value = in_.front() != 0, true);
        else
            std::memcpy(&value, in_.data(), sizeof(value));
        in_ = in_.subspan(sizeof(value));
    }
    void block(std::string& text) { raw(text); }
    void block(std::vector<std::uint8_t>& bytes) {
        if (extent_ == Extent::kAll) return raw(bytes);
        std::uint64_t size = 0;
        (*this)(size);
        if (take(size)) in_ = in_.subspan(size);
    }
    template <typename T>
    std::uint64_t count(std::vector<T>& values) {
        std::uint64_t size = 0;
        (*this)(size);
        // Each element takes a byte at least, and its room here: a count that lies cannot make us reserve the world.
        if (!take(size) || !reserve(size, sizeof(T))) return 0;
        values.resize(size);
        return size;
    }
    std::uint8_t choice(MessagePart& part) {
        std::uint8_t index = 0;
        (*this)(index);
        if (index == 0)
            part = std::string();
        else if (index == 1)
            part = FieldRef();
        else if (index == 2)
            part = MessageWord();
        else
            good_ = false;
        return index;
    }

private:
    bool take(std::uint64_t size) {
        if (good_ && size <= in_.size()) return true;
        good_ = false;
        in_ = {};
        return false;
    }
    template <typename T>
    void raw(T& value) {
        std::uint64_t size = 0;
        (*this)(size);
        if (!take(size) || !reserve(size, 1)) return;
        value.assign(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(size));
        in_ = in_.subspan(size);
    }
    bool reserve(std::uint64_t count, std::size_t each) {
        if (count > room_ / each) return take(in_.size() + 1);
        room_ -= count * each;
        return true;
    }
    std::span<const std::uint8_t> in_;
    Extent extent_;
    std::size_t room_;
    bool good_ = true;
};

template <typename Io, typename T>
void list(Io& io, std::vector<T>& values, void (*each)(Io&, T&)) {
    const std::uint64_t size = io.count(values);
    for (std::uint64_t i = 0; i < size && io.good(); ++i) each(io, values[i]);
}

template <typename Io>
void number(Io& io, std::uint32_t& value) {
    io(value);
}

template <typename Io>
void field(Io& io, FieldRef& ref) {
    io.block(ref.name);
    io(ref.format), io(ref.present_bit), io(ref.offset), io(ref.size), io(ref.shift), io(ref.mask);
}

template <typename Io>
void message_part(Io& io, MessagePart& part) {
    io.choice(part);
    if (auto* text = std::get_if<std::string>(&part)) io.block(*text);
    if (auto* ref = std::get_if<FieldRef>(&part)) field(io, *ref);
    if (auto* word = std::get_if<MessageWord>(&part)) io(*word);
}

template <typename Io>
void rule(Io& io, RuleInfo& info) {
    io.block(info.name);
    io(info.observe), io(info.verdict);
    io.block(info.redirect);
    io(info.direction), io(info.captures), io(info.before), io(info.before_key);
}

template <typename Io>
void text(Io& io, std::string& text) {
    io.block(text);
}

template <typename Io>
void record(Io& io, RecordInfo& info) {
    io(info.bytes), io(info.packets);
    list<Io>(io, info.keys, text<Io>);
}

template <typename Io>
void key_part(Io& io, KeyPart& part) {
    field(io, part.field);
    io(part.ip4_bits), io(part.ip6_bits);
}

template <typename Io>
void escalation(Io& io, EscalationInfo& info) {
    io(info.sink), io(info.count), io(info.window_ns);
    list<Io>(io, info.key, key_part<Io>);
}

template <typename Io>
void response(Io& io, ResponseInfo& info) {
    io(info.change), io(info.set), io(info.for_ns);
    list<Io>(io, info.key, key_part<Io>);
}

template <typename Io>
void alert(Io& io, AlertInfo& info) {
    io.block(info.name);
    io(info.severity);
    list<Io>(io, info.message, message_part<Io>);
    list<Io>(io, info.sinks, number<Io>);
    list<Io>(io, info.escalations, escalation<Io>);
    list<Io>(io, info.responses, response<Io>);
}

template <typename Io>
void sink_option(Io& io, SinkOption& option) {
    io(option.word);
    io.block(option.text);
    io.block(option.second);
    io(option.number);
    list<Io>(io, option.parts, message_part<Io>);
}

template <typename Io>
void sink(Io& io, SinkInfo& info) {
    io.block(info.name);
    io(info.kind);
    list<Io>(io, info.options, sink_option<Io>);
}

template <typename Io>
void set_part(Io& io, SetPart& part) {
    io(part);
}

template <typename Io>
void set(Io& io, SetInfo& info) {
    io.block(info.name);
    io(info.dynamic), io(info.entries), io(info.size), io(info.ttl_ns);
    io.block(info.identity);
    list<Io>(io, info.parts, set_part<Io>);
}

template <typename Io>
void iface(Io& io, IfaceCondition& condition) {
    io(condition.op);
    io.block(condition.text);
}

template <typename Io>
void measure_key(Io& io, MeasureKeyPart& part) {
    io(part.format), io(part.words), io(part.version_word), io(part.ip4_bits), io(part.ip6_bits);
}

template <typename Io>
void measure(Io& io, MeasureInfo& info) {
    io.block(info.name);
    io.block(info.identity);
    io(info.unit);
    list<Io>(io, info.keys, measure_key<Io>);
}

template <typename Io>
void manifest(Io& io, Manifest& m) {
    io.block(m.policy);
    list<Io>(io, m.rules, rule<Io>);
    list<Io>(io, m.alerts, alert<Io>);
    list<Io>(io, m.sinks, sink<Io>);
    list<Io>(io, m.sets, set<Io>);
    list<Io>(io, m.ifaces, iface<Io>);
    list<Io>(io, m.measures, measure<Io>);
    io(m.default_verdict), io(m.malformed_verdict), io(m.egress_verdict), io(m.reads_vlan);
    record(io, m.record);
}

template <typename Io>
void table_image(Io& io, TableImage& image) {
    io.block(image.map);
    io.block(image.bytes);
}

template <typename Io>
void map_image(Io& io, MapImage& image) {
    io.block(image.map);
    io(image.key_size), io(image.value_size);
    io.block(image.keys);
    io.block(image.values);
}

template <typename Io>
void map_size(Io& io, MapSize& size) {
    io.block(size.map);
    io(size.max_entries), io(size.key_size), io(size.value_size);
}

template <typename Io>
void state_map(Io& io, StateMap& map) {
    io.block(map.outer);
    io(map.index);
    io.block(map.identity);
    io(map.kind), io(map.key_size), io(map.value_size), io(map.max_entries), io(map.values), io(map.nodes),
        io(map.net_word);
    io.block(map.keys);
    list<Io>(io, map.throttles, text<Io>);
}

template <typename Io>
void name_image(Io& io, NameImage& image) {
    io(image.kind), io(image.index), io(image.nodes);
    io.block(image.names);
}

template <typename Io>
void whole(Io& io, Object& object) {
    io.block(object.elf);
    manifest(io, object.manifest);
    list<Io>(io, object.tables, table_image<Io>);
    list<Io>(io, object.maps, map_image<Io>);
    list<Io>(io, object.sizes, map_size<Io>);
    list<Io>(io, object.state, state_map<Io>);
    list<Io>(io, object.names, name_image<Io>);
    io.block(object.egress_elf);
    list<Io>(io, object.egress_tables, table_image<Io>);
}

}  // namespace

std::vector<std::uint8_t> to_bytes(const Object& object) {
    std::vector<std::uint8_t> bytes;
    Writer writer(bytes);
    std::uint32_t magic = kMagic, version = kVersion;
    writer(magic), writer(version);
    whole(writer, const_cast<Object&>(object));  // a Writer only reads
    return bytes;
}

namespace {

std::optional<Object> read(std::span<const std::uint8_t> bytes, Extent extent, std::size_t room) {
    Reader reader(bytes, extent, room);
    std::uint32_t magic = 0, version = 0;
    reader(magic), reader(version);
    if (magic != kMagic || version != kVersion) return std::nullopt;
    Object object;
    whole(reader, object);
    if (!reader.at_end() || !is_sound(object)) return std::nullopt;
    return object;
}

}  // namespace

std::optional<Object> from_bytes(std::span<const std::uint8_t> bytes) {
    return read(bytes, Extent::kAll, std::numeric_limits<std::size_t>::max());
}

std::optional<Object> names_from_bytes(std::span<const std::uint8_t> bytes, std::size_t most_bytes) {
    return read(bytes, Extent::kNames, most_bytes);
}

}  // namespace weir::bpf
