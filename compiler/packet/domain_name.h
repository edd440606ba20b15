// A domain name as packets have it: labels, since a label may itself contain a dot.
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace weir::packet {

struct DomainName {
    std::vector<std::string> labels;  // leftmost first, A to Z folded to lower case; none: the root

    // The labels with a dot between them, no final dot.
    std::string text() const {
        std::string text;
        for (const std::string& label : labels) {
            if (&label != &labels.front()) text += '.';
            text += label;
        }
        return text;
    }
    friend auto operator<=>(const DomainName&, const DomainName&) = default;
};

// A to Z only: other bytes of a name stay as they are.
inline std::string folded(std::string_view text) {
    std::string out(text);
    for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return out;
}

// Of a name that is sent as text (TLS, HTTP): labels are what stands between dots, empty ones too.
inline DomainName domain_of_text(std::string_view text) {
    DomainName name;
    if (text.empty()) return name;
    std::size_t begin = 0;
    for (std::size_t dot = text.find('.'); dot != std::string_view::npos; dot = text.find('.', begin)) {
        name.labels.push_back(folded(text.substr(begin, dot - begin)));
        begin = dot + 1;
    }
    name.labels.push_back(folded(text.substr(begin)));
    return name;
}

}  // namespace weir::packet
