/* document.c - see document.h. */
#include "spec/document.h"

#include "base/file.h"
#include "base/near.h"
#include "spec/acting.h"
#include "spec/settings.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct key spec_keys[] = {
#define KEY(where, name, type, required, sentence) {IN_##where, name, KEY_##type, required, sentence},
#include "spec/keys.def"
#undef KEY
};
const size_t spec_n_keys = sizeof spec_keys / sizeof *spec_keys;

/* --- keys ----------------------------------------------------------------------------------------------------- */

static const struct key *find_key(enum key_context context, const char *name)
{
    for (size_t i = 0; i < spec_n_keys; i++)
        if (spec_keys[i].context == context && strcmp(spec_keys[i].name, name) == 0)
            return &spec_keys[i];
    return NULL;
}

static viv_status unknown_key(const struct yaml *map, uint32_t i, enum key_context context, struct error *err)
{
    const char *names[64];
    size_t n = 0;
    for (size_t k = 0; k < spec_n_keys; k++)
        if (spec_keys[k].context == context && n < 64)
            names[n++] = spec_keys[k].name;
    const char *nearest = near_word(map->keys[i], names, n);
    return yaml_error(err, map->key_at[i], VIV_EINVAL,
                      nearest ? "unknown key '%s', did you mean '%s'?" : "unknown key '%s'", map->keys[i], nearest);
}

static viv_status check_form(const struct yaml *v, const struct key *key, struct error *err)
{
    static const char *const wanted[] = {"a word",
                                         "a word or a list of words",
                                         "a word, a list of words or a mapping of words to words",
                                         "an expression",
                                         "a number",
                                         "a text",
                                         "a mapping",
                                         "a list",
                                         ""};
    bool fits = true;
    switch (key->type) {
    case KEY_WORD:
    case KEY_EXPR:
    case KEY_NUMBER:
        fits = v->kind == YAML_SCALAR && v->text[0] != '\0';
        break;
    case KEY_TEXT: /* which may be empty */
        fits = v->kind == YAML_SCALAR;
        break;
    case KEY_WORDS:
    case KEY_NAMES:
        fits = v->kind != YAML_MAP || key->type == KEY_NAMES;
        for (uint32_t i = 0; fits && v->kind != YAML_SCALAR && i < v->n; i++)
            fits = v->items[i]->kind == YAML_SCALAR;
        break;
    case KEY_MAP:
        fits = v->kind == YAML_MAP;
        break;
    case KEY_LIST:
        fits = v->kind == YAML_LIST;
        break;
    case KEY_ANY:
        break;
    }
    if (fits)
        return VIV_OK;
    return yaml_error(err, v->at, VIV_EINVAL, "'%s': expected %s, found %s", key->name, wanted[key->type],
                      yaml_kind_name(v));
}

viv_status document_check_keys(const struct yaml *map, enum key_context context, struct error *err)
{
    if (map->kind != YAML_MAP)
        return yaml_error(err, map->at, VIV_EINVAL, "expected a mapping, found %s", yaml_kind_name(map));
    for (uint32_t i = 0; i < map->n; i++) {
        const struct key *key = find_key(context, map->keys[i]);
        if (!key && context == IN_SPEC && strncmp(map->keys[i], "x-", 2) == 0)
            continue;
        viv_status status = key ? check_form(map->items[i], key, err) : unknown_key(map, i, context, err);
        if (status != VIV_OK)
            return status;
    }
    for (size_t k = 0; k < spec_n_keys; k++)
        if (spec_keys[k].context == context && spec_keys[k].required && !yaml_get(map, spec_keys[k].name))
            return yaml_error(err, map->at, VIV_EINVAL, "the key '%s' is missing: %s", spec_keys[k].name,
                              spec_keys[k].doc);
    return VIV_OK;
}

/* Checked first, so that a spec of a later version gets this error and not one about its keys. */
static viv_status check_version(const struct yaml *root, struct error *err)
{
    const struct yaml *v = yaml_get(root, "viv");
    if (!v || v->kind != YAML_SCALAR || strcmp(v->text, "1") == 0)
        return VIV_OK;
    return yaml_error(err, v->at, VIV_EUNSUPPORTED,
                      "version '%s' of the spec language, this program knows version 1", v->text);
}

