/* yaml.c - see yaml.h. */
#include "spec/yaml.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/strmap.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_BYTES = 1 << 20, MAX_DEPTH = 64, MAX_NODES = 100000 };

struct reader {
    struct arena *arena;
    const char *name;
    yaml_parser_t parser;
    uint32_t n_nodes;
    struct error *err;
};

viv_status(yaml_error)(struct error *err, struct position at, viv_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_setv(err, status, format, args);
    va_end(args);
    return error_prefix(err, "%s:%" PRIu32 ":%" PRIu32, at.file, at.line, at.column);
}

static struct position position_of(const struct reader *r, yaml_mark_t mark)
{
    return (struct position){r->name, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1};
}

static viv_status next_event(struct reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event))
        return VIV_OK;
    if (r->parser.error == YAML_MEMORY_ERROR)
        return error_nomem(r->err);
    struct position at = position_of(r, r->parser.problem_mark);
    return yaml_error(r->err, at, VIV_EFORMAT, "%s%s%s", r->parser.problem ? r->parser.problem : "not YAML",
                      r->parser.context ? ", " : "", r->parser.context ? r->parser.context : "");
}

/* Reports what strict YAML does not allow. */
static viv_status refuse_extras(const struct reader *r, const yaml_event_t *e, struct position at)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (e->type == YAML_ALIAS_EVENT)
        return yaml_error(r->err, at, VIV_EFORMAT, "aliases (*%s) are not part of the spec language",
                          (const char *)e->data.alias.anchor);
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
    } else if (e->type == YAML_SEQUENCE_START_EVENT) {
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
    }
    if (anchor)
        return yaml_error(r->err, at, VIV_EFORMAT, "anchors (&%s) are not part of the spec language",
                          (const char *)anchor);
    if (tag)
        return yaml_error(r->err, at, VIV_EFORMAT, "tags (%s) are not part of the spec language",
                          (const char *)tag);
    return VIV_OK;
}

/* The children of a list or map while it is read. */
struct children {
    struct yaml **items;
    const char **keys;
    struct position *key_at;
    size_t n, items_capacity, keys_capacity, at_capacity;
    struct strmap seen;
};

static void children_release(struct children *c)
{
    free(c->items);
    free(c->keys);
    free(c->key_at);
    strmap_release(&c->seen);
}

static viv_status read_node(struct reader *r, const yaml_event_t *e, uint32_t depth, struct yaml **out);

/* Reads a map's key: a scalar that is not a duplicate. */
static viv_status read_key(struct reader *r, const yaml_event_t *e, struct children *c)
{
    struct position at = position_of(r, e->start_mark);
    viv_status status = refuse_extras(r, e, at);
    if (status != VIV_OK)
        return status;
    if (e->type != YAML_SCALAR_EVENT)
        return yaml_error(r->err, at, VIV_EFORMAT, "a key must be a word");
    const char *text = (const char *)e->data.scalar.value;
    size_t size = e->data.scalar.length;
    if (size != strlen(text))
        return yaml_error(r->err, at, VIV_EFORMAT, "a key with a NUL character");
    if (size == 2 && memcmp(text, "<<", 2) == 0)
        return yaml_error(r->err, at, VIV_EFORMAT, "merge keys (<<) are not part of the spec language");
    char *key = arena_strndup(r->arena, text, size);
    if (!key || !VEC_RESERVE(c->keys, c->n, c->keys_capacity) || !VEC_RESERVE(c->key_at, c->n, c->at_capacity))
        return error_nomem(r->err);
    c->keys[c->n] = key;
    c->key_at[c->n] = at;
    switch (strmap_add(&c->seen, key, size, 0)) {
    case STRMAP_EXISTS:
        return yaml_error(r->err, at, VIV_EFORMAT, "key '%s' appears twice", key);
    case STRMAP_NOMEM:
        return error_nomem(r->err);
    default:
        return VIV_OK;
    }
}

static viv_status read_children(struct reader *r, struct yaml *y, uint32_t depth, struct children *c)
{
    yaml_event_type_t end = y->kind == YAML_MAP ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    for (;;) {
        yaml_event_t e;
        viv_status status = next_event(r, &e);
        if (status != VIV_OK)
            return status;
        if (e.type == end) {
            yaml_event_delete(&e);
            break;
        }
        if (y->kind == YAML_MAP) {
            status = read_key(r, &e, c);
            yaml_event_delete(&e);
            if (status == VIV_OK)
                status = next_event(r, &e);
            if (status != VIV_OK)
                return status;
        }
        if (!VEC_RESERVE(c->items, c->n, c->items_capacity)) {
            yaml_event_delete(&e);
            return error_nomem(r->err);
        }
        status = read_node(r, &e, depth + 1, &c->items[c->n]);
        yaml_event_delete(&e);
        if (status != VIV_OK)
            return status;
        c->n++;
    }
    y->n = (uint32_t)c->n;
    y->items = arena_array(r->arena, c->n, sizeof *y->items);
    y->keys = y->kind == YAML_MAP ? arena_array(r->arena, c->n, sizeof *y->keys) : NULL;
    y->key_at = y->kind == YAML_MAP ? arena_array(r->arena, c->n, sizeof *y->key_at) : NULL;
    if (!y->items || (y->kind == YAML_MAP && (!y->keys || !y->key_at)))
        return error_nomem(r->err);
    if (c->n) {
        memcpy(y->items, c->items, c->n * sizeof *y->items);
        if (y->kind == YAML_MAP) {
            memcpy(y->keys, c->keys, c->n * sizeof *y->keys);
            memcpy(y->key_at, c->key_at, c->n * sizeof *y->key_at);
        }
    }
    return VIV_OK;
}

