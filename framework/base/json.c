/* json.c - see json.h. */
#include "base/json.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/size.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Allocations of jansson that failed on this thread. */
static _Thread_local unsigned n_failed;

/* Jansson's scanner (2.14) does not look whether the buffer of the string that it reads has grown, and when it has
 * not, reads and writes on behind its end. The buffer grows by powers of two: while a text is parsed, such requests
 * are met from this when memory is out. */
static _Thread_local char *reserve;
static _Thread_local size_t reserve_size, reserve_used;

static void *from_reserve(size_t n)
{
    bool power = n >= 32 && (n & (n - 1)) == 0;
    if (!power || n > reserve_size - reserve_used)
        return NULL;
    reserve_used += n;
    return reserve + reserve_used - n;
}

static void *noticed_malloc(size_t n)
{
    void *p = malloc(n);
    if (p)
        return p;
    n_failed++;
    return from_reserve(n);
}

static void noticed_free(void *p)
{
    if (!reserve || (char *)p < reserve || (char *)p >= reserve + reserve_size)
        free(p);
}

static void install(void)
{
    json_malloc_t allocate;
    json_free_t release;
    json_get_alloc_funcs(&allocate, &release);
    if (allocate == malloc && release == free) /* else they are the embedding program's own */
        json_set_alloc_funcs(noticed_malloc, noticed_free);
}

void json_notice_memory(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
}

bool json_lost_something(void)
{
    bool lost = n_failed > 0;
    n_failed = 0;
    return lost;
}

static size_t end_of_number(const char *p, size_t n, size_t i)
{
    while (i < n && p[i] != '\0' && strchr("+-.0123456789eE", p[i]))
        i++;
    return i;
}

static size_t end_of_string(const char *p, size_t n, size_t i)
{
    for (i++; i < n && p[i] != '"'; i++)
        i += p[i] == '\\';
    return i < n ? i + 1 : n;
}

/* What Python's json module writes for numbers that JSON lacks, and what is read in its place. */
static const struct beyond {
    const char *word, *as;
} beyond[] = {{"-Infinity", "-1e308"}, {"Infinity", "1e308"}, {"NaN", "\"NaN\""}};

static const struct beyond *beyond_at(const char *p, size_t n)
{
    for (size_t k = 0; k < sizeof beyond / sizeof *beyond; k++) {
        const size_t length = strlen(beyond[k].word);
        if (n >= length && memcmp(p, beyond[k].word, length) == 0)
            return &beyond[k];
    }
    return NULL;
}

static bool in_a_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Where the token that begins at i ends: a string, a number, or a word. */
static size_t end_of_token(const char *p, size_t n, size_t i)
{
    if (p[i] == '"')
        return end_of_string(p, n, i);
    if (p[i] == '-' || (p[i] >= '0' && p[i] <= '9'))
        return size_max(end_of_number(p, n, i), i + 1);
    while (in_a_word(p[i]) && i + 1 < n && in_a_word(p[i + 1]))
        i++;
    return i + 1;
}

static bool is_large_integer(const char *p, size_t n)
{
    enum { SAFE_DIGITS = 18 };
    return (p[0] == '-' || (p[0] >= '0' && p[0] <= '9')) && n > SAFE_DIGITS && !memchr(p, '.', n) &&
           !memchr(p, 'e', n) && !memchr(p, 'E', n);
}

static bool has_any_case(const char *p, size_t n, const char *word)
{
    const size_t size = strlen(word);
    for (size_t i = 0; i + size <= n; i++)
        if (strncasecmp(p + i, word, size) == 0)
            return true;
    return false;
}

/* The text in numbers that jansson reads: ".0" stands behind each integer that may be beyond 63 bits, so that it is
 * read as a number with a fraction, as close as that comes (tokenizer_config.json says
 * 1000000000000000019884624838656 for "no limit"); and numbers beyond all numbers are replaced. Strings are as they
 * were. `exact`: each such integer is an object that has its digits. */
static void put_numbers(const char *p, size_t n, bool exact, struct buf *out)
{
    exact = exact && !has_any_case(p, n, "\\uffff") && !memmem(p, n, "\xEF\xBF\xBF", 3);
    for (size_t i = 0, end; i < n; i = end) {
        const struct beyond *b = beyond_at(p + i, n - i);
        end = b && b->word[0] == '-' ? i + strlen(b->word) : end_of_token(p, n, i);
        if (b && end == i + strlen(b->word)) {
            buf_puts(out, b->as);
            continue;
        }
        const bool large = is_large_integer(p + i, end - i);
        if (large && exact)
            buf_puts(out, "{\"" JSON_LARGE_INTEGER "\":\"");
        buf_append(out, p + i, end - i);
        if (large)
            buf_puts(out, exact ? "\"}" : ".0");
    }
}

