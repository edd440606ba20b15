// A file that a sink appends to: it is renamed when it has grown, and opened again when somebody else renamed or
// removed it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/handles.h"

namespace weir::runtime {

class RotatingFile {
public:
    enum class Access : std::uint8_t { kWrites, kReadsToo };
    // rotate_bytes 0: never; else path is renamed to path.1, path.1 to path.2 and so on before what would make it
    // longer, and the oldest beyond path.KEEP goes.
    RotatingFile(std::string path, std::uint64_t rotate_bytes, std::uint32_t keep, Access access = Access::kWrites)
        : path_(std::move(path)), rotate_bytes_(rotate_bytes), keep_(keep), access_(access) {}

    const std::string& path() const { return path_; }
    // "ok", or what is wrong, as a sentence. It is "ok" again once something was appended.
    const std::string& state() const { return state_; }
    // The descriptor; -1 where it is not open.
    int fd() const { return file_.get(); }
    // How often it has been opened: another number, another file, or the end of the same one.
    std::uint64_t opened() const { return opened_; }

    // Opens it unless it is open.
    bool open();
    // The same of the one that is at its path now.
    bool reopen();
    // Makes it ready to take `bytes` more: opens or rotates it where that is due. False: it takes nothing now.
    bool make_room(std::size_t bytes);
    // All of it, or nothing: where only a part found room, that is taken back. After make_room().
    bool append(std::string_view bytes);
    // Bytes that may be appended before it has to be rotated. After make_room().
    std::uint64_t room() const;
    // Bytes to append at once, at most: a pipe takes so many in one piece. After make_room().
    std::size_t piece_bytes() const;
    // The bytes of the first of these lines that the file has now, whole ones: all of them, unless it says in state()
    // what is wrong. A part of a line is taken back; where that cannot be, the next line begins on one of its own.
    // After make_room().
    std::size_t append_lines(std::string_view lines);
    // Why it takes nothing, in few words.
    const char* loss_reason() const { return loss_reason_; }
    // A part that found room could not be taken back, since it was opened.
    bool is_torn() const { return is_torn_; }
    // False where the file could not be renamed; there is one to go on with all the same.
    bool rotate();
    // Nothing can be appended to it for another reason; false.
    bool refuse(std::string why);

private:
    bool open_now();
    bool failed(const char* what);
    bool is_at_its_path() const;
    bool is_replaced() const;
    bool take_back(std::size_t bytes);
    bool end_torn_line();

    std::string path_;
    std::uint64_t rotate_bytes_;
    std::uint32_t keep_;
    Access access_;
    UniqueFd file_{};
    std::uint64_t opened_ = 0;
    bool is_torn_ = false;
    bool has_rotated_ = true;  // the last time that it was due
    bool is_regular_ = true;
    std::uint64_t size_ = 0;  // at the last look, and what was appended since
    const char* loss_reason_ = "not written";
    std::string state_ = "ok";
};

}  // namespace weir::runtime
