/* call.h - what parser.c and call.c share: one call, read element by element. */
#ifndef DIALECT_CALL_H
#define DIALECT_CALL_H

#include "dialect/literal.h"
#include "dialect/parser.h"

enum step { STEP_ON, STEP_MORE, STEP_FAIL, STEP_DONE, STEP_NOMEM };

enum element_kind {
    READ_MARKER,
    READ_NAME, /* to the marker */
    READ_ID,
    READ_KEY,
    READ_FLAG,
    READ_VALUE,
    READ_JSON,    /* an object */
    READ_LITERAL, /* arguments in brackets */
    LOOP,         /* the marker: on; else to the element `to` */
    BACK          /* to the element `to` */
};
struct element {
    enum element_kind kind;
    const struct marker *marker;
    size_t to;
    bool tail; /* behind the arguments: it may be missing at the end of an answer */
};
enum { MAX_ELEMENTS = 24 };

struct call {
    const struct dialect *d;
    const struct tools *tools;
    struct element elements[MAX_ELEMENTS];
    size_t n, now;
    size_t scanned; /* of the bytes behind the position, those that the element has looked at */
    struct json_scan json;
    struct literal_scan literal;
    struct buf name, id, key, flag, arguments;
    struct buf once; /* the arguments with each key once, where one came twice */
    size_t n_arguments;
    enum { TAKES_NOTHING, TAKES_NAME, TAKES_ARGUMENTS, TAKES_ID } takes; /* of a JSON object, the member's value */
    bool has_arguments;                                                  /* it has begun a member that has them */
    uint64_t seed;
};

void call_init(struct call *c, const struct dialect *d, const struct tools *tools, uint64_t seed);
void call_release(struct call *c);
void call_begin(struct call *c); /* another one */
/* Reads on at s[*at, n). `ends`: nothing will follow. DONE: name, id and arguments are those of a call. */
enum step call_read(struct call *c, const char *s, size_t *at, size_t n, bool ends);

/* Whether the name was read. From then on the arguments only grow. */
bool call_is_named(const struct call *c);

/* Whether a marker is at s: its length; 0: none; MAYBE: more bytes decide. Markers of whitespace alone are nowhere.
 */
#define MAYBE SIZE_MAX
size_t marker_at(const struct marker *m, const char *s, size_t n, bool ends);
bool marker_is_space(char c);

#endif
