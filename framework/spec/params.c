/* params.c - computes params: the value in the spec that uses this one, else in the checkpoint, else the default.
 */
#include "spec/expand.h"

#include "base/near.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LIST = 65536, PLACE_MAX = 256 };

bool expander_gguf(const struct expander *x)
{
    return x->checkpoint && checkpoint_is_gguf(x->checkpoint);
}

bool expander_has_tensors(const struct expander *x)
{
    return x->checkpoint && checkpoint_knows_tensors(x->checkpoint);
}

const char *expander_naming(const struct expander *x)
{
    return expander_gguf(x) ? "gguf" : "hf";
}

/* Appends "name = value", once for each name. */
static void note(struct buf *noted, const char *name, const struct value *v)
{
    char words[300];
    snprintf(words, sizeof words, "%s = ", name);
    if (strstr(buf_text(noted), words))
        return;
    buf_printf(noted, "%s%s", noted->size ? ", " : "", words);
    expr_value_print(v, noted);
}

static viv_status lookup(void *ctx, const char *name, struct value *out, struct error *err)
{
    struct expander *x = ctx;
    viv_status status = VIV_OK;
    if (strcmp(name, "i") == 0) {
        if (x->index < 0)
            return error_set(err, VIV_EINVAL, "`i` exists only inside of a repeat");
        *out = (struct value){.kind = VALUE_INT, .i = x->index};
    } else if (strcmp(name, "gguf") == 0) {
        *out = (struct value){.kind = VALUE_BOOL, .i = expander_gguf(x)};
    } else if (x->weights_are_words && spec_weight(x->spec, name)) {
        *out = (struct value){.kind = VALUE_STRING, .s = spec_weight(x->spec, name)->key};
    } else {
        status = expander_param(x, name, out, err);
    }
    if (status == VIV_OK && x->noted)
        note(x->noted, name, out);
    return status;
}

viv_status expander_init(struct expander *x, const struct spec *s, const struct checkpoint *c, struct arena *a,
                         struct error *err)
{
    *x = (struct expander){.spec = s, .checkpoint = c, .arena = a, .err = err, .index = -1, .place = {"", ""}};
    x->scope = (struct expr_scope){x, lookup};
    x->params = arena_array(a, s->n_params, sizeof *x->params);
    return x->params ? VIV_OK : error_nomem(err);
}

viv_status expander_eval(struct expander *x, const struct yaml *y, struct value *out)
{
    if (y->kind != YAML_SCALAR)
        return yaml_error(x->err, y->at, VIV_EINVAL, "expected an expression, found %s", yaml_kind_name(y));
    viv_status status = expr_eval(x->arena, y->text, &x->scope, out, x->err);
    bool placed = status != VIV_OK && strncmp(x->err->text, y->at.file, strlen(y->at.file)) == 0;
    if (status != VIV_OK && !placed) /* a param that this one uses has failed, and its error has a position */
        error_prefix(x->err, "%s:%" PRIu32 ":%" PRIu32, y->at.file, y->at.line, y->at.column);
    return status;
}

viv_status expander_eval_bool(struct expander *x, const struct yaml *y, bool *out)
{
    struct value v = {0};
    viv_status status = expander_eval(x, y, &v);
    if (status == VIV_OK && v.kind != VALUE_BOOL)
        return yaml_error(x->err, y->at, VIV_EINVAL, "expected a boolean, found %s", expr_value_kind_name(v.kind));
    *out = v.i != 0;
    return status;
}

viv_status expander_eval_dims(struct expander *x, const struct yaml *list, uint64_t dims[8], uint32_t *n)
{
    if (list->n > 8)
        return yaml_error(x->err, list->at, VIV_ELIMIT, "%" PRIu32 " dimensions, at most 8", list->n);
    for (uint32_t d = 0; d < list->n; d++) {
        struct value v = {0};
        viv_status status = expander_eval(x, list->items[d], &v);
        if (status != VIV_OK)
            return status;
        if (v.kind != VALUE_INT || v.i < 0 || v.i > (int64_t)1 << 40)
            return yaml_error(x->err, list->items[d]->at, VIV_EINVAL,
                              "a dimension must be an integer from 0 to 2^40, '%s' is %s", list->items[d]->text,
                              v.kind == VALUE_INT ? "not" : expr_value_kind_name(v.kind));
        dims[d] = (uint64_t)v.i;
    }
    *n = list->n;
    return VIV_OK;
}

