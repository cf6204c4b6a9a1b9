/* scan.c - see scan.h. */
#include "base/scan.h"

#include "base/json.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

viv_status scan_fail(struct scan *s, const char *format, ...)
{
    if (s->status != VIV_OK)
        return s->status;
    va_list args;
    va_start(args, format);
    s->status = error_setv(s->err, VIV_EFORMAT, format, args);
    va_end(args);
    return error_prefix(s->err, "%s: at byte %" PRIu64, s->name, s->offset + s->at);
}

/* "expected X, found Y" */
static void expected(struct scan *s, const char *what)
{
    if (s->at >= s->size)
        scan_fail(s, "expected %s, found the end", what);
    else if (s->text[s->at] >= ' ' && s->text[s->at] < 0x7F)
        scan_fail(s, "expected %s, found '%c'", what, s->text[s->at]);
    else
        scan_fail(s, "expected %s, found byte 0x%02X", what, (unsigned char)s->text[s->at]);
}

void scan_begin(struct scan *s, const char *name, const char *text, uint64_t size, uint64_t offset,
                struct error *err)
{
    *s = (struct scan){.name = name, .text = text, .size = size, .offset = offset, .err = err};
    if (!utf8_valid(text, size))
        scan_fail(s, "not UTF-8 text");
}

char scan_peek(struct scan *s)
{
    while (s->at < s->size &&
           (s->text[s->at] == ' ' || s->text[s->at] == '\n' || s->text[s->at] == '\t' || s->text[s->at] == '\r'))
        s->at++;
    return s->status == VIV_OK && s->at < s->size ? s->text[s->at] : '\0';
}

void scan_enter(struct scan *s, char open)
{
    if (scan_peek(s) == open)
        s->at++;
    else
        expected(s, open == '{' ? "'{'" : "'['");
}

bool scan_more(struct scan *s, char close, bool *first)
{
    char c = scan_peek(s);
    bool was_first = *first;
    *first = false;
    if (s->status == VIV_OK && c == close) {
        s->at++;
        return false;
    }
    if (was_first)
        return s->status == VIV_OK;
    if (c == ',')
        s->at++;
    else
        expected(s, close == '}' ? "',' or '}'" : "',' or ']'");
    return s->status == VIV_OK;
}

/* The bytes are valid UTF-8, so any byte from 0x20 on may stand in a string. */
void scan_text(struct scan *s, struct scan_string *out)
{
    bool escaped = false;
    if (scan_peek(s) != '"') {
        expected(s, "a string");
        return;
    }
    uint64_t begin = s->at++;
    for (; s->at < s->size && s->text[s->at] != '"'; s->at++) {
        if ((unsigned char)s->text[s->at] < ' ') {
            expected(s, "a string without control characters");
            return;
        }
        if (s->text[s->at] == '\\') {
            escaped = true;
            s->at++;
        }
    }
    if (s->at >= s->size) {
        scan_fail(s, "a string does not end");
        return;
    }
    s->at++;
    *out = (struct scan_string){s->text + begin, s->at - begin, escaped};
}

void scan_key(struct scan *s, struct scan_string *out)
{
    scan_text(s, out);
    if (scan_peek(s) == ':')
        s->at++;
    else
        expected(s, "':'");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

void scan_uint(struct scan *s, uint64_t *out)
{
    uint64_t value = 0, begin;
    if (!is_digit(scan_peek(s))) {
        expected(s, "an unsigned integer");
        return;
    }
    for (begin = s->at; s->at < s->size && is_digit(s->text[s->at]); s->at++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s->text[s->at] - '0'), &value)) {
            scan_fail(s, "an integer above 2^64 - 1");
            return;
        }
    }
    if (s->at - begin > 1 && s->text[begin] == '0')
        scan_fail(s, "an integer begins with 0");
    else if (s->at < s->size && strchr(".eE", s->text[s->at]) && s->text[s->at])
        expected(s, "an integer");
    else
        *out = value;
}

/* A number or a word, judged by jansson. */
static void skip_scalar(struct scan *s)
{
    uint64_t begin = s->at;
    json_t *value = NULL;
    struct error err;
    while (s->at < s->size && s->text[s->at] && !strchr(" \t\r\n,:]}[{\"", s->text[s->at]))
        s->at++;
    uint64_t n = s->at - begin;
    s->at = begin;
    if (n == 0 || n > 512) {
        expected(s, "a value");
        return;
    }
    if (json_parse(s->name, s->text + begin, n, &value, &err) != VIV_OK) {
        if (err.status == VIV_ENOMEM)
            s->status = error_nomem(s->err);
        else
            scan_fail(s, "'%.*s' is not a value", (int)(n < 40 ? n : 40), s->text + begin);
    }
    json_decref(value);
    s->at += n;
}

static void skip(struct scan *s, unsigned depth)
{
    struct scan_string string;
    bool first = true;
    char c = scan_peek(s), close = c == '{' ? '}' : ']';
    if (c == '"') {
        scan_text(s, &string);
    } else if (c != '{' && c != '[') {
        skip_scalar(s);
    } else if (depth == 0) {
        scan_fail(s, "nested more than %d deep", MAX_DEPTH);
    } else {
        s->at++;
        while (scan_more(s, close, &first)) {
            if (close == '}')
                scan_key(s, &string);
            if (s->status == VIV_OK)
                skip(s, depth - 1);
        }
    }
}

void scan_skip(struct scan *s)
{
    if (s->status == VIV_OK)
        skip(s, MAX_DEPTH);
}

void scan_end(struct scan *s)
{
    scan_peek(s);
    if (s->at < s->size)
        expected(s, "the end");
}

bool scan_is(const struct scan_string *s, const char *word)
{
    size_t n = strlen(word);
    return s->size == n + 2 && memcmp(s->text + 1, word, n) == 0;
}

static const char *decode_escaped(struct scan *s, const struct scan_string *string, struct arena *arena)
{
    json_t *value;
    const char *copy = NULL;
    if (json_parse(s->name, string->text, string->size, &value, s->err) != VIV_OK) {
        s->status = s->err->status;
        return NULL;
    }
    if (strlen(json_string_value(value)) != json_string_length(value))
        scan_fail(s, "a string holds the character U+0000");
    else if (!(copy = arena_strdup(arena, json_string_value(value))))
        s->status = error_nomem(s->err);
    json_decref(value);
    return copy;
}

const char *scan_decode(struct scan *s, const struct scan_string *string, uint64_t limit, struct arena *arena)
{
    if (s->status != VIV_OK)
        return NULL;
    if (string->size - 2 > limit) {
        scan_fail(s, "a string of %" PRIu64 " bytes, at most %" PRIu64 " are read here", string->size - 2, limit);
        return NULL;
    }
    if (string->escaped)
        return decode_escaped(s, string, arena);
    const char *copy = arena_strndup(arena, string->text + 1, string->size - 2);
    if (!copy)
        s->status = error_nomem(s->err);
    return copy;
}