/* --- merging -------------------------------------------------------------------------------------------------- */

const struct param *spec_param(const struct spec *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_params; i++)
        if (strcmp(s->params[i].name, name) == 0)
            return &s->params[i];
    return NULL;
}

const struct weight_entry *spec_weight(const struct spec *s, const char *key)
{
    for (uint32_t i = 0; i < s->n_weights; i++)
        if (strcmp(s->weights[i].key, key) == 0)
            return &s->weights[i];
    return NULL;
}

const struct yaml *spec_group(const struct spec *s, const struct yaml *y)
{
    if (y->kind == YAML_MAP)
        return y;
    const struct yaml *found = NULL;
    for (uint32_t d = s->n_documents; y->kind == YAML_SCALAR && d-- > 0 && !found;)
        found = yaml_get(s->groups[d], y->text);
    return found && found->kind == YAML_MAP ? found : NULL;
}

const struct yaml *spec_attr(const struct spec *s, const struct yaml *map, const char *dotted)
{
    const char *dot = strchr(dotted, '.');
    for (uint32_t i = 0; map && map->kind == YAML_MAP && i < map->n; i++) {
        size_t n = strlen(map->keys[i]);
        if (strcmp(map->keys[i], dotted) == 0)
            return map->items[i];
        if (dot && n == (size_t)(dot - dotted) && strncmp(map->keys[i], dotted, n) == 0)
            return spec_attr(s, spec_group(s, map->items[i]), dot + 1);
    }
    return NULL;
}

static viv_status unknown_param(const struct spec *s, const char *name, struct position at, struct error *err)
{
    const char *names[MAX_PARAMS];
    for (uint32_t i = 0; i < s->n_params; i++)
        names[i] = s->params[i].name;
    const char *nearest = near_word(name, names, s->n_params);
    return yaml_error(err, at, VIV_EINVAL,
                      nearest ? "%s has no param '%s', did you mean '%s'?" : "%s has no param '%s'",
                      s->family ? s->family : s->name, name, nearest);
}

/* `used`: a used document has declared this, and the present one may only override it. */
static viv_status merge_params(struct spec *s, const struct yaml *params, bool used, struct error *err)
{
    for (uint32_t i = 0; params && i < params->n; i++) {
        const struct yaml *v = params->items[i];
        struct param *p = (struct param *)spec_param(s, params->keys[i]);
        if (v->kind == YAML_MAP) {
            viv_status status = document_check_keys(v, IN_PARAM, err);
            if (status != VIV_OK)
                return status;
        } else if (!p && used) {
            return unknown_param(s, params->keys[i], params->key_at[i], err);
        }
        if (!p) {
            if (s->n_params == MAX_PARAMS)
                return yaml_error(err, params->key_at[i], VIV_ELIMIT, "more than %d params", MAX_PARAMS);
            p = &s->params[s->n_params++];
            *p = (struct param){.name = params->keys[i]};
        }
        p->at = params->key_at[i];
        if (v->kind == YAML_MAP) {
            p->declaration = v;
            p->value = NULL;
        } else {
            p->value = v;
        }
    }
    return VIV_OK;
}

/* Adds, or replaces, a weight. */
static viv_status put_weight(struct spec *s, const char *key, const struct yaml *body, struct position at,
                             struct error *err)
{
    struct weight_entry *w = (struct weight_entry *)spec_weight(s, key);
    if (!w) {
        if (s->n_weights == MAX_WEIGHTS)
            return yaml_error(err, at, VIV_ELIMIT, "more than %d weights", MAX_WEIGHTS);
        w = &s->weights[s->n_weights++];
    }
    *w = (struct weight_entry){key, body, at};
    return VIV_OK;
}

/* "a.weight" -> "a.bias", for one name or each of a list. */
static viv_status bias_names(struct spec *s, const struct yaml *names, struct yaml **out, struct error *err)
{
    static const char ending[] = ".weight";
    size_t n = names->kind == YAML_SCALAR ? strlen(names->text) : 0, m = sizeof ending - 1;
    if (n <= m || strcmp(names->text + n - m, ending) != 0)
        return yaml_error(err, names->at, VIV_EINVAL,
                          "a weight with a 'bias' has one name, which ends in '.weight'");
    struct yaml *y = arena_alloc(&s->arena, sizeof *y);
    if (!y)
        return error_nomem(err);
    *y = (struct yaml){.kind = YAML_SCALAR, .at = names->at, .quoted = true};
    y->text = arena_printf(&s->arena, "%.*s.bias", (int)(n - m), names->text);
    *out = y;
    return y->text ? VIV_OK : error_nomem(err);
}

