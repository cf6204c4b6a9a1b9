#include "text/chat.h"

#include "base/file.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CONFIG = 16 << 20, MAX_TEMPLATE = 4 << 20 };

static const char *const token_names[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                          "pad_token", "cls_token", "mask_token"};

/* The folder of a checkpoint, malloc'ed; NULL when memory is out. */
static char *folder_of(const struct checkpoint *c)
{
    const char *base = path_base(c->path);
    if (file_is_dir(c->path))
        return strdup(c->path);
    return base == c->path ? strdup(".") : strndup(c->path, (size_t)(base - c->path));
}

/* --- where it lies ------------------------------------------------------------------------------------------- */

struct search {
    const struct checkpoint *c;
    char *folder;
    json_t *config; /* tokenizer_config.json, or NULL */
    struct chat_template *out;
    struct error *err;
};

static viv_status found(struct search *s, const char *text, size_t n, const char *file, const char *key)
{
    if (asprintf(&s->out->where, "%s%s%s", file, key ? ": " : "", key ? key : "") < 0) {
        s->out->where = NULL;
        return error_nomem(s->err);
    }
    return buf_append(&s->out->source, text, n) ? VIV_OK : error_nomem(s->err);
}

static viv_status from_path(struct search *s, const char *path)
{
    struct buf text = {0};
    viv_status status = file_read(path, MAX_TEMPLATE, &text, s->err);
    if (status == VIV_OK)
        status = found(s, buf_text(&text), text.size, path, NULL);
    buf_release(&text);
    return status;
}

/* The user's own file, which may be a pipe. */
static viv_status from_input(struct search *s, const char *path)
{
    struct buf text = {0};
    viv_status status = file_read_input(path, MAX_TEMPLATE, &text, s->err);
    if (status == VIV_OK)
        status = found(s, buf_text(&text), text.size, file_input_name(path), NULL);
    buf_release(&text);
    return status;
}

/* The file of a template by itself; VIV_ENOTFOUND where it is not. */
static viv_status from_file(struct search *s, const char *name)
{
    char *path = path_join(s->folder, name);
    if (!path)
        return error_nomem(s->err);
    viv_status status = file_exists(path) ? from_path(s, path) : VIV_ENOTFOUND;
    free(path);
    return status;
}

static viv_status from_named_file(struct search *s, const char *name)
{
    char *path = NULL;
    if (strcmp(name, "default") == 0)
        return from_file(s, "chat_template.jinja");
    if (strchr(name, '/') || name[0] == '.')
        return error_set(s->err, VIV_EINVAL, "'%s' is no name of a template", name);
    if (asprintf(&path, "chat_templates/%s.jinja", name) < 0)
        return error_nomem(s->err);
    viv_status status = from_file(s, path);
    free(path);
    return status;
}

/* "chat_template": a text, or [{"name": ..., "template": ...}, ...] */
static viv_status from_config(struct search *s, json_t *config, const char *file, const char *name)
{
    json_t *value = json_object_get(config, "chat_template"), *one;
    size_t i;
    if (json_is_string(value) && strcmp(name, "default") == 0)
        return found(s, json_string_value(value), json_string_length(value), file, "chat_template");
    json_array_foreach(value, i, one)
    {
        const char *called = json_string_value(json_object_get(one, "name"));
        json_t *text = json_object_get(one, "template");
        if (called && json_is_string(text) && strcmp(called, name) == 0)
            return found(s, json_string_value(text), json_string_length(text), file, name);
    }
    return VIV_ENOTFOUND;
}

static viv_status from_processor(struct search *s, const char *name)
{
    char *path = path_join(s->folder, "chat_template.json");
    json_t *config = NULL;
    viv_status status = path ? VIV_ENOTFOUND : error_nomem(s->err);
    if (path && file_exists(path)) {
        status = json_read(path, MAX_CONFIG, &config, s->err);
        if (status == VIV_OK)
            status = from_config(s, config, path, name);
    }
    json_decref(config);
    free(path);
    return status;
}

