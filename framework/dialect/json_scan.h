/* json_scan.h - finds where a JSON value ends, byte by byte, so that nothing is read twice when it comes in pieces.
 *
 * The value is checked against RFC 8259's grammar on the way; UTF-8 is not. */
#ifndef DIALECT_JSON_SCAN_H
#define DIALECT_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_SCAN_DEPTH = 256 };
enum json_scan_member { MEMBER_NONE, MEMBER_VALUE, MEMBER_DONE };
enum json_scan_result { JSON_SCAN_MORE, JSON_SCAN_DONE, JSON_SCAN_BAD };

/* A zeroed one is at the beginning of a value. */
struct json_scan {
    size_t read; /* bytes */
    /* Of an object, the member that is read, or was read last: where its key begins, without quotes, and its value,
     * from the first byte of the object; value_size, when the value is DONE. */
    enum json_scan_member member;
    size_t key, key_size, value, value_size;
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

#endif
