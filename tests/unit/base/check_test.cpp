// A fault of our own stops the process, and says where.
#include "grammar/base/check.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <csignal>
#include <string>

TEST_CASE("a check that fails says where, and ends the process") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL);  // not Catch2's
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        WEIR_CHECK(1 + 1 == 2);
        WEIR_CHECK(1 + 1 == 3);
        _exit(0);
    }
    close(ends[1]);
    std::string said;
    char buffer[512];
    for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof(buffer))) > 0;)
        said.append(buffer, static_cast<std::size_t>(got));
    close(ends[0]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
    CHECK(said.find("1 + 1 == 3") != std::string::npos);
    CHECK(said.find("check_test.cpp") != std::string::npos);
}
