// Tested by tests/unit/runtime/pcap_sink_test.cpp.
#include "runtime/sinks/pcap.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include <fmt/format.h>

#include "grammar/base/printable.h"
#include "runtime/sinks/event_text.h"

namespace weir::runtime {
namespace {

// "drop by ssh_guessing", as the comments of `weir replay --out`; "rule scan" of one without a verdict.
std::string comment_of(const CapturedPacket& packet) {
    return packet.verdict.empty() ? "rule " + packet.rule : packet.verdict + " by " + packet.rule;
}

}  // namespace

// Of the packet itself "drop by ssh_guessing, alert ssh_guessing: SSH guessing from 198.51.100.7", of one before it
// "pass by web, 2 before alert ssh_guessing".
std::string PcapFile::blocks_of(const Event& event) {
    std::string blocks;
    const auto add = [&](const CapturedPacket& packet, const std::string& rest) {
        const std::string interface = printable(packet.interface);
        const std::string comment = printable(fmt::format("{}, {}", comment_of(packet), rest));
        blocks += section_.packet({packet.bytes, packet.original_bytes, packet.wall_clock_ns, interface, comment,
                                   packet.direction, packet.verdict_number});
    };
    for (std::size_t i = 0; i < event.before.size(); ++i)
        add(event.before[i], fmt::format("{} before alert {}", event.before.size() - i, event.alert));
    add(*event.packet, fmt::format("alert {}: {}", event.alert, event.message));
    return blocks;
}

// A block ends with its length, as it begins; so does a file that was left whole.
PcapFile::End PcapFile::end_of_file() const {
    struct stat facts{};
    if (fstat(file_.fd(), &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size == 0) return End::kEmpty;
    const auto word_at = [&](off_t at) {
        std::uint32_t word = 0;
        return pread(file_.fd(), &word, sizeof(word), at) == sizeof(word) ? word : 0;
    };
    if (word_at(0) != PcapngSection::kMagic) return End::kForeign;
    const std::uint32_t length = word_at(facts.st_size - 4);
    if (length < 12 || length % 4 != 0 || length > facts.st_size) return End::kTorn;
    return word_at(facts.st_size - length + 4) == length ? End::kWhole : End::kTorn;
}

// Somebody may have emptied it (copytruncate).
bool PcapFile::is_in_section() const {
    struct stat facts{};
    const bool is_empty = fstat(file_.fd(), &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size == 0;
    return section_of_ == file_.opened() && !file_.is_torn() && !is_empty;
}

// Of the file as it is open now. One that ends within a block, as a full disk or a kill leaves it, is moved out of the
// way: readers would stop there.
bool PcapFile::begin_section() {
    if (is_in_section()) return true;
    section_of_ = 0;
    End end = file_.is_torn() ? End::kTorn : end_of_file();
    if (end == End::kTorn) {
        if (!file_.rotate()) return false;
        end = end_of_file();
    }
    if (end == End::kForeign)
        return file_.refuse(fmt::format("{} is no pcapng file: nothing is added to it", printable(file_.path())));
    if (!file_.append(section_.begin())) return false;
    section_of_ = file_.opened();
    return true;
}

void PcapFile::prepare() {
    if (file_.open()) begin_section();
}

void PcapFile::reopen() {
    section_of_ = 0;
    if (file_.reopen()) begin_section();
}

void PcapFile::deliver(Batch& batch) {
    while (batch.size() != 0) {
        if (write(to_event(*batch.event(0))))
            batch.delivered(1);
        else
            batch.lost("not written", 1);
    }
}

bool PcapFile::write(const Event& event) {
    if (!event.packet) return true;
    // What it takes at most, interfaces included, to see whether the file is full.
    PcapngSection section = section_;
    std::string blocks = blocks_of(event);
    std::swap(section, section_);
    if (!file_.make_room(blocks.size()) || !begin_section()) return false;
    section = section_;
    blocks = blocks_of(event);
    if (file_.append(blocks)) return true;
    section_ = std::move(section);  // the interfaces that it described are not there
    return false;
}

}  // namespace weir::runtime
