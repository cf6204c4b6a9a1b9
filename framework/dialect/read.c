/* read.c - reads specs/dialects/NAME.yaml. One table has every key; it is the reference of the format. */
#include "dialect/dialect.h"

#include "base/file.h"
#include "base/near.h"
#include "spec/yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 20 };

enum field_kind { MARKER, TEXT, TEXTS, FLAG, NUMBER, WORD };

#define AT(field) offsetof(struct dialect, field)
static const struct field {
    const char *group, *key; /* group NULL: at the top */
    enum field_kind kind;
    size_t at, n_at; /* n_at: of TEXTS, their number */
    const char *words;
} fields[] = {
    {NULL, "viv", NUMBER, AT(version), 0, NULL},
    {NULL, "dialect", TEXT, AT(name), 0, NULL},
    {NULL, "title", TEXT, AT(title), 0, NULL},
    {NULL, "models", TEXT, AT(models), 0, NULL},
    {NULL, "matches", TEXTS, AT(matches), AT(n_matches), NULL},
    {"section", "begin", MARKER, AT(section_begin), 0, NULL},
    {"section", "end", MARKER, AT(section_end), 0, NULL},
    {"call", "begin", MARKER, AT(call_begin), 0, NULL},
    {"call", "end", MARKER, AT(call_end), 0, NULL},
    {"call", "separator", MARKER, AT(separator), 0, NULL},
    {NULL, "payload", WORD, AT(payload), 0, "json|name_json|tagged|literal"},
    {"name", "key", TEXTS, AT(name_keys), AT(n_name_keys), NULL},
    {"name", "is_key", FLAG, AT(name_is_key), 0, NULL},
    {"name", "begin", MARKER, AT(name_begin), 0, NULL},
    {"name", "end", MARKER, AT(name_end), 0, NULL},
    {"arguments", "key", TEXTS, AT(arguments_keys), AT(n_arguments_keys), NULL},
    {"arguments", "begin", MARKER, AT(arguments_begin), 0, NULL},
    {"arguments", "end", MARKER, AT(arguments_end), 0, NULL},
    {"value", "key", MARKER, AT(value_key), 0, NULL},
    {"value", "flag", MARKER, AT(value_flag), 0, NULL},
    {"value", "begin", MARKER, AT(value_begin), 0, NULL},
    {"value", "end", MARKER, AT(value_end), 0, NULL},
    {"value", "quote", MARKER, AT(value_quote), 0, NULL},
    {"value", "trim_newline", FLAG, AT(trim_newline), 0, NULL},
    {"value", "types", WORD, AT(types), 0, "schema|flag"},
    {"value", "text", TEXT, AT(flag_text), 0, NULL},
    {"value", "other", TEXT, AT(flag_other), 0, NULL},
    {"id", "at", WORD, AT(id), 0, "none|key_first|key_last|before_name|after_name"},
    {"id", "key", TEXT, AT(id_key), 0, NULL},
    {"id", "pattern", TEXT, AT(id_pattern), 0, NULL},
    {"id", "length", NUMBER, AT(id_length), 0, NULL},
    {"id", "begin", MARKER, AT(id_begin), 0, NULL},
    {"id", "end", MARKER, AT(id_end), 0, NULL},
    {NULL, "parallel", FLAG, AT(parallel), 0, NULL},
    {NULL, "trigger", WORD, AT(at_start), 0, "marker|start"},
    {"reasoning", "begin", MARKER, AT(reasoning_begin), 0, NULL},
    {"reasoning", "end", MARKER, AT(reasoning_end), 0, NULL},
    {"content", "begin", MARKER, AT(content_begin), 0, NULL},
    {"content", "end", MARKER, AT(content_end), 0, NULL},
    {NULL, "stop_tokens", TEXTS, AT(stop_tokens), AT(n_stop_tokens), NULL},
};
enum { N_FIELDS = sizeof fields / sizeof *fields };

