/* chat_commands.c - what begins with a slash in a conversation: by the names that chats of other programs have. */
#include "cli/chat.h"

#include "base/file.h"
#include "base/json.h"
#include "base/near.h"
#include "base/utf8.h"
#include "chat/picture_source.h"
#include "cli/input.h"
#include "engine/frame_folder.h"
#include "engine/pictures.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const uint64_t LONGEST_TURN = 64u << 20;

/* The word at *text of the returned length; *text goes on to what follows it. */
static const char *next_word(const char **text, size_t *n)
{
    const char *word = *text + strspn(*text, " \t");
    *n = strcspn(word, " \t\n");
    *text = word + *n + strspn(word + *n, " \t");
    return word;
}

static bool is_word(const char *word, size_t n, const char *expected)
{
    return strlen(expected) == n && memcmp(word, expected, n) == 0;
}

/* --- /set, /show --------------------------------------------------------------------------------------------- */

static viv_status show(struct chat *c, const char *text, struct error *err)
{
    struct request r;
    const viv_sampling *s = &r.sampling;
    const char *system = conversation_system(&c->conversation);
    viv_status status = chat_request(c, &r, err);
    (void)text;
    fprintf(stderr, "  model %s, context %" PRIu64 ", of which %zu are used\n", spec_name(model_spec(c->o->model)),
            model_context(c->o->model), c->conversation.session.text.n);
    fprintf(stderr, "  temp %g, top-k %" PRId32 ", top-p %g, min-p %g, typical-p %g, seed %" PRIu64 "\n",
            (double)s->temperature, s->top_k, (double)s->top_p, (double)s->min_p, (double)s->typical_p, s->seed);
    fprintf(stderr, "  repeat-penalty %g, presence-penalty %g, frequency-penalty %g, max-tokens %" PRId64 "\n",
            (double)s->repetition_penalty, (double)s->presence_penalty, (double)s->frequency_penalty,
            r.viv.max_tokens);
    if (system) {
        fputs("  system ", stderr);
        cli_print_safe(stderr, system, strlen(system));
        putc('\n', stderr);
    }
    request_release(&r);
    return status;
}

static viv_status set_system(struct chat *c, const char *text, struct error *err)
{
    return conversation_set_system(&c->conversation, text, err);
}

static viv_status set_option(struct chat *c, const char *name, size_t n, const char *value, struct error *err)
{
    const struct option *o = option_find(sampling_options, name, n);
    char *copy = NULL;
    if (!o)
        return error_set(err, VIV_EINVAL, "'%.*s' cannot be set: /help lists what can", (int)(n < 64 ? n : 64),
                         name);
    if (strcmp(o->name, "draft") == 0)
        return error_set(err, VIV_EINVAL, "the draft is chosen when the chat begins, with --draft");
    if ((o->kind == OPTION_FLAG) != !*value)
        return error_set(err, VIV_EINVAL, "/set %s: expected %s", o->name, o->value ? o->value : "no value");
    if (!VEC_RESERVE(c->owned.items, c->owned.n, c->owned.capacity) || !(copy = strdup(value)))
        return error_nomem(err);
    c->owned.items[c->owned.n++] = copy;
    viv_status status = option_set(o, copy, &c->options->speaking, err);
    if (status == VIV_OK && strcmp(o->name, "seed") == 0)
        c->seed = c->options->speaking.seed;
    return status;
}

/* NAME VALUE of an option, as on the command line; ollama's words, too. */
static viv_status set(struct chat *c, const char *text, struct error *err)
{
    size_t n;
    const char *name = next_word(&text, &n);
    if (is_word(name, n, "parameter"))
        name = next_word(&text, &n);
    if (n == 0)
        return show(c, text, err);
    if (is_word(name, n, "system"))
        return set_system(c, text, err);
    if (is_word(name, n, "verbose") || is_word(name, n, "quiet"))
        c->options->verbose = *name == 'v';
    else if (is_word(name, n, "history") || is_word(name, n, "nohistory"))
        lines_keep(c->lines, *name == 'h');
    else
        return set_option(c, name, n, text, err);
    return VIV_OK;
}

/* --- the others ---------------------------------------------------------------------------------------------- */

static viv_status clear(struct chat *c, const char *text, struct error *err)
{
    (void)text;
    (void)err;
    conversation_clear(&c->conversation);
    fputs("viv: the conversation begins anew\n", stderr);
    return VIV_OK;
}

static viv_status regenerate(struct chat *c, const char *text, struct error *err)
{
    (void)text;
    return chat_regenerate(c, err);
}

static viv_status result(struct chat *c, const char *text, struct error *err)
{
    return chat_result(c, text, strlen(text), err);
}

