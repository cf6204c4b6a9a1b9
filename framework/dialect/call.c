/* call.c - reads one call: the elements that its payload makes of the description, one after another. */
#include "dialect/call.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_KEY = 1024 };

bool marker_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

size_t marker_at(const struct marker *m, const char *s, size_t n, bool ends)
{
    size_t best = 0;
    bool maybe = false;
    for (uint32_t i = 0; i < m->n; i++) {
        const size_t size = strlen(m->cores[i]);
        if (size <= n && memcmp(m->cores[i], s, size) == 0)
            best = size > best ? size : best;
        else if (size > n && memcmp(m->cores[i], s, n) == 0)
            maybe = true;
    }
    return maybe && !ends ? MAYBE : best;
}

/* --- elements --------------------------------------------------------------------------------------------------
 */

static void add(struct call *c, enum element_kind kind, const struct marker *m)
{
    if (kind == READ_MARKER && (!m->n || !*m->cores[0]))
        return;
    c->elements[c->n++] = (struct element){.kind = kind, .marker = m};
}

static const struct marker *first_of(const struct marker *a, const struct marker *b)
{
    return a->n && *a->cores[0] ? a : b;
}

/* ... up to the arguments. */
static void add_head(struct call *c)
{
    const struct dialect *d = c->d;
    add(c, READ_MARKER, &d->call_begin);
    if (d->id == ID_BEFORE_NAME) {
        add(c, READ_MARKER, &d->id_begin);
        add(c, READ_ID, &d->name_begin);
    }
    add(c, READ_MARKER, &d->name_begin);
    add(c, READ_NAME, &d->name_stop);
    if (d->payload == PAYLOAD_LITERAL)
        return;
    add(c, READ_MARKER, &d->name_end);
    if (d->id == ID_AFTER_NAME) {
        add(c, READ_MARKER, &d->id_begin);
        add(c, READ_ID, first_of(&d->id_end, &d->arguments_begin));
        add(c, READ_MARKER, &d->id_end);
    }
    add(c, READ_MARKER, &d->arguments_begin);
}

static void add_values(struct call *c)
{
    const struct dialect *d = c->d;
    const size_t loop = c->n;
    add(c, LOOP, &d->value_key);
    add(c, READ_KEY, d->types == TYPES_FLAG ? &d->value_flag : &d->value_begin);
    if (d->types == TYPES_FLAG) {
        add(c, READ_MARKER, &d->value_flag);
        add(c, READ_FLAG, &d->value_begin);
    }
    add(c, READ_MARKER, &d->value_begin);
    add(c, READ_VALUE, &d->value_end);
    add(c, READ_MARKER, &d->value_end);
    add(c, BACK, NULL);
    c->elements[c->n - 1].to = loop;
    c->elements[loop].to = c->n;
}

void call_init(struct call *c, const struct dialect *d, const struct tools *tools, uint64_t seed)
{
    *c = (struct call){.d = d, .tools = tools, .seed = seed};
    if (d->payload == PAYLOAD_JSON) {
        add(c, READ_MARKER, &d->call_begin);
        add(c, READ_JSON, NULL);
    } else {
        add_head(c);
        if (d->payload == PAYLOAD_TAGGED)
            add_values(c);
        else
            add(c, d->payload == PAYLOAD_LITERAL ? READ_LITERAL : READ_JSON, NULL);
    }
    const size_t tail = c->n;
    if (d->payload != PAYLOAD_LITERAL)
        add(c, READ_MARKER, &d->arguments_end);
    add(c, READ_MARKER, &d->call_end);
    for (size_t i = tail; i < c->n; i++)
        c->elements[i].tail = d->payload != PAYLOAD_TAGGED;
}

void call_release(struct call *c)
{
    struct buf *const all[] = {&c->name, &c->id, &c->key, &c->flag, &c->arguments, &c->once};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_release(all[i]);
}

static void next_element(struct call *c, size_t to)
{
    c->now = to;
    c->scanned = 0;
    c->json = (struct json_scan){0};
    c->literal = (struct literal_scan){.quote = c->d->value_quote.n ? c->d->value_quote.cores[0] : NULL};
}