/* `bias: c` in the entry of weight w is short for an entry w_bias:
 *   {hf: "... .bias", gguf: "... .bias", shape: [first of w's], when: c, else: none, unread: as w} */
static viv_status put_bias(struct spec *s, const char *key, const struct yaml *weight, struct error *err)
{
    enum { FIELDS = 6 };
    static const char *const keys[FIELDS] = {"shape", "when", "else", "hf", "gguf", "unread"};
    const struct yaml *bias = yaml_get(weight, "bias"), *shape = yaml_get(weight, "shape");
    const struct yaml *unread = yaml_get(weight, "unread");
    const struct yaml *transform = yaml_get(weight, "transform");
    if (transform || shape->n == 0)
        return yaml_error(err, bias->at, VIV_EINVAL,
                          "a weight with %s cannot have a 'bias': give it an entry of its own",
                          transform ? "a 'transform'" : "no dimensions");
    struct yaml *body = arena_alloc(&s->arena, sizeof *body), *first = arena_alloc(&s->arena, sizeof *first),
                *otherwise = arena_alloc(&s->arena, sizeof *otherwise);
    char *name = arena_printf(&s->arena, "%s_bias", key);
    struct yaml **items = arena_array(&s->arena, FIELDS, sizeof *items);
    struct position *key_at = arena_array(&s->arena, FIELDS, sizeof *key_at);
    const char **copied = arena_array(&s->arena, FIELDS, sizeof *copied);
    if (!body || !first || !otherwise || !name || !items || !key_at || !copied)
        return error_nomem(err);
    *first = (struct yaml){.kind = YAML_LIST, .at = shape->at, .n = 1, .items = shape->items};
    *otherwise = (struct yaml){.kind = YAML_SCALAR, .at = bias->at, .text = "none"};
    items[0] = first;
    items[1] = (struct yaml *)bias;
    items[2] = otherwise;
    uint32_t n = 3;
    for (uint32_t naming = 3; naming < 5; naming++) {
        const struct yaml *names = yaml_get(weight, keys[naming]);
        viv_status status = names ? bias_names(s, names, &items[n], err) : VIV_OK;
        if (status != VIV_OK)
            return status;
        copied[n] = keys[naming];
        n += names != NULL;
    }
    if (unread) {
        items[n] = (struct yaml *)unread;
        copied[n++] = "unread";
    }
    for (uint32_t i = 0; i < n; i++) {
        copied[i] = i < 3 ? keys[i] : copied[i];
        key_at[i] = bias->at;
    }
    *body =
        (struct yaml){.kind = YAML_MAP, .at = bias->at, .n = n, .items = items, .keys = copied, .key_at = key_at};
    return put_weight(s, name, body, bias->at, err);
}

