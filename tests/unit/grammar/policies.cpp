#include "grammar/base/seeded.h"
#include "tests/unit/grammar/policies.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace weir {
namespace {

std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The texts between "```rules" and "```".
std::vector<std::string> fences(const std::string& page) {
    constexpr std::string_view kOpen = "```rules\n", kClose = "\n```";
    std::vector<std::string> all;
    for (std::size_t at = page.find(kOpen); at != std::string::npos; at = page.find(kOpen, at)) {
        at += kOpen.size();
        all.push_back(page.substr(at, page.find(kClose, at) + 1 - at));
    }
    return all;
}

class Writer {
public:
    explicit Writer(Seeded& random) : random_(random) {}

    std::string policy() {
        if (chance(2)) say("policy p");
        for (auto items = below(12); items > 0; --items) item();
        return std::move(text_);
    }

private:
    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    bool chance(std::uint64_t one_in) { return below(one_in) == 0; }
    template <std::size_t N>
    const char* any(const char* const (&words)[N]) {
        return words[below(N)];
    }
    // What may stand between two tokens.
    void gap() {
        switch (below(40)) {
            case 0: text_ += " # c" + std::to_string(below(100)) + "  \n"; break;
            case 1: text_ += "\n#\n"; break;
            case 2: text_ += "\r\n\r\n\n"; break;
            case 3: text_ += "\n\n# own line, \"quoted\" { ( \t\n\n"; break;
            case 4:
            case 5:
            case 6: text_ += "\n"; break;
            case 7: text_ += " \t "; break;
            default: text_ += ' '; break;
        }
    }
    // Tokens, split at spaces.
    void say(std::string_view tokens) {
        while (!tokens.empty()) {
            const std::size_t space = tokens.find(' ');
            text_ += tokens.substr(0, space);
            gap();
            tokens.remove_prefix(space == std::string_view::npos ? tokens.size() : space + 1);
        }
    }
    // Frames and strings hold spaces of their own.
    void whole(std::string_view token) {
        text_ += token;
        gap();
    }

    void item() {
        static constexpr const char* kSimple[] = {"import \"a.rules\"",
                                                  "set s:ip size 8k ttl 10m",
                                                  "set b : (ip , port) from \"f\"",
                                                  "default pass",
                                                  "malformed redirect (\"e\")",
                                                  "default egress drop",
                                                  "flows size 8k",
                                                  "record 128 bytes , 32768 packets",
                                                  "let p = 0.25%",
                                                  "sink k = eve(\"/p\" , rotate 100MB,keep 10)",
                                                  "let n = 1_000",
                                                  "let f(a,b) = ip.src in a and port.dst == b",
                                                  "sink message = stdout()"};
        switch (below(6)) {
            case 0: return rule();
            case 1: return alert();
            case 2: return test();
            case 3: return set();
            default: return say(any(kSimple));
        }
    }
    void set() {
        say("let big = {");
        for (auto i = below(60); i > 0; --i) {
            say(any({"10.0.0.0/8", "2001:db8:aaaa:bbbb::/64", "0x16", "8k", "(10.0.0.1 , 53)", "1..2"}));
            say(",");
        }
        say("80 }");
    }
    void rule() {
        say("rule r {");
        if (chance(3)) say("note"), whole("\"why # not { \\\" \"");
        if (chance(3)) say("observe");
        if (chance(3)) say("egress");
        say("when");
        condition(0);
        say("then");
        for (auto i = below(4); i > 0; --i)
            say(any({"alert a sample 1/10 ,", "add (ip.src , tcp.dport) to s for 1h ,", "remove ip.src from s ,",
                     "capture ,", "capture before 16 per ip.src/24 ,",
                     "measure flow.rtt by (ip.dst , tcp.dport) as m size 64 ,", "measure packet.len ,"}));
        say(any({"drop", "redirect( \"eth1\" )", "pass", "reject"}));
        say("}");
    }
    void condition(unsigned depth) {
        for (auto i = below(4); i > 0; --i) {
            if (chance(4)) say("not");
            operand(depth);
            say(chance(2) ? "and" : "or");
        }
        operand(depth);
    }
    void operand(unsigned depth) {
        if (depth < 4 && chance(4)) {
            say("(");
            condition(depth + 1);
            return say(")");
        }
        say(any({"tcp", "tcp.dport == 0x16", "tcp.flags&0x3f == 0x02", "ip.src not in bad",
                 "payload [ 2:4 ] == hex\"cafe\"", "len (dns.qname) > 100", "f(servers,123)",
                 "rate( ip.src ) > 10/min burst 20", "distinct(tcp.dport , by ip.src , in 10s) > 20 size 1k",
                 "share( flow.rtt>50ms or not tcp , by ip.dst , in 5m , of 100 ) > 1.5%",
                 "surge( ip.dst , in 1m , floor 200) > 4", "ip.dst in { 10.0.0.0/8 , fd00::/8, }",
                 "(ip.src , tcp.dport) in pairs", "payload starts_with \"GET/\""}));
    }
    void alert() {
        say("alert a {");
        if (chance(2)) say("severity high");
        if (chance(2)) say("message"), whole("\"{ip.src} # {n} \xc3\xa9\"");
        if (chance(2)) say("throttle 1 per ip.src , tcp.dport every 1m");
        if (chance(2)) say(chance(2) ? "to soc , events" : "to message");
        if (chance(2)) say("escalate to pager when 5 within 1h per ip.src");
        if (chance(2)) say("respond { add ip.src to blocked for 1h , remove ip.src from t }");
        say("}");
    }
    void test() {
        say("test \"t\" {");
        for (auto i = below(5); i > 0; --i) step();
        say("}");
    }
    void step() {
        if (chance(3))
            return say(any({"after 59m", "expect blocked contains (10.0.0.1 , 22)", "expect b not contains fd00::1"}));
        if (chance(5)) {
            say("replay \"a.pcap\"");
        } else {
            if (chance(3)) say("20 x");
            if (chance(3)) say("out");
            if (chance(4))
                whole(any({"hex \"00 ff\"", "hex\"00ff\""}));
            else
                say(any(
                    {"tcp 1.2.3.4:5 -> 192.0.2.1: {1..30} syn", "tcp [fd00::1]:22->[::1]:{ 1..3 } ttl 3",
                     "udp[fd00::1]->[::1] payload hex\"00\"", "arp 10.0.0.1 -> 10.0.0.2",
                     "udp 10.0.0.1:5353 -> 10.0.0.2:53 dns query \"example.com\" A",
                     "tcp 10.0.0.1:5 -> 10.0.0.2:80 http get \"/\" host \"h\" inside vxlan 42 [fd00::1]:2->[::1]"}));
        }
        say(any({"=> no alert", "=> drop by default , alert a 3 times", "=> alert a , alert b", "=> redirect(\"e\")"}));
    }

    Seeded& random_;
    std::string text_;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> policies() {
    namespace fs = std::filesystem;
    const fs::path root = WEIR_SOURCE_DIR;
    std::vector<std::pair<std::string, std::string>> all;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / "rules"))
        if (entry.path().extension() == ".rules") all.emplace_back(entry.path().string(), read(entry.path()));
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / "docs")) {
        if (entry.path().extension() != ".md") continue;
        for (std::string& text : fences(read(entry.path()))) all.emplace_back(entry.path().string(), std::move(text));
    }
    std::sort(all.begin(), all.end());
    return all;
}

std::string random_policy(Seeded& random) { return Writer(random).policy(); }

}  // namespace weir