static viv_status from_gguf(struct search *s, const char *name)
{
    char key[256];
    bool named = strcmp(name, "default") != 0;
    snprintf(key, sizeof key, "tokenizer.chat_template%s%.200s", named ? "." : "", named ? name : "");
    const struct meta m = checkpoint_meta(s->c, key);
    return m.kind == META_STRING ? found(s, m.s, m.n, s->c->path, key) : VIV_ENOTFOUND;
}

static viv_status look_for(struct search *s, const char *name)
{
    if (checkpoint_is_gguf(s->c))
        return from_gguf(s, name);
    viv_status status = from_named_file(s, name);
    if (status == VIV_ENOTFOUND)
        status = from_processor(s, name);
    if (status == VIV_ENOTFOUND)
        status = from_config(s, s->config, "tokenizer_config.json", name);
    return status;
}

static viv_status look(struct search *s, const char *name, bool has_tools)
{
    viv_status status = VIV_ENOTFOUND;
    if (name)
        status = look_for(s, name);
    else if (has_tools)
        status = look_for(s, "tool_use");
    if (!name && status == VIV_ENOTFOUND)
        status = look_for(s, "default");
    if (status != VIV_ENOTFOUND)
        return status;
    const char *places = checkpoint_is_gguf(s->c)
                             ? "tokenizer.chat_template is not among its metadata"
                             : "chat_template.jinja, chat_template.json and the chat_template of "
                               "tokenizer_config.json were looked for";
    return name ? error_set(s->err, VIV_ENOTFOUND, "%s has no chat template called '%s': %s", s->c->path, name,
                            places)
                : error_set(s->err, VIV_ENOTFOUND,
                            "%s has no chat template (%s): it continues texts, and was not made for conversations",
                            s->c->path, places);
}

/* --- special tokens ------------------------------------------------------------------------------------------ */

static viv_status put_token(struct search *s, const char *name, json_t *text)
{
    return json_object_set_new(s->out->tokens, name, text) == 0 ? VIV_OK : error_nomem(s->err);
}

/* "<s>", or {"content": "<s>", ...}; lists of such are further special tokens */
static viv_status tokens_of(struct search *s, json_t *config)
{
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < sizeof token_names / sizeof *token_names; i++) {
        json_t *v = json_object_get(config, token_names[i]);
        v = json_is_object(v) ? json_object_get(v, "content") : v;
        if (json_is_string(v))
            status = put_token(s, token_names[i], json_incref(v));
    }
    return status;
}

static viv_status tokens_of_folder(struct search *s)
{
    json_t *map = NULL;
    char *path = path_join(s->folder, "special_tokens_map.json");
    viv_status status = path ? VIV_OK : error_nomem(s->err);
    if (path && file_exists(path))
        status = json_read(path, MAX_CONFIG, &map, s->err);
    if (status == VIV_OK)
        status = tokens_of(s, map);
    if (status == VIV_OK)
        status = tokens_of(s, s->config);
    json_decref(map);
    free(path);
    return status;
}

static viv_status tokens_of_gguf(struct search *s, const struct tokenizer *t)
{
    static const char *const keys[] = {"bos", "eos", "unknown", "seperator", "padding", "cls", "mask"};
    viv_status status = VIV_OK;
    for (size_t i = 0; t && status == VIV_OK && i < sizeof token_names / sizeof *token_names; i++) {
        char key[64];
        int64_t id;
        snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", keys[i]);
        const struct meta m = checkpoint_meta(s->c, key);
        const char *piece =
            meta_int(&m, &id) && id >= 0 && id <= INT32_MAX ? tokenizer_piece(t, (int32_t)id) : NULL;
        if (piece)
            status = put_token(s, token_names[i], json_string(piece));
    }
    return status;
}

