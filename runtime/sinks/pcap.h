// The packets that rules capture, in a pcapng file that rotates.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/pcapng.h"
#include "runtime/sinks/rotating_file.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

class PcapFile : public Sink {
public:
    // RotatingFile's. To a file that is there already a section is added; what is no pcapng is left alone.
    PcapFile(std::string path, std::uint64_t rotate_bytes, std::uint32_t keep)
        : file_(std::move(path), rotate_bytes, keep, RotatingFile::Access::kReadsToo) {}
    // The packets of the event, those before it first, all or none of them. An event without a packet leaves nothing.
    bool write(const Event& event);
    void deliver(Batch& batch) override;
    void prepare() override;
    void reopen() override;
    std::string state() const override { return file_.state(); }

private:
    // How the file ends that was opened.
    enum class End : std::uint8_t { kEmpty, kWhole, kTorn, kForeign };
    End end_of_file() const;
    bool is_in_section() const;
    bool begin_section();
    std::string blocks_of(const Event& event);

    RotatingFile file_;
    PcapngSection section_{};
    std::uint64_t section_of_ = 0;  // RotatingFile::opened() when it was begun; 0: none is
};

}  // namespace weir::runtime
