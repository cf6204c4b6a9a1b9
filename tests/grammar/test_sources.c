/* What each language of grammars means, and which sentence refuses what cannot be. */
#include "testing.h"

#include "grammars.h"

#define HAS(kind, grammar, text)    ck_assert_msg(accepts(kind, grammar, text), "%s: %s", grammar, text)
#define HAS_NO(kind, grammar, text) ck_assert_msg(!accepts(kind, grammar, text), "%s: %s", grammar, text)
#define REFUSED(kind, grammar, part)                                                                               \
    do {                                                                                                           \
        const char *sentence_ = refusal(kind, grammar);                                                            \
        ck_assert_msg(strstr(sentence_, part), "%s: '%s'", grammar, sentence_);                                    \
    } while (0)

enum { REGEX = VIV_GRAMMAR_REGEX, GBNF = VIV_GRAMMAR_GBNF, CHOICE = VIV_GRAMMAR_CHOICE, LARK = VIV_GRAMMAR_LARK };

TEST(regex__matches_the_whole_text)
{
    HAS(REGEX, "ab+", "abb");
    HAS_NO(REGEX, "ab+", "xabb");
    HAS(REGEX, "^a(?P<n>b|c)?$", "ac");
    HAS(REGEX, "(^a|b)(c$|d)", "bd");
    HAS(REGEX, "(?i)ab(?-i)c", "ABc");
    HAS(REGEX, "(?i)^ab$", "AB");
    HAS_NO(REGEX, "(?i:ab)c", "ABC");
    HAS(REGEX, "[[:digit:]]{2,3}-\\d", "123-4");
    HAS(REGEX, "\\p{Lu}\\p{Ll}*", "\xC3\x89t\xC3\xA9");
    HAS_NO(REGEX, "\\p{Lu}+", "\xC3\xA9");
    HAS(REGEX, "a{0}b", "b");
    HAS(REGEX, "(a?){3}", "");
    HAS(REGEX, "(a*){2,5}b", "aaaaaaaaab");
    HAS(REGEX, "x{2", "x{2");
    HAS_NO(REGEX, ".", "\n");
    HAS(REGEX, "(?s).", "\n");
    HAS(REGEX, "[^\\x00-\\x7F]", "\xF0\x9F\x98\x80");
    HAS(REGEX, "(.{0,50}x){3}", "abcxdefxghix");
}

TEST(regex__refuses_what_it_cannot_keep)
{
    REFUSED(REGEX, "a(?=b)", "lookaround");
    REFUSED(REGEX, "(a)\\1", "backreference");
    REFUSED(REGEX, "a(b", "not closed");
    REFUSED(REGEX, "a)b", "closes nothing");
    REFUSED(REGEX, "[b-a]", "reversed");
    REFUSED(REGEX, "[]", "not closed");
    REFUSED(REGEX, "*a", "nothing to repeat");
    REFUSED(REGEX, "a\\b", "word boundary");
    REFUSED(REGEX, "a^b", "anchor");
    REFUSED(REGEX, "a{3,2}", "reversed");
    REFUSED(REGEX, "a\\", "backslash");
    REFUSED(REGEX, "\xFF", "UTF-8");
}

TEST(gbnf__has_rules_that_may_nest)
{
    const char *json = "root ::= object\n"
                       "object ::= \"{\" ws (pair (\",\" ws pair)*)? \"}\" ws # pairs\n"
                       "pair ::= string \":\" ws value\n"
                       "value ::= object | string | [0-9]+ ws |\n"
                       "  (\"true\" | \"false\") ws\n"
                       "string ::= \"\\\"\" [^\"\\\\\\x00-\\x1f]* \"\\\"\" ws\n"
                       "ws ::= [ \\t\\n]*\n";
    HAS(GBNF, json, "{\"a\": {\"b\": 12, \"c\": true}}");
    HAS_NO(GBNF, json, "{\"a\": {\"b\": 12, \"c\": true}");
    HAS(GBNF, "root ::= \"(\" root \")\" | \"x\"", "(((x)))");
    HAS_NO(GBNF, "root ::= \"(\" root \")\" | \"x\"", "(((x))");
    HAS(GBNF, "root ::= a{2} b{1,} c{,2}\na ::= \"a\"\nb ::= \"b\"\nc ::= \"c\"", "aabbcc");
    HAS_NO(GBNF, "root ::= a{2} b{1,} c{,2}\na ::= \"a\"\nb ::= \"b\"\nc ::= \"c\"", "aabccc");
    HAS(GBNF, "root ::= \"a\"\n  | \"b\"\nx ::= \"c\"", "b");
    HAS(GBNF, "root ::= item root | \"\"\nitem ::= [\\u00e9]", "\xC3\xA9\xC3\xA9");
}