void call_begin(struct call *c)
{
    struct buf *const all[] = {&c->name, &c->id, &c->key, &c->flag, &c->arguments, &c->once};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_clear(all[i]);
    c->n_arguments = 0;
    c->has_arguments = false;
    next_element(c, 0);
}

/* --- values by type --------------------------------------------------------------------------------------------
 */

static bool type_has(json_t *schema, const char *type)
{
    json_t *t = json_object_get(schema, "type"), *one;
    size_t i;
    if (json_is_string(t))
        return strcmp(json_string_value(t), type) == 0;
    json_array_foreach(t, i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), type) == 0)
            return true;
    }
    return false;
}

static json_t *schema_of(const struct tool *tool, const char *key, size_t n)
{
    json_t *properties = tool ? json_object_get(tool->parameters, "properties") : NULL;
    return properties ? json_object_getn(properties, key, n) : NULL;
}

static bool is_all_texts(json_t *values)
{
    json_t *one;
    size_t i;
    json_array_foreach(values, i, one)
    {
        if (!json_is_string(one))
            return false;
    }
    return json_array_size(values) > 0;
}

bool dialect_is_text(const struct tool *tool, const char *key, size_t n)
{
    json_t *s = schema_of(tool, key, n), *type = json_object_get(s, "type");
    return json_is_string(type)
               ? type_has(s, "string")
               : is_all_texts(json_object_get(s, "enum")) || json_is_string(json_object_get(s, "const"));
}

/* Whether a value that begins so may be one of the schema's types. */
static bool type_fits(json_t *schema, char first)
{
    if (!json_is_array(json_object_get(schema, "type")))
        return true;
    switch (first) {
    case '{':
        return type_has(schema, "object");
    case '[':
        return type_has(schema, "array");
    case '"':
        return type_has(schema, "string");
    case 't':
    case 'f':
        return type_has(schema, "boolean");
    case 'n':
        return type_has(schema, "null");
    default:
        return type_has(schema, "number") || type_has(schema, "integer");
    }
}

/* Appends a value that is not declared a text: JSON, or what Python prints, or a text after all. */
static bool put_typed(json_t *schema, const char *s, size_t n, struct buf *out)
{
    struct json_scan j = {0};
    struct buf made = {0};
    size_t used;
    while (n && marker_is_space(*s))
        s++, n--;
    while (n && marker_is_space(s[n - 1]))
        n--;
    bool ok = n && json_scan(&j, s, n, &used) != JSON_SCAN_BAD && used == n && json_scan_end(&j)
                  ? buf_append(&made, s, n)
                  : literal_value(s, n, NULL, &made);
    ok = ok && made.size && type_fits(schema, *made.data);
    ok = ok ? buf_append(out, made.data, made.size) : !made.failed && literal_quote(s, n, out);
    buf_release(&made);
    return ok;
}

/* The value of the key, as the model wrote it, becomes a member of the arguments. */
static bool put_value(struct call *c, const char *s, size_t n)
{
    const struct dialect *d = c->d;
    const struct tool *tool = tools_find(c->tools, buf_text(&c->name), c->name.size);
    if (d->trim_newline && n && *s == '\n')
        s++, n--;
    if (d->trim_newline && n && s[n - 1] == '\n')
        n--;
    const bool text = d->types == TYPES_FLAG ? strcmp(buf_text(&c->flag), d->flag_text) == 0
                                             : dialect_is_text(tool, buf_text(&c->key), c->key.size);
    buf_puts(&c->arguments, c->n_arguments++ ? ", " : "{");
    return literal_quote(buf_text(&c->key), c->key.size, &c->arguments) && buf_puts(&c->arguments, ": ") &&
           (text ? literal_quote(s, n, &c->arguments)
                 : put_typed(schema_of(tool, buf_text(&c->key), c->key.size), s, n, &c->arguments));
}

/* --- JSON ------------------------------------------------------------------------------------------------------
 */