/* --- types --------------------------------------------------------------------------------------------------- */

viv_status param_type_read(const struct yaml *declaration, struct param_type *t, struct error *err)
{
    static const char *const names[] = {"int", "float", "bool", "string", "activation"};
    static const enum value_kind kinds[] = {VALUE_INT, VALUE_FLOAT, VALUE_BOOL, VALUE_STRING, VALUE_STRING};
    enum { N_TYPES = sizeof names / sizeof *names };
    const struct yaml *type = yaml_get(declaration, "type");
    *t = (struct param_type){.kind = VALUE_INT,
                             .min = yaml_get(declaration, "min"),
                             .max = yaml_get(declaration, "max"),
                             .choices = yaml_get(declaration, "choices")};
    if (!type)
        return VIV_OK;
    if (type->kind == YAML_LIST && (type->n == 1 || type->n == 2)) {
        t->list = true;
        t->length = type->n == 2 ? type->items[1] : NULL;
        type = type->items[0];
    }
    for (size_t i = 0; type->kind == YAML_SCALAR && i < N_TYPES; i++)
        if (strcmp(type->text, names[i]) == 0) {
            t->kind = kinds[i];
            t->activation = strcmp(names[i], "activation") == 0;
            return VIV_OK;
        }
    const char *nearest = type->kind == YAML_SCALAR ? near_word(type->text, names, N_TYPES) : NULL;
    return yaml_error(
        err, type->at, VIV_EINVAL,
        "a type is int, float, bool, string, activation, [one of these, length] or [one of these]%s%s",
        nearest ? "; did you mean " : "", nearest ? nearest : "");
}

/* "PATH: hidden_size is 0, expected at least 1" */
static viv_status unfit(struct expander *x, const char *who, const struct value *v, const char *relation,
                        const struct value *bound)
{
    struct buf found = {0}, wanted = {0};
    expr_value_print(v, &found);
    expr_value_print(bound, &wanted);
    viv_status status = error_set(x->err, VIV_EINVAL, "%s is %s, expected %s %s", who, buf_text(&found), relation,
                                  buf_text(&wanted));
    buf_release(&found);
    buf_release(&wanted);
    return status;
}

static viv_status check_range(struct expander *x, const struct param_type *t, const struct value *v,
                              const char *who)
{
    const struct yaml *bounds[] = {t->min, t->max};
    for (int b = 0; b < 2; b++) {
        struct value bound = {0};
        if (!bounds[b])
            continue;
        viv_status status = expander_eval(x, bounds[b], &bound);
        if (status != VIV_OK)
            return status;
        if (bound.kind != VALUE_INT && bound.kind != VALUE_FLOAT)
            return yaml_error(x->err, bounds[b]->at, VIV_EINVAL, "expected a number, found %s",
                              expr_value_kind_name(bound.kind));
        double a = v->kind == VALUE_FLOAT ? v->f : (double)v->i;
        double limit = bound.kind == VALUE_FLOAT ? bound.f : (double)bound.i;
        if (b == 0 ? a < limit : a > limit)
            return unfit(x, who, v, b == 0 ? "at least" : "at most", &bound);
    }
    return VIV_OK;
}

/* Converts one value to the type: a float may be written as an integer, and an integer as a float without fraction.
 */