static viv_status merge_weights(struct spec *s, const struct yaml *weights, struct error *err)
{
    for (uint32_t i = 0; weights && i < weights->n; i++) {
        const struct yaml *w = weights->items[i];
        viv_status status = document_check_keys(w, IN_WEIGHT, err);
        if (status == VIV_OK)
            status = put_weight(s, weights->keys[i], w, weights->key_at[i], err);
        if (status == VIV_OK && yaml_get(w, "bias"))
            status = put_bias(s, weights->keys[i], w, err);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

static bool is_stack(const char *name)
{
    return strcmp(name, "graph") == 0 || strcmp(name, "encoder") == 0;
}

/* Adds stacks, or replaces them. */
static viv_status merge_stacks(struct spec *s, const struct yaml *stacks, struct error *err)
{
    for (uint32_t i = 0; stacks && i < stacks->n; i++) {
        const char *name = stacks->keys[i];
        const struct position at = stacks->key_at[i];
        viv_status status = document_check_keys(stacks->items[i], IN_STACK, err);
        if (status != VIV_OK)
            return status;
        if (!expr_is_name(name) || is_stack(name))
            return yaml_error(err, at, VIV_EINVAL, "a stack cannot be called '%s'", name);
        uint32_t k = 0;
        while (k < s->n_stacks && strcmp(s->stacks[k].name, name) != 0)
            k++;
        if (k == MAX_NAMED_STACKS)
            return yaml_error(err, at, VIV_ELIMIT, "more than %d stacks", MAX_NAMED_STACKS);
        s->n_stacks = k == s->n_stacks ? k + 1 : s->n_stacks;
        s->stacks[k] = (struct stack_entry){.name = name, .body = stacks->items[i], .at = at};
    }
    return VIV_OK;
}

static const char *word_of(const struct yaml *root, const char *key, const char *otherwise)
{
    const struct yaml *v = yaml_get(root, key);
    return v ? v->text : otherwise;
}

char *document_path_beside(struct arena *arena, const char *from, const char *path)
{
    const char *base = path_base(from);
    return path[0] == '/' || base == from ? arena_strdup(arena, path)
                                          : arena_printf(arena, "%.*s%s", (int)(base - from), from, path);
}

static viv_status set_adapters(struct spec *s, const char *from, const struct yaml *paths, struct error *err)
{
    const bool list = paths->kind == YAML_LIST;
    s->n_adapters = list ? paths->n : 1;
    s->adapters = arena_array(&s->arena, s->n_adapters, sizeof *s->adapters);
    for (uint32_t i = 0; s->adapters && i < s->n_adapters; i++) {
        s->adapters[i] = document_path_beside(&s->arena, from, list ? paths->items[i]->text : paths->text);
        if (!s->adapters[i])
            return error_nomem(err);
    }
    return s->adapters ? VIV_OK : error_nomem(err);
}

/* The architectures that `matches` names for GGUF files, if any. */
static void take_gguf_names(struct spec *s)
{
    const struct yaml *words = s->matches ? yaml_get(s->matches, "gguf") : NULL;
    if (!words || (words->kind != YAML_SCALAR && words->n == 0))
        return;
    s->gguf_names = words;
    s->gguf_name = words->kind == YAML_MAP ? words->keys[0] : yaml_item(words, 0)->text;
}

static viv_status merge(struct spec *s, const struct yaml *root, bool used, struct error *err)
{
    const struct yaml *checkpoint = yaml_get(root, "checkpoint"), *graph = yaml_get(root, "graph"),
                      *encoder = yaml_get(root, "encoder"), *adapters = yaml_get(root, "adapters"),
                      *input = yaml_get(root, "input"), *mmproj = yaml_get(root, "mmproj");
    s->family = word_of(root, "family", s->family);
    s->architecture = word_of(root, "architecture", s->architecture);
    const struct yaml *active = yaml_get(root, "active");
    s->active = word_of(root, "active", s->active);
    if (active && strcmp(s->active, "all") != 0 && strcmp(s->active, "head") != 0 && strcmp(s->active, "body") != 0)
        return yaml_error(err, active->at, VIV_EINVAL, "'active' is '%s', expected all, head or body", s->active);
    s->matches = yaml_get(root, "matches");
    take_gguf_names(s);
    s->graph = graph ? graph : s->graph;
    s->encoder = encoder ? encoder : s->encoder;
    s->input = input ? input : s->input;
    viv_status status = s->matches ? document_check_keys(s->matches, IN_MATCHES, err) : VIV_OK;
    if (status == VIV_OK && checkpoint) {
        s->checkpoint = document_path_beside(&s->arena, root->at.file, checkpoint->text);
        status = s->checkpoint ? VIV_OK : error_nomem(err);
    }
    if (status == VIV_OK && mmproj) {
        s->mmproj = document_path_beside(&s->arena, root->at.file, mmproj->text);
        status = s->mmproj ? VIV_OK : error_nomem(err);
    }
    if (status == VIV_OK && adapters)
        status = set_adapters(s, root->at.file, adapters, err);
    if (status == VIV_OK)
        status = settings_merge(&s->settings, root, &s->arena, err);
    if (status == VIV_OK)
        status = merge_params(s, yaml_get(root, "params"), used && !yaml_get(root, "family"), err);
    if (status == VIV_OK)
        status = merge_weights(s, yaml_get(root, "weights"), err);
    if (status == VIV_OK)
        status = merge_stacks(s, yaml_get(root, "stacks"), err);
    s->groups[s->n_documents] = yaml_get(root, "groups");
    s->refuse[s->n_documents] = yaml_get(root, "refuse");
    s->ignore[s->n_documents] = yaml_get(root, "ignore");
    s->without_effect[s->n_documents] = yaml_get(root, "without_effect");
    for (uint32_t i = 0; status == VIV_OK && s->refuse[s->n_documents] && i < s->refuse[s->n_documents]->n; i++)
        status = document_check_keys(s->refuse[s->n_documents]->items[i], IN_REFUSE, err);
    s->n_documents++;
    return status;
}

/* --- use ----------------------------------------------------------------------------------------------------- */

/* Whether a component of the path is "..". */
static bool climbs(const char *path)
{
    for (const char *p = path; (p = strstr(p, "..")); p += 2)
        if ((p == path || p[-1] == '/') && (p[2] == '\0' || p[2] == '/'))
            return true;
    return false;
}

/* Checks a path of `use`: relative, without "..", and inside the directory of the using file after links are
 * resolved. */
static viv_status use_beside(const struct yaml *use, char **out, struct error *err)
{
    char dir[PATH_MAX], real[PATH_MAX];
    const char *from = use->at.file, *base = path_base(from);
    char *joined = NULL;
    if (use->text[0] == '/' || climbs(use->text))
        return yaml_error(err, use->at, VIV_EINVAL, "'%s' leads out of this file's folder", use->text);
    if (asprintf(&joined, "%.*s%s", (int)(base - from), from, use->text) < 0)
        return error_nomem(err);
    char *folder = NULL;
    if (asprintf(&folder, "%.*s.", (int)(base - from), from) < 0) {
        free(joined);
        return error_nomem(err);
    }
    bool ok = realpath(folder, dir) && realpath(joined, real);
    free(folder);
    if (!ok) {
        yaml_error(err, use->at, VIV_ENOTFOUND, "'%s' is not there", joined);
        free(joined);
        return VIV_ENOTFOUND;
    }
    size_t n = strlen(dir);
    if (strncmp(dir, real, n) != 0 || (real[n] != '/' && dir[n - 1] != '/')) {
        free(joined);
        return yaml_error(err, use->at, VIV_EINVAL, "'%s' leads out of this file's folder", use->text);
    }
    *out = joined;
    return VIV_OK;
}

static viv_status resolve_use(const struct spec_world *world, const struct yaml *use, char **out, struct error *err)
{
    if (strstr(use->text, ".yaml") || (strchr(use->text, '/') && !spec_is_listed(use->text)))
        return use_beside(use, out, err);
    viv_status status = spec_find(world, use->text, use->at.file, out, err);
    if (status != VIV_OK)
        error_prefix(err, "%s:%" PRIu32 ":%" PRIu32, use->at.file, use->at.line, use->at.column);
    return status;
}

/* The spec that a checkpoint decides for: a scalar. Without a checkpoint, or if it does not say, `else`. */
static viv_status choose_use(const struct yaml *use, const char *checkpoint, const struct yaml **out,
                             struct error *err)
{
    const struct yaml *by = yaml_get(use, "by"), *of = yaml_get(use, "of"), *chosen = yaml_get(use, "else");
    struct checkpoint c = {0};
    *out = use;
    if (use->kind == YAML_SCALAR && use->text[0])
        return VIV_OK;
    viv_status status = document_check_keys(use, IN_USE, err);
    if (status == VIV_OK && checkpoint)
        status = checkpoint_open(&c, checkpoint, err);
    if (status != VIV_OK)
        return status;
    const char *said = checkpoint && checkpoint_is_gguf(&c)
                           ? checkpoint_architecture(&c)
                           : json_string_value(json_at(checkpoint_whole_config(&c), by->text));
    if (said)
        chosen = yaml_get(of, said);
    if (!chosen)
        status = yaml_error(err, use->at, VIV_EUNSUPPORTED, "%s: %s is %s, which none of these specs is for",
                            checkpoint ? checkpoint : "without a checkpoint",
                            checkpoint && checkpoint_is_gguf(&c) ? "general.architecture" : by->text,
                            said ? said : "not there");
    else if (chosen->kind != YAML_SCALAR)
        status = yaml_error(err, chosen->at, VIV_EINVAL, "expected the name of a spec, found %s",
                            yaml_kind_name(chosen));
    *out = chosen;
    if (checkpoint)
        checkpoint_close(&c);
    return status;
}

/* Records the file in seen[n]; an error if it was read before. */
static viv_status refuse_circle(const char *path, struct stat *seen, uint32_t n, const struct yaml *use,
                                struct error *err)
{
    if (stat(path, &seen[n]) != 0)
        return VIV_OK; /* reading it will report the error */
    for (uint32_t i = 0; i < n; i++)
        if (seen[i].st_dev == seen[n].st_dev && seen[i].st_ino == seen[n].st_ino)
            return yaml_error(err, use->at, VIV_EINVAL,
                              "'%s' leads back to %s: specs must not use each other in a circle", use->text, path);
    return VIV_OK;
}

/* Reads the specs that stacks use. */
static viv_status load_used(struct spec *s, struct error *err)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < s->n_stacks; i++) {
        struct stack_entry *entry = &s->stacks[i];
        const struct yaml *use = yaml_get(entry->body, "use");
        char *path = NULL;
        if (!use)
            continue;
        status = resolve_use(s->world, use, &path, err);
        if (status == VIV_OK)
            status = document_load(s->world, path, NULL, &entry->used, err);
        free(path);
        if (status == VIV_OK && (entry->used->n_stacks || entry->used->encoder))
            status = yaml_error(err, use->at, VIV_EINVAL,
                                "'%s' has several stacks, expected a spec of `graph` alone", use->text);
    }
    return status;
}

