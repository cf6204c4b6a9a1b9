/* tokenizers.h - tokenizers made on the fly, and what they make of a text. */
#ifndef TESTS_TEXT_TOKENIZERS_H
#define TESTS_TEXT_TOKENIZERS_H

#include "formats/build.h"
#include "tokenizer/tokenizer.h"

static inline void write_text(const char *name, const char *text)
{
    const struct buf b = {.data = (char *)text, .size = strlen(text)};
    write_bytes(name, &b);
}

/* The folder of what write_text wrote, as a checkpoint's. */
static inline struct tokenizer *open_scratch(void)
{
    struct tokenizer *t = NULL;
    struct error err;
    ck_assert_msg(tokenizer_open_directory(scratch, &t, &err) == VIV_OK, "%s", err.text);
    return t;
}

static inline struct tokenizer *open_json(const char *json)
{
    struct tokenizer *t = NULL;
    struct error err;
    write_text("one.json", json);
    ck_assert_msg(tokenizer_open_file(in_scratch("one.json"), &t, &err) == VIV_OK, "%s", err.text);
    return t;
}

/* "1 2 3" */
static inline void gives(const struct tokenizer *t, const char *text, int flags, const char *expected)
{
    struct token_ids ids = {0};
    struct buf got = {0};
    struct error err;
    ck_assert_msg(tokenizer_encode(t, text, strlen(text), flags, &ids, &err) == VIV_OK, "%s", err.text);
    for (size_t i = 0; i < ids.n; i++)
        buf_printf(&got, i ? " %d" : "%d", ids.ids[i]);
    ck_assert_msg(strcmp(buf_text(&got), expected) == 0, "'%s' (%d): %s, expected %s", text, flags, buf_text(&got),
                  expected);
    token_ids_release(&ids);
    buf_release(&got);
}

static inline void decodes(const struct tokenizer *t, int32_t id, const char *expected)
{
    struct buf got = {0};
    struct error err;
    ck_assert_int_eq(tokenizer_decode(t, &id, 1, 0, &got, &err), VIV_OK);
    ck_assert_msg(strcmp(buf_text(&got), expected) == 0, "%d: '%s', expected '%s'", id, buf_text(&got), expected);
    buf_release(&got);
}

#endif
