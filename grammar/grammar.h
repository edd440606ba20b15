// The grammar of a policy in PEGTL's terms. Seen by parser.cpp alone, which includes PEGTL before it. Alternatives
// never share a prefix, so that no text makes the parser try twice, and none of them fails after it made a node, unless
// it is a node itself; what a word means is decided when the tree is built.
#pragma once

#include <algorithm>
#include <string_view>

#include "grammar/reserved.h"

namespace weir::rules {

namespace p = tao::pegtl;

// ---- words ----

// The first place from `at` on that is neither white space nor comment.
inline const char* past_space(const char* at, const char* end) {
    while (at != end) {
        if (*at == '#')
            at = std::find(at, end, '\n');
        else if (*at == ' ' || (*at >= '\t' && *at <= '\r'))
            ++at;
        else
            break;
    }
    return at;
}
// White space and comments. Tried after every word and sign, and so one loop instead of a tree of rules.
struct ws {
    using rule_t = ws;
    using subs_t = p::empty_list;

    template <typename In>
    static bool match(In& in) {
        in.bump(static_cast<std::size_t>(past_space(in.current(), in.end()) - in.current()));
        return true;
    }
};
struct word_char : p::sor<p::alnum, p::one<'_', '.', ':', '/'>> {};

inline bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == ':' || c == '/';
}

template <typename Text>
struct keyword : p::seq<Text, p::not_at<word_char>, ws> {};
template <char... C>
struct sign : p::seq<p::string<C...>, ws> {};

// What cannot be a name or begin an operand. Tried at every word, and so one look-up instead of two dozen alternatives.
struct reserved {
    using rule_t = reserved;
    using subs_t = p::empty_list;

    template <typename In>
    static bool match(In& in) {
        constexpr std::size_t kLongest = 12;  // starts_with
        const auto left = static_cast<std::size_t>(in.end() - in.current());
        std::size_t size = 0;
        while (size < left && size <= kLongest && is_word_char(in.current()[size])) ++size;
        const ReservedWord* word = find_reserved({in.current(), size});
        if (word == nullptr || word->is_operand()) return false;
        in.bump(size);
        return true;
    }
};

struct name_text : p::plus<word_char> {};  // what is wrong with one is said when the tree is built
struct name : p::seq<p::not_at<reserved>, name_text, ws> {};
// A field, a name, a number, an address: anything without spaces and quotes.
struct word_text : p::seq<p::plus<word_char>, p::opt<p::one<'%'>>> {};
struct word : p::seq<p::not_at<reserved>, word_text, ws> {};
struct escape : p::seq<p::one<'\\'>, p::not_one<'\n', '\r'>> {};
struct string_end : p::one<'"'> {};
struct string_text
    : p::seq<p::one<'"'>, p::star<p::sor<escape, p::not_one<'"', '\\', '\n', '\r'>>>, p::must<string_end>> {};
struct string : p::seq<string_text, ws> {};
struct hex_text : p::seq<TAO_PEGTL_STRING("hex"), string_text> {};
struct hex : p::seq<hex_text, ws> {};

struct open_paren : sign<'('> {};
// Space after a closing sign belongs to nobody, so that a node ends where its text ends.
struct close_paren : p::one<')'> {};
struct open_brace : sign<'{'> {};
struct close_brace : p::one<'}'> {};
struct rule_end : close_brace {};  // named, so that their messages say more
struct alert_end : close_brace {};
struct open_bracket : sign<'['> {};
struct close_bracket : p::one<']'> {};
struct comma : sign<','> {};
struct equals : p::seq<p::one<'='>, p::not_at<p::one<'=', '>'>>, ws> {};
struct arrow : sign<'-', '>'> {};
struct yields : sign<'=', '>'> {};

#define WEIR_KEYWORD(id, text) \
    struct id : keyword<TAO_PEGTL_STRING(text)> {};