static viv_status fit(struct expander *x, const struct param_type *t, struct value *v, const char *who)
{
    if (t->kind == VALUE_FLOAT && v->kind == VALUE_INT)
        *v = (struct value){.kind = VALUE_FLOAT, .f = (double)v->i};
    if (t->kind == VALUE_INT && v->kind == VALUE_FLOAT && v->f < 1e15 && v->f > -1e15 &&
        v->f == (double)(int64_t)v->f)
        *v = (struct value){.kind = VALUE_INT, .i = (int64_t)v->f};
    if (t->kind == VALUE_STRING && v->kind == VALUE_INT && t->choices) { /* GGUF has numbers for names */
        *v = (struct value){.kind = VALUE_STRING, .s = arena_printf(x->arena, "%" PRId64, v->i)};
        if (!v->s)
            return error_nomem(x->err);
    }
    if (t->kind == VALUE_STRING && v->kind == VALUE_BOOL && t->choices)
        *v = (struct value){.kind = VALUE_STRING, .s = v->i ? "true" : "false"};
    if ((t->kind == VALUE_INT || t->kind == VALUE_FLOAT) && v->kind == VALUE_STRING && strcmp(v->s, "NaN") == 0)
        return error_set(x->err, VIV_EINVAL, "%s is NaN, which is no number: expected %s", who,
                         expr_value_kind_name(t->kind));
    if (v->kind != t->kind)
        return error_set(x->err, VIV_EINVAL, "%s is %s%s%s%s, expected %s", who, expr_value_kind_name(v->kind),
                         v->kind == VALUE_STRING ? " ('" : "", v->kind == VALUE_STRING ? v->s : "",
                         v->kind == VALUE_STRING ? "')" : "", expr_value_kind_name(t->kind));
    viv_status status = expander_check_choice(x, t, v, who);
    if (status == VIV_OK && (v->kind == VALUE_INT || v->kind == VALUE_FLOAT))
        status = check_range(x, t, v, who);
    return status;
}

/* Converts a list to one value. Some files have a list with an item for each layer: all must be equal. */
static viv_status one_for_all(struct expander *x, const struct param_type *t, struct value *v, const char *who)
{
    if (v->n == 0)
        return error_set(x->err, VIV_EINVAL, "%s is an empty list, expected %s", who,
                         expr_value_kind_name(t->kind));
    for (uint32_t i = 1; i < v->n; i++)
        if (!expr_value_equal(&v->list[0], &v->list[i]))
            return error_set(x->err, VIV_EUNSUPPORTED,
                             "%s is a list of %" PRIu32
                             " with different values: this family takes %s that is one for all layers",
                             who, v->n, expr_value_kind_name(t->kind));
    *v = v->list[0];
    return VIV_OK;
}

/* How many items a list with a length has. */
static viv_status length_of(struct expander *x, const struct param_type *t, int64_t *out)
{
    struct value v = {0};
    const viv_status status = expander_eval(x, t->length, &v);
    if (status == VIV_OK && (v.kind != VALUE_INT || v.i < 0 || v.i > MAX_LIST))
        return yaml_error(x->err, t->length->at, VIV_EINVAL, "the length of a list must be an integer from 0 to %d",
                          MAX_LIST);
    *out = v.i;
    return status;
}

static viv_status fit_param(struct expander *x, const struct param_type *t, struct value *v, const char *who)
{
    if (v->kind == VALUE_NONE)
        return VIV_OK;
    if (!t->list) {
        viv_status status = v->kind == VALUE_LIST ? one_for_all(x, t, v, who) : VIV_OK;
        return status == VIV_OK ? fit(x, t, v, who) : status;
    }
    bool single = v->kind != VALUE_LIST;
    int64_t length = single ? 1 : v->n;
    viv_status status = t->length ? length_of(x, t, &length) : VIV_OK;
    if (status != VIV_OK)
        return status;
    if (length > MAX_LIST)
        return error_set(x->err, VIV_ELIMIT, "%s is a list of %" PRId64 ", at most %d", who, length, MAX_LIST);
    if (!single && v->n != (uint32_t)length)
        return error_set(x->err, VIV_EINVAL, "%s is a list of %" PRIu32 ", expected one of %" PRId64, who, v->n,
                         length);
    struct value *items = arena_array(x->arena, (size_t)length, sizeof *items);
    if (!items)
        return error_nomem(x->err);
    for (int64_t i = 0; i < length && status == VIV_OK; i++) {
        items[i] = single ? *v : v->list[i];
        status = fit(x, t, &items[i], who);
    }
    *v = (struct value){.kind = VALUE_LIST, .n = (uint32_t)length, .list = items};
    return status;
}