/* --- values --------------------------------------------------------------------------------------------------- */

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static viv_status read_texts(struct arena *a, const struct yaml *y, const char *key, const char *const **out,
                             uint32_t *n, struct error *err)
{
    *n = yaml_count(y);
    const char **texts = arena_array(a, *n ? *n : 1, sizeof *texts);
    if (*n > MAX_MARKERS)
        return yaml_error(err, y->at, VIV_ELIMIT, "'%s' has %" PRIu32 " texts, expected at most %d", key, *n,
                          MAX_MARKERS);
    if (!texts)
        return error_nomem(err);
    for (uint32_t i = 0; i < *n; i++) {
        const struct yaml *one = yaml_item(y, i);
        if (one->kind != YAML_SCALAR)
            return yaml_error(err, one->at, VIV_EFORMAT, "'%s': expected a text, found %s", key,
                              yaml_kind_name(one));
        if (!*one->text)
            return yaml_error(err, one->at, VIV_EFORMAT,
                              "'%s' is empty; a marker has at least one character, or its key is left out", key);
        if (strlen(one->text) > MAX_MARKER)
            return yaml_error(err, one->at, VIV_ELIMIT, "'%s' has %zu bytes, expected at most %d", key,
                              strlen(one->text), MAX_MARKER);
        texts[i] = one->text;
    }
    *out = texts;
    return VIV_OK;
}

static viv_status read_marker(struct arena *a, const struct yaml *y, const char *key, struct marker *m,
                              struct error *err)
{
    viv_status status = read_texts(a, y, key, &m->texts, &m->n, err);
    const char **cores = status == VIV_OK ? arena_array(a, m->n ? m->n : 1, sizeof *cores) : NULL;
    if (status != VIV_OK)
        return status;
    for (uint32_t i = 0; cores && i < m->n; i++) {
        const char *begin = m->texts[i], *end = begin + strlen(begin);
        while (begin < end && is_space(*begin))
            begin++;
        while (end > begin && is_space(end[-1]))
            end--;
        if (!(cores[i] = arena_strndup(a, begin, (size_t)(end - begin))))
            return error_nomem(err);
    }
    m->cores = cores;
    return cores ? VIV_OK : error_nomem(err);
}

static viv_status read_word(const struct yaml *y, const struct field *f, uint32_t *out, struct error *err)
{
    const size_t n = y->kind == YAML_SCALAR ? strlen(y->text) : 0;
    *out = 0;
    for (const char *at = f->words; n; at = strchr(at, '|') + 1, ++*out) {
        const size_t length = strcspn(at, "|");
        if (length == n && memcmp(at, y->text, n) == 0)
            return VIV_OK;
        if (!at[length])
            break;
    }
    return yaml_error(err, y->at, VIV_EFORMAT, "'%s': expected one of %s, found %s%s%s", f->key, f->words,
                      n ? "'" : "", n ? y->text : yaml_kind_name(y), n ? "'" : "");
}

static viv_status read_field(struct dialect *d, const struct field *f, const struct yaml *y, struct error *err)
{
    void *place = (char *)d + f->at;
    const bool scalar = y->kind == YAML_SCALAR;
    uint32_t word;
    char *end;
    viv_status status;
    switch (f->kind) {
    case MARKER:
        return read_marker(&d->arena, y, f->key, place, err);
    case TEXTS:
        return read_texts(&d->arena, y, f->key, place, (uint32_t *)(void *)((char *)d + f->n_at), err);
    case TEXT:
        if (!scalar || !*y->text)
            return yaml_error(err, y->at, VIV_EFORMAT, "'%s': expected a text, found %s", f->key,
                              scalar ? "an empty one" : yaml_kind_name(y));
        *(const char **)place = y->text;
        return VIV_OK;
    case FLAG:
        if (!scalar || (strcmp(y->text, "true") != 0 && strcmp(y->text, "false") != 0))
            return yaml_error(err, y->at, VIV_EFORMAT, "'%s': expected true or false", f->key);
        *(bool *)place = *y->text == 't';
        return VIV_OK;
    case NUMBER: {
        const int64_t n = scalar ? strtoll(y->text, &end, 10) : 0, most = place == &d->version ? 1 : 64;
        if (!scalar || *end || n < 1 || n > most)
            return yaml_error(err, y->at, VIV_EFORMAT, "'%s': expected %s", f->key,
                              most > 1 ? "a number from 1 to 64" : "1, the version of the format");
        *(int64_t *)place = n;
        return VIV_OK;
    }
    case WORD:
        status = read_word(y, f, &word, err);
        if (status == VIV_OK && place == &d->at_start)
            d->at_start = word == 1;
        else if (status == VIV_OK)
            *(unsigned *)place = word;
        return status;
    }
    return VIV_OK;
}

