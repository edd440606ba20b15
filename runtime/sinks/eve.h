// Events as lines of EVE in a file that rotates.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/sinks/eve_line.h"
#include "runtime/sinks/rotating_file.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

class EveFile : public Sink {
public:
    // RotatingFile's.
    EveFile(std::string path, std::uint64_t rotate_bytes, std::uint32_t keep)
        : file_(std::move(path), rotate_bytes, keep) {}
    void deliver(Batch& batch) override;
    void prepare() override { file_.open(); }
    void reopen() override { file_.reopen(); }
    std::string state() const override { return file_.state(); }

private:
    bool write(std::string_view line);

    RotatingFile file_;
};

}  // namespace weir::runtime
