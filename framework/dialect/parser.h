/* parser.h - reads an answer as it comes: text, reasoning, and calls of tools.
 *
 * Bytes go forward through a machine, once; text is held back only while it may be the beginning of a marker. The
 * events are the same however the bytes are cut (texts that follow each other count as one, and so do parts of a
 * call). A call that does not parse, or is cut, is text, as the model wrote it: no byte of an answer is lost but
 * markers, and whitespace around them and calls.
 *
 * For one thread at a time. */
#ifndef DIALECT_PARSER_H
#define DIALECT_PARSER_H

#include "dialect/dialect.h"

enum dialect_event_kind {
    DIALECT_TEXT = 1,
    DIALECT_REASONING,
    DIALECT_CALL,
    /* Of a call that is being written: its name, then its arguments, piece by piece. All pieces are the arguments
     * of the DIALECT_CALL that follows, which has the last of a key that comes twice; or text does, and it was
     * none.
     */
    DIALECT_CALL_BEGIN,
    DIALECT_CALL_PART
};
struct dialect_event {
    enum dialect_event_kind kind;
    const char *text; /* [size] of a call: its arguments, a JSON object */
    size_t size;
    const char *name, *id; /* of a call; at its beginning: the name alone */
    size_t index;          /* of a call: how many were before it */
};

struct dialect_parser;
struct dialect_parser_options {
    const struct tools *tools; /* by whose schemas values are typed; may be NULL */
    const char *opened;        /* the marker that the prompt ended with; or NULL */
    uint64_t seed;             /* ids that the model does not write are made of it */
    /* [in feed and finish] a status other than VIV_OK ends them */
    viv_status (*emit)(void *ctx, const struct dialect_event *e, struct error *err);
    void *ctx;
};
viv_status dialect_parser_create(const struct dialect *d, const struct dialect_parser_options *options,
                                 struct dialect_parser **out, struct error *err);
viv_status dialect_parser_feed(struct dialect_parser *p, const char *bytes, size_t n, struct error *err);
/* The answer has ended. A call that lacks nothing but its last markers is one. */
viv_status dialect_parser_finish(struct dialect_parser *p, struct error *err);
void dialect_parser_destroy(struct dialect_parser *p); /* accepts NULL */

#endif