WEIR_KEYWORD(k_policy, "policy")
WEIR_KEYWORD(k_import, "import")
WEIR_KEYWORD(k_let, "let")
WEIR_KEYWORD(k_default, "default")
WEIR_KEYWORD(k_malformed, "malformed")
WEIR_KEYWORD(k_rule, "rule")
WEIR_KEYWORD(k_alert, "alert")
WEIR_KEYWORD(k_sink, "sink")
WEIR_KEYWORD(k_test, "test")
WEIR_KEYWORD(k_set, "set")
WEIR_KEYWORD(k_note, "note")
WEIR_KEYWORD(k_observe, "observe")
WEIR_KEYWORD(k_when, "when")
WEIR_KEYWORD(k_then, "then")
WEIR_KEYWORD(k_and, "and")
WEIR_KEYWORD(k_or, "or")
WEIR_KEYWORD(k_not, "not")
WEIR_KEYWORD(k_in, "in")
WEIR_KEYWORD(k_contains, "contains")
WEIR_KEYWORD(k_starts_with, "starts_with")
WEIR_KEYWORD(k_ends_with, "ends_with")
WEIR_KEYWORD(k_by, "by")
WEIR_KEYWORD(k_burst, "burst")
WEIR_KEYWORD(k_size, "size")
WEIR_KEYWORD(k_ttl, "ttl")
WEIR_KEYWORD(k_from, "from")
WEIR_KEYWORD(k_pass, "pass")
WEIR_KEYWORD(k_drop, "drop")
WEIR_KEYWORD(k_reject, "reject")
WEIR_KEYWORD(k_redirect, "redirect")
WEIR_KEYWORD(k_sample, "sample")
WEIR_KEYWORD(k_add, "add")
WEIR_KEYWORD(k_to, "to")
WEIR_KEYWORD(k_for, "for")
WEIR_KEYWORD(k_remove, "remove")
WEIR_KEYWORD(k_capture, "capture")
WEIR_KEYWORD(k_before, "before")
WEIR_KEYWORD(k_measure, "measure")
WEIR_KEYWORD(k_as, "as")
WEIR_KEYWORD(k_of, "of")
WEIR_KEYWORD(k_floor, "floor")
WEIR_KEYWORD(k_egress, "egress")
WEIR_KEYWORD(k_flows, "flows")
WEIR_KEYWORD(k_record, "record")
WEIR_KEYWORD(k_bytes, "bytes")
WEIR_KEYWORD(k_packets, "packets")
WEIR_KEYWORD(k_out, "out")
WEIR_KEYWORD(k_severity, "severity")
WEIR_KEYWORD(k_message, "message")
WEIR_KEYWORD(k_throttle, "throttle")
WEIR_KEYWORD(k_throttles, "throttles")
WEIR_KEYWORD(k_per, "per")
WEIR_KEYWORD(k_every, "every")
WEIR_KEYWORD(k_escalate, "escalate")
WEIR_KEYWORD(k_within, "within")
WEIR_KEYWORD(k_respond, "respond")
WEIR_KEYWORD(k_after, "after")
WEIR_KEYWORD(k_expect, "expect")
WEIR_KEYWORD(k_replay, "replay")
WEIR_KEYWORD(k_no, "no")
WEIR_KEYWORD(k_times, "times")
WEIR_KEYWORD(k_x, "x")
WEIR_KEYWORD(k_inside, "inside")
#undef WEIR_KEYWORD

// ---- conditions ----

struct condition;
struct operand;

// (a or b), (ip.src, tcp.dport)
struct paren_text : p::if_must<open_paren, condition, p::star<p::if_must<comma, condition>>, close_paren> {};
struct paren : p::seq<paren_text, ws> {};
struct element : p::sor<paren, hex, string, word> {};
struct set_literal_text : p::if_must<open_brace, element, p::star<comma, p::opt<element>>, close_brace> {};
struct set_literal : p::seq<set_literal_text, ws> {};
// A word of the language where another one follows, else a name.
template <typename Keyword>
struct before_word : p::seq<Keyword, p::at<p::not_at<reserved>, word_char>> {};
// Arguments of len(), of functions, and of the state terms: `by KEY`, `in DURATION`, `of N`, `floor N`.
struct in_duration : p::if_must<k_in, word> {};
struct by_key : p::if_must<k_by, operand> {};
struct of_number : p::if_must<before_word<k_of>, word> {};
struct floor_number : p::if_must<before_word<k_floor>, word> {};
struct argument : p::sor<in_duration, by_key, of_number, floor_number, condition> {};
struct call_text : p::if_must<open_paren, p::opt<argument, p::star<p::if_must<comma, argument>>>, close_paren> {};
struct call : p::seq<call_text, ws> {};
struct slice_text : p::if_must<open_bracket, word, close_bracket> {};
struct slice : p::seq<slice_text, ws> {};
struct term : p::seq<p::not_at<reserved>, word_text, ws, p::opt<p::sor<call, slice>>> {};
struct operand : p::sor<paren, set_literal, hex, string, term> {};