/* --- where values come from ---------------------------------------------------------------------------------- */

static viv_status value_of_meta(struct expander *x, const struct meta *m, struct value *v, const char *who)
{
    int64_t i;
    *v = (struct value){0};
    switch (m->kind) {
    case META_NONE:
        return VIV_OK;
    case META_INT:
    case META_UINT:
        if (!checkpoint_meta_int(m, &i))
            return error_set(x->err, VIV_ELIMIT, "%s is an integer beyond 63 bits", who);
        *v = (struct value){.kind = VALUE_INT, .i = i};
        return VIV_OK;
    case META_FLOAT:
        *v = (struct value){.kind = VALUE_FLOAT, .f = m->f};
        return VIV_OK;
    case META_BOOL:
        *v = (struct value){.kind = VALUE_BOOL, .i = m->u != 0};
        return VIV_OK;
    case META_STRING:
        v->s = arena_strndup(x->arena, m->s, m->n);
        v->kind = VALUE_STRING;
        return v->s ? VIV_OK : error_nomem(x->err);
    case META_ARRAY:
        break;
    case META_OBJECT:
        return error_set(x->err, VIV_EINVAL, "%s is an object, expected a value", who);
    }
    if (m->n > MAX_LIST)
        return error_set(x->err, VIV_ELIMIT, "%s is a list of %" PRIu64 " values, expected at most %d", who, m->n,
                         MAX_LIST);
    struct value *items = arena_array(x->arena, m->n, sizeof *items);
    if (!items)
        return error_nomem(x->err);
    for (uint64_t k = 0; k < m->n; k++) {
        const struct meta element = checkpoint_meta_element(x->checkpoint, m, k);
        if (element.kind == META_ARRAY || element.kind == META_OBJECT)
            return error_set(x->err, VIV_EINVAL, "%s is a list of lists, expected one of values", who);
        viv_status status = value_of_meta(x, &element, &items[k], who);
        if (status != VIV_OK)
            return status;
    }
    *v = (struct value){.kind = VALUE_LIST, .n = (uint32_t)m->n, .list = items};
    return VIV_OK;
}

/* Of "rows(token_embd.weight)" the name inside, in `name`; false for a plain key. */
static bool is_call(const char *place, const char *function, char name[PLACE_MAX])
{
    size_t n = strlen(function), m = strlen(place);
    if (m < n + 3 || m - n - 2 >= PLACE_MAX || strncmp(place, function, n) != 0 || place[n] != '(' ||
        place[m - 1] != ')')
        return false;
    memcpy(name, place + n + 1, m - n - 2);
    name[m - n - 2] = '\0';
    return true;
}

bool expander_is_metadata_key(const char *text)
{
    static const char *const functions[] = {"rows", "size", "has", "lacks", "len", "where", "token"};
    char name[PLACE_MAX];
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (is_call(text, functions[i], name))
            return !strpbrk(name, "() ");
    return text[0] != '\0' && !strpbrk(text, "() ");
}

/* GGUF keys begin with the architecture's name, which ".key" omits, because a spec that uses another has another
 * name. */
static const char *full_place(struct expander *x, const char *place)
{
    const struct meta m = checkpoint_meta(x->checkpoint, "general.architecture");
    if (place[0] != '.' || !expander_gguf(x) || m.kind != META_STRING)
        return place;
    return arena_printf(x->arena, "%.*s%s", (int)(m.n < PLACE_MAX ? m.n : PLACE_MAX), m.s, place);
}

/* The id of a token by its text, in the vocabulary of a GGUF file; nothing where there is none. */
static struct value id_of_token(const struct checkpoint *c, const char *text)
{
    const struct meta all = checkpoint_meta(c, "tokenizer.ggml.tokens");
    for (uint64_t i = 0; all.kind == META_ARRAY && all.element == META_STRING && i < all.n; i++) {
        const struct meta token = checkpoint_meta_element(c, &all, i);
        if (token.n == strlen(text) && memcmp(token.s, text, token.n) == 0)
            return (struct value){.kind = VALUE_INT, .i = (int64_t)i};
    }
    return (struct value){0};
}