/* Appends the text of a JSON string. */
static bool put_string(const char *s, size_t n, struct buf *out)
{
    json_t *v = json_loadb(s, n, JSON_DECODE_ANY, NULL);
    const bool ok = json_is_string(v) && buf_append(out, json_string_value(v), json_string_length(v));
    json_decref(v);
    return ok;
}

static bool is_key(const char *const *keys, size_t n_keys, const char *key, size_t n)
{
    for (size_t i = 0; i < n_keys; i++)
        if (strlen(keys[i]) == n && memcmp(keys[i], key, n) == 0)
            return true;
    return false;
}

/* What the member of {"name": ..., "arguments": ...} is whose value begins. The first of a kind counts. */
static bool begin_member(struct call *c, const char *object)
{
    const struct dialect *d = c->d;
    const char *key = object + c->json.key;
    const size_t n = c->json.key_size;
    c->takes = TAKES_NOTHING;
    if (d->name_is_key && !c->has_arguments)
        c->takes = buf_append(&c->name, key, n) ? TAKES_ARGUMENTS : TAKES_NOTHING;
    else if (is_key(d->name_keys, d->n_name_keys, key, n) && !c->name.size)
        c->takes = TAKES_NAME;
    else if (is_key(d->arguments_keys, d->n_arguments_keys, key, n) && !c->has_arguments)
        c->takes = TAKES_ARGUMENTS;
    else if (d->id_key && is_key(&d->id_key, 1, key, n) && !c->id.size)
        c->takes = TAKES_ID;
    c->has_arguments = c->has_arguments || c->takes == TAKES_ARGUMENTS;
    return !c->name.failed;
}

/* Its value has ended. Arguments that are an object were taken as they came; some models write a string that has
 * them. */
static bool end_member(struct call *c, const char *object)
{
    const char *v = object + c->json.value;
    const size_t n = c->json.value_size;
    switch (c->takes) {
    case TAKES_NAME:
        return *v != '"' || put_string(v, n, &c->name);
    case TAKES_ARGUMENTS:
        return *v == '{' || (*v == '"' ? put_string(v, n, &c->arguments) : buf_append(&c->arguments, v, n));
    case TAKES_ID:
        return *v == '"' ? put_string(v, n, &c->id) : buf_append(&c->id, v, n);
    default:
        return true;
    }
}

/* A byte of the object was read. Before it, the member was `before`. */
static bool take_byte(struct call *c, const char *object, enum json_scan_member before)
{
    const struct json_scan *j = &c->json;
    const char byte = object[j->read - 1];
    if (c->d->payload != PAYLOAD_JSON)
        return buf_append(&c->arguments, &byte, 1);
    if (before != MEMBER_VALUE && j->member == MEMBER_VALUE && !begin_member(c, object))
        return false;
    const bool inside = before == MEMBER_VALUE || j->member == MEMBER_VALUE;
    if (inside && c->takes == TAKES_ARGUMENTS && object[j->value] == '{' && !buf_append(&c->arguments, &byte, 1))
        return false;
    return before != MEMBER_VALUE || j->member != MEMBER_DONE || end_member(c, object);
}

/* --- steps -----------------------------------------------------------------------------------------------------
 */

static bool is_name(char c)
{
    return tool_name_valid(&c, 1);
}

/* Finds the marker that ends a text. `element`: how much of the text is known to have none. */
static enum step find_end(struct call *c, const struct element *e, const char *s, size_t n, bool ends, size_t *size)
{
    for (; c->scanned < n; c->scanned++) {
        const char *here = s + c->scanned;
        const size_t found = marker_at(e->marker, here, n - c->scanned, ends);
        if (found == MAYBE)
            return STEP_MORE;
        if (found) {
            *size = c->scanned;
            return STEP_ON;
        }
        if (e->kind != READ_VALUE && c->scanned > MAX_KEY)
            return STEP_FAIL;
        if (e->kind == READ_NAME && !is_name(*here) && !marker_is_space(*here))
            return STEP_FAIL;
        if (e->kind == READ_NAME && is_name(*here) && c->scanned && marker_is_space(here[-1]) && is_name(*s))
            return STEP_FAIL; /* two words */
    }
    return ends ? STEP_FAIL : STEP_MORE;
}