static viv_status read_turn(struct chat *c, const char *path, struct error *err)
{
    struct buf text = {0};
    if (!*path || strcmp(path, "-") == 0)
        return error_set(err, VIV_EINVAL, "/read: expected the name of a file");
    viv_status status = cli_read_input(path, LONGEST_TURN, &text, err);
    if (status == VIV_OK && text.size == 0)
        status = error_set(err, VIV_EINVAL, "%s: there is no text in it", path);
    if (status == VIV_OK && (!utf8_valid(buf_text(&text), text.size) || memchr(buf_text(&text), '\0', text.size)))
        status = error_set(err, VIV_EFORMAT, "%s is not UTF-8, or holds the byte 0", path);
    if (status == VIV_OK)
        status = chat_turn(c, buf_text(&text), text.size, err);
    buf_release(&text);
    return status;
}

/* --- pictures ------------------------------------------------------------------------------------------------ */

/* A path as terminals and file managers paste it: between quotes, or with backslashes; spaces around it are left
 * out. */
static bool unquote(const char *text, struct buf *path)
{
    size_t n = strcspn(text, "\n");
    while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
        n--;
    const bool quoted = n >= 2 && (*text == '\'' || *text == '"') && text[n - 1] == *text;
    const char *end = text + n - (quoted ? 1 : 0);
    for (const char *p = text + (quoted ? 1 : 0); p < end; p++) {
        p += !quoted && *p == '\\' && p + 1 < end;
        buf_putc(path, *p);
    }
    return !path->failed;
}

/* The file's bytes, of a picture or an animation. */
static viv_status read_shown(const char *name, struct buf *out, struct error *err)
{
    const viv_status status = picture_source_read(name, true, out, err);
    return status == VIV_OK && !picture_media_type(out->data, out->size)
               ? error_set(err, VIV_EFORMAT, "%s: expected a PNG, JPEG, WebP or GIF file", name)
               : status;
}

/* The files of a folder. */
static viv_status show_folder(struct chat *c, const char *name, struct error *err)
{
    struct frame_folder f;
    viv_status status = frame_folder_read(name, &f, err);
    if (status != VIV_OK)
        return status;
    struct buf *files = calloc(f.n, sizeof *files);
    if (!files)
        status = error_nomem(err);
    for (size_t i = 0; status == VIV_OK && i < f.n; i++)
        status = read_shown(f.paths[i], &files[i], err);
    if (status == VIV_OK)
        status = conversation_show(&c->conversation, "video", files, f.n, err);
    for (size_t i = 0; files && i < f.n; i++)
        buf_release(&files[i]);
    free(files);
    frame_folder_release(&f);
    return status;
}

/* The next turn shows the picture or video. */
static viv_status show_file(struct chat *c, const char *type, const char *text, struct error *err)
{
    struct buf path = {0}, bytes = {0};
    struct pictures pictures = {0};
    viv_status status = unquote(text, &path) ? VIV_OK : error_nomem(err);
    const char *name = buf_text(&path);
    if (status == VIV_OK && (!*name || strcmp(name, "-") == 0))
        status = error_set(err, VIV_EINVAL, "/%s: expected the name of a file", type);
    if (status == VIV_OK)
        status = pictures_open(c->o->engine, c->o->model, &pictures, err);
    pictures_close(&pictures);
    if (status == VIV_OK && strcmp(type, "video") == 0 && file_is_dir(name)) {
        status = show_folder(c, name, err);
    } else if (status == VIV_OK) {
        status = strcmp(type, "video") == 0 ? picture_source_read(name, true, &bytes, err)
                                            : read_shown(name, &bytes, err);
        if (status == VIV_OK)
            status = conversation_show(&c->conversation, type, &bytes, 1, err);
    }
    if (status == VIV_OK)
        fprintf(stderr, "viv: the next turn shows %s\n", name);
    buf_release(&bytes);
    buf_release(&path);
    return status;
}

static viv_status show_picture(struct chat *c, const char *text, struct error *err)
{
    return show_file(c, "image", text, err);
}

static viv_status show_video(struct chat *c, const char *text, struct error *err)
{
    return show_file(c, "video", text, err);
}

/* Whether a line that somebody typed is the name of a picture, and nothing else. */
static bool names_picture(const struct chat *c, const char *line)
{
    struct buf path = {0};
    unsigned char begin[12];
    uint64_t size = 0;
    int fd = -1;
    struct error none;
    if (!lines_typed(c->lines) || !unquote(line, &path))
        return false;
    const char *name = buf_text(&path);
    const bool url = strncmp(name, "file://", 7) == 0;
    bool is = url;
    if (!url && *name && file_open_regular(name, &fd, &size, &none) == VIV_OK) {
        const ssize_t n = read(fd, begin, sizeof begin);
        is = n > 0 && picture_media_type(begin, (uint64_t)n);
        close(fd);
    }
    buf_release(&path);
    return is;
}