viv_status chat_template_open(const struct checkpoint *c, const struct tokenizer *t, const char *file,
                              const char *name, bool has_tools, struct chat_template *out, struct error *err)
{
    *out = (struct chat_template){.tokens = json_object()};
    struct search s = {.c = c, .folder = folder_of(c), .out = out, .err = err};
    char *path = s.folder ? path_join(s.folder, "tokenizer_config.json") : NULL;
    viv_status status = out->tokens && path ? VIV_OK : error_nomem(err);
    if (status == VIV_OK && !checkpoint_is_gguf(c) && file_exists(path))
        status = json_read(path, MAX_CONFIG, &s.config, err);
    if (status == VIV_OK)
        status = file ? from_input(&s, file) : look(&s, name, has_tools);
    if (status == VIV_OK)
        status = checkpoint_is_gguf(c) ? tokens_of_gguf(&s, t) : tokens_of_folder(&s);
    json_decref(s.config);
    free(s.folder);
    free(path);
    if (status != VIV_OK)
        chat_template_close(out);
    return status;
}

void chat_template_close(struct chat_template *t)
{
    buf_release(&t->source);
    free(t->where);
    json_decref(t->tokens);
    *t = (struct chat_template){0};
}

viv_status chat_render(const struct chat_template *t, const struct template_options *options, json_t *data,
                       struct buf *out, struct error *err)
{
    struct template_options named = *options;
    json_notice_memory();
    json_t *all = json_copy(data);
    named.name = t->where;
    json_t *usual = json_pack("{s:n, s:n}", "tools", "documents");
    const bool whole = all && usual && json_object_update_missing(all, t->tokens) == 0 &&
                       json_object_update_missing(all, usual) == 0;
    json_decref(usual);
    if (!whole || json_lost_something()) {
        json_decref(all);
        return error_nomem(err);
    }
    viv_status status = template_render(&named, buf_text(&t->source), t->source.size, all, out, err);
    json_decref(all);
    return status;
}

viv_status chat_render_messages(const struct chat_template *t, json_t *messages, json_t *variables, bool answers,
                                struct buf *out, struct error *err)
{
    const struct template_options how = {.values = TEMPLATE_PYTHON};
    json_notice_memory();
    json_t *data = json_pack("{s:O, s:b}", "messages", messages, "add_generation_prompt", answers);
    const bool whole = data && (!variables || json_object_update_missing(data, variables) == 0);
    viv_status status = whole && !json_lost_something() ? chat_render(t, &how, data, out, err) : error_nomem(err);
    json_decref(data);
    return status;
}

viv_status chat_render_turn(const struct chat_template *t, const char *text, struct buf *out, struct error *err)
{
    if (!utf8_valid(text, strlen(text)))
        return error_set(err, VIV_EFORMAT, "a turn is not UTF-8");
    json_t *messages = json_pack("[{s:s, s:s}]", "role", "user", "content", text);
    viv_status status = messages ? chat_render_messages(t, messages, NULL, true, out, err) : error_nomem(err);
    json_decref(messages);
    return status;
}

viv_status chat_turn_end(const struct chat_template *t, const struct tokenizer *tokenizer, json_t *variables,
                         int32_t *id, struct error *err)
{
    static const char mark[] = "Vivarium";
    struct buf text = {0};
    struct token_ids ids = {0};
    struct error refused;
    json_t *messages = json_pack("[{s:s, s:s}, {s:s, s:s}]", "role", "user", "content", "Hello", "role",
                                 "assistant", "content", mark);
    viv_status status = messages ? VIV_OK : error_nomem(err);
    *id = -1;
    if (status == VIV_OK && chat_render_messages(t, messages, variables, false, &text, &refused) == VIV_OK) {
        const char *behind = NULL;
        for (const char *at = buf_text(&text); (at = strstr(at, mark)); at += sizeof mark - 1)
            behind = at + sizeof mark - 1;
        if (behind)
            status = tokenizer_encode(tokenizer, behind, strlen(behind), TOKENIZER_PARSE_SPECIAL, &ids, err);
    } else if (status == VIV_OK && refused.status == VIV_ENOMEM) {
        status = error_nomem(err);
    }
    for (size_t i = 0; status == VIV_OK && i < ids.n && *id < 0; i++)
        if (tokenizer_is_special(tokenizer, ids.ids[i]))
            *id = ids.ids[i];
    token_ids_release(&ids);
    buf_release(&text);
    json_decref(messages);
    return status;
}
