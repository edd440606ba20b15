#include "cli/capture.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <memory>

#include <fmt/format.h>

namespace weir::cli {
namespace {
struct PcapCloser {
    void operator()(pcap_t* capture) const { pcap_close(capture); }
};
}  // namespace

runtime::Status read_capture(const std::string& path,
                             const std::function<bool(std::span<const std::uint8_t> frame, std::uint64_t time_ns)>& take) {
    char error[PCAP_ERRBUF_SIZE] = {};
    const std::unique_ptr<pcap_t, PcapCloser> capture(
        pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error));
    if (!capture) return runtime::Error{fmt::format("{} cannot be read: {}", path, error), {}, 0};
    if (pcap_datalink(capture.get()) != DLT_EN10MB) {
        const char* type = pcap_datalink_val_to_name(pcap_datalink(capture.get()));
        return runtime::Error{fmt::format("{} holds no Ethernet frames: its link type is {}", path, type == nullptr ? "unknown" : type),
                              "capture on an Ethernet interface, or convert it with `editcap -T ether`", 0};
    }
    std::uint64_t last_ns = 0;
    for (;;) {
        pcap_pkthdr* header = nullptr;
        const u_char* bytes = nullptr;
        const int got = pcap_next_ex(capture.get(), &header, &bytes);
        if (got == PCAP_ERROR_BREAK) return runtime::Done{};
        if (got != 1) return runtime::Error{fmt::format("{} is damaged: {}", path, pcap_geterr(capture.get())), {}, 0};
        const auto time_ns = static_cast<std::uint64_t>(header->ts.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(header->ts.tv_usec);
        last_ns = std::max(last_ns, time_ns);
        if (!take({bytes, header->caplen}, last_ns)) return runtime::Done{};
    }
}

}  // namespace weir::cli
