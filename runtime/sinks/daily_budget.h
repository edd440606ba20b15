// What may be spent on a day (UTC): calls and tokens. Kept in a file over restarts, where there is a folder for it.
#pragma once

#include <cstdint>
#include <string>

namespace weir::runtime {

class DailyBudget {
public:
    // `file`: where it is kept; empty: nowhere. 0: no bound.
    DailyBudget(std::string file, std::uint64_t calls, std::uint64_t tokens);

    // Is there enough for one more call of so many tokens? `now_ns`: CLOCK_REALTIME.
    bool has_room(std::uint64_t now_ns, std::uint64_t tokens);
    // A call is made; known on disk before it is, so that a kill forgets none. `tokens`: at most, until correct().
    void spend(std::uint64_t now_ns, std::uint64_t tokens);
    // The last call took other tokens than spend() was given.
    void correct(std::uint64_t expected, std::uint64_t taken);

    std::uint64_t calls() const { return calls_; }
    std::uint64_t tokens() const { return tokens_; }
    // "ok", or why it is not kept on disk.
    const std::string& trouble() const { return trouble_; }

private:
    void begin_day(std::uint64_t now_ns);
    void read();
    void write();

    std::string file_;
    std::uint64_t max_calls_, max_tokens_;
    std::uint64_t day_ = 0;  // since 1970
    std::uint64_t calls_ = 0, tokens_ = 0;
    std::string trouble_ = "ok";
};

}  // namespace weir::runtime