struct mask : p::if_must<p::seq<p::one<'&'>, p::not_at<p::one<'&'>>, ws>, word> {};
struct masked : p::seq<operand, p::opt<mask>> {};
struct op_eq : p::string<'=', '='> {};
struct op_ne : p::string<'!', '='> {};
struct op_le : p::string<'<', '='> {};
struct op_ge : p::string<'>', '='> {};
struct op_lt : p::one<'<'> {};
struct op_gt : p::one<'>'> {};
struct op_not : keyword<TAO_PEGTL_STRING("not")> {};  // no node of its own: `in` may be missing
struct op_not_in : p::seq<op_not, k_in> {};
// ASCII letters either way. A name where no operand follows.
struct nocase : p::seq<keyword<TAO_PEGTL_STRING("nocase")>,
                       p::at<p::sor<p::one<'"', '{', '('>, p::seq<p::not_at<reserved>, word_char>>>> {};
struct text_search : p::seq<p::sor<k_contains, k_starts_with, k_ends_with>, p::opt<nocase>> {};
struct comparator : p::sor<p::seq<p::sor<op_eq, op_ne, op_le, op_ge, op_lt, op_gt>, ws>, op_not_in, k_in, text_search> {
};
struct right_side : masked {};
struct burst : p::if_must<k_burst, word> {};
struct size : p::if_must<k_size, word> {};
struct comparison : p::seq<masked, p::opt<p::if_must<comparator, right_side, p::star<p::sor<burst, size>>>>> {};
struct negation : k_not {};
struct and_operand : p::seq<p::star<negation>, comparison> {};
struct or_operand : p::seq<and_operand, p::star<p::if_must<k_and, and_operand>>> {};
struct condition : p::seq<or_operand, p::star<p::if_must<k_or, or_operand>>> {};

// ---- actions ----

struct redirect_text : p::if_must<k_redirect, open_paren, string, close_paren> {};
struct redirect : p::seq<redirect_text, ws> {};
struct verdict : p::sor<k_pass, k_drop, k_reject, redirect> {};
struct sample : p::if_must<k_sample, word> {};
struct alert_action : p::if_must<k_alert, name, p::opt<sample>> {};
struct for_duration : p::if_must<k_for, word> {};
struct add_action : p::if_must<k_add, operand, k_to, name, p::opt<for_duration>> {};
struct remove_action : p::if_must<k_remove, operand, k_from, name> {};
struct capture_action : p::seq<k_capture, p::opt<p::if_must<k_before, word, k_per, operand>>> {};
struct measure_as : p::if_must<k_as, name> {};
struct measure_action : p::if_must<k_measure, operand, p::star<p::sor<by_key, measure_as, size>>> {};
struct action : p::sor<verdict, alert_action, add_action, remove_action, capture_action, measure_action> {};
struct actions : p::seq<action, p::star<p::if_must<comma, action>>> {};

// ---- items ----

struct policy_item : p::if_must<k_policy, name> {};
struct import_item : p::if_must<k_import, string> {};
struct parameters_text : p::if_must<open_paren, name, p::star<p::if_must<comma, name>>, close_paren> {};
struct parameters : p::seq<parameters_text, ws> {};
struct let_item : p::if_must<k_let, name, p::opt<parameters>, equals, condition> {};
struct set_type : name {};
struct set_types
    : p::sor<p::if_must<open_paren, set_type, p::star<p::if_must<comma, set_type>>, close_paren, ws>, set_type> {};
struct set_ttl : p::if_must<k_ttl, word> {};
struct set_from : p::if_must<k_from, string> {};
struct set_entries : p::if_must<equals, set_literal> {};
struct set_name_text : p::plus<p::sor<p::alnum, p::one<'_', '.'>>> {};  // a colon may follow at once
struct set_name : p::seq<p::not_at<reserved>, set_name_text, ws> {};
struct colon : sign<':'> {};
struct set_item : p::if_must<k_set, set_name, colon, set_types, p::star<p::sor<size, set_ttl, set_from, set_entries>>> {
};
struct default_item : p::if_must<k_default, p::opt<k_egress>, verdict> {};
struct malformed_item : p::if_must<k_malformed, verdict> {};
struct throttles_item : p::if_must<k_throttles, size> {};
struct flows_item : p::if_must<k_flows, size> {};
struct record_item : p::if_must<k_record, word, k_bytes, comma, word, k_packets> {};
struct note : p::if_must<k_note, string> {};
struct rule_item_text : p::if_must<k_rule, name, open_brace, p::opt<note>, p::opt<k_observe>, p::opt<k_egress>, k_when,
                                   condition, k_then, actions, rule_end> {};