/* --- keys ----------------------------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_group(const char *key)
{
    for (size_t i = 0; i < N_FIELDS; i++)
        if (fields[i].group && strcmp(fields[i].group, key) == 0)
            return true;
    return false;
}

static viv_status unknown(const char *group, const char *key, struct position at, struct error *err)
{
    const char *names[N_FIELDS];
    size_t n = 0;
    for (size_t i = 0; i < N_FIELDS; i++)
        if (same(fields[i].group, group))
            names[n++] = fields[i].key;
        else if (!group)
            names[n++] = fields[i].group;
    const char *nearest = near_word(key, names, n);
    return yaml_error(err, at, VIV_EFORMAT, "%s%s%s has no key '%s'%s%s%s", group ? "'" : "",
                      group ? group : "a dialect", group ? "'" : "", key, nearest ? "; did you mean '" : "",
                      nearest ? nearest : "", nearest ? "'?" : "");
}

static viv_status read_map(struct dialect *d, const char *group, const struct yaml *map, struct error *err)
{
    if (map->kind != YAML_MAP)
        return yaml_error(err, map->at, VIV_EFORMAT, "%s: expected a mapping, found %s",
                          group ? group : "a dialect", yaml_kind_name(map));
    for (uint32_t k = 0; k < map->n; k++) {
        const struct field *f = NULL;
        for (size_t i = 0; i < N_FIELDS && !f; i++)
            if (same(fields[i].group, group) && strcmp(fields[i].key, map->keys[k]) == 0)
                f = &fields[i];
        const bool nested = !group && is_group(map->keys[k]);
        if (!f && !nested)
            return unknown(group, map->keys[k], map->key_at[k], err);
        viv_status status =
            nested ? read_map(d, map->keys[k], map->items[k], err) : read_field(d, f, map->items[k], err);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

/* --- what belongs together ------------------------------------------------------------------------------------ */

/* Whether no beginning of the marker is its end: only then is the first place where it occurs behind a text the one
 * where it was written. */
static bool is_clear(const struct marker *m)
{
    for (uint32_t i = 0; i < m->n; i++) {
        const char *core = m->cores[i];
        const size_t n = strlen(core);
        for (size_t k = 1; k < n; k++)
            if (memcmp(core, core + n - k, k) == 0)
                return false;
    }
    return true;
}

/* Whether it has something besides whitespace. */
static bool has_core(const struct marker *m)
{
    for (uint32_t i = 0; i < m->n; i++)
        if (!*m->cores[i])
            return false;
    return m->n > 0;
}

static viv_status check(const struct dialect *d, struct position at, struct error *err)
{
    const struct marker *texts[] = {&d->value_end, &d->reasoning_end, &d->value_quote};
    const char *wrong = NULL;
    const bool bracket = d->arguments_begin.n == 1 && (strcmp(d->arguments_begin.texts[0], "(") == 0 ||
                                                       strcmp(d->arguments_begin.texts[0], "{") == 0);
    if (!d->name || !d->title)
        wrong = "a dialect has a name ('dialect') and a 'title'";
    else if (!d->n_matches)
        wrong = "'matches' has the texts by which the chat templates of its models are known";
    else if (d->at_start && (d->call_begin.n || d->payload == PAYLOAD_NAME_JSON || d->payload == PAYLOAD_TAGGED))
        wrong = "'trigger: start' is for payloads json and literal whose calls have no 'begin'";
    else if (!d->at_start && !has_core(dialect_trigger(d)))
        wrong = "'section' or 'call' needs a 'begin', by which a call is known; or 'trigger: start'";
    else if (d->payload == PAYLOAD_JSON && (!d->n_arguments_keys && !d->name_is_key))
        wrong = "payload json needs a 'key' of 'arguments', or a name that 'is_key'";
    else if (d->payload == PAYLOAD_JSON && !d->n_name_keys && !d->name_is_key)
        wrong = "payload json needs a 'key' of 'name', or a name that 'is_key'";
    else if (d->payload == PAYLOAD_TAGGED &&
             (!has_core(&d->value_key) || !has_core(&d->value_begin) || !has_core(&d->value_end)))
        wrong = "payload tagged needs 'key', 'begin' and 'end' of 'value'";
    else if (d->payload == PAYLOAD_TAGGED && d->types == TYPES_FLAG && (!has_core(&d->value_flag) || !d->flag_text))
        wrong = "'types: flag' needs 'flag' and 'text' of 'value'";
    else if (d->payload == PAYLOAD_LITERAL && !bracket)
        wrong = "payload literal needs ( or { as 'begin' of 'arguments'";
    else if ((d->id == ID_KEY_FIRST || d->id == ID_KEY_LAST) && !d->id_key)
        wrong = "an id at a key needs that 'key'";
    else if ((d->id == ID_BEFORE_NAME && !has_core(&d->name_begin)) ||
             (d->id == ID_AFTER_NAME && (!has_core(&d->id_begin) || !has_core(&d->arguments_begin))))
        wrong = "an id needs markers around it: 'begin' of 'name', or of 'id' and 'arguments'";
    else if (d->id > ID_KEY_LAST && d->payload != PAYLOAD_NAME_JSON && d->payload != PAYLOAD_TAGGED)
        wrong = "an id beside the name is for payloads name_json and tagged";
    else if ((d->reasoning_begin.n == 0) != (d->reasoning_end.n == 0))
        wrong = "'reasoning' needs both 'begin' and 'end'";
    else if ((d->reasoning_begin.n && (!has_core(&d->reasoning_begin) || !has_core(&d->reasoning_end))) ||
             (d->content_begin.n && !has_core(&d->content_begin)) ||
             (d->content_end.n && !has_core(&d->content_end)))
        wrong = "the markers of 'reasoning' and 'content' are not whitespace alone";
    for (size_t i = 0; !wrong && i < sizeof texts / sizeof *texts; i++)
        if (!is_clear(texts[i]))
            wrong = "an 'end' or 'quote' must not begin as it ends: where a text ends would be in doubt";
    return wrong ? yaml_error(err, at, VIV_EFORMAT, "%s", wrong) : VIV_OK;
}

