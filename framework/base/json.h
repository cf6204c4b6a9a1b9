/* json.h - JSON files, through jansson: strict (RFC 8259), no duplicate keys, limited depth and size, errors
 * with file, line and column. An integer beyond 63 bits is read as a number with a fraction. What Python writes
 * besides JSON is understood: Infinity is 1e308, -Infinity is -1e308, and NaN, which is no number, the string
 * "NaN". */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Parses bytes; `name` is what errors call them. The caller owns *out (json_decref). */
viv_status json_parse(const char *name, const char *bytes, size_t n, json_t **out, struct error *err);
/* The same for data whose integers may have any size: one beyond 63 bits is {JSON_LARGE_INTEGER: "its digits"}. (In
 * a text that has U+FFFF, it stays a number with a fraction: no text can pass an object off as an integer.) */
#define JSON_LARGE_INTEGER "\xEF\xBF\xBF integer"
viv_status json_parse_data(const char *name, const char *bytes, size_t n, json_t **out, struct error *err);
/* Reads and parses a file of at most `limit` bytes. */
viv_status json_read(const char *path, uint64_t limit, json_t **out, struct error *err);
/* The same for dir/name; *out is NULL if there is no such file. */
viv_status json_read_in(const char *dir, const char *name, uint64_t limit, json_t **out, struct error *err);

/* What lies at "rope_parameters.rope_theta", or NULL. Borrowed. */
json_t *json_at(json_t *root, const char *dotted_path);

/* Not there, null, false, "", {} or []. */
bool json_says_nothing(const json_t *value);

/* "an object", "a string", ...: what was found, for sentences. */
const char *json_kind(const json_t *value);

/* Jansson drops what it has no memory for in many places without a word. json_parse sees to that itself. Who builds
 * values calls json_notice_memory before, and json_lost_something after the last of them is built and written: has
 * this thread lost a part since it was last asked? */
void json_notice_memory(void);
bool json_lost_something(void);

#endif