struct rule_item : p::seq<rule_item_text, ws> {};
struct severity : p::if_must<k_severity, word> {};
struct message : p::if_must<k_message, string> {};
struct keys : p::seq<operand, p::star<p::if_must<comma, operand>>> {};
struct throttle : p::if_must<k_throttle, word, k_per, keys, k_every, word> {};
struct sinks : p::if_must<k_to, name, p::star<p::if_must<comma, name>>> {};
struct escalate : p::if_must<k_escalate, k_to, name, k_when, word, k_within, word, k_per, keys> {};
struct respond_text : p::if_must<k_respond, open_brace, actions, close_brace> {};
struct respond : p::seq<respond_text, ws> {};
struct alert_item_text : p::if_must<k_alert, name, open_brace,
                                    p::star<p::sor<severity, message, throttle, sinks, escalate, respond>>, alert_end> {
};
struct alert_item : p::seq<alert_item_text, ws> {};
struct sink_argument : p::plus<p::sor<hex, string, word>> {};
struct sink_item_text : p::if_must<k_sink, name, equals, name, open_paren,
                                   p::opt<sink_argument, p::star<p::if_must<comma, sink_argument>>>, close_paren> {};
struct sink_item : p::seq<sink_item_text, ws> {};

// ---- tests ----

struct port_range_text : p::if_must<open_brace, word, close_brace> {};
struct port_range : p::seq<port_range_text, ws> {};
struct bracketed : p::seq<p::one<'['>, p::must<word_text, close_bracket>> {};
struct port : p::sor<port_range, word> {};
struct port_part : p::if_must<p::one<':'>, port> {};
struct endpoint6 : p::seq<bracketed, p::sor<port_part, ws>> {};
struct endpoint4 : p::seq<word, p::opt<port_range>> {};
struct endpoint : p::sor<endpoint6, endpoint4> {};
struct option_words : p::star<p::sor<hex, string, p::seq<p::not_at<k_inside>, word>>> {};
struct protocol : word {};
// An address with an arrow behind it, or one in brackets. Looked ahead for, and so one loop that makes no node.
struct source_ahead {
    using rule_t = source_ahead;
    using subs_t = p::empty_list;

    template <typename In>
    static bool match(In& in) {
        const char* at = in.current();
        const char* const end = in.end();
        if (at == end || *at == '[') return true;
        while (at != end && is_word_char(*at)) ++at;
        at = past_space(at, end);
        if (at != end && *at == '{') {  // a range of ports
            at = std::find(at, end, '}');
            if (at != end) at = past_space(at + 1, end);
        }
        return end - at >= 2 && at[0] == '-' && at[1] == '>';
    }
};
// inside vxlan 42 192.0.2.1 -> 192.0.2.2
struct tunnel_kind : word {};
struct inside : p::if_must<k_inside, tunnel_kind, p::star<p::not_at<source_ahead>, word>, endpoint, arrow, endpoint,
                           option_words> {};
// A whole frame: hex "…", with a space or without.
struct frame_text : p::seq<TAO_PEGTL_STRING("hex"), p::star<p::blank>, string_text> {};
struct frame : p::seq<frame_text, ws> {};
struct packet
    : p::seq<p::opt<k_out>,
             p::sor<p::seq<frame, option_words>, p::if_must<protocol, endpoint, arrow, endpoint, option_words>>,
             p::star<inside>> {};
struct by_rule_name
    : p::seq<
          p::sor<p::seq<TAO_PEGTL_STRING("default"), p::not_at<word_char>>, p::seq<p::not_at<reserved>, name_text>>> {};
struct by_rule : p::if_must<k_by, by_rule_name, ws> {};
struct no_alert : p::if_must<k_no, k_alert> {};
struct times : p::seq<word, k_times> {};
struct expected_alert : p::if_must<k_alert, name, p::opt<times>> {};
struct expected_verdict : p::seq<verdict, p::opt<by_rule>> {};
struct expectation : p::sor<expected_verdict, expected_alert, no_alert> {};
struct outcome : p::seq<expectation, p::star<p::if_must<comma, expectation>>> {};
struct after_step : p::if_must<k_after, word> {};
struct expect_step : p::if_must<k_expect, name, p::opt<k_not>, k_contains, operand> {};
struct replay_step : p::if_must<k_replay, string, yields, outcome> {};
struct repeat : p::seq<p::at<p::digit>, word, p::must<k_x>> {};
struct send_step : p::seq<p::opt<repeat>, packet, p::must<yields, outcome>> {};
struct step : p::sor<after_step, expect_step, replay_step, send_step> {};
struct test_item_text : p::if_must<k_test, string, open_brace, p::star<step>, close_brace> {};
struct test_item : p::seq<test_item_text, ws> {};

struct item : p::sor<policy_item, import_item, let_item, set_item, default_item, malformed_item, throttles_item,
                     flows_item, record_item, rule_item, alert_item, sink_item, test_item> {};
struct one_item : p::must<item> {};

}  // namespace weir::rules
