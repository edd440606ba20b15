// Catch2's runner: it takes as long to compile as ten files of tests, so it is compiled once for all.
#pragma once

namespace weir::test {

// What Catch2's own main() does.
int run_tests(int argc, char** argv);

}  // namespace weir::test
