// Texts that stand for files: what an editor shows before it is saved.
#pragma once

#include <map>
#include <string>

#include "compiler/sema/check.h"

namespace weir::tooling {

class Buffers {
public:
    // From now on `path` has this text, whether or not there is such a file. Paths that lead to one file, relative or
    // from the root, through symbolic links or not, are one.
    void put(const std::string& path, std::string text);
    // The file counts again.
    void remove(const std::string& path);
    // The text that stands for `path`, or null.
    const std::string* find(const std::string& path) const;
    // `files` with these texts in the place of what they stand for. The buffers must outlive it; later changes are
    // seen.
    sema::Files over(sema::Files files) const;

private:
    std::map<std::string, std::string> texts_;  // by resolved path
};

}  // namespace weir::tooling
