// Events as lines of JSON with the names of Suricata's EVE, in a file that rotates.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/handles.h"
#include "runtime/sinks/sink.h"

namespace weir::runtime {

// One line, with its newline. ASCII only: whatever a packet brings is data in it, never structure.
std::string eve_line(const Event& event);

class EveFile : public Sink {
public:
    // rotate_bytes 0: never; else path is renamed to path.1, path.1 to path.2 and so on before a line that would make
    // it longer, and the oldest beyond path.KEEP goes.
    EveFile(std::string path, std::uint64_t rotate_bytes, std::uint32_t keep)
        : path_(std::move(path)), rotate_bytes_(rotate_bytes), keep_(keep) {}
    bool deliver(const Event& event) override;
    void prepare() override;
    void reopen() override;
    std::string state() const override { return state_; }

private:
    bool open();
    // False where the file could not be renamed; there is one to go on with all the same.
    bool rotate();
    bool append(const std::string& line);
    bool failed(const char* what);
    bool is_at_its_path() const;

    std::string path_;
    std::uint64_t rotate_bytes_;
    std::uint32_t keep_;
    UniqueFd file_;
    bool is_torn_ = false;  // it ends within a line that had no room
    std::string state_ = "ok";
};

}  // namespace weir::runtime