/* Where a name ends. */
static viv_status find_stop(struct dialect *d, struct error *err)
{
    static const char *const brace[] = {"{"};
    const struct marker *const behind[] = {&d->value_key, &d->arguments_end, &d->call_end};
    if (has_core(&d->name_end)) {
        d->name_stop = d->name_end;
    } else if (d->id == ID_AFTER_NAME) {
        d->name_stop = d->id_begin;
    } else if (has_core(&d->arguments_begin)) {
        d->name_stop = d->arguments_begin;
    } else if (d->payload == PAYLOAD_NAME_JSON) {
        d->name_stop = (struct marker){brace, brace, 1};
    } else { /* the first argument, or the end of a call that has none */
        const char **cores = arena_array(&d->arena, sizeof behind / sizeof *behind * MAX_MARKERS, sizeof *cores);
        if (!cores)
            return error_nomem(err);
        for (size_t i = 0; i < sizeof behind / sizeof *behind; i++)
            for (uint32_t k = 0; k < behind[i]->n; k++)
                if (*behind[i]->cores[k])
                    cores[d->name_stop.n++] = behind[i]->cores[k];
        d->name_stop.texts = d->name_stop.cores = cores;
    }
    return VIV_OK;
}

viv_status dialect_parse(const char *name, const char *bytes, size_t n, struct dialect **out, struct error *err)
{
    struct dialect *d = calloc(1, sizeof *d);
    struct yaml *y = NULL;
    if (!d)
        return error_nomem(err);
    d->parallel = true;
    viv_status status = yaml_parse(&d->arena, name, bytes, n, &y, err);
    if (status == VIV_OK)
        status = read_map(d, NULL, y, err);
    if (status == VIV_OK && !d->version)
        status = yaml_error(err, y->at, VIV_EFORMAT, "a dialect begins with 'viv: 1'");
    if (status == VIV_OK)
        status = check(d, y->at, err);
    if (status == VIV_OK)
        status = find_stop(d, err);
    if (status == VIV_OK && !(d->path = arena_strdup(&d->arena, name)))
        status = error_nomem(err);
    if (status == VIV_OK)
        *out = d;
    else
        dialect_destroy(d);
    return status;
}

viv_status dialect_read(const char *path, struct dialect **out, struct error *err)
{
    struct buf bytes = {0};
    viv_status status = file_read(path, MAX_FILE, &bytes, err);
    if (status == VIV_OK)
        status = dialect_parse(path, buf_text(&bytes), bytes.size, out, err);
    buf_release(&bytes);
    return status;
}

void dialect_destroy(struct dialect *d)
{
    if (!d)
        return;
    arena_release(&d->arena);
    free(d);
}
