// Wrong usage: one line that names what is wrong and the nearest that is right. Status 2.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace weir::cli {

// Returns kUsage.
int say_usage(const std::string& sentence);
// CLI11 refused the command line. Returns kUsage.
int say_wrong_usage(const CLI::App& app, const CLI::ParseError& error, int argc, const char* const* argv);

bool reads_stdin(const std::vector<std::string>& files);
// Standard input can be read once. kOk or kUsage.
int refuse_repeated_stdin(const std::vector<std::string>& files);

}  // namespace weir::cli
