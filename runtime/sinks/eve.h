// Events as lines of EVE in a file that rotates.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/sinks/eve_line.h"
#include "runtime/sinks/lines.h"
#include "runtime/sinks/rotating_file.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

class EveFile : public Sink {
public:
    // RotatingFile's.
    EveFile(std::string path, std::uint64_t rotate_bytes, std::uint32_t keep)
        : file_(std::move(path), rotate_bytes, keep) {}
    // A line is delivered once write() has taken it. What finds no room is lost: a disk stays full for long.
    void deliver(Batch& batch) override;
    void prepare() override { file_.open(); }
    void reopen() override { file_.reopen(); }
    void note(std::string_view line) override;
    std::string state() const override { return file_.state(); }
    std::uint32_t gather_ms() const override { return 10; }

private:
    void fill(Batch& batch);

    RotatingFile file_;
    Lines lines_{};
};

}  // namespace weir::runtime
