/* scan.h - JSON read where it lies, member by member, without a tree: for documents that are large and simple (the
 * header of a safetensors file, an index of tensors), where a tree would take ten times their size. As strict as
 * json.h, except that whoever looks for duplicate keys does so itself.
 *
 *   scan_enter(s, '{')                            errors name s->name and the byte
 *   while (scan_more(s, '}', &first))  { scan_key(s, &key); scan_uint(s, &n); }
 *   scan_end(s)
 *
 * The first failure is kept in s->status, and everything after it does nothing: one check at the end is enough, but
 * what was read is only meaningful while the status is VIV_OK. */
#ifndef BASE_SCAN_H
#define BASE_SCAN_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct scan {
    const char *name; /* for errors: the file */
    const char *text;
    uint64_t size, at;
    uint64_t offset; /* of text within the file, for errors */
    viv_status status;
    struct error *err;
};

/* A string as it stands in the document, with its quotes. */
struct scan_string {
    const char *text;
    uint64_t size;
    bool escaped; /* holds a backslash */
};

/* Refuses text that is not UTF-8. */
void scan_begin(struct scan *s, const char *name, const char *text, uint64_t size, uint64_t offset,
                struct error *err);
void scan_enter(struct scan *s, char open);              /* '{' or '[' */
bool scan_more(struct scan *s, char close, bool *first); /* one more member? *first begins as true */
void scan_text(struct scan *s, struct scan_string *out);
void scan_key(struct scan *s, struct scan_string *out); /* a string and its colon */
/* An integer from 0 to 2^64 - 1, written as one: "-0", "1.0" and "1e3" are refused. */
void scan_uint(struct scan *s, uint64_t *out);
void scan_skip(struct scan *s); /* any value, nested at most 64 deep */
char scan_peek(struct scan *s); /* the next character that is not white space, or '\0' */
void scan_end(struct scan *s);  /* nothing but white space follows */

/* Fails with a sentence of the caller's. */
viv_status scan_fail(struct scan *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool scan_is(const struct scan_string *s, const char *word);
/* What the string says, terminated, without NUL characters; NULL after a failure. At most `limit` bytes. */
const char *scan_decode(struct scan *s, const struct scan_string *string, uint64_t limit, struct arena *arena);

#endif