/* The checkpoint that the outermost document names; NULL: none, or out of memory. */
static const char *named_checkpoint(struct spec *s, const struct yaml *root)
{
    const struct yaml *checkpoint = yaml_get(root, "checkpoint");
    return checkpoint ? document_path_beside(&s->arena, root->at.file, checkpoint->text) : NULL;
}

/* Reads the chain, outermost first, and merges it, innermost first. */
static viv_status load_chain(struct spec *s, const char *path, const char *checkpoint, struct error *err)
{
    struct yaml *roots[MAX_CHAIN];
    struct stat seen[MAX_CHAIN];
    const struct yaml *use = NULL; /* what led here */
    uint32_t n = 0;
    char *next = strdup(path);
    viv_status status = next ? VIV_OK : error_nomem(err);
    while (status == VIV_OK && next) {
        status = refuse_circle(next, seen, n, use, err);
        if (status == VIV_OK)
            status = yaml_read(&s->arena, next, &roots[n], err);
        free(next);
        next = NULL;
        if (status == VIV_OK)
            status = check_version(roots[n], err);
        if (status == VIV_OK)
            status = document_check_keys(roots[n], IN_SPEC, err);
        if (status == VIV_OK)
            status = spec_refuse_acting(roots[n], err);
        if (status != VIV_OK)
            break;
        checkpoint = checkpoint ? checkpoint : named_checkpoint(s, roots[0]);
        use = yaml_get(roots[n++], "use");
        if (use && (status = choose_use(use, checkpoint, &use, err)) != VIV_OK)
            break;
        if (use && n == MAX_CHAIN)
            status = yaml_error(err, use->at, VIV_ELIMIT, "a chain of more than %d specs that use each other",
                                MAX_CHAIN);
        else if (use)
            status = resolve_use(s->world, use, &next, err);
    }
    free(next);
    if (status != VIV_OK)
        return status;
    s->at = roots[0]->at;
    s->title = word_of(roots[0], "title", NULL);
    s->source = word_of(roots[0], "source", NULL);
    for (uint32_t i = n; status == VIV_OK && i-- > 0;)
        status = merge(s, roots[i], i + 1 < n, err);
    return status;
}

