#include "service/spawn.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

#include "runtime/handles.h"

using namespace weir;
using namespace weir::service;

TEST_CASE("a process gets what it is given, under numbers in order, and neither signals nor secrets") {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    const runtime::UniqueFd reads(ends[0]);
    runtime::UniqueFd writes(ends[1]);
    setenv("WEIR_SINK_TOKEN", "secret", 1);
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    const char* script =
        "echo three >&3; echo four >&4; echo lost; echo error >&2; echo token $WEIR_SINK_TOKEN >&3; kill $$";
    const auto process = spawn({{"/bin/sh", "-c", script}, {writes.get(), writes.get()}, writes.get()}, "the shell");
    sigprocmask(SIG_SETMASK, &before, nullptr);
    unsetenv("WEIR_SINK_TOKEN");
    REQUIRE(process);
    CHECK(getpgid(*process) == *process);
    writes = {};
    std::string said(200, '\0');
    std::size_t size = 0;
    for (ssize_t got = 1; got > 0; size += static_cast<std::size_t>(std::max<ssize_t>(got, 0)))
        got = read(reads.get(), said.data() + size, said.size() - size);
    said.resize(size);
    CHECK(said == "three\nfour\nerror\ntoken\n");
    int how = 0;
    REQUIRE(waitpid(*process, &how, 0) == *process);
    CHECK((WIFSIGNALED(how) && WTERMSIG(how) == SIGTERM));
}

TEST_CASE("a program that is not there is an error with its name") {
    const auto process = spawn({{"/nowhere/weir"}}, "the network door");
    REQUIRE_FALSE(process);
    CHECK(process.error().message.starts_with("starting the network door"));
}