static viv_status save_messages(struct chat *c, const char *path, struct error *err)
{
    if (!*path)
        return error_set(err, VIV_EINVAL, "/save: expected the name of a file");
    json_notice_memory();
    char *text = json_dumps(c->conversation.session.messages, JSON_INDENT(2));
    viv_status status =
        text && !json_lost_something() ? file_write(path, text, strlen(text), err) : error_nomem(err);
    if (status == VIV_OK)
        fprintf(stderr, "viv: %zu messages are in %s\n", json_array_size(c->conversation.session.messages), path);
    free(text);
    return status;
}

static viv_status quit(struct chat *c, const char *text, struct error *err)
{
    (void)text;
    (void)err;
    c->quits = true;
    return VIV_OK;
}

static viv_status help(struct chat *c, const char *text, struct error *err);

static const struct word {
    const char *names; /* the first is the one that /help lists; the others are those of other programs */
    const char *text, *help;
    viv_status (*run)(struct chat *c, const char *text, struct error *err);
} words[] = {{"/help|/?", "", "this list", help},
             {"/clear|/reset|/new", "", "forget all turns; what /system says stays", clear},
             {"/regen|/regenerate|/retry", "", "another answer in place of the last one", regenerate},
             {"/system", "TEXT", "what the model is told before all turns; without TEXT, nothing", set_system},
             {"/result", "TEXT", "what came of the call that waits for its result (--tools)", result},
             {"/set", "NAME X", "an option from here on: /set temp 0.5, /set max-tokens 100", set},
             {"/show", "", "the model, what is set, the system message", show},
             {"/read", "FILE", "a turn from a file", read_turn},
             {"/image", "FILE", "a picture for the next turn, as a line that only names one", show_picture},
             {"/video", "PATH", "the same of a video: a folder of frames, or an animated GIF or WebP", show_video},
             {"/save", "FILE", "the conversation, as messages that `viv render` takes", save_messages},
             {"/quit|/bye|/exit|/q", "", "the end; so are Ctrl-D, and Ctrl-C while nothing is answered", quit}};
enum { N_WORDS = sizeof words / sizeof *words };

static viv_status help(struct chat *c, const char *text, struct error *err)
{
    (void)text;
    (void)err;
    for (size_t i = 0; i < N_WORDS; i++)
        fprintf(stderr, "  %-8.*s %-7s %s\n", (int)strcspn(words[i].names, "|"), words[i].names, words[i].text,
                words[i].help);
    fputs("  //...            a turn that begins with a slash\n", stderr);
    if (lines_typed(c->lines))
        fputs("  ...\\             a turn goes on in the next line; so it does between \"\"\" and \"\"\"\n",
              stderr);
    fputs("  /set takes temp, top-k, top-p, min-p, typical-p, repeat-penalty, seed, stop,\n"
          "  max-tokens and the like; verbose or quiet; history or nohistory\n",
          stderr);
    return VIV_OK;
}

static const struct word *find_word(const char *name, size_t n)
{
    for (size_t i = 0; i < N_WORDS; i++)
        for (const char *w = words[i].names; *w; w += strcspn(w, "|"), w += *w == '|')
            if (strcspn(w, "|") == n && memcmp(w, name, n) == 0)
                return &words[i];
    return NULL;
}

static viv_status unknown(const char *name, size_t n, struct error *err)
{
    char word[64];
    const char *names[N_WORDS], *near = NULL;
    char first[N_WORDS][16];
    for (size_t i = 0; i < N_WORDS; i++) {
        snprintf(first[i], sizeof first[i], "%.*s", (int)strcspn(words[i].names, "|"), words[i].names);
        names[i] = first[i];
    }
    snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), name);
    near = near_word(word, names, N_WORDS);
    if (near)
        return error_set(err, VIV_EINVAL, "there is no %s; did you mean %s?", word, near);
    return error_set(
        err, VIV_EINVAL,
        "there is no %s: /help lists what there is, and a turn that begins with a slash is written with two", word);
}

viv_status chat_carry_out(struct chat *c, const struct buf *line, struct error *err)
{
    const char *text = buf_text(line);
    const size_t n = strcspn(text, " \t\n");
    if (line->size == 0)
        return VIV_OK;
    const struct word *word = text[0] == '/' ? find_word(text, n) : NULL;
    if (!word && !strchr(text, '\n') && names_picture(c, text))
        return show_picture(c, text, err);
    if (text[0] != '/' || strchr(text, '\n')) /* several lines, as of a paste, are no command */
        return chat_turn(c, text, line->size, err);
    if (text[1] == '/')
        return chat_turn(c, text + 1, line->size - 1, err);
    return word ? word->run(c, text + n + strspn(text + n, " \t"), err) : unknown(text, n, err);
}
