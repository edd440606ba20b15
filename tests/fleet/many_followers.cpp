// A fleet without engines: N followers in one process, each with a connection of its own, which take whatever comes.
//     many_followers nats://HOST:PORT/BUCKET/KEY N SECONDS
// Prints a line each time all of them have something new in force: "all N hash H after T ms", T from the first one's.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "runtime/kernel.h"
#include "service/nats/follower.h"

using namespace weir;
using namespace weir::service;

namespace {

struct Host {
    std::unique_ptr<Follower> follower{};
    int watched = -1;  // the descriptor that epoll has
    bool writes = false;
    std::uint64_t next_ns = 0;
    std::string hash{};
};

class Fleet {
public:
    Fleet(const BucketAddress& address, std::size_t count) : poll_(epoll_create1(EPOLL_CLOEXEC)), hosts_(count) {
        for (std::size_t i = 0; i < count; ++i) {
            FollowTerms terms;
            terms.address = address;
            terms.host = fmt::format("host{}", i);
            terms.version = "simulated";
            hosts_[i].follower = std::make_unique<Follower>(
                std::move(terms), Revision{},
                Follower::Doors{[this, i](const Follower::Proposal& proposal) { apply(i, proposal.revision.hash); },
                                [] {}, [](const Revision&, const std::string&) {}});
        }
    }

    void run(std::uint64_t until_ns) {
        std::vector<epoll_event> events(hosts_.size());
        while (runtime::monotonic_ns() < until_ns) {
            const int ready = epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), 20);
            for (int i = 0; i < ready; ++i) step(hosts_[events[static_cast<std::size_t>(i)].data.u64]);
            const std::uint64_t now_ns = runtime::monotonic_ns();
            for (Host& host : hosts_)
                if (host.next_ns <= now_ns) step(host);
            report();
        }
    }

private:
    // Called from within step(): answered there.
    void apply(std::size_t index, const std::string& hash) {
        Host& host = hosts_[index];
        if (hash != newest_) newest_ = hash, first_ns_ = runtime::monotonic_ns(), done_ = 0;
        host.hash = hash;
        host.follower->applied(Outcome::kInForce, "", 1);
        ++done_;
        last_ns_ = runtime::monotonic_ns();
    }

    void step(Host& host) {
        host.follower->step();
        host.next_ns = runtime::monotonic_ns() + host.follower->wait_ms() * 1'000'000;
        const int fd = host.follower->fd();
        const bool writes = host.follower->wants_to_write();
        if (fd == host.watched && writes == host.writes) return;
        epoll_event event{};
        event.events = writes ? EPOLLIN | EPOLLOUT : EPOLLIN;
        event.data.u64 = static_cast<std::uint64_t>(&host - hosts_.data());
        if (fd >= 0 && epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
            epoll_ctl(poll_.get(), EPOLL_CTL_MOD, fd, &event);
        host.watched = fd;
        host.writes = writes;
    }

    void report() {
        std::size_t connected = 0;
        for (const Host& host : hosts_) connected += host.follower->is_connected() ? 1 : 0;
        if (connected != connected_ && connected == hosts_.size()) fmt::print("connected {}\n", connected);
        connected_ = connected;
        if (done_ == hosts_.size()) {
            fmt::print("all {} hash {} after {:.1f} ms\n", done_, newest_,
                       static_cast<double>(last_ns_ - first_ns_) / 1e6);
            done_ = 0;
        }
        std::fflush(stdout);
    }

    runtime::UniqueFd poll_;
    std::vector<Host> hosts_;
    std::string newest_{};
    std::uint64_t first_ns_ = 0, last_ns_ = 0;
    std::size_t done_ = 0, connected_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    const auto address =
        argc == 4 ? bucket_address(argv[1], KeyPart::kNeeded) : Result<BucketAddress>(Error{"usage", {}, 0});
    if (!address) {
        fmt::print(stderr, "many_followers nats://HOST:PORT/BUCKET/KEY N SECONDS\n");
        return 2;
    }
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    Fleet fleet(*address, static_cast<std::size_t>(std::atoi(argv[2])));
    fleet.run(runtime::monotonic_ns() + static_cast<std::uint64_t>(std::atoi(argv[3])) * 1'000'000'000);
    return 0;
}
