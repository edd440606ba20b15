// Tested by tests/unit/service/page_files_test.cpp.
#include "service/http/page_files.h"

#include <array>

// A row a file, and its bytes: written by embed.cmake.
#include "service/http/page_table.inc"

namespace weir::service::http {

std::span<const PageFile> page_files() {
    static const std::array kFiles = {
#define WEIR_PAGE_FILE(number, path, type, etag)   \
    PageFile{path,                                 \
             type,                                 \
             "\"" etag "\"",                       \
             {weir_template_page_##number##_begin, \
              static_cast<std::size_t>(weir_template_page_##number##_end - weir_template_page_##number##_begin)}},
        WEIR_PAGE_FILES(WEIR_PAGE_FILE)
#undef WEIR_PAGE_FILE
    };
    return kFiles;
}

}  // namespace weir::service::http