/* The indices of a list of booleans that are true; nothing where there is no such list. */
static viv_status where_true(struct expander *x, const char *key, struct value *v)
{
    const struct meta all = checkpoint_meta(x->checkpoint, key);
    if (all.kind != META_ARRAY || all.element != META_BOOL)
        return VIV_OK;
    if (all.n > MAX_LIST)
        return error_set(x->err, VIV_ELIMIT, "%s is a list of %" PRIu64 " values, expected at most %d", key, all.n,
                         MAX_LIST);
    struct value *items = arena_array(x->arena, all.n, sizeof *items);
    if (!items)
        return error_nomem(x->err);
    *v = (struct value){.kind = VALUE_LIST, .list = items};
    for (uint64_t i = 0; i < all.n; i++)
        if (checkpoint_meta_element(x->checkpoint, &all, i).u)
            items[v->n++] = (struct value){.kind = VALUE_INT, .i = (int64_t)i};
    return VIV_OK;
}

static viv_status from_place(struct expander *x, const char *place, struct value *v, const char **source)
{
    char name[PLACE_MAX];
    *v = (struct value){0};
    place = full_place(x, place);
    if (!place)
        return error_nomem(x->err);
    *source = arena_printf(x->arena, "%s%s", expander_gguf(x) ? "" : "config.json: ", place);
    if (!*source)
        return error_nomem(x->err);
    bool has = is_call(place, "has", name);
    if (has || is_call(place, "lacks", name)) {
        if (!expander_has_tensors(x))
            return VIV_OK;
        *v = (struct value){.kind = VALUE_BOOL, .i = (expander_tensor(x, name) != NULL) == has};
        return VIV_OK;
    }
    const bool rows = is_call(place, "rows", name);
    if (rows || is_call(place, "size", name)) {
        const viv_tensor *t = expander_tensor(x, name);
        if (t && t->dl.ndim > 0)
            *v = (struct value){.kind = VALUE_INT, .i = t->dl.shape[0]};
        for (int32_t d = 1; !rows && t && d < t->dl.ndim; d++) /* the file was checked: it is no overflow */
            v->i *= t->dl.shape[d];
        return VIV_OK;
    }
    if (is_call(place, "len", name)) {
        const struct meta m = checkpoint_meta(x->checkpoint, name);
        if (m.kind == META_ARRAY && m.n <= INT64_MAX)
            *v = (struct value){.kind = VALUE_INT, .i = (int64_t)m.n};
        return VIV_OK;
    }
    if (is_call(place, "where", name))
        return where_true(x, name, v);
    if (is_call(place, "token", name)) {
        *v = id_of_token(x->checkpoint, name);
        return VIV_OK;
    }
    char who[512];
    const struct meta m = checkpoint_meta(x->checkpoint, place);
    snprintf(who, sizeof who, "%s: %s", x->checkpoint->path, *source);
    return value_of_meta(x, &m, v, who);
}

viv_status expander_place(struct expander *x, const struct yaml *y, const char **out)
{
    *out = y->text;
    return expander_gguf(x) || !strchr(y->text, '{') ? VIV_OK : expander_fill_name(x, y, -1, out);
}

static viv_status from_checkpoint(struct expander *x, const struct param *p, struct value *v, const char **source)
{
    const struct yaml *places = yaml_get(p->declaration, expander_naming(x));
    if (!places)
        return expander_gguf(x) ? VIV_OK : from_place(x, p->name, v, source);
    for (uint32_t i = 0; i < yaml_count(places); i++) {
        const char *place;
        viv_status status = expander_place(x, yaml_item(places, i), &place);
        if (status == VIV_OK)
            status = from_place(x, place, v, source);
        if (status != VIV_OK || v->kind != VALUE_NONE)
            return status;
    }
    return VIV_OK;
}

