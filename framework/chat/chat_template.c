/* chat_template.c - finds the chat template and the special tokens of a checkpoint.
 *
 * As in transformers 5, all templates come from one place, and an earlier place hides later ones. Special tokens
 * come from tokenizer_config.json. special_tokens_map.json has precedence, but is read only if
 * tokenizer_config.json has no added_tokens_decoder. */
#include "chat/chat.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CONFIG = 16 << 20, MAX_TEMPLATE = 4 << 20, MAX_TEMPLATES = 1000 };

/* The folder of a checkpoint, malloc'ed; NULL when memory is out. */
static char *folder_of(const struct checkpoint *c)
{
    const char *base = path_base(c->path);
    if (file_is_dir(c->path))
        return strdup(c->path);
    return base == c->path ? strdup(".") : strndup(c->path, (size_t)(base - c->path));
}

struct search {
    const struct checkpoint *c;
    char *folder;
    json_t *config; /* tokenizer_config.json, or NULL */
    json_t *all;    /* the templates by name: {"text": ..., "where": ...} */
    struct chat_template *out;
    struct error *err;
};

/* --- templates ----------------------------------------------------------------------------------------------- */

/* Adds a template; `where` is its name in errors. */
static viv_status add(struct search *s, const char *name, const char *text, size_t n, const char *where)
{
    json_t *known = json_stringn(text, n);
    if (!known)
        return error_set(s->err, VIV_EFORMAT, "%s: the template is not UTF-8", where);
    json_t *one = json_pack("{s:o, s:s}", "text", known, "where", where);
    return json_object_set_new(s->all, name, one) == 0 ? VIV_OK : error_nomem(s->err);
}

static viv_status add_file(struct search *s, const char *name, const char *path)
{
    struct buf text = {0};
    viv_status status = file_read(path, MAX_TEMPLATE, &text, s->err);
    if (status == VIV_OK)
        status = add(s, name, buf_text(&text), text.size, path);
    buf_release(&text);
    return status;
}

/* The user's own file, which may be a pipe. */
static viv_status add_input(struct search *s, const char *path)
{
    struct buf text = {0};
    viv_status status = file_read_input(path, MAX_TEMPLATE, &text, s->err);
    if (status == VIV_OK)
        status = add(s, "default", buf_text(&text), text.size, file_input_name(path));
    buf_release(&text);
    return status;
}

static viv_status add_folder(struct search *s, const char *folder)
{
    static const char ending[] = ".jinja";
    viv_status status = VIV_OK;
    DIR *d = opendir(folder);
    struct dirent *e;
    while (d && status == VIV_OK && (e = readdir(d))) {
        const size_t n = strlen(e->d_name);
        if (n < sizeof ending || strcmp(e->d_name + n - (sizeof ending - 1), ending) != 0)
            continue;
        char *name = strndup(e->d_name, n - (sizeof ending - 1)), *path = path_join(folder, e->d_name);
        if (!name || !path)
            status = error_nomem(s->err);
        else if (json_object_size(s->all) >= MAX_TEMPLATES)
            status = error_set(s->err, VIV_ELIMIT, "%s holds more than %d templates", folder, MAX_TEMPLATES);
        else
            status = add_file(s, name, path);
        free(name);
        free(path);
    }
    if (d)
        closedir(d);
    return status;
}

/* chat_template.jinja and additional_chat_templates/NAME.jinja */
static viv_status add_files(struct search *s)
{
    char *path = path_join(s->folder, "chat_template.jinja"),
         *more = path_join(s->folder, "additional_chat_templates");
    viv_status status = path && more ? VIV_OK : error_nomem(s->err);
    if (status == VIV_OK)
        status = add_folder(s, more);
    if (status == VIV_OK && file_exists(path))
        status = add_file(s, "default", path);
    free(path);
    free(more);
    return status;
}

static viv_status add_named(struct search *s, const char *name, const json_t *text, const char *file)
{
    char *where = NULL;
    if (!name || !json_is_string(text))
        return error_set(s->err, VIV_EFORMAT, "%s: chat_template: expected templates by name, found %s", file,
                         name ? json_kind(text) : "one without a name");
    if (asprintf(&where, "%s: chat_template%s%s", file, strcmp(name, "default") == 0 ? "" : ": ",
                 strcmp(name, "default") == 0 ? "" : name) < 0)
        return error_nomem(s->err);
    viv_status status = add(s, name, json_string_value(text), json_string_length(text), where);
    free(where);
    return status;
}

