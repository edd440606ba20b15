// What the grammar matched, before anything means anything: the way from parser.cpp (which alone sees PEGTL) to
// build.cpp.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

namespace weir::syntax {

enum class Kind : std::uint8_t {
    kNone,
    kName,
    kWord,
    kString,
    kHex,
    kParen,
    kSetLiteral,
    kInDuration,
    kByKey,
    kOfNumber,
    kFloorNumber,
    kCall,
    kSlice,
    kTerm,
    kMask,
    kMasked,
    kComparator,
    kBurst,
    kSize,
    kComparison,
    kNegation,
    kAndOperand,
    kOrOperand,
    kCondition,
    kPass,
    kDrop,
    kReject,
    kRedirect,
    kSample,
    kAlertAction,
    kForDuration,
    kAddAction,
    kRemoveAction,
    kCapture,
    kMeasure,
    kMeasureAs,
    kActions,
    kPolicy,
    kImport,
    kParameters,
    kLet,
    kSetTypes,
    kSetTtl,
    kSetFrom,
    kSetEntries,
    kSet,
    kDefault,
    kMalformed,
    kThrottles,
    kFlows,
    kRecord,
    kNote,
    kObserve,
    kEgress,
    kRule,
    kSeverity,
    kMessage,
    kKeys,
    kThrottle,
    kSinks,
    kEscalate,
    kRespond,
    kAlert,
    kSinkArgument,
    kSink,
    kBracketed,
    kPortRange,
    kEndpoint,
    kOptionWords,
    kOut,
    kPacket,
    kInside,
    kByRule,
    kNoAlert,
    kTimes,
    kExpectedAlert,
    kOutcome,
    kNot,
    kAfterStep,
    kExpectStep,
    kReplayStep,
    kRepeat,
    kSendStep,
    kTest,
};

struct Node {
    Kind kind = Kind::kNone;
    std::uint32_t begin = 0;  // bytes of the file; trailing space is not part of a node
    std::uint32_t end = 0;
    std::pmr::vector<Node> children;
};

}  // namespace weir::syntax
