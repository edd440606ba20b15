// The tests' program is also the one that a Worker and a SideProcess of theirs start.
#include <string>

#include "hostile.h"
#include "service/side_process.h"
#include "service/worker_process.h"
#include "tests/support/catch_run.h"

int main(int argc, char** argv) {
    if (weir::service::is_worker(argc, argv)) return weir::service::worker_main();
    if (weir::service::is_side_process(argc, argv)) return weir::service::side_process_main(argc, argv);
    if (argc == 2 && std::string(argv[1]) == kHostileArgument) return weir::service::worker_main(be_hostile);
    return weir::test::run_tests(argc, argv);
}