/* Whether config.json has null at one of the places. */
static bool says_null(const struct expander *x, const struct param *p)
{
    const struct yaml *places = yaml_get(p->declaration, "hf");
    if (expander_gguf(x) || !x->checkpoint->config)
        return false;
    for (uint32_t i = 0; places && i < yaml_count(places); i++)
        if (json_is_null(json_at(x->checkpoint->config, yaml_item(places, i)->text)))
            return true;
    return !places && json_is_null(json_at(x->checkpoint->config, p->name));
}

/* Evaluates a plain value in a spec. For a string param, a word is a string. */
static viv_status from_spec(struct expander *x, const struct param_type *t, const struct yaml *y, struct value *v)
{
    if (y->kind == YAML_LIST) {
        struct value *items = arena_array(x->arena, y->n, sizeof *items);
        if (!items)
            return error_nomem(x->err);
        for (uint32_t i = 0; i < y->n; i++) {
            viv_status status = from_spec(x, t, y->items[i], &items[i]);
            if (status != VIV_OK)
                return status;
        }
        *v = (struct value){.kind = VALUE_LIST, .n = y->n, .list = items};
        return VIV_OK;
    }
    if (t->kind == VALUE_STRING && y->kind == YAML_SCALAR && strcmp(y->text, "none") != 0) {
        *v = (struct value){.kind = VALUE_STRING, .s = y->text};
        return VIV_OK;
    }
    return expander_eval(x, y, v);
}

enum { MAX_COMPUTED = 4096 }; /* items, each of which may look at all of another list */

/* A default of a list with a length is computed for each {i}; it may also be a list, or none. */
static viv_status default_of(struct expander *x, const struct param_type *t, const struct yaml *y, struct value *v)
{
    int64_t n = 0;
    if (!t->list || !t->length || y->kind == YAML_LIST)
        return from_spec(x, t, y, v);
    viv_status status = length_of(x, t, &n);
    if (status == VIV_OK && n > MAX_COMPUTED)
        return yaml_error(x->err, y->at, VIV_ELIMIT, "the default of %" PRId64 " items is not computed: at most %d",
                          n, MAX_COMPUTED);
    struct value *items = status == VIV_OK ? arena_array(x->arena, (size_t)n, sizeof *items) : NULL;
    if (status == VIV_OK && !items)
        status = error_nomem(x->err);
    for (x->index = 0; status == VIV_OK && x->index < n; x->index++) {
        status = from_spec(x, t, y, &items[x->index]);
        if (status == VIV_OK && (items[0].kind == VALUE_NONE || items[0].kind == VALUE_LIST)) {
            *v = items[0];
            x->index = -1;
            return VIV_OK;
        }
    }
    x->index = -1;
    *v = (struct value){.kind = VALUE_LIST, .n = (uint32_t)n, .list = items};
    return status;
}

static viv_status compute(struct expander *x, const struct param *p, struct param_state *state)
{
    struct param_type t;
    struct value v = {0};
    const char *source = NULL;
    const struct yaml *otherwise = yaml_get(p->declaration, "default");
    viv_status status = param_type_read(p->declaration, &t, x->err);
    bool found = false, has_key = false;
    if (!p->declaration) { /* a constant of the spec, of any type */
        status = p->value->kind == YAML_LIST ? from_spec(x, &t, p->value, &v) : expander_eval(x, p->value, &v);
        state->value = v;
        state->source = "spec";
        state->state = PARAM_KNOWN;
        return status;
    }
    if (status == VIV_OK && p->value) {
        status = from_spec(x, &t, p->value, &v);
        source = "spec";
        found = true;
    } else if (status == VIV_OK && x->checkpoint) {
        status = from_checkpoint(x, p, &v, &source);
        found = has_key = v.kind != VALUE_NONE;
        if (!found && yaml_get(p->declaration, "if_null") && says_null(x, p))
            otherwise = yaml_get(p->declaration, "if_null");
    }
    if (status == VIV_OK && !found && otherwise) {
        status = default_of(x, &t, otherwise, &v);
        source = "default";
        found = true;
    }
    if (status == VIV_OK && found) {
        char who[512];
        if (has_key)
            snprintf(who, sizeof who, "%s: %s", x->checkpoint->path, source);
        else
            snprintf(who, sizeof who, "%s:%" PRIu32 ":%" PRIu32 ": '%s'", p->at.file, p->at.line, p->at.column,
                     p->name);
        status = fit_param(x, &t, &v, who);
    }
    if (status != VIV_OK)
        return status;
    *state = (struct param_state){found ? PARAM_KNOWN : PARAM_MISSING, v, source};
    return VIV_OK;
}