/* "chat_template": a text, {"default": "...", "tool_use": "..."} or [{"name": ..., "template": ...}, ...] */
static viv_status add_config(struct search *s, json_t *config, const char *file)
{
    json_t *value = json_object_get(config, "chat_template"), *one;
    viv_status status = VIV_OK;
    const char *name;
    size_t i;
    if (json_is_string(value))
        return add_named(s, "default", value, file);
    json_array_foreach(value, i, one)
    {
        if (status == VIV_OK)
            status = add_named(s, json_string_value(json_object_get(one, "name")), json_object_get(one, "template"),
                               file);
    }
    json_object_foreach(value, name, one)
    {
        if (status == VIV_OK)
            status = add_named(s, name, one, file);
    }
    return status;
}

/* chat_template.json, as older processors have it */
static viv_status add_processor(struct search *s)
{
    char *path = path_join(s->folder, "chat_template.json");
    json_t *config = NULL;
    viv_status status = path ? VIV_OK : error_nomem(s->err);
    if (path && file_exists(path)) {
        status = json_read(path, MAX_CONFIG, &config, s->err);
        if (status == VIV_OK)
            status = add_config(s, config, path);
    }
    json_decref(config);
    free(path);
    return status;
}

/* tokenizer.chat_template, and tokenizer.chat_template.NAME for a name that may be wanted */
static viv_status add_gguf(struct search *s, const char *name)
{
    char key[256];
    const bool named = strcmp(name, "default") != 0;
    snprintf(key, sizeof key, "tokenizer.chat_template%s%.200s", named ? "." : "", named ? name : "");
    const struct meta m = checkpoint_meta(s->c, key);
    char *where = NULL;
    if (m.kind != META_STRING)
        return VIV_OK;
    if (asprintf(&where, "%s: %s", s->c->path, key) < 0)
        return error_nomem(s->err);
    viv_status status = add(s, name, m.s, m.n, where);
    free(where);
    return status;
}

static viv_status add_all(struct search *s, const char *name)
{
    viv_status status = VIV_OK;
    if (checkpoint_is_gguf(s->c)) {
        const char *const names[] = {"default", "tool_use", name};
        for (size_t i = 0; status == VIV_OK && i < 3; i++)
            status = names[i] ? add_gguf(s, names[i]) : VIV_OK;
        return status;
    }
    status = add_files(s);
    if (status == VIV_OK && json_object_size(s->all) == 0)
        status = add_processor(s);
    if (status == VIV_OK && json_object_size(s->all) == 0)
        status = add_config(s, s->config, "tokenizer_config.json");
    return status;
}

static viv_status miss(struct search *s, const char *name)
{
    const char *places = checkpoint_is_gguf(s->c)
                             ? "tokenizer.chat_template is not among its metadata"
                             : "chat_template.jinja, additional_chat_templates, chat_template.json and the "
                               "chat_template of tokenizer_config.json were looked for";
    struct buf names = {0};
    const char *known;
    json_t *one;
    json_object_foreach(s->all, known, one) buf_printf(&names, "%s%s", names.size ? ", " : "", known);
    viv_status status =
        names.failed ? error_nomem(s->err)
        : !names.size
            ? error_set(s->err, VIV_ENOTFOUND,
                        "%s has no chat template (%s): it continues texts, and was not made for conversations",
                        s->c->path, places)
        : name ? error_set(s->err, VIV_ENOTFOUND, "%s has no chat template called '%s'; it has %s", s->c->path,
                           name, buf_text(&names))
               : error_set(s->err, VIV_ENOTFOUND,
                           "%s has several chat templates and no default: name one (--template-name): %s",
                           s->c->path, buf_text(&names));
    buf_release(&names);
    return status;
}

static viv_status choose(struct search *s, const char *name, bool has_tools)
{
    json_t *one = name ? json_object_get(s->all, name) : has_tools ? json_object_get(s->all, "tool_use") : NULL;
    if (!one && !name)
        one = json_object_get(s->all, "default");
    if (!one)
        return miss(s, name);
    const json_t *text = json_object_get(one, "text");
    s->out->where = strdup(json_string_value(json_object_get(one, "where")));
    return s->out->where && buf_append(&s->out->source, json_string_value(text), json_string_length(text))
               ? VIV_OK
               : error_nomem(s->err);
}

/* --- special tokens ------------------------------------------------------------------------------------------ */

static const char *const token_names[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                          "pad_token", "cls_token", "mask_token"};

/* "<s>", or {"content": "<s>", ...}; else NULL */
static json_t *token_text(json_t *v)
{
    v = json_is_object(v) ? json_object_get(v, "content") : v;
    return json_is_string(v) ? v : NULL;
}

