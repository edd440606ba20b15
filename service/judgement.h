// What is said of a policy that is not to be put in force: by the compiler's process.
#pragma once

#include "service/comparison.h"
#include "service/worker_process.h"
#include "tooling/files/policy_file.h"
#include "tooling/judge/policy_tests.h"

namespace weir::service {

inline constexpr std::uint64_t kTests_ms = 5000;  // of processor time, for the tests of a policy's own file

// The result of request.judge as a JSON object in `classes`; sets the status where a test failed. Nothing of a policy
// that has errors. `files`: the socket of ask_file().
Comparison judge(const WorkerRequest& request, const tooling::LoadedPolicy& loaded, tooling::OpenCapture open,
                 const KnownTexts& known, int files, WorkerAnswer& head);

}  // namespace weir::service
