/* acting_page.c - see acting_page.h. Transcripts hold what pages and files say, so that every text goes through
 * svg_escape, pictures are checked to be base64, and a content security policy forbids all but style and pictures.
 */
#include "cli/acting_page.h"

#include "cli/compare/svg.h"

#include <stdlib.h>
#include <string.h>

static const char css[] =
#include "registry/acting_page_css.inc"
    ;

static const char *word(const json_t *event, const char *key)
{
    const char *s = json_string_value(json_object_get(event, key));
    return s ? s : "";
}

static void put(struct acting_page *p, const char *text)
{
    svg_escape(&p->html, text);
}

static void put_block(struct acting_page *p, const char *text)
{
    if (!*text)
        return;
    buf_puts(&p->html, "<pre>");
    put(p, text);
    buf_puts(&p->html, "</pre>\n");
}

static void put_json(struct acting_page *p, const json_t *v)
{
    char *text = json_dumps(v, JSON_INDENT(1) | JSON_ENCODE_ANY);
    put_block(p, text ? text : "");
    free(text);
}

void acting_page_begin(struct acting_page *p)
{
    *p = (struct acting_page){0};
    buf_puts(&p->html, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
                       "style-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n"
                       "<title>A run of viv act</title>\n<style>\n");
    buf_puts(&p->html, css);
    buf_puts(&p->html, "</style>\n</head>\n<body>\n");
}

static void close_section(struct acting_page *p)
{
    if (p->open)
        buf_puts(&p->html, "</section>\n");
    p->open = false;
}

static void open_section(struct acting_page *p, const char *title, json_int_t number)
{
    close_section(p);
    buf_puts(&p->html, "<section>\n<h2>");
    if (number > 0)
        buf_printf(&p->html, "%" JSON_INTEGER_FORMAT ". ", number);
    put(p, title);
    buf_puts(&p->html, "</h2>\n");
    p->open = true;
}

/* --- pictures ------------------------------------------------------------------------------------------------ */

static bool is_base64(const char *text)
{
    return *text && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")] == '\0';
}

/* Where the step acts: its thing's box, or the place that it names. */
static void put_mark(struct acting_page *p, const json_t *step, const char *key)
{
    char number[32];
    double box[4], width = json_number_value(json_array_get(json_object_get(p->seen, "window"), 0)),
                   height = json_number_value(json_array_get(json_object_get(p->seen, "window"), 1));
    const json_t *of = json_object_get(step, key),
                 *x = json_object_get(step, strcmp(key, "to") == 0 ? "to_x" : "x"),
                 *y = json_object_get(step, strcmp(key, "to") == 0 ? "to_y" : "y");
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(of));
    const json_t *places =
        json_integer_value(of) > 0 ? json_object_get(json_object_get(p->seen, "boxes"), number) : NULL;
    if (!places &&
        !(json_is_integer(x) && json_is_integer(y) && (strcmp(key, "element") == 0 || strcmp(key, "to") == 0)))
        return;
    for (size_t i = 0; i < 4; i++)
        box[i] = json_number_value(json_array_get(places, i));
    if (!places) {
        box[0] = json_number_value(x) - 5;
        box[1] = json_number_value(y) - 5;
        box[2] = box[3] = 10;
    }
    if (width < 1 || height < 1)
        return;
    buf_printf(&p->html, "<span style=\"left:%.3f%%;top:%.3f%%;width:%.3f%%;height:%.3f%%\"></span>",
               box[0] / width * 100, box[1] / height * 100, box[2] / width * 100, box[3] / height * 100);
}

static void put_picture(struct acting_page *p, const json_t *step)
{
    static const char *const keys[] = {"element", "option", "from", "to", "window"};
    const char *png = word(p->seen, "png");
    if (!is_base64(png))
        return;
    buf_puts(&p->html, "<figure><img alt=\"what was seen before the action\" src=\"data:image/png;base64,");
    buf_puts(&p->html, png);
    buf_puts(&p->html, "\">");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        put_mark(p, step, keys[i]);
    buf_puts(&p->html, "</figure>\n");
}

