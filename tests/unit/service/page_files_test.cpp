// The embedded page: what its own first file asks for is there, with types and ETags that HTTP allows.
#include "service/http/page_files.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include <catch2/catch.hpp>

namespace {

using weir::service::http::page_files;
using weir::service::http::PageFile;

const PageFile* find(std::string_view path) {
    const auto files = page_files();
    const auto found =
        std::find_if(files.begin(), files.end(), [&](const PageFile& file) { return file.path == path; });
    return found == files.end() ? nullptr : &*found;
}

std::string read_built(std::string_view path) {
    const std::string inside = path == "/" ? "/index.html" : std::string(path);
    std::ifstream file(WEIR_SOURCE_DIR "/service/http/page/dist" + inside, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("the page's files are embedded as they were built") {
    std::set<std::string_view> paths, etags;
    for (const PageFile& file : page_files()) {
        CAPTURE(file.path);
        CHECK(!file.bytes.empty());
        CHECK(file.bytes == read_built(file.path));
        CHECK(file.etag.size() == 34);
        CHECK(file.etag.front() == '"');
        CHECK(file.etag.back() == '"');
        CHECK(file.etag.find('"', 1) == 33);
        CHECK(paths.insert(file.path).second);
        CHECK(etags.insert(file.etag).second);
    }
    CHECK(std::is_sorted(page_files().begin(), page_files().end(),
                         [](const PageFile& a, const PageFile& b) { return a.path < b.path; }));
}

TEST_CASE("the page's first file asks for embedded files alone") {
    const PageFile* page = find("/");
    REQUIRE(page != nullptr);
    CHECK(page->type == "text/html; charset=utf-8");
    CHECK(page == page_files().data());
    std::size_t asked = 0;
    for (const std::string_view attribute : {"src=\"", "href=\""}) {
        for (std::size_t at = page->bytes.find(attribute); at != std::string_view::npos;
             at = page->bytes.find(attribute, at + 1)) {
            const std::string_view rest = page->bytes.substr(at + attribute.size());
            const std::string_view target = rest.substr(0, rest.find('"'));
            CAPTURE(target);
            REQUIRE(target.starts_with("./"));
            const PageFile* file = find(target.substr(1));
            REQUIRE(file != nullptr);
            CHECK(file->type == (target.ends_with(".js")    ? "text/javascript; charset=utf-8"
                                 : target.ends_with(".css") ? "text/css; charset=utf-8"
                                                            : "image/svg+xml"));
            ++asked;
        }
    }
    CHECK(asked >= 3);
}
