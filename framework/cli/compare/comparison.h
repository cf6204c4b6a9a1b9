/* comparison.h - models side by side: a column each, in rows that are numbers or words. Whatever can be said of a
 * model is a row, from the spec alone or measured; how rows look is for table.h and report.h to say. */
#ifndef CLI_COMPARE_COMPARISON_H
#define CLI_COMPARE_COMPARISON_H

#include "base/arena.h"
#include "cli/compare/device.h"
#include "cli/compare/facts.h"
#include "cli/compare/structure.h"

#include <stdbool.h>

enum row_unit {
    UNIT_WORDS,
    UNIT_COUNT, /* parameters, operations, tokens */
    UNIT_BYTES,
    UNIT_SECONDS,
    UNIT_RATE,   /* per second */
    UNIT_RATIO,  /* any other number */
    UNIT_PERCENT /* a part of 1 */
};
enum row_better { BETTER_NEITHER, BETTER_MORE, BETTER_LESS };

struct cell {
    bool known;
    double value;      /* unless words */
    double low, high;  /* its spread over the rounds, where it was measured; else both 0 */
    const char *words; /* UNIT_WORDS; of the comparison's arena */
    const char *why;   /* unknown: why, one sentence */
};

struct row {
    const char *section, *key, *label; /* "work", "flops_decode_4096", "decode at 4096" */
    enum row_unit unit;
    enum row_better better;
    bool predicted;     /* from the spec: another day it is the same */
    struct cell *cells; /* [n_models] */
};

/* A column: a model on a machine. */
struct compared {
    const char *given, *name, *family, *architecture; /* given: as the user wrote it */
    const char *weight_type;                          /* that its weights are made of at load; NULL: as they are */
    char spec_hash[65];                               /* of its expansion; "" where none was made */
    const char *why;                                  /* cannot take part at all; NULL: it does */
    struct facts facts;
    struct structure structure;
    const struct device *device; /* one of the comparison's */
};

struct comparison {
    struct arena arena;
    struct compared *models;
    uint32_t n_models;
    struct row *rows;
    size_t n_rows, capacity;
    const struct device *devices; /* that ceilings are of; the caller's, who sets them, and that of each model */
    uint32_t n_devices;
};

viv_status comparison_create(uint32_t n_models, struct comparison **out, struct error *err);
void comparison_destroy(struct comparison *c);

/* A new last row of this section, which begins with it where it is new; cells are unknown. NULL: memory is out. The
 * names are copied. */
struct row *comparison_row(struct comparison *c, const char *section, enum row_unit unit, enum row_better better,
                           const char *key, const char *label);
struct row *comparison_find(struct comparison *c, const char *key);
void row_set(struct row *r, uint32_t model, double value);
/* False: memory is out. */
bool row_say(struct comparison *c, struct row *r, uint32_t model, const char *words);
bool row_lack(struct comparison *c, struct row *r, uint32_t model, const char *why);

/* Bytes that this work reads, of weights of this type (-1: as in the files, else f16) and of the KV cache. */
double work_bytes(const struct facts *f, int64_t type, const struct work_cost *w);
/* The least time that a machine needs for it: for its arithmetic, or for its memory. */
double work_seconds(const struct facts *f, int64_t type, const struct device *d, const struct work_cost *w);

/* The conditions for which values are predicted from the specs. */
struct comparison_query {
    const int32_t *contexts;
    size_t n_contexts;
    uint64_t n_texts;
    const uint32_t *types; /* of weights */
    size_t n_types;
    int64_t type;    /* that speed is predicted for; -1: as in the files, else f16 */
    uint64_t memory; /* to fit into; 0: the device's */
};
/* Fills the rows of models whose facts and structure are there. */
viv_status comparison_predict(struct comparison *c, const struct comparison_query *q, struct error *err);

#endif