static json_t *load(const char *bytes, size_t n, json_error_t *at)
{
    reserve_used = 0;
    return json_loadb(bytes, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, at);
}

/* Once more, where other numbers make a difference; *at stays that of the first time where they make none. */
static json_t *load_other_numbers(const char *bytes, size_t n, bool exact, json_error_t *at, bool *nomem)
{
    struct buf text = {0};
    put_numbers(bytes, n, exact, &text);
    *nomem = text.failed;
    const bool same = text.size == n && memcmp(buf_text(&text), bytes, n) == 0;
    json_t *root = text.failed || same ? NULL : load(buf_text(&text), text.size, at);
    buf_release(&text);
    return root;
}

/* *lost: memory was out somewhere, and the value is not to be used. */
static json_t *parse(const char *bytes, size_t n, bool exact, json_error_t *at, bool *lost)
{
    const unsigned before = n_failed;
    bool nomem = false;
    json_t *root = load(bytes, n, at);
    if (!root &&
        (json_error_code(at) == json_error_numeric_overflow || json_error_code(at) == json_error_invalid_syntax))
        root = load_other_numbers(bytes, n, exact, at, &nomem);
    *lost = nomem || n_failed != before || (!root && json_error_code(at) == json_error_out_of_memory);
    n_failed = before; /* told here, and not again to who builds values later */
    if (*lost)
        json_decref(root);
    return *lost ? NULL : root;
}

static viv_status parse_text(const char *name, const char *bytes, size_t n, bool exact, json_t **out,
                             struct error *err)
{
    json_error_t at;
    bool lost;
    json_notice_memory();
    reserve_size = n < SIZE_MAX / 8 ? 4 * n + 128 : 0; /* at most 2 n, and all that it was before */
    reserve = malloc(reserve_size);
    if (!reserve)
        return error_nomem(err);
    json_t *root = parse(bytes, n, exact, &at, &lost);
    free(reserve);
    reserve = NULL;
    reserve_size = 0;
    if (lost)
        return error_nomem(err);
    if (!root)
        return error_set(err, VIV_EFORMAT, "%s:%d:%d: %s", name, at.line, at.column, at.text);
    *out = root;
    return VIV_OK;
}

viv_status json_parse(const char *name, const char *bytes, size_t n, json_t **out, struct error *err)
{
    return parse_text(name, bytes, n, false, out, err);
}

viv_status json_parse_data(const char *name, const char *bytes, size_t n, json_t **out, struct error *err)
{
    return parse_text(name, bytes, n, true, out, err);
}

/* What downloads leave in place of a file. */
static viv_status explain_other(const char *path, const char *text, struct error *err)
{
    static const char *const kinds[][2] = {
        {"version https://git-lfs", "a pointer of Git LFS, not the file itself: say `git lfs pull` there"},
        {"<",
         "a web page, not the file itself: download the file (on Hugging Face, from /resolve/ and not /blob/)"},
        {"", "empty: download the file again"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (*kinds[i][0] ? strncmp(text, kinds[i][0], strlen(kinds[i][0])) == 0 : *text == '\0')
            return error_set(err, VIV_EFORMAT, "%s: expected JSON, found that it is %s", path, kinds[i][1]);
    return err->status;
}

viv_status json_read(const char *path, uint64_t limit, json_t **out, struct error *err)
{
    struct buf text = {0};
    viv_status status = file_read(path, limit, &text, err);
    if (status == VIV_OK)
        status = json_parse(path, buf_text(&text), text.size, out, err);
    if (status == VIV_EFORMAT)
        status = explain_other(path, buf_text(&text) + strspn(buf_text(&text), " \t\r\n"), err);
    buf_release(&text);
    return status;
}

viv_status json_read_in(const char *dir, const char *name, uint64_t limit, json_t **out, struct error *err)
{
    char *path = path_join(dir, name);
    *out = NULL;
    viv_status status = !path ? error_nomem(err) : file_exists(path) ? json_read(path, limit, out, err) : VIV_OK;
    free(path);
    return status;
}

json_t *json_at(json_t *root, const char *dotted_path)
{
    while (root && *dotted_path) {
        size_t n = strcspn(dotted_path, ".");
        root = json_object_getn(root, dotted_path, n);
        dotted_path += n;
        if (*dotted_path == '.')
            dotted_path++;
    }
    return root;
}

bool json_says_nothing(const json_t *v)
{
    return !v || json_is_null(v) || json_is_false(v) || (json_is_string(v) && json_string_length(v) == 0) ||
           (json_is_object(v) && json_object_size(v) == 0) || (json_is_array(v) && json_array_size(v) == 0);
}

const char *json_kind(const json_t *value)
{
    if (!value)
        return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number with a fraction";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "nothing";
}
