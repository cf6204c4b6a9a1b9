/* acting.c - see acting.h. */
#include "spec/acting.h"

#include "base/text.h"
#include "spec/document.h"
#include "spec/settings.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- YAML as JSON ------------------------------------------------------------------------------------------- */

/* Plain scalars by YAML's core schema. */
static json_t *json_of_scalar(const struct yaml *y)
{
    char *end;
    if (y->quoted)
        return json_string(y->text);
    if (strcmp(y->text, "true") == 0 || strcmp(y->text, "false") == 0)
        return json_boolean(y->text[0] == 't');
    if (!*y->text || strcmp(y->text, "null") == 0 || strcmp(y->text, "~") == 0)
        return json_null();
    if (!strchr("+-.0123456789", y->text[0]))
        return json_string(y->text);
    errno = 0;
    const long long i = strtoll(y->text, &end, 10);
    if (!*end && errno == 0)
        return json_integer(i);
    const double x = strtod(y->text, &end);
    return !*end && isfinite(x) && !strpbrk(y->text, "xX") ? json_real(x) : json_string(y->text);
}

static json_t *json_of_yaml(const struct yaml *y)
{
    json_t *v = y->kind == YAML_SCALAR ? json_of_scalar(y) : y->kind == YAML_LIST ? json_array() : json_object();
    for (uint32_t i = 0; y->kind != YAML_SCALAR && i < y->n; i++) {
        json_t *item = json_of_yaml(y->items[i]);
        const int failed =
            y->kind == YAML_LIST ? json_array_append_new(v, item) : json_object_set_new(v, y->keys[i], item);
        if (failed) {
            json_decref(v);
            return NULL;
        }
    }
    return v;
}

/* --- checks ------------------------------------------------------------------------------------------------- */

/* Of each item of a mapping that is one itself; `map` may be NULL. */
static viv_status check_items(const struct yaml *map, enum key_context context, struct error *err)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; map && status == VIV_OK && i < map->n; i++)
        if (map->items[i]->kind == YAML_MAP)
            status = document_check_keys(map->items[i], context, err);
    return status;
}

/* Keys of models that compute. */
static viv_status check_top(const struct yaml *root, struct error *err)
{
    static const char *const known[] = {"viv",    "architecture", "title",   "source",  "use", "stages", "tools",
                                        "policy", "sandbox",      "browser", "desktop", "mcp", "memory", "limits"};
    for (uint32_t i = 0; i < root->n; i++) {
        bool is_known = strncmp(root->keys[i], "x-", 2) == 0;
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            is_known = is_known || strcmp(known[k], root->keys[i]) == 0;
        if (!is_known)
            return yaml_error(err, root->key_at[i], VIV_EINVAL,
                              "'%s' is no key of a spec with 'stages': a model that acts has other models compute",
                              root->keys[i]);
    }
    const struct yaml *use = yaml_get(root, "use");
    return !use || use->kind == YAML_SCALAR
               ? VIV_OK
               : yaml_error(err, use->at, VIV_EINVAL, "'use': expected the model of the stages, found %s",
                            yaml_kind_name(use));
}

static viv_status check(const struct yaml *root, struct error *err)
{
    const struct yaml *limits = yaml_get(root, "limits"), *browser = yaml_get(root, "browser"),
                      *desktop = yaml_get(root, "desktop"), *memory = yaml_get(root, "memory");
    viv_status status = check_top(root, err);
    if (status == VIV_OK)
        status = check_items(yaml_get(root, "stages"), IN_STAGE, err);
    if (status == VIV_OK && browser)
        status = document_check_keys(browser, IN_BROWSER, err);
    if (status == VIV_OK && desktop)
        status = document_check_keys(desktop, IN_DESKTOP, err);
    if (status == VIV_OK)
        status = check_items(yaml_get(root, "mcp"), IN_SERVER, err);
    if (status == VIV_OK && limits)
        status = document_check_keys(limits, IN_LIMITS, err);
    if (status == VIV_OK && memory)
        status = document_check_keys(memory, IN_MEMORY, err);
    return status;
}

/* --- models ------------------------------------------------------------------------------------------------- */

