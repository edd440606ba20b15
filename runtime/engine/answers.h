// Answers to rejected packets and packets that are redirected: what became of them, and where they would be lost.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/answer.h"
#include "compiler/object.h"
#include "grammar/base/result.h"
#include "runtime/engine/accounts.h"
#include "runtime/engine/program.h"
#include "runtime/status.h"

namespace weir::runtime {

// weir_answer_bucket.answer_ns for a limit of so many answers a second. A limit of 0: no answer at all.
std::uint64_t answer_ns(std::uint64_t limit);

// Does a rule that is enforced, or `default`, reject or redirect?
bool answers(const bpf::Manifest& manifest);

// Adds what the program has counted to the accounts of its state, under names of their own: so it is kept as they are.
Status read_answers(const Program& program, StateAccounts& state);
std::vector<std::string> answer_identities();

// What drivers say that they did not send.
class DriverLosses {
public:
    // Of answers on `interfaces`, and of packets redirected to `devices`, since the first call that named each.
    struct Sums {
        std::uint64_t answers = 0, redirects = 0;
    };
    Sums count(const std::vector<std::string>& interfaces, const std::vector<std::string>& devices);
    // What drivers say of those that are new here does not count.
    void begin(const std::vector<std::string>& interfaces, const std::vector<std::string>& devices);

private:
    struct Seen {
        unsigned index = 0;
        std::uint64_t begin = 0, last = 0, before = 0;  // before: of interfaces that had the name earlier
    };
    std::uint64_t count(std::map<std::string, Seen>& seen, const std::string& name, std::string_view statistic);

    std::map<std::string, Seen> answers_{}, redirects_{};
};
// The sum of a driver's statistics about packets that XDP sends by `statistic`, "xdp_tx" or "xdp_xmit", and that were
// not sent. 0 where it has none.
std::uint64_t not_sent(const std::string& interface, std::string_view statistic);
// Is it one of those statistics? "rx_queue_0_xdp_tx_errors".
bool is_not_sent(std::string_view name, std::string_view statistic);

// What the policy sends leaves natively by a veth device whose peer takes it only with an XDP program of its own, and
// is lost else. The reason, for people: empty where nothing is lost.
std::string loses_answers(const std::string& interface, const bpf::Manifest& manifest);

// Answers and redirects as status() says them. Nothing of a policy that has neither, and never had.
void fill_answers(EngineStatus& status, const Accounts& accounts, const Counts& counts,
                  const std::vector<std::string>& devices, const DriverLosses::Sums& lost);

}  // namespace weir::runtime