static viv_status read_node(struct reader *r, const yaml_event_t *e, uint32_t depth, struct yaml **out)
{
    struct position at = position_of(r, e->start_mark);
    viv_status status = refuse_extras(r, e, at);
    if (status != VIV_OK)
        return status;
    if (depth > MAX_DEPTH)
        return yaml_error(r->err, at, VIV_ELIMIT, "nested more than %d deep", MAX_DEPTH);
    if (++r->n_nodes > MAX_NODES)
        return yaml_error(r->err, at, VIV_ELIMIT, "more than %d values", MAX_NODES);
    struct yaml *y = arena_alloc(r->arena, sizeof *y);
    if (!y)
        return error_nomem(r->err);
    y->at = at;
    *out = y;
    if (e->type == YAML_SCALAR_EVENT) {
        y->kind = YAML_SCALAR;
        y->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        y->text = arena_strndup(r->arena, (const char *)e->data.scalar.value, e->data.scalar.length);
        if (!y->text)
            return error_nomem(r->err);
        if (strlen(y->text) != e->data.scalar.length)
            return yaml_error(r->err, at, VIV_EFORMAT, "a value with a NUL character");
        return VIV_OK;
    }
    y->kind = e->type == YAML_MAPPING_START_EVENT ? YAML_MAP : YAML_LIST;
    struct children c = {0};
    status = read_children(r, y, depth, &c);
    children_release(&c);
    return status;
}

static viv_status expect(struct reader *r, yaml_event_type_t type, const char *sentence)
{
    yaml_event_t e;
    viv_status status = next_event(r, &e);
    if (status != VIV_OK)
        return status;
    if (e.type != type)
        status = yaml_error(r->err, position_of(r, e.start_mark), VIV_EFORMAT, "%s", sentence);
    yaml_event_delete(&e);
    return status;
}

static viv_status read_document(struct reader *r, struct yaml **out)
{
    yaml_event_t e;
    viv_status status = expect(r, YAML_STREAM_START_EVENT, "not YAML");
    if (status == VIV_OK)
        status = expect(r, YAML_DOCUMENT_START_EVENT, "the file is empty, expected a mapping of keys");
    if (status == VIV_OK)
        status = next_event(r, &e);
    if (status != VIV_OK)
        return status;
    status = read_node(r, &e, 0, out);
    yaml_event_delete(&e);
    if (status == VIV_OK)
        status = expect(r, YAML_DOCUMENT_END_EVENT, "not YAML");
    if (status == VIV_OK)
        status = expect(r, YAML_STREAM_END_EVENT, "a second document begins here; a spec is one document");
    return status;
}

viv_status yaml_parse(struct arena *a, const char *name, const char *bytes, size_t n, struct yaml **out,
                      struct error *err)
{
    struct reader r = {.arena = a, .name = arena_strdup(a, name), .err = err};
    struct yaml *root;
    if (!r.name)
        return error_nomem(err);
    if (n > MAX_BYTES)
        return error_set(err, VIV_ELIMIT, "%s: %zu bytes, a spec has at most %d", name, n, MAX_BYTES);
    if (!utf8_valid(bytes, n) || memchr(bytes, '\0', n))
        return error_set(err, VIV_EFORMAT, "%s: not UTF-8 text", name);
    size_t mark = n >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0; /* byte order mark */
    if (!yaml_parser_initialize(&r.parser))
        return error_nomem(err);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)bytes + mark, n - mark);
    viv_status status = read_document(&r, &root);
    yaml_parser_delete(&r.parser);
    if (status == VIV_OK)
        *out = root;
    return status;
}

viv_status yaml_read(struct arena *a, const char *path, struct yaml **out, struct error *err)
{
    struct buf text = {0};
    viv_status status = file_read(path, MAX_BYTES, &text, err);
    if (status == VIV_OK)
        status = yaml_parse(a, path, buf_text(&text), text.size, out, err);
    buf_release(&text);
    return status;
}

struct yaml *yaml_get(const struct yaml *map, const char *key)
{
    for (uint32_t i = 0; map && map->kind == YAML_MAP && i < map->n; i++)
        if (strcmp(map->keys[i], key) == 0)
            return map->items[i];
    return NULL;
}

uint32_t yaml_count(const struct yaml *y)
{
    return !y ? 0 : y->kind == YAML_LIST ? y->n : 1;
}

const struct yaml *yaml_item(const struct yaml *y, uint32_t i)
{
    return y->kind == YAML_LIST ? y->items[i] : y;
}

const char *yaml_kind_name(const struct yaml *y)
{
    return y->kind == YAML_MAP    ? "a mapping"
           : y->kind == YAML_LIST ? "a list"
           : y->quoted            ? "a quoted text"
           : y->text[0]           ? "a word"
                                  : "nothing";
}