static enum step read_text(struct call *c, const struct element *e, const char *s, size_t *at, size_t n, bool ends)
{
    size_t size = 0;
    if (e->kind != READ_VALUE && !c->scanned)
        while (*at < n && marker_is_space(s[*at]))
            ++*at;
    const char *text = s + *at;
    const enum step found = find_end(c, e, text, n - *at, ends, &size);
    if (found != STEP_ON)
        return found;
    *at += size;
    if (e->kind == READ_VALUE)
        return put_value(c, text, size) ? STEP_ON : c->arguments.failed ? STEP_NOMEM : STEP_FAIL;
    while (size && marker_is_space(text[size - 1]))
        size--;
    struct buf *to = e->kind == READ_NAME  ? &c->name
                     : e->kind == READ_ID  ? &c->id
                     : e->kind == READ_KEY ? &c->key
                                           : &c->flag;
    buf_clear(to);
    if (!buf_append(to, text, size))
        return STEP_NOMEM;
    return size || e->kind == READ_FLAG ? STEP_ON : STEP_FAIL;
}

static enum step read_object(struct call *c, const char *object, size_t n)
{
    enum json_scan_result r = JSON_SCAN_MORE;
    while (r == JSON_SCAN_MORE && c->json.read < n) {
        const enum json_scan_member before = c->json.member;
        size_t used;
        r = json_scan(&c->json, object + c->json.read, 1, &used);
        c->scanned = c->json.read;
        if (r != JSON_SCAN_BAD && !take_byte(c, object, before))
            return c->arguments.failed || c->name.failed || c->id.failed ? STEP_NOMEM : STEP_FAIL;
    }
    return r == JSON_SCAN_DONE ? STEP_ON : r == JSON_SCAN_BAD ? STEP_FAIL : STEP_MORE;
}

static enum step read_literal(struct call *c, const char *text, size_t n)
{
    size_t used;
    const enum json_scan_result r = literal_scan(&c->literal, text + c->scanned, n - c->scanned, &used);
    c->scanned += used;
    if (r != JSON_SCAN_DONE)
        return r == JSON_SCAN_BAD ? STEP_FAIL : STEP_MORE;
    return literal_arguments(text, c->scanned, c->literal.quote, &c->arguments) ? STEP_ON
           : c->arguments.failed                                                ? STEP_NOMEM
                                                                                : STEP_FAIL;
}

static enum step read_value(struct call *c, const struct element *e, const char *s, size_t *at, size_t n, bool ends)
{
    const bool json = e->kind == READ_JSON;
    if (!c->scanned)
        while (*at < n && marker_is_space(s[*at]))
            ++*at;
    const char *text = s + *at;
    if (!c->scanned && *at < n && *text != '{' && (json || *text != '('))
        return STEP_FAIL;
    const enum step step = json ? read_object(c, text, n - *at) : read_literal(c, text, n - *at);
    if (step == STEP_MORE && !ends)
        return STEP_MORE;
    *at += c->scanned;
    return step == STEP_MORE ? STEP_FAIL : step;
}

static enum step read_marker(const struct element *e, const char *s, size_t *at, size_t n, bool ends)
{
    while (*at < n && marker_is_space(s[*at]))
        ++*at;
    if (*at == n)
        return !ends ? STEP_MORE : e->tail ? STEP_ON : STEP_FAIL;
    const size_t found = marker_at(e->marker, s + *at, n - *at, ends);
    if (found == MAYBE)
        return STEP_MORE;
    if (!found && ends && e->tail && marker_at(e->marker, s + *at, n - *at, false) == MAYBE)
        *at = n; /* cut in its last marker */
    else if (!found)
        return STEP_FAIL;
    *at += found;
    return STEP_ON;
}

