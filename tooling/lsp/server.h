// The language server: what an editor asks and is told, without the streams between them.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tooling/lsp/findings.h"
#include "tooling/lsp/frames.h"
#include "tooling/lsp/hover.h"
#include "tooling/lsp/library.h"
#include "tooling/lsp/worker.h"

namespace weir::tooling::lsp {

struct ServerOptions {
    PolicyOptions policy{};
    std::string version{};                        // of the program
    CountersOf counters{};                        // may be empty
    std::function<void(const std::string&)> log;  // a sentence about what is wrong with the peer; may be empty
};

class Server {
public:
    // `send` writes whole messages.
    Server(ServerOptions options, std::function<void(std::string)> send);

    // Bytes of the editor; answers what can be answered.
    void receive(std::string_view bytes);
    // Readable when take_outcomes() has something to do.
    int wake_fd() const { return outcomes_.fd(); }
    void take_outcomes();
    // `exit` has come.
    bool is_done() const { return is_done_; }
    // 0 after `shutdown`, else 1, as the protocol wants it.
    int status() const { return is_shut_down_ ? 0 : 1; }

private:
    struct Reply {
        Json result{};
        int error = 0;
        std::string message{};
    };
    using Handler = Reply (Server::*)(const Json& params);
    static const std::map<std::string_view, Handler>& requests();
    using Notice = void (Server::*)(const Json& params);
    static const std::map<std::string_view, Notice>& notices();

    void dispatch(const Json& message);
    void answer(const Json& id, const Reply& reply);
    void send(const Json& message) { send_(framed(message)); }
    void show(const std::string& text, int type);

    // server.cpp
    Reply initialize(const Json& params);
    Reply shutdown(const Json& params);
    void initialized(const Json& params);
    void exit(const Json& params);
    void did_open(const Json& params);
    void did_change(const Json& params);
    void did_close(const Json& params);
    void did_save(const Json& params);
    void did_change_files(const Json& params);
    void did_change_folders(const Json& params);
    // requests.cpp
    Reply completion(const Json& params);
    Reply hover_at(const Json& params);
    Reply definition_of(const Json& params);
    Reply references_of(const Json& params);
    Reply highlights_of(const Json& params);
    Reply prepare_rename_of(const Json& params);
    Reply rename_of(const Json& params);
    Reply symbols_of(const Json& params);
    Reply folds_of(const Json& params);
    Reply lenses_of(const Json& params);
    Reply colours_of(const Json& params);
    Reply format_of(const Json& params);
    Reply actions_of(const Json& params);
    Reply execute(const Json& params);

    struct Asked {
        const Document* document = nullptr;
        Place place{};
    };
    const Document* document_of(const Json& params);
    std::optional<Asked> asked(const Json& params);
    template <typename Ask>
    Reply at_place(const Json& params, const Ask& ask);
    template <typename Ask>
    Reply of_file(const Json& params, const Ask& ask);

    AnalysisInput input_of(const Document& document);
    void analyse(const Document& document);
    // What reads this file, too: open policies that import it.
    void analyse_with_importers(const Document& document);
    void take(PolicyFindings findings);
    void take(TestOutcome outcome);
    // Warnings of rule logic of rules that are as they were stay while their next analysis runs.
    void keep_warnings(const PolicyFindings& last, PolicyFindings& next) const;
    void publish(const std::string& path);
    const PolicyFindings* findings_for(const std::string& path) const;

    ServerOptions options_;
    std::function<void(std::string)> send_;
    FrameReader frames_{};
    Library library_{};
    std::map<std::string, PolicyFindings> shown_{};         // by root: the newest
    std::map<std::string, PolicyFindings> complete_{};      // by root: the newest of all that `weir check` says
    std::map<std::string, std::vector<Finding>> failed_{};  // tests that failed, by path; until the next change
    std::map<std::string, std::string> published_{};        // by path: the diagnostics that the editor has
    std::set<Json> cancelled_{};
    std::uint64_t analyses_ = 0;
    Json request_{};         // the id that is being answered
    bool is_later_ = false;  // its reply comes from a worker
    bool watches_files_ = false;
    bool is_initialized_ = false, is_shut_down_ = false, is_done_ = false;
    Outcomes outcomes_{};
    Worker names_;
    Worker logic_;
};

}  // namespace weir::tooling::lsp
