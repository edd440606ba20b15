// How chat endpoints are asked and how they answer: a row a dialect.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::runtime {

// How strictly an answer of JSON is asked for. An endpoint that refuses one is asked for the next.
enum class AnswerForm : std::uint8_t { kSchema, kObject, kText };

struct Question {
    std::string_view model{}, system{}, user{};
    AnswerForm form = AnswerForm::kSchema;
    std::uint32_t max_tokens = 0;  // of the answer
};

// What a 2xx answer says.
struct Completion {
    std::string text{};
    std::optional<std::uint64_t> tokens{};  // of question and answer
    bool is_cut = false;                    // by max_tokens
};

// What an answer other than 2xx means.
enum class Refused : std::uint8_t {
    kLater,  // busy, or broken for now
    kSpent,  // no money left: asking again is of no use today
    kForm,   // perhaps the form of the answer that was asked for
    kWrong,  // key, model or URL
};

struct ChatDialect {
    std::string_view word;                 // as policies say it
    std::vector<std::string> headers;      // of its own
    std::string (*body)(const Question&);  // JSON, ASCII
    // Nothing where it is no such answer.
    std::optional<Completion> (*read)(std::string_view reply);
    // The status that says "perhaps the form", beside 400 and 422; 0: none.
    int form_status;
};

// Null where there is none of that word.
const ChatDialect* chat_dialect(std::string_view word);

Refused refusal_of(const ChatDialect& dialect, int status, std::string_view reply, AnswerForm form);

// The schema of an answer, as JSON.
std::string_view answer_schema();

}  // namespace weir::runtime
