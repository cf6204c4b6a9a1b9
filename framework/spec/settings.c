/* settings.c - see settings.h. */
#include "spec/settings.h"

#include "base/file.h"
#include "spec/document.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct setting {
    const char *key;
    bool sampling; /* a key of `sampling` */
    enum { SET_FLOAT, SET_INT, SET_WORD, SET_PATH, SET_MODEL } kind;
    size_t offset;
    double min, max;
} settings[] = {
#define PLACE(field) offsetof(struct spec_settings, field)
    {"context", false, SET_INT, PLACE(context), 1, 1 << 30},
    {"threads", false, SET_INT, PLACE(threads), 0, 1024},
    {"scheduler", false, SET_WORD, PLACE(scheduler), 0, 0},
    {"system", false, SET_WORD, PLACE(system), 0, 0},
    {"chat_template", false, SET_PATH, PLACE(chat_template), 0, 0},
    {"draft", false, SET_MODEL, PLACE(draft), 0, 0},
    {"grammar", false, SET_PATH, PLACE(grammar), 0, 0},
    {"repack_cache", false, SET_FLOAT, PLACE(repack_cache), 0, 1e6}, /* a key of defaults.yaml alone */
    {"temperature", true, SET_FLOAT, PLACE(temperature), 0, 100},
    {"top_k", true, SET_INT, PLACE(top_k), 0, INT32_MAX},
    {"top_p", true, SET_FLOAT, PLACE(top_p), 0, 1},
    {"min_p", true, SET_FLOAT, PLACE(min_p), 0, 1},
    {"typical_p", true, SET_FLOAT, PLACE(typical_p), 0, 1},
    {"repetition_penalty", true, SET_FLOAT, PLACE(repetition_penalty), 1e-3, 1e3},
    {"presence_penalty", true, SET_FLOAT, PLACE(presence_penalty), -100, 100},
    {"frequency_penalty", true, SET_FLOAT, PLACE(frequency_penalty), -100, 100},
    {"seed", true, SET_INT, PLACE(seed), -1, 9e18},
    {"max_tokens", true, SET_INT, PLACE(max_tokens), -1, 1e15},
#undef PLACE
};
enum { LARGEST_DEFAULTS = 1 << 20, N_SETTINGS = sizeof settings / sizeof *settings };

void settings_init(struct spec_settings *s)
{
    *s = (struct spec_settings){0};
    for (size_t i = 0; i < N_SETTINGS; i++) {
        if (settings[i].kind == SET_FLOAT)
            *(double *)((char *)s + settings[i].offset) = (double)NAN;
        else if (settings[i].kind == SET_INT)
            *(int64_t *)((char *)s + settings[i].offset) = SETTING_NONE;
    }
}

static viv_status set_number(struct spec_settings *s, const struct setting *to, const struct yaml *v,
                             struct error *err)
{
    char *end;
    errno = 0;
    const double x = v->kind == YAML_SCALAR ? strtod(v->text, &end) : NAN;
    const bool is_number = v->kind == YAML_SCALAR && end != v->text && *end == '\0' && isfinite(x);
    if (!is_number || x < to->min || x > to->max || (to->kind == SET_INT && x != floor(x)))
        return yaml_error(err, v->at, VIV_EINVAL, "'%s': expected %s from %.10g to %.10g, found %s", to->key,
                          to->kind == SET_INT ? "a whole number" : "a number", to->min, to->max,
                          v->kind == YAML_SCALAR ? v->text : yaml_kind_name(v));
    if (to->kind == SET_FLOAT)
        *(double *)((char *)s + to->offset) = x;
    else
        *(int64_t *)((char *)s + to->offset) = strtoll(v->text, NULL, 10);
    return VIV_OK;
}

const char *settings_model_beside(struct arena *arena, const char *from, const char *name)
{
    const char *path = document_path_beside(arena, from, name);
    return path && !strchr(name, '/') && !file_exists(path) ? arena_strdup(arena, name) : path;
}

static viv_status set_text(struct spec_settings *s, const struct setting *to, const struct yaml *v,
                           struct arena *arena, struct error *err)
{
    const char *text = to->kind == SET_PATH    ? document_path_beside(arena, v->at.file, v->text)
                       : to->kind == SET_MODEL ? settings_model_beside(arena, v->at.file, v->text)
                                               : arena_strdup(arena, v->text);
    *(const char **)((char *)s + to->offset) = text;
    return text ? VIV_OK : error_nomem(err);
}

static viv_status set_words(const struct yaml *words, struct arena *arena, const char *const **out, uint32_t *n_out,
                            struct error *err)
{
    const uint32_t n = yaml_count(words);
    const char **list = arena_array(arena, n + 1, sizeof *list);
    for (uint32_t i = 0; list && i < n; i++)
        if (!(list[i] = arena_strdup(arena, yaml_item(words, i)->text)))
            return error_nomem(err);
    *out = list;
    *n_out = n;
    return list ? VIV_OK : error_nomem(err);
}

viv_status settings_merge(struct spec_settings *s, const struct yaml *root, struct arena *arena, struct error *err)
{
    const struct yaml *sampling = yaml_get(root, "sampling"), *stop = yaml_get(sampling, "stop");
    viv_status status = sampling ? document_check_keys(sampling, IN_SAMPLING, err) : VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < N_SETTINGS; i++) {
        const struct yaml *v = yaml_get(settings[i].sampling ? sampling : root, settings[i].key);
        if (v && settings[i].kind <= SET_INT)
            status = set_number(s, &settings[i], v, err);
        else if (v)
            status = set_text(s, &settings[i], v, arena, err);
    }
    if (status == VIV_OK && stop)
        status = set_words(stop, arena, &s->stop, &s->n_stop, err);
    const struct yaml *plugins = yaml_get(root, "plugins"); /* only in defaults.yaml: a spec may be from anywhere */
    if (status == VIV_OK && plugins)
        status = document_check_keys(plugins, IN_PLUGINS, err);
    const struct yaml *allowed = yaml_get(plugins, "allow_threads");
    if (status == VIV_OK && allowed)
        status = set_words(allowed, arena, &s->allow_threads, &s->n_allow_threads, err);
    return status;
}

/* Only blank lines and comments. */
static bool says_nothing(const char *text)
{
    while (*text) {
        text += strspn(text, " \t\r\n");
        if (*text && *text != '#')
            return false;
        text += strcspn(text, "\n");
    }
    return true;
}

viv_status spec_read_defaults(const char *path, struct arena *arena, struct spec_settings *out, struct error *err)
{
    struct yaml *root;
    struct buf text = {0};
    settings_init(out);
    viv_status status = file_read(path, LARGEST_DEFAULTS, &text, err);
    if (status != VIV_OK || says_nothing(buf_text(&text))) {
        buf_release(&text);
        return status;
    }
    status = yaml_parse(arena, path, text.data, text.size, &root, err);
    buf_release(&text);
    if (status == VIV_OK)
        status = document_check_keys(root, IN_DEFAULTS, err);
    return status == VIV_OK ? settings_merge(out, root, arena, err) : status;
}