static viv_status put_token(struct search *s, const char *name, json_t *text)
{
    return json_object_set_new(s->out->tokens, name, text) == 0 ? VIV_OK : error_nomem(s->err);
}

/* All keys that end in _token, and the members of extra_special_tokens where that is an object. */
static viv_status tokens_of(struct search *s, json_t *config)
{
    viv_status status = VIV_OK;
    const char *name;
    json_t *v;
    json_object_foreach(config, name, v)
    {
        if (status != VIV_OK || !text_ends_in(name, "_token"))
            continue;
        if (json_is_null(v))
            json_object_del(s->out->tokens, name);
        else if (token_text(v))
            status = put_token(s, name, json_incref(token_text(v)));
    }
    json_object_foreach(json_object_get(config, "extra_special_tokens"), name, v)
    {
        if (status == VIV_OK && token_text(v))
            status = put_token(s, name, json_incref(token_text(v)));
    }
    return status;
}

/* Special tokens of a tokenizer class, for checkpoints whose files do not say; NULL: none. Only classes of chat
 * models are listed. */
static viv_status tokens_of_class(struct search *s)
{
    static const struct {
        const char *class;
        const char *tokens[7]; /* as token_names */
    } classes[] = {{"LlamaTokenizer", {"<s>", "</s>", "<unk>"}},
                   {"CodeLlamaTokenizer", {"<s>", "</s>", "<unk>"}},
                   {"GemmaTokenizer", {"<bos>", "<eos>", "<unk>", NULL, "<pad>", NULL, "<mask>"}},
                   {"GPT2Tokenizer", {"<|endoftext|>", "<|endoftext|>", "<|endoftext|>"}},
                   {"GPTNeoXTokenizer", {"<|endoftext|>", "<|endoftext|>", "<|endoftext|>", NULL, "<|padding|>"}},
                   {"Qwen2Tokenizer", {NULL, "<|endoftext|>", "<|endoftext|>", NULL, "<|endoftext|>"}},
                   {"CohereTokenizer",
                    {"<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>", "<UNK>", "<SEP>", "<PAD>", "<CLS>", "<MASK_TOKEN>"}}};
    const char *class = json_string_value(json_object_get(s->config, "tokenizer_class"));
    viv_status status = VIV_OK;
    for (size_t i = 0; class && i < sizeof classes / sizeof *classes; i++) {
        const size_t n = strlen(classes[i].class);
        if (strncmp(class, classes[i].class, n) != 0 || (class[n] && strcmp(class + n, "Fast") != 0))
            continue;
        for (size_t k = 0; status == VIV_OK && k < sizeof token_names / sizeof *token_names; k++)
            if (classes[i].tokens[k])
                status = put_token(s, token_names[k], json_string(classes[i].tokens[k]));
    }
    return status;
}

static viv_status tokens_of_folder(struct search *s)
{
    json_t *map = NULL;
    viv_status status = tokens_of_class(s);
    if (status == VIV_OK)
        status = tokens_of(s, s->config);
    if (status == VIV_OK && !json_object_get(s->config, "added_tokens_decoder"))
        status = json_read_in(s->folder, "special_tokens_map.json", MAX_CONFIG, &map, s->err);
    if (status == VIV_OK)
        status = tokens_of(s, map);
    json_decref(map);
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
            checkpoint_meta_int(&m, &id) && id >= 0 && id <= INT32_MAX ? tokenizer_piece(t, (int32_t)id) : NULL;
        if (piece)
            status = put_token(s, token_names[i], json_string(piece));
    }
    return status;
}

/* --- both ---------------------------------------------------------------------------------------------------- */

viv_status chat_template_open(const struct checkpoint *c, const struct tokenizer *t, const char *file,
                              const char *name, bool has_tools, struct chat_template *out, struct error *err)
{
    *out = (struct chat_template){.tokens = json_object()};
    struct search s = {.c = c, .folder = folder_of(c), .all = json_object(), .out = out, .err = err};
    json_t *config = NULL;
    viv_status status = out->tokens && s.all && s.folder ? VIV_OK : error_nomem(err);
    if (status == VIV_OK && !checkpoint_is_gguf(c))
        status = json_read_in(s.folder, "tokenizer_config.json", MAX_CONFIG, &config, err);
    s.config = config;
    if (status == VIV_OK)
        status = file ? add_input(&s, file) : add_all(&s, name);
    if (status == VIV_OK)
        status = choose(&s, file ? NULL : name, has_tools);
    if (status == VIV_OK)
        status = checkpoint_is_gguf(c) ? tokens_of_gguf(&s, t) : tokens_of_folder(&s);
    json_decref(config);
    json_decref(s.all);
    free(s.folder);
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