TEST(gbnf__refuses_with_line_and_column)
{
    REFUSED(GBNF, "root ::= a\n", "line 1, column 10: rule 'a' is used and not defined");
    REFUSED(GBNF, "root ::= thing\nthign ::= \"a\"", "did you mean 'thign'?");
    REFUSED(GBNF, "a ::= \"b\"", "no rule 'root'");
    REFUSED(GBNF, "", "no rule 'root'");
    REFUSED(GBNF, "root ::= root \"a\" | \"b\"", "rule 'root' begins with itself (root -> root)");
    REFUSED(GBNF, "root ::= a\na ::= b?  c\nb ::= \"x\"\nc ::= a | \"y\"", "(a -> c -> a)");
    REFUSED(GBNF, "root ::= \"a\" root", "allows no text at all");
    REFUSED(GBNF, "root ::= \"a\nroot2 ::= [a", "not closed");
    REFUSED(GBNF, "root ::= \"a\"\nroot ::= \"b\"", "defined before");
    REFUSED(GBNF, "root ::= [z-a]", "reversed");
    HAS(GBNF, "root ::= <think> \"a\"", "<think>a"); /* without a vocabulary, a token is its text */
    REFUSED(GBNF, "root ::= <[7]>", "line 1, column 10: a token has a number only in");
    REFUSED(GBNF, "root = \"a\"", "expected ::=");
}

TEST(choices__are_one_of_the_lines)
{
    HAS(CHOICE, "yes\nno\nnot sure\n", "not sure");
    HAS(CHOICE, "yes\nno", "no");
    HAS_NO(CHOICE, "yes\nno", "n");
    HAS_NO(CHOICE, "yes\nno", "yesno");
    REFUSED(CHOICE, "", "no choices");
}

TEST(lark__has_rules_and_terminals)
{
    const char *list =
        "%llguidance {}\nstart: item (\",\" item)* // a list\nitem: NAME \"=\" value -> pair\n"
        "value: INT\n  | /[a-f]{2}/i\n  | \"Nil\"i\nNAME: (\"a\"..\"z\")+\n%import common.INT\n%ignore \" \"\n";
    HAS(LARK, list, "a=1,b=Ef,c=nIL");
    HAS(LARK, list, " a = 1 , b=2 ");
    HAS_NO(LARK, list, "a=1,");
    HAS_NO(LARK, list, "a b=1");
    HAS(LARK, "start: \"x\"~2..3 [y]\ny: \"y\"{2}", "xxxyy");
    HAS(LARK, "start: \"a\" %json {\"type\": \"integer\"} \"z\"", "a12z");
    REFUSED(LARK, "start: thing", "line 1, column 8: rule 'thing' is used and not defined");
    REFUSED(LARK, "strat: \"a\"", "no rule 'start'");
    REFUSED(LARK, "start: /a(?=b)/", "line 1, column 8: byte 2 of 'a(?=b)': lookaround");
    HAS(LARK, "start: <|eot|>+", "<|eot|><|eot|>");
    REFUSED(LARK, "start: <|eot|", "not closed by '>'");
    REFUSED(LARK, "start: <[7>", "expected the number of a token");
    REFUSED(LARK, "%declare X\nstart: X", "of the directives");
    REFUSED(LARK, "start: \"a", "not closed");
    REFUSED(LARK, "start: start \"a\" | \"b\"", "begins with itself");
}

TEST(nesting__ends_in_an_error_not_in_a_crash)
{
    static char deep[20001];
    memset(deep, '(', 20000);
    REFUSED(REGEX, deep, "too deep");
    memcpy(deep, "root ::= ", 9);
    REFUSED(GBNF, deep, "too deep");
}

TESTS(regex__matches_the_whole_text, regex__refuses_what_it_cannot_keep, gbnf__has_rules_that_may_nest,
      gbnf__refuses_with_line_and_column, choices__are_one_of_the_lines, lark__has_rules_and_terminals,
      nesting__ends_in_an_error_not_in_a_crash)
