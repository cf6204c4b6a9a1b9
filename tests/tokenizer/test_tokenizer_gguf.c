/* Tokenizers in GGUF files that say less than they could: what llama.cpp takes a missing key to mean. */
#include "tokenizer/tokenizers.h"

/* A file with this kind of tokenizer, its pieces (a type's digit before each), and further keys as a script. */
static struct tokenizer *open_gguf(const char *kind, const char *const *pieces, size_t n, unsigned n_keys,
                                   const char *keys)
{
    struct buf b = {0};
    struct checkpoint c;
    struct tokenizer *t = NULL;
    struct error err;
    char head[256];
    snprintf(head, sizeof head,
             "GGUF 4:3 8:0 8:%u s:tokenizer.ggml.model 4:8 s:%s s:tokenizer.ggml.tokens 4:9 4:8 8:%zu", n_keys + 4,
             kind, n);
    build(&b, head);
    for (size_t i = 0; i < n; i++)
        build_string(&b, pieces[i] + 1, strlen(pieces[i] + 1));
    snprintf(head, sizeof head, "s:tokenizer.ggml.token_type 4:9 4:5 8:%zu", n);
    build(&b, head);
    for (size_t i = 0; i < n; i++)
        build_number(&b, (unsigned)(pieces[i][0] - '0'), 4);
    snprintf(head, sizeof head, "s:tokenizer.ggml.scores 4:9 4:6 8:%zu z:%zu ", n, 4 * n);
    build(&b, head);
    build(&b, keys);
    opens(&c, write_bytes("x.gguf", &b));
    ck_assert_msg(tokenizer_open(&c, &t, &err) == VIV_OK, "%s", err.text);
    checkpoint_close(&c);
    buf_release(&b);
    return t;
}

#define OPEN(kind, pieces, n_keys, keys) open_gguf(kind, pieces, sizeof(pieces) / sizeof *(pieces), n_keys, keys)
#define KEY(name, type, value)           "s:tokenizer.ggml." name " 4:" #type " " value " "

enum { BOTH = TOKENIZER_ADD_SPECIAL | TOKENIZER_PARSE_SPECIAL };

static const char *const llama[] = {"2<unk>",
                                    "3<s>",
                                    "3</s>",
                                    "1\xE2\x96\x81",
                                    "1a",
                                    ("1\xE2\x96\x81"
                                     "a"),
                                    "1b"};

TEST(tokenizer_gguf__sentencepiece_has_the_usual_ids_where_no_key_says_so)
{
    struct tokenizer *t = OPEN("llama", llama, 0, "");
    gives(t, "a", BOTH, "1 5");
    gives(t, "z", BOTH, "1 3 0");
    ck_assert_int_eq(tokenizer_eos(t), 2);
    tokenizer_destroy(t);
    t = OPEN("llama", llama, 2, KEY("add_bos_token", 7, "1:0") KEY("add_eos_token", 7, "1:1"));
    gives(t, "a", BOTH, "5 2");
    tokenizer_destroy(t);
    t = OPEN("llama", llama, 1, KEY("bos_token_id", 4, "4:4294967295"));
    gives(t, "a", BOTH, "1 5"); /* a number that is none leaves what is usual */
    tokenizer_destroy(t);
    remove_scratch();
}
END_TEST

/* "</s>" written out is text, though its piece is in the vocabulary. */
TEST(tokenizer_gguf__control_tokens_are_no_pieces)
{
    static const char *const pieces[] = {"2<unk>", "3</s>", "1\xE2\x96\x81", "1<", "1/", "1s", "1>", "1</", "1s>"};
    static const char *const words[] = {"1a", "1<", "1x", "1>", "3<x>", "1<x"};
    static const char keys[] = KEY("pre", 8, "s:llama-bpe") KEY("merges", 9, "4:8 8:2 8:3 x:3c2078 8:4 x:3c78203e");
    struct tokenizer *t = OPEN("llama", pieces, 1, KEY("add_bos_token", 7, "1:0"));
    gives(t, "</s>", 0, "2 7 8");
    gives(t, "</s>", TOKENIZER_PARSE_SPECIAL, "1");
    tokenizer_destroy(t);
    t = OPEN("gpt2", words, 2, keys); /* the second merge would make it */
    gives(t, "<x>", 0, "5 3");
    gives(t, "<x>", TOKENIZER_PARSE_SPECIAL, "4");
    tokenizer_destroy(t);
    remove_scratch();
}
END_TEST

