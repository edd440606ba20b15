#include "tests/support/catch_run.h"

int main(int argc, char** argv) { return weir::test::run_tests(argc, argv); }
