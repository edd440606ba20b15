// `weir __complete SHELL WORD…`: what the scripts of `weir completion` ask on each Tab. The last WORD is the one that
// is being written. It prints nothing but the answer, and never fails.
#pragma once

namespace CLI {
class App;
}

namespace weir::cli {

bool is_completion(int argc, const char* const* argv);

// The first line says which files are fine, too: nothing, "folders", or patterns ("*.pcap *.gz"). Then one candidate a
// line, for zsh and fish with a tab and what it means. Names with control characters are omitted: they could not be on
// one line. Quoting is up to the shell. Returns kOk.
int complete(const CLI::App& app, int argc, const char* const* argv);

}  // namespace weir::cli