static enum step read_element(struct call *c, const char *s, size_t *at, size_t n, bool ends)
{
    const struct element *e = &c->elements[c->now];
    size_t to = c->now + 1;
    enum step step;
    switch (e->kind) {
    case READ_MARKER:
        step = read_marker(e, s, at, n, ends);
        break;
    case READ_JSON:
    case READ_LITERAL:
        step = read_value(c, e, s, at, n, ends);
        break;
    case LOOP:
        step = read_marker(e, s, at, n, ends);
        to = step == STEP_FAIL ? e->to : to;
        step = step == STEP_FAIL ? STEP_ON : step;
        break;
    case BACK:
        to = e->to;
        step = STEP_ON;
        break;
    default:
        step = read_text(c, e, s, at, n, ends);
    }
    if (step == STEP_ON)
        next_element(c, to);
    return step;
}

/* --- the whole call --------------------------------------------------------------------------------------------
 */

static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static bool make_id(struct call *c)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const int64_t n = c->d->id_length ? c->d->id_length : 24;
    if (!c->d->id_length)
        buf_puts(&c->id, "call_");
    for (int64_t i = 0; i < n; i++)
        buf_putc(&c->id, letters[next_random(&c->seed) % (sizeof letters - 1)]);
    return !c->id.failed;
}

/* The id by its pattern: {name}, and {index}, which is what was read. */
static bool compose_id(struct call *c)
{
    struct buf made = {0};
    for (const char *at = c->d->id_pattern; *at; at++) {
        if (strncmp(at, "{name}", 6) == 0) {
            buf_append(&made, buf_text(&c->name), c->name.size);
            at += 5;
        } else if (strncmp(at, "{index}", 7) == 0) {
            buf_append(&made, buf_text(&c->id), c->id.size);
            at += 6;
        } else {
            buf_putc(&made, *at);
        }
    }
    if (!made.failed) {
        buf_release(&c->id);
        c->id = made;
        return true;
    }
    buf_release(&made);
    return false;
}

bool call_is_named(const struct call *c)
{
    return tool_name_valid(buf_text(&c->name), c->name.size) &&
           !(c->d->at_start && c->tools && !tools_find(c->tools, buf_text(&c->name), c->name.size));
}

/* An object may be free in its keys, and a grammar cannot see to it that none comes twice: the last one is meant,
 * as in Python. Then the arguments are written anew, beside those that were told. NULL: it is no object. */
static json_t *without_twins(struct call *c)
{
    json_t *arguments = json_loadb(buf_text(&c->arguments), c->arguments.size, JSON_ALLOW_NUL, NULL);
    char *text = json_is_object(arguments) ? json_dumps(arguments, 0) : NULL;
    if (text) {
        buf_puts(&c->once, text);
        free(text);
        return arguments;
    }
    json_decref(arguments);
    return NULL;
}

/* Whether everything that was read makes a call. */
static enum step check(struct call *c)
{
    json_t *arguments = NULL;
    struct error err;
    if (c->d->payload == PAYLOAD_TAGGED)
        buf_puts(&c->arguments, c->n_arguments ? "}" : "{}");
    else if (!c->arguments.size)
        buf_puts(&c->arguments, "{}");
    if (c->arguments.failed || c->name.failed)
        return STEP_NOMEM;
    if (!call_is_named(c))
        return STEP_FAIL;
    const viv_status status =
        json_parse_data("a call", buf_text(&c->arguments), c->arguments.size, &arguments, &err);
    if (status == VIV_EFORMAT)
        arguments = without_twins(c);
    const bool object = json_is_object(arguments);
    json_decref(arguments);
    if (status == VIV_ENOMEM || c->once.failed)
        return STEP_NOMEM;
    if (!object || memchr(buf_text(&c->id), '\0', c->id.size))
        return STEP_FAIL;
    if (!c->id.size)
        return make_id(c) ? STEP_DONE : STEP_NOMEM;
    return !c->d->id_pattern || compose_id(c) ? STEP_DONE : STEP_NOMEM;
}

enum step call_read(struct call *c, const char *s, size_t *at, size_t n, bool ends)
{
    enum step step = STEP_ON;
    while (step == STEP_ON && c->now < c->n)
        step = read_element(c, s, at, n, ends);
    return step == STEP_ON ? check(c) : step;
}
