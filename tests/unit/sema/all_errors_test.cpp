// One run reports all errors: of syntax, literals, names and types. And none that only follows from another.
#include <catch2/catch.hpp>

#include <map>
#include <string>

#include "compiler/compiler.h"
#include "grammar/render.h"
#include "grammar/source_order.h"

using namespace weir;

namespace {

struct Run {
    std::string codes;  // in source order
    std::string said;
};

Run run(const std::string& text, const std::map<std::string, std::string>& files = {}) {
    Sources sources;
    Diagnostics diagnostics;
    sema::Files reader;
    reader.read = [&](const std::string& path) -> Result<std::string> {
        if (const auto found = files.find(path); found != files.end()) return found->second;
        return Error{"No such file or directory", {}, 0};
    };
    CHECK_FALSE(analyse(sources, "test.rules", text, reader, diagnostics).has_value());
    Run run;
    for (const Diagnostic* d : in_source_order(diagnostics))
        run.codes += (run.codes.empty() ? "" : " ") + std::string(code_name(d->code));
    run.said = render(sources, diagnostics, DiagnosticFormat::kHuman, Colour::kOff);
    return run;
}

void check_all(const std::vector<std::pair<std::string, std::string>>& cases) {
    for (const auto& [text, codes] : cases) {
        const Run one = run(text);
        INFO(text << "\n" << one.said);
        CHECK(one.codes == codes);
    }
}

}  // namespace

TEST_CASE("all errors in one run: syntax, literals, names and types") {
    check_all({
        {"rule a { when tcp.dport == 22 drop }\n"              // no `then`
         "rule b { when ip.src == 10.0.0.300 then drop }\n"    // no address
         "rule c { when tcp.dprot == 22 then drop }\n"         // no field
         "rule d { when tcp.dport == 10.0.0.1 then drop }\n",  // no port
         "E101 E301 E201 E320"},
        {"let a = 80-x\nrule b { when tcp.dport in nothing then alert c }", "E101 E202 E209"},
        {"rule a { when tcp then drop; }\nrule b { when udp.dport in { 53, 10.0.0.1 } and ip.src == 1.2.3 then drop }",
         "E101 E320 E301"},
        {"rule a { when ip.src < 10.0.0.300 then drop }", "E301"},
        {"test \"t\" { tcp 1.2.3.4:5 -> 5.6.7.8:22 -> drop }\ntest \"u\" { tcp 1.2.3.4:5 -> 5.6.7.8:22 => drop by b }",
         "E101 E208"},
    });
}

TEST_CASE("nothing is said of names that an item declares which could not be read") {
    check_all({
        {"let web = [80; 443\nrule r { when tcp.dport in web then drop }", "E101"},
        {"lett web = { 80 }\nrule r { when tcp.dport in web then drop }", "E101"},
        {"web = { 80 }\nrule r { when tcp.dport in web then drop }", "E101"},
        {"let web = 80-443\nrule r { when tcp.dport in web then drop }", "E101"},
        {"let Web = { 80 }\nrule r { when tcp.dport in web then drop }", "E105"},
        {"let port = { 80 }\nrule r { when tcp.dport in port then drop }", "E204"},
        {"set blocked ip\nrule r { when ip.src in blocked then drop }\nrule s { when tcp then add ip.src to blocked }",
         "E101"},
        {"set blocked: ip sise 5\nrule r { when ip.src in blocked then drop }", "E101"},
        {"rule a { when tcp drop }\ntest \"t\" { tcp 1.2.3.4:5 -> 5.6.7.8:22 => drop by a }", "E101"},
        {"alert x { mesage \"m\" }\nrule r { when tcp then alert x }", "E101"},
        {"sink s = eve(\"f\"\nalert x { message \"m\" to s }\nrule r { when tcp then alert x }", "E101"},
        {"rule a {\n  when (tcp\n  then drop\n}\nlet later = { 80 }\nrule r { when tcp.dport in later then drop }",
         "E101"},
        {"set b : ip\nrule a { when tcp then add ip.src to b drop }\nrule r { when ip.src in b then drop }\n"
         "test \"t\" { tcp 1.2.3.4:5 -> 5.6.7.8:22 => drop\n expect b contains 1.2.3.4 }",
         "E101"},
        {"import lists/web\nrule r { when tcp.dport in web then drop }", "E101"},
        {"import \"missing.rules\"\nrule r { when tcp.dport in web then alert a }\nrule s { when tcp.dprot == 1 then "
         "drop }",
         "E207 E201"},
    });
    const Run imported = run("import \"a.rules\"\nrule r { when tcp.dport in web and ip.src == tcp.dport then drop }",
                             {{"a.rules", "let web = { 80"}});
    CHECK(imported.codes == "E320 E101");
    CHECK(run("import \"a.rules\"\nrule r { when tcp.dport in web then drop }", {{"a.rules", "\xff"}}).codes == "E106");
}

TEST_CASE("nothing is said of a value that could not be read") {
    check_all({
        {"rule r { when rate(ip.src) > 10/fortnight then drop }", "E301"},
        {"rule r { when count(ip.src, in 10x) > 20 then drop }", "E301"},
        {"rule r { when tcp.dport in 1..x then drop }", "E306"},
        {"rule r { when tcp.dport in { 80, 9x } then drop }", "E301"},
        {"set s : ip ttl 5x\nrule r { when ip.src in s then drop }", "E301"},
        {"rule r { when tcp.flags & 3x == 1 then drop }", "E301"},
        {"rule r { when payload[0:3x] == \"abc\" then drop }", "E301"},
        {"alert a { message \"m\" throttle 1 per ip.src every 5x }\nrule r { when tcp then alert a }", "E301"},
        {"rule r { when payload contains hex\"4\" then drop }", "E107"},
        {"test \"t\" { tcp 1.2.3.4:5 -> 5.6.7.8:22 => pass\n after 5x }\nrule r { when tcp then pass }", "E301"},
    });
}
