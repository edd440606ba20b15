// Tested by tests/verdict/measures_test.cpp.
#include "tooling/judge/measures.h"

#include <fmt/format.h>

#include "grammar/value.h"

namespace weir::tooling {
namespace {

std::string part_text(const policy::KeyField& key, const packet::FieldValue& value) {
    if (const auto* address = std::get_if<IpAddress>(&value)) {
        const std::uint8_t bits = address->version == 4 ? key.bits.ip4 : key.bits.ip6,
                           all = address->version == 4 ? 32 : 128;
        return bits == all ? to_string(*address) : fmt::format("{}/{}", to_string(*address), bits);
    }
    if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
    const std::uint64_t number = std::get<std::uint64_t>(value);
    if (packet::field(key.field).type != packet::Type::kMac) return fmt::to_string(number);
    MacAddress mac{};
    for (std::size_t i = 0; i < mac.bytes.size(); ++i) mac.bytes[i] = static_cast<std::uint8_t>(number >> (40 - 8 * i));
    return to_string(mac);
}

}  // namespace

MeasuredByKey measured_by(const policy::Measure& measure, const oracle::Measured& measured) {
    MeasuredByKey all;
    all.refused = measured.refused();
    for (const auto& [key, values] : measured.keys()) {
        std::vector<std::string> texts;
        for (std::size_t i = 0; i < key.size(); ++i) texts.push_back(part_text(measure.keys[i], key[i]));
        all.keys[texts] = {values.sum, values.largest, values.values};
    }
    return all;
}

MeasuredByKey measured_by(const bpf::MeasureInfo& info, const std::vector<runtime::MeasuredKey>& keys,
                          std::uint64_t refused) {
    MeasuredByKey all;
    all.refused = refused;
    for (const runtime::MeasuredKey& key : keys) {
        if (key.count == 0) continue;
        MeasuredValues values{key.sum, key.largest, {}};
        for (std::uint32_t bucket = 0; bucket < WEIR_HISTOGRAM_BUCKETS; ++bucket)
            if (key.buckets[bucket] != 0) values.buckets[weir_bucket_first(bucket)] = key.buckets[bucket];
        all.keys[runtime::key_texts(info.keys, key.words)] = values;
    }
    return all;
}

}  // namespace weir::tooling
