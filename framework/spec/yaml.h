/* yaml.h - a YAML file as a tree with positions. It is strict: one document, UTF-8 without NUL, no tags, anchors,
 * aliases, merge keys, duplicate or complex keys, with limits of size, depth and count. Scalars stay text, because
 * their meaning depends on their key. */
#ifndef SPEC_YAML_H
#define SPEC_YAML_H

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml {
    enum yaml_kind kind;
    struct position at;
    bool quoted;             /* scalar: in quotes, so it is a string */
    const char *text;        /* scalar, terminated */
    uint32_t n;              /* list, map: entries */
    struct yaml **items;     /* list: elements; map: values */
    const char **keys;       /* map */
    struct position *key_at; /* map */
};

/* `name`: the file's name in positions, copied to the arena. */
viv_status yaml_parse(struct arena *a, const char *name, const char *bytes, size_t n, struct yaml **out,
                      struct error *err);
viv_status yaml_read(struct arena *a, const char *path, struct yaml **out, struct error *err);

struct yaml *yaml_get(const struct yaml *map, const char *key); /* or NULL; accepts NULL */
/* Access to a list; any other value is a list of itself, and NULL is an empty list. */
uint32_t yaml_count(const struct yaml *y);
const struct yaml *yaml_item(const struct yaml *y, uint32_t i);
const char *yaml_kind_name(const struct yaml *y); /* "a mapping", ... */

/* "file:line:column: sentence" */
viv_status yaml_error(struct error *err, struct position at, viv_status status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#ifdef __clang_analyzer__
#define yaml_error(...) NEVER_OK(yaml_error(__VA_ARGS__))
#endif

#endif
