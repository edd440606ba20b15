#include "tests/support/catch_run.h"

#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

namespace weir::test {

int run_tests(int argc, char** argv) { return Catch::Session().run(argc, argv); }

}  // namespace weir::test
