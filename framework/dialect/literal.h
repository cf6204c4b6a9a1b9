/* literal.h - values as Python and Gemma write them, read into JSON.
 *
 *   value = JSON's, or True False None, 'text' with Python's escapes, (a, b), {key: value} with a bare key,
 *           QUOTE text QUOTE, where QUOTE is a marker such as <|"|>
 *   arguments = (key=value, ...) or {key: value, ...}                                                           */
#ifndef DIALECT_LITERAL_H
#define DIALECT_LITERAL_H

#include "base/buf.h"
#include "dialect/json_scan.h"

/* Finds the bracket that closes the one at the beginning. A zeroed one is there. */
struct literal_scan {
    const char *quote; /* a marker, or NULL */
    uint32_t depth, matched;
    char in; /* the quotation mark of the text that is open; 'q': the marker; 0: none */
    bool escaped;
    char open[JSON_SCAN_DEPTH];
};
enum json_scan_result literal_scan(struct literal_scan *l, const char *s, size_t n, size_t *used);

/* Appends a value, or arguments in brackets, as JSON. False: it is none, or memory is out (out->failed). */
bool literal_value(const char *s, size_t n, const char *quote, struct buf *out);
bool literal_arguments(const char *s, size_t n, const char *quote, struct buf *out);

/* Whether a key can be written without quotes: letters of any script, digits, and _ - . */
bool literal_is_key(const char *s);
/* Appends a text as a JSON string. False: it is not UTF-8, or memory is out. */
bool literal_quote(const char *s, size_t n, struct buf *out);

#endif
