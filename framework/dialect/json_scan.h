/* json_scan.h - finds where a JSON value ends, byte by byte, so that nothing is read twice when it comes in pieces.
 *
 * The value is checked against RFC 8259's grammar on the way; UTF-8 is not. */
#ifndef DIALECT_JSON_SCAN_H
#define DIALECT_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_SCAN_DEPTH = 256 };
enum json_scan_result { JSON_SCAN_MORE, JSON_SCAN_DONE, JSON_SCAN_BAD };

/* A zeroed one is at the beginning of a value. */
struct json_scan {
    uint32_t depth;
    uint8_t state;
    uint8_t at;                    /* of a word; of hexadecimal digits, how many are missing */
    const char *word;              /* "true", ... */
    bool is_key;                   /* the string is one */
    uint8_t list[JSON_SCAN_DEPTH]; /* for each depth: 1 of a list, 0 of an object */
};

/* Reads s[0, n). *used: the bytes read; DONE: they end with the value, BAD: the next one is wrong. A number is done
 * when a byte follows that is none of it, and so is not by its last byte; json_scan_end says whether it may end. */
enum json_scan_result json_scan(struct json_scan *j, const char *s, size_t n, size_t *used);
/* Whether the value is whole if nothing follows. */
bool json_scan_end(const struct json_scan *j);

/* The member `key` of an object that json_scan has accepted, as it is written; with key NULL: the first member,
 * whose key is *name, *name_size bytes without its quotes (may be NULL). False: there is none. */
bool json_scan_member(const char *object, size_t n, const char *key, const char **name, size_t *name_size,
                      const char **value, size_t *size);

#endif