/* --- each kind of event -------------------------------------------------------------------------------------- */

static void add_step(struct acting_page *p, const json_t *e)
{
    open_section(p, word(e, "tool"), json_integer_value(json_object_get(e, "step")));
    json_t *rest = json_deep_copy(e);
    static const char *const known[] = {"event", "step", "tool", "effect", "about"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        json_object_del(rest, known[i]);
    if (*word(e, "about")) {
        buf_puts(&p->html, "<p>");
        put(p, word(e, "about"));
        buf_puts(&p->html, "</p>\n");
    }
    if (json_object_size(rest))
        put_json(p, rest);
    put_block(p, word(e, "effect"));
    json_decref(rest);
    if (p->seen && *word(e, "about")) {
        put_picture(p, e);
        buf_puts(&p->html, "<details><summary>what the model saw</summary>");
        put_block(p, word(p->seen, "text"));
        buf_puts(&p->html, "</details>\n");
        json_decref(p->seen); /* a run looks again before each step; a transcript that lies shows it once, too */
        p->seen = NULL;
    }
}

static void add_result(struct acting_page *p, const json_t *e)
{
    static const char *const outcomes[] = {"done", "failed", "denied", "imagined"};
    const char *class = "failed";
    for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
        if (strcmp(outcomes[i], word(e, "outcome")) == 0)
            class = outcomes[i];
    buf_printf(&p->html, "<div class=\"%s\">%s", class, class);
    put_block(p, word(e, "text"));
    buf_puts(&p->html, "</div>\n");
}

static void add_question(struct acting_page *p, const json_t *e)
{
    buf_puts(&p->html, "<div class=\"asked\">asked: ");
    put(p, word(e, "why"));
    if (!json_is_true(json_object_get(e, "undoable")))
        buf_puts(&p->html, "; it cannot be undone");
    if (strcmp(word(e, "tool"), "send") == 0)
        put_block(p, word(e, "effect"));
    buf_puts(&p->html, "</div>\n");
}

static void add_begin(struct acting_page *p, const json_t *e)
{
    buf_puts(&p->html, "<h1>");
    put(p, word(e, "task"));
    buf_puts(&p->html, "</h1>\n<p>in ");
    put(p, word(e, "workspace"));
    buf_puts(&p->html, json_is_true(json_object_get(e, "dry_run")) ? ", a dry run</p>\n" : "</p>\n");
}

static void add_end(struct acting_page *p, const json_t *e)
{
    open_section(p, word(e, "reason"), 0);
    put_block(p, word(e, "answer"));
}

void acting_page_add(struct acting_page *p, const json_t *e)
{
    const char *kind = word(e, "event");
    if (strcmp(kind, "begin") == 0) {
        add_begin(p, e);
    } else if (strcmp(kind, "page") == 0 || strcmp(kind, "screen") == 0) {
        json_decref(p->seen);
        p->seen = json_incref((json_t *)e);
    } else if (strcmp(kind, "step") == 0) {
        add_step(p, e);
    } else if (strcmp(kind, "ask") == 0) {
        add_question(p, e);
    } else if (strcmp(kind, "answer") == 0) {
        buf_puts(&p->html, json_is_true(json_object_get(e, "yes")) ? "<p>yes</p>\n" : "<p>no</p>\n");
    } else if (strcmp(kind, "result") == 0) {
        add_result(p, e);
    } else if (strcmp(kind, "end") == 0) {
        add_end(p, e);
    } else if (strcmp(kind, "stage") == 0) {
        open_section(p, word(e, "stage"), 0);
        put_json(p, json_object_get(e, "said"));
    } else {
        open_section(p, kind, 0);
        put_json(p, e);
    }
}

viv_status acting_page_end(struct acting_page *p, struct error *err)
{
    close_section(p);
    buf_puts(&p->html, "</body>\n</html>\n");
    return p->html.failed ? error_nomem(err) : VIV_OK;
}

void acting_page_release(struct acting_page *p)
{
    buf_release(&p->html);
    json_decref(p->seen);
    p->seen = NULL;
}
