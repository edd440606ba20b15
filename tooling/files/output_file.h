// Files that commands write.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "grammar/base/result.h"

namespace weir::tooling {

class OutputFile {
public:
    // kWhole: until commit() others see what was there before, after it all of the new content, whatever happens in
    // between; a symbolic link stays one, owner and mode too. A pipe or a device is written as it comes.
    // kAsItComes: emptied now, so that others can read along.
    enum class Appears : std::uint8_t { kWhole, kAsItComes };

    static Result<OutputFile> create(const std::string& path, Appears appears = Appears::kWhole);
    OutputFile(OutputFile&&) noexcept = default;
    OutputFile& operator=(OutputFile&&) noexcept;
    ~OutputFile();  // without commit() nothing is left of it

    Status write(std::string_view bytes);
    // What was written so far can be read by others (kAsItComes).
    Status flush();
    // Says whether all of it is there.
    Status commit();
    // What has a name and is not complete, of all OutputFiles. For a signal handler that ends the process.
    static void remove_unfinished();

private:
    struct Closer {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    OutputFile(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
    Error failed(int number) const;
    Status put_in_place();

    std::string path_;    // as it was asked for
    std::string target_;  // kWhole: what is replaced, links followed; empty: nothing is
    std::string beside_;  // kWhole: where it is written; empty: it has no name yet
    std::unique_ptr<std::FILE, Closer> file_;
};

// All of `bytes` as the content of `path`, whole or not at all.
Status write_whole(const std::string& path, std::string_view bytes);

}  // namespace weir::tooling
