// Any bytes: as frames of the language server, in pieces; and as the text that an editor has open: whatever is asked of
// it is answered, with places that the text has.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "grammar/base/check.h"
#include "tooling/lsp/colours.h"
#include "tooling/lsp/complete.h"
#include "tooling/lsp/edits.h"
#include "tooling/lsp/frames.h"
#include "tooling/lsp/hover.h"
#include "tooling/lsp/lexer.h"
#include "tooling/lsp/navigate.h"
#include "tooling/lsp/outline.h"

using namespace weir;
using namespace weir::tooling::lsp;

namespace {

void read_frames(std::string_view bytes) {
    FrameReader reader;
    std::size_t taken = 0;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t part =
            std::min(bytes.size() - at, std::size_t{1} + static_cast<unsigned char>(bytes[at]) % 64);
        reader.add(bytes.substr(at, part));
        at += part;
        while (const auto frame = reader.next()) {
            taken += frame->content.size();
            if (const auto message = parse_json(frame->content)) static_cast<void>(range_of(member(*message, "range")));
        }
    }
    WEIR_CHECK(taken <= bytes.size());
}

// Of a file that was read whole: a rename changes no other.
void check_marks(const ParsedFile& file) {
    if (!file.is_clean) return;
    for (const Mark& mark : file.marks) WEIR_CHECK(file.sources.text(mark.span) == mark.name);
}

void check_places(const tooling::lsp::Text& text, const std::vector<Token>& tokens) {
    std::uint32_t last = 0;
    for (const Token& token : tokens) {
        WEIR_CHECK(token.begin >= last && token.end > token.begin && token.end <= text.all().size());
        last = token.end;
        const Range range = text.range(token.begin, token.end);
        for (const Place place : {range.begin, range.end}) WEIR_CHECK(text.place(text.offset(place)) == place);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(bytes), size);
    read_frames(input);
    Library library;
    library.open("file:///fuzz/a.rules", 1, std::string(input));
    const Document& document = *library.find("file:///fuzz/a.rules");
    const ParsedFile* file = library.parsed(document.path);
    WEIR_CHECK(file != nullptr);
    check_marks(*file);
    check_places(document.text, lex(document.text.all()));
    for (std::size_t i = 0; i <= 4; ++i) {
        const Place place = document.text.place(document.text.all().size() * i / 4);
        static_cast<void>(complete(library, document, place));
        static_cast<void>(hover(library, document, place, nullptr, {}));
        static_cast<void>(definition(library, document, place));
        static_cast<void>(highlights(library, document, place));
        static_cast<void>(rename(library, document, place, "renamed"));
    }
    static_cast<void>(symbols(*file));
    static_cast<void>(folds(*file));
    static_cast<void>(lenses(*file));
    static_cast<void>(colours(*file));
    static_cast<void>(formatted(*file));
    return 0;
}