static viv_status check_whole(const struct spec *s, struct error *err)
{
    if (!s->graph || !s->architecture)
        return yaml_error(err, s->at, VIV_EINVAL, "the key '%s' is missing, here and in what this file uses",
                          s->graph ? "architecture" : "graph");
    return VIV_OK;
}

viv_status document_load(const struct spec_world *world, const char *path, const char *checkpoint,
                         struct spec **out, struct error *err)
{
    struct spec *s = calloc(1, sizeof *s);
    if (!s)
        return error_nomem(err);
    s->world = world;
    if (world->defaults)
        s->settings = *world->defaults;
    else
        settings_init(&s->settings);
    const char *model = checkpoint ? checkpoint : path;
    size_t n = strlen(model);
    while (n > 1 && model[n - 1] == '/') /* "./dir/" is called "dir" */
        n--;
    const char *base = model + n;
    while (base > model && base[-1] != '/')
        base--;
    n -= (size_t)(base - model);
    if (!checkpoint && n > 5 && strcmp(base + n - 5, ".yaml") == 0)
        n -= 5;
    s->name = arena_strndup(&s->arena, base, n);
    s->path = arena_strdup(&s->arena, path);
    s->params = arena_array(&s->arena, MAX_PARAMS, sizeof *s->params);
    s->weights = arena_array(&s->arena, MAX_WEIGHTS, sizeof *s->weights);
    viv_status status = s->name && s->path && s->params && s->weights ? VIV_OK : error_nomem(err);
    if (status == VIV_OK)
        status = load_chain(s, path, checkpoint, err);
    if (status == VIV_OK)
        status = check_whole(s, err);
    if (status == VIV_OK)
        status = load_used(s, err);
    if (status == VIV_OK && checkpoint) {
        s->checkpoint = arena_strdup(&s->arena, checkpoint);
        status = s->checkpoint ? VIV_OK : error_nomem(err);
    }
    if (status == VIV_OK && s->mmproj && world->mmproj) {
        const bool none = strcmp(world->mmproj, "none") == 0;
        s->mmproj = none ? NULL : arena_strdup(&s->arena, world->mmproj);
        status = s->mmproj || none ? VIV_OK : error_nomem(err);
    }
    if (status == VIV_OK)
        status = spec_check(s, err);
    if (status != VIV_OK) {
        spec_close(s);
        return status;
    }
    *out = s;
    return VIV_OK;
}

