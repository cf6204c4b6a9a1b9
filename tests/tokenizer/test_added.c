/* Added tokens: they are found in a text, or they are not, and then no model takes the text for one. The expected
 * ids are those of the tokenizers library. */
#include "tokenizer/tokenizers.h"

#define SPECIAL(id, text)                                                                                          \
    "{\"id\": " #id ", \"content\": \"" text "\", \"special\": true, \"normalized\": false, \"lstrip\": false, "   \
    "\"rstrip\": false, \"single_word\": false}"
#define ADDED(id, text, more)                                                                                      \
    "{\"id\": " #id ", \"content\": \"" text "\", \"special\": false, \"normalized\": false, " more "}"

/* `<s>` has the id behind the model's, and a longer one the next: no score, no merge and no piece is theirs. */
static void check_leak(const char *model, int n, const char *found, const char *plain)
{
    char json[2048], long_id[16];
    snprintf(json, sizeof json,
             "{\"model\": %s, \"pre_tokenizer\": {\"type\": \"WhitespaceSplit\"}, \"added_tokens\": [{\"id\": %d, "
             "\"content\": \"<s>\", \"special\": true}, {\"id\": %d, \"content\": \"<long added token>\"}]}",
             model, n, n + 1);
    snprintf(long_id, sizeof long_id, "%d", n + 1);
    struct tokenizer *t = open_json(json);
    gives(t, "a <s> a<s>", TOKENIZER_PARSE_SPECIAL, found);
    gives(t, "a <s> a<s>", 0, plain);
    gives(t, "<long added token>", 0, long_id);
    decodes(t, n, "<s>");
    ck_assert_uint_eq(tokenizer_vocab_size(t), (unsigned)n + 2);
    ck_assert(tokenizer_is_special(t, n) && !tokenizer_is_special(t, n + 1) && !tokenizer_is_special(t, 0));
    tokenizer_destroy(t);
}

TEST(added__tokens_are_no_pieces_of_a_model)
{
    check_leak("{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"<unk>\", 0], [\"a\", -1], [\"<\", -2], "
               "[\"s\", -3], [\">\", -1]]}",
               5, "1 5 1 5", "1 2 3 4 1 2 3 4");
    check_leak("{\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"vocab\": {\"[UNK]\": 0, \"a\": 1, \"<s\": 2, "
               "\"##>\": 3}}",
               4, "1 4 1 4", "1 2 3 0");
    check_leak("{\"type\": \"WordLevel\", \"unk_token\": \"[UNK]\", \"vocab\": {\"[UNK]\": 0, \"a\": 1}}", 2,
               "1 2 1 2", "1 0 0");
    check_leak("{\"type\": \"BPE\", \"ignore_merges\": true, \"vocab\": {\"a\": 0, \"<\": 1, \"s\": 2, \">\": 3, "
               "\"<s\": 4}, \"merges\": [\"< s\"]}",
               5, "0 5 0 5", "0 4 3 0 4 3");
    remove_scratch();
}
END_TEST

#define ABC "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, \" \": 3}, \"merges\": []}"

/* The reference counts: what a file says of ids is wrong where it says something else. */
TEST(added__tokens_have_the_ids_that_follow)
{
    struct tokenizer *t =
        open_json(ABC ", \"added_tokens\": [" SPECIAL(20, "<y>") ", " SPECIAL(1, "a") ", " SPECIAL(10, "<x>") "]}");
    gives(t, "<x>a<y>", TOKENIZER_PARSE_SPECIAL, "5 0 4");
    tokenizer_destroy(t);
    remove_scratch();
}
END_TEST

TEST(added__tokens_are_found_as_the_reference_finds_them)
{
    /* those of the text as it is come before those of the normalized text */
    struct tokenizer *t =
        open_json(ABC ", \"added_tokens\": [{\"id\": 4, \"content\": \"ab\", \"normalized\": true}, " ADDED(
            5, "bc", "\"lstrip\": false") "]}");
    gives(t, "abc", 0, "0 5");
    gives(t, "aba", 0, "4 0");
    tokenizer_destroy(t);
    /* one that is found and does not count uses up its text */
    t = open_json(ABC ", \"added_tokens\": [" ADDED(4, "ab", "\"single_word\": true") ", " SPECIAL(5, "bc") "]}");
    gives(t, "cabc", TOKENIZER_PARSE_SPECIAL, "2 0 1 2");
    gives(t, "ab c", TOKENIZER_PARSE_SPECIAL, "4 3 2");
    tokenizer_destroy(t);
    t = open_json(ABC ", \"added_tokens\": [" SPECIAL(4, "ab") ", " ADDED(5, "bc", "\"lstrip\": false") "]}");
    gives(t, "abc", TOKENIZER_PARSE_SPECIAL, "4 2");
    gives(t, "abc", 0, "0 1 2");
    tokenizer_destroy(t);
    /* spaces that belong to one may be another */
    t = open_json(ABC ", \"added_tokens\": [" ADDED(2, "c", "\"rstrip\": true") ", " ADDED(
        4, " b", "\"lstrip\": true") ", " ADDED(5, "  ", "\"lstrip\": false") "]}");
    gives(t, "c b", 0, "2 4");
    gives(t, "c   a", 0, "2 5 3 0");
    gives(t, "a  b", 0, "0 5 1");
    tokenizer_destroy(t);
    remove_scratch();
}
END_TEST

TESTS(added__tokens_are_no_pieces_of_a_model, added__tokens_have_the_ids_that_follow,
      added__tokens_are_found_as_the_reference_finds_them)
