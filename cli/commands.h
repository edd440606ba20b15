// The commands of `weir`, one file for each. Each function adds its command to `app`; the command stores its exit
// status in `status` (enum Exit).
#pragma once

namespace CLI {
class App;
}

namespace weir::cli {

void add_check(CLI::App& app, int& status);
void add_test(CLI::App& app, int& status);
void add_diff(CLI::App& app, int& status);
void add_fmt(CLI::App& app, int& status);
void add_explain(CLI::App& app, int& status);
void add_replay(CLI::App& app, int& status);
void add_import(CLI::App& app, int& status);
void add_compile(CLI::App& app, int& status);
void add_bench(CLI::App& app, int& status);
void add_run(CLI::App& app, int& status);
void add_reload(CLI::App& app, int& status);
void add_promote(CLI::App& app, int& status);
void add_confirm(CLI::App& app, int& status);
void add_rollback(CLI::App& app, int& status);
void add_status(CLI::App& app, int& status);
void add_stop(CLI::App& app, int& status);
void add_top(CLI::App& app, int& status);
void add_events(CLI::App& app, int& status);
void add_flows(CLI::App& app, int& status);
void add_set(CLI::App& app, int& status);
void add_record(CLI::App& app, int& status);
void add_push(CLI::App& app, int& status);
void add_fleet(CLI::App& app, int& status);
void add_lsp(CLI::App& app, int& status);
void add_completion(CLI::App& app, int& status);

}  // namespace weir::cli