void spec_close(struct spec *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->n_stacks; i++)
        spec_close(s->stacks[i].used);
    arena_release(&s->arena);
    free(s);
}

const char *spec_name(const struct spec *s)
{
    return s->name;
}

const char *spec_path(const struct spec *s)
{
    return s->path;
}

const char *spec_mmproj(const struct spec *s)
{
    return s->mmproj;
}

const char *spec_title(const struct spec *s)
{
    return s->title;
}

const char *spec_source(const struct spec *s)
{
    return s->source;
}

const char *spec_family(const struct spec *s)
{
    return s->family ? s->family : s->name;
}

const char *spec_architecture(const struct spec *s)
{
    return s->architecture;
}

const char *spec_active(const struct spec *s)
{
    return s->active ? s->active : "all";
}

const struct spec_settings *spec_settings(const struct spec *s)
{
    return &s->settings;
}

const char *spec_checkpoint(const struct spec *s)
{
    return s->checkpoint;
}

const char *const *spec_adapters(const struct spec *s, uint32_t *n)
{
    *n = s->n_adapters;
    return s->adapters;
}

/* The only name of a weight in files of this naming; NULL: it has several, none, or one for each layer. */
static const char *only_name(const struct weight_entry *w, const char *naming)
{
    const struct yaml *names = yaml_get(w->body, naming);
    return names && names->kind == YAML_SCALAR && !strchr(names->text, '{') ? names->text : NULL;
}

bool spec_tie(const struct spec *s, const char *naming, uint32_t *i, struct tie *out)
{
    while (*i < s->n_weights) {
        const struct weight_entry *w = &s->weights[(*i)++];
        const struct yaml *otherwise = yaml_get(w->body, "else");
        const struct weight_entry *other = otherwise ? spec_weight(s, otherwise->text) : NULL;
        if (!other || !only_name(w, naming) || !only_name(other, naming))
            continue;
        *out = (struct tie){w->key, only_name(w, naming), other->key, only_name(other, naming)};
        return true;
    }
    return false;
}
