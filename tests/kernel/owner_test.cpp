// Who uses XDP on an interface, as errors say it.
#include <catch2/catch.hpp>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "runtime/engine/hook.h"
#include "runtime/engine/xdp_owner.h"
#include "tests/kernel/wire.h"

using namespace weir;
using namespace weir::test;
using runtime::interface_taken;
using runtime::kXdpHook;

namespace {

int index_of(const char* interface) { return static_cast<int>(if_nametoindex(interface)); }

// Passes everything.
runtime::UniqueFd stranger() {
    const std::array<bpf_insn, 2> program{bpf_insn{0xb7, 0, 0, 0, 2}, bpf_insn{0x95, 0, 0, 0, 0}};
    runtime::UniqueFd fd(bpf_prog_load(BPF_PROG_TYPE_XDP, "stranger", "GPL", program.data(), program.size(), nullptr));
    REQUIRE(fd);
    return fd;
}

std::uint32_t id_of(int program) {
    bpf_prog_info info{};
    __u32 length = sizeof(info);
    REQUIRE(bpf_obj_get_info_by_fd(program, &info, &length) == 0);
    return info.id;
}

}  // namespace

TEST_CASE("the hook says what is attached, and in which mode", "[owner]") {
    const auto index = static_cast<unsigned>(index_of("b0"));
    auto nothing = kXdpHook.query(index);
    REQUIRE(nothing);
    CHECK(nothing->programs.empty());
    const runtime::UniqueFd program = stranger();
    for (const auto& mode : kXdpHook.modes) {
        LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode.link_flags);
        const runtime::UniqueFd link(bpf_link_create(program.get(), index_of("b0"), BPF_XDP, &opts));
        REQUIRE(link);
        auto on = kXdpHook.query(index);
        REQUIRE(on);
        CHECK(on->programs == std::vector<std::uint32_t>{id_of(program.get())});
        CHECK(on->mode == mode.mode);
    }
    const auto missing = kXdpHook.query(1u << 20);
    REQUIRE_FALSE(missing);
    CHECK(missing.error().number == ENODEV);
}

TEST_CASE("a program that no link holds: its name, and the command that ends it", "[owner]") {
    const runtime::UniqueFd program = stranger();
    REQUIRE(bpf_xdp_attach(index_of("b0"), program.get(), XDP_FLAGS_SKB_MODE, nullptr) == 0);
    const Error taken = interface_taken(kXdpHook, "b0", if_nametoindex("b0"));
    CHECK(taken.number == EBUSY);
    CHECK(taken.message ==
          "XDP on b0 is taken by program `stranger` (id " + std::to_string(id_of(program.get())) + ")");
    CHECK(taken.help == "detach it: ip link set dev b0 xdp off");
    CHECK(runtime::Engine::start(compiled("default drop"), on("b0")).error().message == taken.message);
    REQUIRE(bpf_xdp_detach(index_of("b0"), XDP_FLAGS_SKB_MODE, nullptr) == 0);
    CHECK(interface_taken(kXdpHook, "b0", if_nametoindex("b0")).message == "XDP on b0 is taken");
}

TEST_CASE("a program that a link holds: the process that has the link, and the link's number", "[owner]") {
    const runtime::UniqueFd program = stranger();
    const runtime::UniqueFd link(bpf_link_create(program.get(), index_of("b0"), BPF_XDP, nullptr));
    REQUIRE(link);
    bpf_link_info info{};
    __u32 length = sizeof(info);
    REQUIRE(bpf_obj_get_info_by_fd(link.get(), &info, &length) == 0);
    const Error taken = interface_taken(kXdpHook, "b0", if_nametoindex("b0"));
    CHECK_THAT(taken.message, Catch::Contains("is taken by program `stranger`") &&
                                  Catch::EndsWith(", held by test_kernel (process " + std::to_string(getpid()) + ")"));
    CHECK(taken.help == "end the process that holds it, or: bpftool link detach id " + std::to_string(info.id));
}
