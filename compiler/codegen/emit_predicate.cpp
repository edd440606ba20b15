// Tested by tests/verdict/operators_test.cpp with `payload`.
#include "compiler/codegen/emit_predicate.h"

#include <algorithm>

#include "grammar/base/check.h"

namespace weir::codegen {
namespace {

template <typename... Fs>
struct Overloaded : Fs... {
    using Fs::operator()...;
};
template <typename... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

// Of the longest key on the stack.
std::uint32_t stack_words(const ir::Decision& decision, const policy::TypedPolicy& policy, const Tables& tables) {
    std::uint32_t most = 0;
    for (const ir::Predicate& predicate : decision.predicates) {
        const auto* in = std::get_if<ir::InSet>(&predicate.node);
        if (in == nullptr || is_searched(policy.sets[in->set])) continue;
        most = std::max(most, KeyMemory::on_stack(tables.key_words(in->set, policy.sets[in->set])));
    }
    return most;
}

}  // namespace

PredicateEmitter::PredicateEmitter(Template& target, llvm::Function& function, llvm::IRBuilder<>& ir,
                                   const ir::Decision& decision, const policy::TypedPolicy& policy, Tables& tables,
                                   bool reload)
    : target_(target),
      function_(function),
      ir_(ir),
      decision_(decision),
      policy_(policy),
      tables_(tables),
      reload_(reload),
      packet_(function.getArg(0)),
      ctx_(function.getArg(1)),
      keys_(target, function, stack_words(decision, policy, tables)) {}

llvm::BasicBlock* PredicateEmitter::block(const char* name) {
    return llvm::BasicBlock::Create(ir_.getContext(), name, &function_);
}

// A function of its own gets the packet alone; within weir_policy what is around it is at hand.
llvm::Value* PredicateEmitter::inside(llvm::BasicBlock* no) {
    if (reload_) return emit_inside(target_, ir_, no);
    return ir_.CreateConstGEP1_32(ir_.getInt8Ty(), packet_, 0u - static_cast<unsigned>(offsetof(weir_scratch, packet)));
}

llvm::Value* PredicateEmitter::load(std::uint32_t offset, std::uint32_t bytes) {
    return KeyEmitter(ir_, packet_, inside_, reload_).load(offset, bytes);
}

llvm::Value* PredicateEmitter::word(const ir::Word& word) {
    llvm::Value* value = load(word.offset, word.size);
    if (word.shift != 0) value = ir_.CreateLShr(value, word.shift);
    return ir_.CreateAnd(value, word.mask);
}

llvm::Value* PredicateEmitter::present(const packet::PresentBits& bits) {
    return KeyEmitter(ir_, packet_, inside_, reload_).present(bits);
}

llvm::Value* PredicateEmitter::address_half(const ir::AddressRef& address, std::uint32_t first_word) {
    const std::uint32_t offset = address.offset + first_word * 4;
    return ir_.CreateOr(ir_.CreateShl(load(offset, 4), 32), load(offset + 4, 4));
}

llvm::Value* PredicateEmitter::call(const char* name, llvm::ArrayRef<llvm::Value*> arguments) {
    llvm::Value* answer = ir_.CreateCall(&target_.function(name), arguments);
    return ir_.CreateICmpNE(answer, ir_.getInt32(0));
}

llvm::Value* PredicateEmitter::in_few(llvm::Value* value,
                                      const std::vector<std::pair<std::uint64_t, std::uint64_t>>& ranges) {
    llvm::Value* any = ir_.getFalse();
    for (const auto& [first, last] : ranges) {
        llvm::Value* in =
            first == last ? ir_.CreateICmpEQ(value, ir_.getInt64(first))
                          : ir_.CreateICmpULE(ir_.CreateSub(value, ir_.getInt64(first)), ir_.getInt64(last - first));
        any = ir_.CreateOr(any, in);
    }
    return any;
}

llvm::Value* PredicateEmitter::found(const Search& search, llvm::ArrayRef<llvm::Value*> number) {
    llvm::SmallVector<llvm::Value*, 3> arguments{ir_.getInt32(search.line)};
    arguments.append(number.begin(), number.end());
    return call(search.function, arguments);
}

llvm::Value* PredicateEmitter::in_few6(llvm::Value* high, llvm::Value* low, const Ranges128& ranges) {
    llvm::Value* any = ir_.getFalse();
    for (const auto& [first, last] : ranges) {
        llvm::Value* in = nullptr;
        if (first.second == 0 && last.second == ~std::uint64_t{0}) {
            in = in_few(high, {{first.first, last.first}});
        } else if (first.first == last.first) {
            in = ir_.CreateAnd(in_few(high, {{first.first, first.first}}), in_few(low, {{first.second, last.second}}));
        } else {
            const auto below = [&](llvm::Value* h, llvm::Value* l, llvm::Value* oh, llvm::Value* ol) {
                return ir_.CreateOr(ir_.CreateICmpULT(h, oh),
                                    ir_.CreateAnd(ir_.CreateICmpEQ(h, oh), ir_.CreateICmpULT(l, ol)));
            };
            llvm::Value* before = below(high, low, ir_.getInt64(first.first), ir_.getInt64(first.second));
            llvm::Value* after = below(ir_.getInt64(last.first), ir_.getInt64(last.second), high, low);
            in = ir_.CreateNot(ir_.CreateOr(before, after));
        }
        any = ir_.CreateOr(any, in);
    }
    return any;
}

void PredicateEmitter::branch_address_in(const ir::AddressIn& node, llvm::BasicBlock* yes, llvm::BasicBlock* no) {
    const Search search4 = tables_.lines().add4(node.ranges4), search6 = tables_.lines().add6(node.ranges6);
    branch_addresses(node.address, {node.ranges4, search4}, {node.ranges6, search6}, yes, no);
}

void PredicateEmitter::branch_addresses(const ir::AddressRef& address, const Where<Ranges32>& where4,
                                        const Where<Ranges128>& where6, llvm::BasicBlock* yes, llvm::BasicBlock* no) {
    const auto ip4 = [&] {
        llvm::Value* number = load(address.offset, 4);
        ir_.CreateCondBr(where4.search.function != nullptr
                             ? found(where4.search, {number})
                             : in_few(number, {where4.ranges.begin(), where4.ranges.end()}),
                         yes, no);
    };
    if (!address.either_version) return ip4();

    llvm::BasicBlock* version4 = block("ip4");
    llvm::BasicBlock* version6 = block("ip6");
    ir_.CreateCondBr(present({address.present_bit(WEIR_HAS_IP4)}), version4, version6);
    ir_.SetInsertPoint(version4);
    ip4();
    ir_.SetInsertPoint(version6);
    const bool is_search = where6.search.function != nullptr;
    if (where6.ranges.empty() && !is_search) {
        ir_.CreateBr(no);
        return;
    }
    llvm::BasicBlock* look = block("look6");
    ir_.CreateCondBr(present({address.present_bit(WEIR_HAS_IP6)}), look, no);
    ir_.SetInsertPoint(look);
    llvm::Value* high = address_half(address, 0);
    llvm::Value* low = address_half(address, 2);
    ir_.CreateCondBr(is_search ? found(where6.search, {high, low}) : in_few6(high, low, where6.ranges), yes, no);
}

// Present tests presence, and absent words are zero. A packet's addresses are of one version, so it is enough to
// compare the words if both fields can be of either version; those of the packet within may be of another.
llvm::Value* PredicateEmitter::address_equal(const ir::AddressEqual& node) {
    if (node.lhs.either_version && node.rhs.either_version && node.lhs.version_offset() != node.rhs.version_offset()) {
        llvm::Value* versions =
            ir_.CreateICmpEQ(load(node.lhs.version_offset(), 1), load(node.rhs.version_offset(), 1));
        llvm::Value* highs = ir_.CreateICmpEQ(address_half(node.lhs, 0), address_half(node.rhs, 0));
        llvm::Value* lows = ir_.CreateICmpEQ(address_half(node.lhs, 2), address_half(node.rhs, 2));
        return ir_.CreateAnd(versions, ir_.CreateAnd(highs, lows));
    }
    llvm::Value* first = ir_.CreateICmpEQ(load(node.lhs.offset, 4), load(node.rhs.offset, 4));
    if (node.lhs.either_version && node.rhs.either_version) {
        llvm::Value* highs = ir_.CreateICmpEQ(address_half(node.lhs, 0), address_half(node.rhs, 0));
        return ir_.CreateAnd(highs, ir_.CreateICmpEQ(address_half(node.lhs, 2), address_half(node.rhs, 2)));
    }
    if (!node.lhs.either_version && !node.rhs.either_version) return first;
    const ir::AddressRef& either = node.lhs.either_version ? node.lhs : node.rhs;
    return ir_.CreateAnd(first, present({either.present_bit(WEIR_HAS_IP4)}));
}

llvm::Value* PredicateEmitter::compare(const ir::Compare& node) {
    static constexpr llvm::CmpInst::Predicate kPredicates[] = {llvm::CmpInst::ICMP_EQ,  llvm::CmpInst::ICMP_NE,
                                                               llvm::CmpInst::ICMP_ULT, llvm::CmpInst::ICMP_ULE,
                                                               llvm::CmpInst::ICMP_UGT, llvm::CmpInst::ICMP_UGE};
    return ir_.CreateICmp(kPredicates[static_cast<std::size_t>(node.relation)], word(node.lhs), word(node.rhs));
}

// A literal of eight bytes at most is compared in place: a call would cost more than the rest.
llvm::Value* PredicateEmitter::short_text_match(const ir::TextMatch& node, llvm::Value* enough, llvm::Value* at) {
    std::uint64_t literal = 0, mask = 0;
    for (std::size_t i = 0; i < node.bytes.size(); ++i) {
        literal |= std::uint64_t{static_cast<std::uint8_t>(node.bytes[i])} << i * 8;
        mask |= std::uint64_t{0xff} << i * 8;
    }
    llvm::Value* text = ir_.CreateTrunc(load(node.length.offset, 4), ir_.getInt32Ty());
    return ir_.CreateAnd(enough, call("weir_text_is", {ctx_, text, at, ir_.getInt64(mask), ir_.getInt64(literal)}));
}

// A literal that is longer than any name or text is none of them.
llvm::Value* PredicateEmitter::text_match(const ir::TextMatch& node) {
    using ir::PayloadOp;
    const std::uint64_t bytes = node.bytes.size();
    llvm::Value* length = word(node.length);
    if (bytes > WEIR_TEXT_LITERAL_BYTES) return ir_.getFalse();
    llvm::Value* enough = ir_.CreateICmpUGE(length, ir_.getInt64(bytes));
    if (node.op == PayloadOp::kEq) {
        enough = ir_.CreateICmpEQ(length, ir_.getInt64(bytes));
        if (node.is_name)
            enough =
                ir_.CreateAnd(enough, ir_.CreateICmpEQ(load(WEIR_INSIDE_OFFSET + offsetof(weir_inside, name_labels), 2),
                                                       ir_.getInt64(node.labels)));
    }
    if (bytes == 0) return enough;
    const bool is_end = node.op == PayloadOp::kEndsWith || node.op == PayloadOp::kEndsWithNocase;
    llvm::Value* at =
        ir_.CreateTrunc(is_end ? ir_.CreateSub(length, ir_.getInt64(bytes)) : ir_.getInt64(0), ir_.getInt32Ty());
    if (bytes <= sizeof(std::uint64_t) && !node.is_name && !is_contains(node.op) && !is_nocase(node.op))
        return short_text_match(node, enough, at);
    // Most packets are told apart by the length already.
    llvm::BasicBlock *compare = block("compare"), *done = block("compared"), *before = ir_.GetInsertBlock();
    ir_.CreateCondBr(enough, compare, done);
    ir_.SetInsertPoint(compare);
    llvm::Value* literal = ir_.getInt32(tables_.add_text_literal(node.bytes));
    std::vector<llvm::Value*> arguments{inside_, literal};
    if (!node.is_name) arguments = {ctx_, ir_.CreateTrunc(load(node.length.offset, 4), ir_.getInt32Ty()), literal};
    std::string function = node.is_name ? "weir_name" : "weir_text";
    function += is_contains(node.op) ? "_contains" : "_at";
    if (!is_contains(node.op)) arguments.push_back(at);
    if (!node.is_name) arguments.push_back(ir_.getInt64(is_nocase(node.op) ? ~std::uint64_t{0} : 0));
    llvm::Value* is = call(function.c_str(), arguments);
    ir_.CreateBr(done);
    ir_.SetInsertPoint(done);
    llvm::PHINode* both = ir_.CreatePHI(ir_.getInt1Ty(), 2);
    both->addIncoming(ir_.getFalse(), before);
    both->addIncoming(is, compare);
    return both;
}

llvm::Value* PredicateEmitter::payload_match(const ir::PayloadMatch& node) {
    if (is_contains(node.op)) {
        if (node.bytes.empty()) return ir_.getTrue();
        return call(is_nocase(node.op) ? "weir_payload_contains_nocase" : "weir_payload_contains",
                    {ctx_, packet_, ir_.getInt32(tables_.searches().number(sought(node)))});
    }
    const bool nocase = is_nocase(node.op);
    llvm::Value* literal = ir_.getInt32(tables_.add_literal(sought(node)));
    if (node.op == ir::PayloadOp::kEndsWith || node.op == ir::PayloadOp::kEndsWithNocase)
        return call(nocase ? "weir_payload_ends_nocase" : "weir_payload_ends", {ctx_, packet_, literal});
    llvm::Value* starts =
        call(nocase ? "weir_payload_at_nocase" : "weir_payload_at", {ctx_, packet_, literal, ir_.getInt32(0)});
    if (node.op != ir::PayloadOp::kEq) return starts;
    llvm::Value* length = load(offsetof(weir_packet, payload_len), 4);
    return ir_.CreateAnd(starts, ir_.CreateICmpEQ(length, ir_.getInt64(node.bytes.size())));
}

// The first condition of a scan that a packet meets reads the payload; the others look at its answer.
void PredicateEmitter::branch_scanned(std::uint32_t number, llvm::BasicBlock* yes, llvm::BasicBlock* no) {
    llvm::BasicBlock* known = block("scanned");
    llvm::BasicBlock* scan = block("scan");
    llvm::Value* last = load(offsetof(weir_packet, payload_scan), 4);
    ir_.CreateCondBr(ir_.CreateICmpEQ(last, ir_.getInt64(number / WEIR_SCAN_SEARCHES + 1)), known, scan);
    ir_.SetInsertPoint(scan);
    const bool is_folded = tables_.searches().letters(number) == Letters::kEither;
    call(is_folded ? "weir_scan_payload_nocase" : "weir_scan_payload",
         {ctx_, packet_, ir_.getInt32(number / WEIR_SCAN_SEARCHES)});
    ir_.CreateBr(known);
    ir_.SetInsertPoint(known);
    llvm::Value* bit = ir_.CreateLShr(load(offsetof(weir_packet, payload_found), 8), number % WEIR_SCAN_SEARCHES);
    ir_.CreateCondBr(ir_.CreateTrunc(bit, ir_.getInt1Ty()), yes, no);
}

llvm::Value* PredicateEmitter::value(const ir::Predicate& predicate) {
    return std::visit(
        Overloaded{
            [&](const ir::Constant& node) -> llvm::Value* { return ir_.getInt1(node.value); },
            [&](const ir::Present& node) -> llvm::Value* { return present(node.bits); },
            [&](const ir::InRanges& node) -> llvm::Value* {
                const Search search = tables_.lines().add(node.ranges, node.word.mask);
                return search.function != nullptr ? found(search, {word(node.word)})
                                                  : in_few(word(node.word), node.ranges);
            },
            [&](const ir::Compare& node) -> llvm::Value* { return compare(node); },
            [&](const ir::AddressEqual& node) -> llvm::Value* { return address_equal(node); },
            [&](const ir::IfaceBit& node) -> llvm::Value* {
                llvm::Value* bit = ir_.CreateLShr(load(offsetof(weir_packet, iface_matches), 4), node.bit);
                return ir_.CreateTrunc(bit, ir_.getInt1Ty());
            },
            [&](const ir::PayloadMatch& node) -> llvm::Value* { return payload_match(node); },
            [&](const ir::PayloadSlice& node) -> llvm::Value* {
                return call("weir_payload_at",
                            {ctx_, packet_, ir_.getInt32(tables_.add_literal({Letters::kExact, node.bytes})),
                             ir_.getInt32(node.offset)});
            },
            [&](const ir::TextMatch& node) -> llvm::Value* { return text_match(node); },
            [&](const ir::TextEqual& node) -> llvm::Value* {
                llvm::Type* i32 = ir_.getInt32Ty();
                return call("weir_texts_equal", {ctx_, ir_.CreateTrunc(load(node.lhs.offset, 4), i32),
                                                 ir_.CreateTrunc(load(node.rhs.offset, 4), i32)});
            },
            [&](const auto&) -> llvm::Value* { return nullptr; },
        },
        predicate.node);
}

// Evaluates operands in order until one is `stop_at`. The last goes straight to where all lead: LLVM's time to remove
// an empty block grows with the number of those that end at the same place.
void PredicateEmitter::branch_all(const std::vector<ir::PredicateId>& operands, bool stop_at, llvm::BasicBlock* yes,
                                  llvm::BasicBlock* no) {
    if (operands.empty()) {
        ir_.CreateBr(stop_at ? no : yes);
        return;
    }
    for (std::size_t i = 0; i + 1 < operands.size(); ++i) {
        llvm::BasicBlock* next = block("and");
        branch(operands[i], stop_at ? yes : next, stop_at ? next : no);
        ir_.SetInsertPoint(next);
    }
    branch(operands.back(), yes, no);
}

void PredicateEmitter::branch(ir::PredicateId id, llvm::BasicBlock* yes, llvm::BasicBlock* no) {
    const ir::Predicate& predicate = decision_.predicate(id);
    if (const auto* all = std::get_if<ir::AllOf>(&predicate.node)) return branch_all(all->operands, false, yes, no);
    if (const auto* any = std::get_if<ir::AnyOf>(&predicate.node)) return branch_all(any->operands, true, yes, no);
    if (const auto* negation = std::get_if<ir::Negation>(&predicate.node)) return branch(negation->operand, no, yes);
    inside_ = ir::is_inside(predicate) ? inside(no) : nullptr;
    if (const auto* in = std::get_if<ir::AddressIn>(&predicate.node)) return branch_address_in(*in, yes, no);
    if (const auto* in = std::get_if<ir::InSet>(&predicate.node)) return branch_in_set(*in, yes, no);
    const auto* match = std::get_if<ir::PayloadMatch>(&predicate.node);
    if (match != nullptr && is_contains(match->op) && !match->bytes.empty())
        if (const std::uint32_t number = tables_.searches().number(sought(*match));
            tables_.searches().is_scanned(number))
            return branch_scanned(number, yes, no);
    llvm::Value* holds = value(predicate);
    WEIR_CHECK(holds != nullptr);
    ir_.CreateCondBr(holds, yes, no);
}

}  // namespace weir::codegen
