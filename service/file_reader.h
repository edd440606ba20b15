// The process that opens files for the compiler's. The compiler meets what others wrote, and can open nothing itself;
// this one opens what the policy names (service/named_files.h): regular files, to read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "grammar/base/result.h"
#include "runtime/handles.h"
#include "service/worker.h"

namespace weir::service {

// ---- the engine's side, which is trusted ----

// The next policy.
struct ReaderJob {
    std::string root{};  // path of its file
    std::vector<std::string> include_dirs{};
    std::vector<std::string> also{};  // paths that may be read besides, where it is the host's
    From from = From::kHost;
    tooling::Expected expected{};  // of a bundle
};
// `text` -1: its file is read. Else a regular file that holds what `from` says.
bool send_job(int socket, const ReaderJob& job, int text);
// Asks whether each of `texts` stands between quotes in the policy's files; receive_quoted() gets the answer.
bool ask_quoted(int socket, const std::vector<std::string>& texts);
// 1 where all do, 0 where one does not, -1 where there is no answer yet, -2 where there will be none.
int receive_quoted(int socket);

// ---- the compiler's side, which is not ----

// The file at `path`, open to be read from its beginning; the error as of ask_file().
Result<runtime::UniqueFd> ask_descriptor(int socket, const std::string& path);
// The content of the file at `path`; the error of a refusal is half a sentence ("it is a directory").
Result<std::string> ask_file(int socket, const std::string& path, std::size_t most_bytes);

// ---- the process ----

// Serves both until one of them is gone.
void serve_files(int engine, int compiler);

// A regular file, open to be read; of a pipe, a device or a folder the error says what it is. Never waits.
Result<runtime::UniqueFd> open_regular(const std::string& path);

}  // namespace weir::service