static viv_status resolve(struct arena *arena, const char *path, json_t *holder, struct error *err)
{
    const char *use = json_string_value(json_object_get(holder, "use"));
    const char *model = use ? settings_model_beside(arena, path, use) : NULL;
    return !use || (model && json_object_set_new(holder, "use", json_string(model)) == 0) ? VIV_OK
                                                                                          : error_nomem(err);
}

static viv_status convert(struct arena *arena, const char *path, const struct yaml *root, json_t **out,
                          struct error *err)
{
    const char *name;
    json_t *v = json_of_yaml(root), *stage;
    viv_status status = v ? resolve(arena, path, v, err) : error_nomem(err);
    if (status == VIV_OK && json_object_get(v, "memory"))
        status = resolve(arena, path, json_object_get(v, "memory"), err);
    json_object_foreach(json_object_get(v, "stages"), name, stage) if (status == VIV_OK) status =
        resolve(arena, path, stage, err);
    if (status == VIV_OK)
        *out = v;
    else
        json_decref(v);
    return status;
}

/* --- files -------------------------------------------------------------------------------------------------- */

static viv_status read_root(struct arena *arena, const char *path, struct yaml **root, struct error *err)
{
    const viv_status status = yaml_read(arena, path, root, err);
    return status == VIV_OK && (*root)->kind != YAML_MAP ? document_check_keys(*root, IN_SPEC, err) : status;
}

static viv_status read_acting(const char *path, json_t **out, struct error *err)
{
    struct arena arena = {0};
    struct yaml *root;
    json_t *found = NULL;
    viv_status status = read_root(&arena, path, &root, err);
    if (status == VIV_OK && yaml_get(root, "stages")) {
        status = document_check_keys(root, IN_SPEC, err);
        if (status == VIV_OK)
            status = check(root, err);
        if (status == VIV_OK)
            status = convert(&arena, path, root, &found, err);
    }
    arena_release(&arena);
    if (status == VIV_OK)
        *out = found;
    return status;
}

viv_status spec_read_acting(const struct spec_world *world, const char *model, json_t **out, struct error *err)
{
    char *path = NULL;
    *out = NULL;
    if (text_ends_in(model, ".yaml"))
        return read_acting(model, out, err);
    viv_status status = spec_is_path(model) ? VIV_ENOTFOUND : spec_find(world, model, NULL, &path, err);
    if (status == VIV_OK)
        status = read_acting(path, out, err);
    else if (status == VIV_ENOTFOUND) /* weights, or a name that whoever opens it complains about */
        status = VIV_OK;
    free(path);
    return status;
}

viv_status spec_read_answers(const char *path, char **out, char **dialect, struct error *err)
{
    struct arena arena = {0};
    struct yaml *root;
    char *found = NULL, *named = NULL;
    viv_status status = read_root(&arena, path, &root, err);
    const struct yaml *answers = status == VIV_OK ? yaml_get(root, "answers") : NULL,
                      *name = answers ? yaml_get(root, "dialect") : NULL;
    if (answers) {
        status = document_check_keys(root, IN_SPEC, err);
        const char *beside = status == VIV_OK ? document_path_beside(&arena, path, answers->text) : NULL;
        found = beside ? strdup(beside) : NULL;
        named = name ? strdup(name->text) : NULL;
        if (status == VIV_OK && (!found || (name && !named)))
            status = error_nomem(err);
    }
    arena_release(&arena);
    if (status == VIV_OK) {
        *out = found;
        *dialect = named;
    } else {
        free(found);
        free(named);
    }
    return status;
}

viv_status spec_refuse_acting(const struct yaml *root, struct error *err)
{
    if (yaml_get(root, "stages"))
        return yaml_error(err, root->at, VIV_EUNSUPPORTED, "a model that acts, which only `viv act` takes");
    if (yaml_get(root, "answers"))
        return yaml_error(err, root->at, VIV_EUNSUPPORTED,
                          "answers in place of a model, which only stages of models that act can use");
    if (yaml_get(root, "dialect"))
        return yaml_error(err, root->at, VIV_EINVAL,
                          "'dialect' is of 'answers': a model's own is found by its template");
    return VIV_OK;
}