TEST(tokenizer_gguf__bert_is_cased_where_it_says_so)
{
    static const char *const pieces[] = {"3[PAD]",
                                         "2[UNK]",
                                         "3[CLS]",
                                         "3[SEP]",
                                         ("1\xE2\x96\x81"
                                          "a"),
                                         "1\xE2\x96\x81"
                                         "A",
                                         "1\xE2\x96\x81\xC3\xA9",
                                         "1\xE2\x96\x81"
                                         "e"};
    struct tokenizer *t = OPEN("bert", pieces, 0, "");
    gives(t, "A \xC3\xA9", BOTH, "2 4 7 3");
    tokenizer_destroy(t);
    t = OPEN("bert", pieces, 1, KEY("normalizer.lowercase", 7, "1:0"));
    gives(t, "A \xC3\xA9", BOTH, "2 5 6 3");
    tokenizer_destroy(t);
    t = OPEN("bert", pieces, 2, KEY("normalizer.lowercase", 7, "1:0") KEY("normalizer.strip_accents", 7, "1:1"));
    gives(t, "A \xC3\xA9", BOTH, "2 5 7 3");
    tokenizer_destroy(t);
    remove_scratch();
}
END_TEST

/* Many files have no key for the token that ends a turn. */
TEST(tokenizer_gguf__turns_end_at_tokens_that_are_called_so)
{
    static const char *const chat[] = {"1a", "1<|im_end|>", "3<|endoftext|>"};
    static const char *const harmony[] = {"1a", "3<|end|>", "3<|call|>", "3<|return|>"};
    static const char keys[] = KEY("pre", 8, "s:gpt-2") KEY("merges", 9, "4:8 8:0");
    struct tokenizer *t = OPEN("gpt2", chat, 2, keys);
    ck_assert_int_eq(tokenizer_eos(t), -1); /* llama.cpp's 11 is not there */
    ck_assert_int_eq(tokenizer_end(t, 0), 1);
    ck_assert_int_eq(tokenizer_end(t, 1), 2);
    ck_assert_int_eq(tokenizer_end(t, 2), -1);
    gives(t, "a<|im_end|>", TOKENIZER_PARSE_SPECIAL, "0 1"); /* of whatever type the file says */
    tokenizer_destroy(t);
    t = OPEN("gpt2", harmony, 2, keys);
    ck_assert_int_eq(tokenizer_end(t, 0), 3);
    ck_assert_int_eq(tokenizer_end(t, 1), 2);
    ck_assert_int_eq(tokenizer_end(t, 2), -1);
    tokenizer_destroy(t);
    remove_scratch();
}
END_TEST

/* Words of bytes by "default", which ends digits after three; without the key, with an empty one, and by another
 * name. */
TEST(tokenizer_gguf__words_without_a_way_to_cut_them_are_cut_the_default_way)
{
    static const char *const pieces[] = {"11", "12", "13", "14", "112", "134"};
    static const char merges[] = KEY("merges", 9, "4:8 8:2 8:3 x:312032 8:3 x:332034");
    static const char *const ways[] = {"", KEY("pre", 8, "s:default"), KEY("pre", 8, "s:gpt-2")};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char keys[256];
        snprintf(keys, sizeof keys, "%s%s", merges, ways[i]);
        struct tokenizer *t = OPEN("gpt2", pieces, *ways[i] ? 2 : 1, keys);
        gives(t, "1234", 0, i == 2 ? "4 5" : "4 2 3");
        tokenizer_destroy(t);
    }
    remove_scratch();
}
END_TEST

/* Characters and U+2581, not bytes; a run of newlines that is a piece is that piece; BOS whatever the file says. */
TEST(tokenizer_gguf__gemma_4_has_pairs_of_characters)
{
    static const char *const pieces[] = {"3<bos>",
                                         "1\xE2\x96\x81",
                                         "1a",
                                         "1b",
                                         "1ab",
                                         ("1\xE2\x96\x81"
                                          "a"),
                                         "1\n",
                                         "1\n\n\n",
                                         "6<0x7A>"};
    static const char keys[] = KEY("merges", 9, "4:8 8:2 8:3 x:612062 8:5 x:e296812061")
        KEY("bos_token_id", 4, "4:0") KEY("add_bos_token", 7, "1:0");
    struct tokenizer *t = OPEN("gemma4", pieces, 3, keys);
    struct buf back = {0};
    struct error err;
    static const int32_t ids[] = {4, 7, 5, 8};
    gives(t, "ab\n\n\nab az", BOTH, "0 4 7 4 5 8");
    gives(t, "a\n\nb", 0, "2 6 6 3");
    ck_assert_int_eq(tokenizer_decode(t, ids, 4, 0, &back, &err), VIV_OK);
    ck_assert_str_eq(buf_text(&back), "ab\n\n\n az");
    buf_release(&back);
    tokenizer_destroy(t);
    remove_scratch();
}
END_TEST

TESTS(tokenizer_gguf__words_without_a_way_to_cut_them_are_cut_the_default_way,
      tokenizer_gguf__gemma_4_has_pairs_of_characters,
      tokenizer_gguf__sentencepiece_has_the_usual_ids_where_no_key_says_so,
      tokenizer_gguf__control_tokens_are_no_pieces, tokenizer_gguf__bert_is_cased_where_it_says_so,
      tokenizer_gguf__turns_end_at_tokens_that_are_called_so)
