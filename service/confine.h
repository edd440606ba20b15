// What a process gives up before it meets what others wrote: docs/limits.md, "The compiler's process".
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace weir::service {

// The compiler's process: from here on it can compute, and use the descriptors that it has. No file, socket, other
// process, BPF call, capability or user but `nobody`. Returns what this kernel or this process's rights do not allow,
// as sentences; the rest holds. Ends with `parent`. To be called by a process of one thread.
std::vector<std::string> confine_compiler(int parent);

// The network door: the same, and it can accept connections on the sockets that it has. To be called before it reads
// a byte of theirs, by a process of one thread.
std::vector<std::string> confine_door(int parent);

// The policy follower: it connects to its server and finds names. It reads what that needs (/etc, libraries,
// certificates), writes nothing but what it has open, and starts nothing. Before its first thread.
std::vector<std::string> confine_follower(int parent);

// The process that opens files for the compiler's: it can open files to read them, and signal: the kernel ends the
// compiler's process in this one's name (PR_SET_PDEATHSIG), and that is another user's.
std::vector<std::string> confine_reader();

// The engine, once it has started: it keeps the rights to load and read programs, to attach them, and to start the
// processes above. Taking over what a killed engine left, mounting and naming owners of programs happen before.
// Where it is not root's, it hands those that its compiler's process needs on to what it starts (ambient).
struct Rights {
    std::uint32_t user = 0;
    std::vector<std::string> capabilities{};  // "CAP_BPF"
    std::vector<std::string> lacks{};         // as confine_compiler() says it
};
Rights confine_engine();

// The process that loads programs: it can do that, and read files.
std::vector<std::string> confine_loader();

// Keeps these capabilities (CAP_BPF, ...), drops all others for good. Those that the process does not have stay away.
// Returns whether it worked.
bool keep_capabilities(std::initializer_list<int> capabilities);

// Where memory is short, the kernel ends this process before the engine.
void go_before_engine();

// Ends this process with its parent, whose number `parent` was. False where that is gone already.
bool end_with_parent(int parent);

}  // namespace weir::service
