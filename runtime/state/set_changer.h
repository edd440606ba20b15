// Changes sets in the kernel, for user space: a program does it, as packets do (bpf/templates/tables.bpf.c), so that no
// lock is held by who may be interrupted. The verifier takes a tenth of a second for it, so it is loaded once.
#pragma once

#include <cstdint>
#include <future>
#include <vector>

#include "bpf/table.h"
#include "grammar/base/result.h"
#include "runtime/handles.h"

namespace weir::runtime {

class SetChanger {
public:
    // Loads the program in another thread: the first change need not wait for it then.
    void prepare();
    // Carries `requests` out in table `table`, in their order, and leaves the answers in them. `now_ns`: by which clock
    // entries have ended; 0: the kernel's.
    Status carry_out(int table, std::vector<weir_set_request>& requests, std::uint64_t now_ns = 0);
    // The table that was changed last may go: the program would keep it.
    void forget();

private:
    static Result<ObjectPtr> load();
    Status use(int table);
    int map(const char* name) const;

    std::future<Result<ObjectPtr>> loading_{};
    ObjectPtr object_{};
    std::uint32_t table_ = 0;  // the kernel's number of the table that the program has; 0: none
};

}  // namespace weir::runtime
