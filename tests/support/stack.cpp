#include "tests/support/stack.h"

#include <elf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace weir::tests {
namespace {

using Place = std::pair<std::uint32_t, std::uint64_t>;  // a section and an offset in it
struct Function {
    std::string name;
    std::uint64_t bytes = 0;
    std::uint32_t frame = 0;
    std::set<Place> calls;  // callbacks, too
};

template <typename T>
std::vector<T> values_at(std::span<const std::uint8_t> elf, std::uint64_t offset, std::uint64_t bytes) {
    if (offset > elf.size() || bytes > elf.size() - offset) throw std::runtime_error("an ELF that is cut short");
    std::vector<T> values(bytes / sizeof(T));
    std::memcpy(values.data(), elf.data() + offset, values.size() * sizeof(T));
    return values;
}

class Program {
public:
    explicit Program(std::span<const std::uint8_t> elf) : elf_(elf) {
        const auto header = values_at<Elf64_Ehdr>(elf, 0, sizeof(Elf64_Ehdr)).front();
        sections_ = values_at<Elf64_Shdr>(elf, header.e_shoff, std::uint64_t{header.e_shnum} * sizeof(Elf64_Shdr));
        for (const Elf64_Shdr& section : sections_)
            if (section.sh_type == SHT_SYMTAB) read_symbols(section);
        for (const Elf64_Shdr& section : sections_) {
            if (section.sh_type != SHT_REL) continue;
            for (const auto& entry : values_at<Elf64_Rel>(elf, section.sh_offset, section.sh_size))
                targets_[{section.sh_info, entry.r_offset}] = symbols_.at(ELF64_R_SYM(entry.r_info));
        }
        for (auto& [place, function] : functions_) read_code(place, function);
    }

    StackChain deepest_from(const Place& place) const {
        const Function& function = functions_.at(place);
        StackChain chain;
        for (const Place& callee : function.calls) {
            const StackChain below = deepest_from(callee);
            chain.calls = std::max(chain.calls, below.calls);
            if (below.bytes >= chain.bytes) chain.bytes = below.bytes, chain.functions = below.functions;
        }
        chain.bytes += (function.frame + 15) / 16 * 16;
        chain.calls += 1;
        chain.functions = fmt::format("{} {} {}", function.name, function.frame, chain.functions);
        return chain;
    }
    Place find(const std::string& name) const {
        for (const auto& [place, function] : functions_)
            if (function.name == name) return place;
        throw std::runtime_error("no such function");
    }

private:
    void read_symbols(const Elf64_Shdr& section) {
        symbols_ = values_at<Elf64_Sym>(elf_, section.sh_offset, section.sh_size);
        const auto names =
            values_at<char>(elf_, sections_.at(section.sh_link).sh_offset, sections_.at(section.sh_link).sh_size);
        for (const Elf64_Sym& symbol : symbols_)
            if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC)
                functions_[{symbol.st_shndx, symbol.st_value}] = {&names.at(symbol.st_name), symbol.st_size, 0, {}};
    }

    void read_code(const Place& place, Function& function) {
        const auto code = values_at<bpf_insn>(elf_, sections_.at(place.first).sh_offset + place.second, function.bytes);
        std::set<unsigned> frame_pointers;  // registers that were just made equal to r10
        for (std::size_t i = 0; i < code.size(); ++i) {
            const bpf_insn& insn = code[i];
            const auto kind = BPF_CLASS(insn.code);
            const bool loads = kind == BPF_LDX && insn.src_reg == BPF_REG_10,
                       stores = (kind == BPF_ST || kind == BPF_STX) && insn.dst_reg == BPF_REG_10;
            const bool moves = insn.code == (BPF_ALU64 | BPF_ADD | BPF_K) && frame_pointers.erase(insn.dst_reg) != 0;
            const int lowest = loads || stores ? insn.off : moves ? insn.imm : 0;
            function.frame = std::max(function.frame, static_cast<std::uint32_t>(-std::min(lowest, 0)));
            if (insn.code == (BPF_ALU64 | BPF_MOV | BPF_X) && insn.src_reg == BPF_REG_10)
                frame_pointers.insert(insn.dst_reg);
            const bool calls = insn.code == (BPF_JMP | BPF_CALL) && insn.src_reg == BPF_PSEUDO_CALL,
                       names = insn.code == (BPF_LD | BPF_IMM | BPF_DW);
            const std::uint64_t at = place.second + i * sizeof(bpf_insn);
            const auto target = targets_.find({place.first, at});
            if (target != targets_.end() && (calls || names)) {
                // Of a section, the instruction says where: calls in instructions from the next one on, callbacks in
                // bytes.
                const Elf64_Sym& symbol = target->second;
                const bool of_section = ELF64_ST_TYPE(symbol.st_info) == STT_SECTION;
                const std::int64_t within =
                    of_section ? (calls ? (insn.imm + 1) * static_cast<std::int64_t>(sizeof insn) : insn.imm) : 0;
                const Place callee{symbol.st_shndx, symbol.st_value + static_cast<std::uint64_t>(within)};
                if (functions_.contains(callee))
                    function.calls.insert(callee);
                else if (calls)
                    throw std::runtime_error("a call of no function");
            } else if (calls) {
                function.calls.insert({place.first, at + static_cast<std::uint64_t>(
                                                             (insn.imm + 1) * static_cast<std::int64_t>(sizeof insn))});
            }
            if (names) ++i;
        }
    }

    std::span<const std::uint8_t> elf_;
    std::vector<Elf64_Shdr> sections_{};
    std::vector<Elf64_Sym> symbols_{};
    std::map<Place, Elf64_Sym> targets_{};
    std::map<Place, Function> functions_{};
};

}  // namespace

StackChain deepest_chain(std::span<const std::uint8_t> elf) {
    const Program program(elf);
    return program.deepest_from(program.find("weir_policy"));
}

std::string stack_complaint(std::span<const std::uint8_t> elf) {
    const StackChain chain = deepest_chain(elf);
    if (chain.bytes <= kStackBytes - kFreeStackBytes && chain.calls <= kMostCalls) return {};
    return fmt::format("{} calls deep, {} bytes of stack: {}", chain.calls, chain.bytes, chain.functions);
}

}  // namespace weir::tests