viv_status expander_param(struct expander *x, const char *name, struct value *out, struct error *err)
{
    const struct param *p = spec_param(x->spec, name);
    if (!p)
        return error_set(err, VIV_EINVAL, "there is no param '%s'", name);
    struct param_state *state = &x->params[p - x->spec->params];
    if (state->state == PARAM_BUSY)
        return error_set(err, VIV_EINVAL, "the param '%s' depends on itself", name);
    if (state->state == PARAM_UNKNOWN) {
        int64_t index = x->index;
        bool words = x->weights_are_words;
        struct error *outer = x->err; /* the expression that needs this value may be a mere attempt */
        state->state = PARAM_BUSY;
        x->err = err;
        x->index = -1;
        x->weights_are_words = false;
        viv_status status = compute(x, p, state);
        x->err = outer;
        x->index = index;
        x->weights_are_words = words;
        if (status != VIV_OK) {
            state->state = PARAM_UNKNOWN;
            return status;
        }
    }
    *out = state->value; /* none if missing: expander_params reports all of these together */
    return VIV_OK;
}

static viv_status is_a_family(struct expander *x, const char *missing)
{
    char *example = NULL;
    viv_status status = spec_example(x->spec, &example, x->err);
    if (status != VIV_OK)
        return status;
    status = error_set(x->err, VIV_ENOTFOUND,
                       "%s is a family: it gets %s from a checkpoint, or from a spec that uses it%s%s",
                       x->spec->name, missing, example ? ", such as " : "", example ? example : "");
    free(example);
    return status;
}

viv_status expander_params(struct expander *x)
{
    struct buf missing = {0};
    uint32_t n = 0;
    /* those without a value first: params that depend on them would fail with less clear errors */
    for (uint32_t i = 0; i < x->spec->n_params; i++) {
        const struct param *p = &x->spec->params[i];
        struct value v = {0};
        const char *source;
        if (p->value || !p->declaration || yaml_get(p->declaration, "default") || x->params[i].state == PARAM_KNOWN)
            continue;
        viv_status status = x->checkpoint ? from_checkpoint(x, p, &v, &source) : VIV_OK;
        if (status != VIV_OK) {
            buf_release(&missing);
            return status;
        }
        if (v.kind != VALUE_NONE)
            continue;
        const struct yaml *place = yaml_get(p->declaration, expander_naming(x));
        buf_printf(&missing, "%s%s", n++ ? ", " : "", p->name);
        const char *text = x->checkpoint && place && place->kind == YAML_SCALAR ? full_place(x, place->text) : NULL;
        if (text)
            buf_printf(&missing, " (%s)", text);
    }
    viv_status status = VIV_OK;
    if (missing.failed)
        status = error_nomem(x->err);
    else if (n && x->checkpoint)
        status = error_set(x->err, VIV_EFORMAT, "%s does not say: %s", x->checkpoint->path, buf_text(&missing));
    else if (n && x->spec->n_documents > 1 && !x->spec->matches)
        status = error_set(x->err, VIV_EINVAL, "%s gives no value to %s", x->spec->path, buf_text(&missing));
    else if (n)
        status = is_a_family(x, buf_text(&missing));
    buf_release(&missing);
    for (uint32_t i = 0; status == VIV_OK && i < x->spec->n_params; i++) {
        struct value v;
        status = expander_param(x, x->spec->params[i].name, &v, x->err);
    }
    return status;
}
