/* ui_tars.c - the actions of UI-TARS 1.5 on a desktop:
 *
 *   answer:   ["Thought: " text] "Action: " call (blank lines call)*
 *   call:     NAME "(" [KEY "=" "'" text "'" ("," KEY "=" "'" text "'")*] ")"
 *
 *   click left_double right_single (start_box)   drag (start_box, end_box)   scroll (start_box, direction)
 *   hotkey (key: at most three, between spaces)  type (content)   wait ()    finished (content)   open_app
 * (app_name)
 *
 *   box:      "(x,y)", "(x1,y1,x2,y2)", "[x1, y1, x2, y2]", "<point>x y</point>", between <|box_start|> and
 * <|box_end|>: of a box, its middle
 *
 * Within a text, \n is an end of line, and \' and \\ are these characters. */
#include "foreign.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_CALLS = 16, MOST_PARTS = 3, LONGEST_NAME = 32, TURNS = 5, WAIT_SECONDS = 5 };

struct part {
    char name[LONGEST_NAME];
    struct text value;
};
struct call {
    char name[LONGEST_NAME];
    struct part parts[MOST_PARTS];
    size_t n;
};
struct reader {
    const char *at, *end;
    const char *why;
};

static void release(struct call *c)
{
    for (size_t i = 0; i < c->n; i++)
        text_release(&c->parts[i].value);
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    skip_space(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool take_name(struct reader *r, char out[LONGEST_NAME])
{
    size_t n = 0;
    skip_space(r);
    for (; r->at < r->end && n < LONGEST_NAME - 1 && ((*r->at >= 'a' && *r->at <= 'z') || *r->at == '_'); r->at++)
        out[n++] = *r->at;
    out[n] = '\0';
    return n > 0;
}

/* Between single or double quotes. */
static bool take_value(struct reader *r, struct text *out)
{
    skip_space(r);
    if (r->at == r->end || (*r->at != '\'' && *r->at != '"'))
        return false;
    const char quote = *r->at++;
    for (; r->at < r->end && *r->at != quote; r->at++) {
        char c = *r->at;
        if (c == '\0')
            return false;
        if (c == '\\' && r->at + 1 < r->end && strchr("nt'\"\\", r->at[1]))
            c = *++r->at == 'n' ? '\n' : *r->at == 't' ? '\t' : *r->at;
        text_add(out, &c, 1);
    }
    return r->at < r->end && *r->at++ == quote;
}

static bool take_call(struct reader *r, struct call *c)
{
    *c = (struct call){.n = 0};
    r->why = "expected a call, such as click(start_box='(10,20)')";
    if (!take_name(r, c->name) || !take(r, '('))
        return false;
    while (!take(r, ')')) {
        if (c->n == MOST_PARTS || (c->n && !take(r, ',')))
            return false;
        struct part *p = &c->parts[c->n++];
        *p = (struct part){.value = {0}};
        if (!take_name(r, p->name) || !take(r, '=') || !take_value(r, &p->value))
            return false;
    }
    return true;
}

/* --- one call ----------------------------------------------------------------------------------------------- */

static const struct text *part_of(const struct call *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->parts[i].name, name) == 0)
            return &c->parts[i].value;
    return NULL;
}

/* The numbers of a text, whatever is around them: two, or four of a box. */
static bool place_of(const struct call *c, const char *name, const char *other, json_int_t at[2])
{
    const struct text *box = part_of(c, name);
    double v[4];
    int n = 0;
    box = box ? box : part_of(c, other);
    for (const char *s = box ? text_or_empty(box) : ""; *s;) {
        char *end;
        if (!strchr("0123456789", *s)) {
            s++;
            continue;
        }
        const double x = strtod(s, &end);
        if (n == 4 || x > UINT16_MAX ||
            (s > text_or_empty(box) && s[-1] == '-')) /* less than nothing is no place */
            return false;
        v[n++] = x;
        s = end;
    }
    if (n != 2 && n != 4)
        return false;
    at[0] = (json_int_t)(n == 4 ? (v[0] + v[2]) / 2 : v[0]);
    at[1] = (json_int_t)(n == 4 ? (v[1] + v[3]) / 2 : v[1]);
    return true;
}

/* "ctrl c", or "ctrl+c" */
static json_t *keys_of(const char *text)
{
    struct text keys = {0};
    uint32_t ignored[MOST_KEYS];
    bool ok = true;
    while (ok && *(text += strspn(text, " "))) {
        const size_t n = *text == '+' ? 1 : strcspn(text, " +");
        text_printf(&keys, "%s", keys.size ? "+" : "");
        ok = keys_add_own_name(text, n, &keys);
        text += n + (text[n] == '+' && text[n + 1]);
    }
    json_t *v = ok && !keys.failed && keys_read(text_or_empty(&keys), ignored) ? json_string(keys.data) : NULL;
    text_release(&keys);
    return v;
}

static json_t *text_action(const char *action, const char *key, const struct text *text)
{
    return text ? json_pack("{s:s, s:s%}", "action", action, key, text_or_empty(text), text->size) : NULL;
}

static json_t *click(const struct call *c, const char *how, const char **why)
{
    json_int_t at[2];
    *why = "it needs a start_box, such as '(10,20)'";
    return place_of(c, "start_box", "point", at)
               ? json_pack("{s:s, s:I, s:I, s:s}", "action", "desktop_click_at", "x", at[0], "y", at[1], "how", how)
               : NULL;
}

static json_t *scroll(const struct call *c, const char **why)
{
    json_int_t at[2];
    const struct text *way = part_of(c, "direction");
    const char *word = way ? text_or_empty(way) : "";
    *why = "it needs a start_box and a direction";
    if (!place_of(c, "start_box", "point", at) || (strcmp(word, "up") != 0 && strcmp(word, "down") != 0 &&
                                                   strcmp(word, "left") != 0 && strcmp(word, "right") != 0))
        return NULL;
    return json_pack("{s:s, s:I, s:I, s:s, s:i}", "action", "desktop_scroll", "x", at[0], "y", at[1], "direction",
                     word, "clicks", TURNS);
}

static json_t *read_call(const struct call *c, const char **why)
{
    json_int_t from[2], to[2];
    if (strcmp(c->name, "click") == 0)
        return click(c, "left", why);
    if (strcmp(c->name, "left_double") == 0)
        return click(c, "double", why);
    if (strcmp(c->name, "right_single") == 0)
        return click(c, "right", why);
    if (strcmp(c->name, "scroll") == 0)
        return scroll(c, why);
    if (strcmp(c->name, "drag") == 0) {
        *why = "it needs a start_box and an end_box";
        return place_of(c, "start_box", "start_point", from) && place_of(c, "end_box", "end_point", to)
                   ? json_pack("{s:s, s:I, s:I, s:I, s:I}", "action", "desktop_drag", "x", from[0], "y", from[1],
                               "to_x", to[0], "to_y", to[1])
                   : NULL;
    }
    if (strcmp(c->name, "hotkey") == 0) {
        json_t *keys = part_of(c, "key") ? keys_of(text_or_empty(part_of(c, "key"))) : NULL;
        *why = "it needs a key, such as 'ctrl c'";
        return keys ? json_pack("{s:s, s:o}", "action", "desktop_key", "keys", keys) : NULL;
    }
    *why = "it lacks its text";
    if (strcmp(c->name, "type") == 0)
        return text_action("desktop_type", "text", part_of(c, "content"));
    if (strcmp(c->name, "open_app") == 0)
        return text_action("desktop_start", "program", part_of(c, "app_name"));
    if (strcmp(c->name, "finished") == 0)
        return part_of(c, "content") ? text_action("done", "answer", part_of(c, "content"))
                                     : json_pack("{s:s, s:s}", "action", "done", "answer", "");
    *why = "it is no action of UI-TARS";
    return strcmp(c->name, "wait") == 0
               ? json_pack("{s:s, s:i, s:s}", "action", "desktop_wait", "seconds", WAIT_SECONDS, "text", "")
               : NULL;
}

/* Where the calls begin: behind the mark that begins a line, for a thought or a text may have one, too; or behind a
 * thought on the same line; or at once. */
static const char *calls_of(const char *text, size_t size)
{
    static const char mark[] = "Action:", thought[] = "Thought:";
    enum { LENGTH = sizeof mark - 1 };
    const char *end = text + size, *first = memmem(text, size, mark, LENGTH);
    for (const char *at = first; at; at = memmem(at + 1, (size_t)(end - at - 1), mark, LENGTH))
        if (at == text || at[-1] == '\n')
            return at + LENGTH;
    return first && size > sizeof thought && memcmp(text, thought, sizeof thought - 1) == 0 ? first + LENGTH : text;
}

static json_t *read_text(const char *text, size_t size, const char **why)
{
    struct reader r = {.at = calls_of(text, size), .end = text + size};
    json_t *list = json_array();
    *why = NULL;
    for (size_t n = 0; !*why && (skip_space(&r), r.at < r.end); n++) {
        struct call c;
        json_t *one = NULL;
        if (n == MOST_CALLS)
            *why = "it has too many actions";
        else if (!take_call(&r, &c))
            *why = r.why;
        else if ((one = read_call(&c, why)))
            *why = NULL;
        if (n < MOST_CALLS)
            release(&c);
        if (one && json_array_append_new(list, one) != 0)
            *why = "memory is out";
    }
    if (!*why && json_array_size(list) == 0)
        *why = "it has no action";
    if (*why) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static const char *word(const json_t *step, const char *key)
{
    const char *s = json_string_value(json_object_get(step, key));
    return s ? s : "";
}

static long long number(const json_t *step, const char *key)
{
    return json_integer_value(json_object_get(step, key));
}

static void add_text(const char *text, struct text *out)
{
    text_add(out, "'", 1);
    for (; *text; text++) {
        if (*text == '\n' || *text == '\t')
            text_printf(out, *text == '\n' ? "\\n" : "\\t");
        else
            text_printf(out, strchr("'\\", *text) ? "\\%c" : "%c", *text);
    }
    text_add(out, "'", 1);
}

static void write_keys(const char *chord, struct text *out)
{
    text_printf(out, "hotkey(key='");
    for (const char *s = chord; *s; s++)
        if (*s == '+' && s != chord && s[1])
            text_printf(out, " ");
        else
            text_printf(out, *s == '\'' || *s == '\\' ? "\\%c" : "%c", *s);
    text_printf(out, "')");
}

static bool write_click(const char *how, long long x, long long y, struct text *out)
{
    const char *name = strcmp(how, "left") == 0     ? "click"
                       : strcmp(how, "double") == 0 ? "left_double"
                       : strcmp(how, "right") == 0  ? "right_single"
                                                    : NULL;
    if (name)
        text_printf(out, "%s(start_box='(%lld,%lld)')", name, x, y);
    return name != NULL;
}

/* Calls with one text. */
static bool write_words(const char *tool, const json_t *step, struct text *out)
{
    static const struct {
        const char *tool, *key, *call;
    } calls[] = {{"desktop_type", "text", "type(content="},
                 {"desktop_start", "program", "open_app(app_name="},
                 {"done", "answer", "finished(content="}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].tool, tool) == 0) {
            text_printf(out, "%s", calls[i].call);
            add_text(word(step, calls[i].key), out);
            text_printf(out, ")");
            return true;
        }
    return false;
}

static bool write_text(const json_t *step, const struct box *at, struct text *out)
{
    const char *tool = word(step, "tool");
    if (strcmp(tool, "desktop_click_at") == 0)
        return write_click(word(step, "how"), number(step, "x"), number(step, "y"), out);
    if (strcmp(tool, "desktop_click") == 0)
        return at && write_click(word(step, "how"), at->x + at->width / 2, at->y + at->height / 2, out);
    if (strcmp(tool, "desktop_drag") == 0) {
        text_printf(out, "drag(start_box='(%lld,%lld)', end_box='(%lld,%lld)')", number(step, "x"),
                    number(step, "y"), number(step, "to_x"), number(step, "to_y"));
    } else if (strcmp(tool, "desktop_scroll") == 0) {
        text_printf(out, "scroll(start_box='(%lld,%lld)', direction=", number(step, "x"), number(step, "y"));
        add_text(word(step, "direction"), out);
        text_printf(out, ")");
    } else if (strcmp(tool, "desktop_key") == 0) {
        write_keys(word(step, "keys"), out);
    } else if (strcmp(tool, "desktop_wait") == 0) {
        text_printf(out, "wait()");
    } else {
        return write_words(tool, step, out);
    }
    return true;
}

/* One action, after a thought. */
#define PLACE "'\\([0-9]{1,4},[0-9]{1,4}\\)'"
#define WORDS "'([^'\\\\\\x00-\\x1f]|\\\\[nt'\"\\\\]){0,4000}'"
static const char pattern[] =
    "(Thought: [^\\x00-\\x1f]{0,2000}\\n)?Action: ((click|left_double|right_single)\\(start_box=" PLACE "\\)"
    "|drag\\(start_box=" PLACE ", end_box=" PLACE "\\)"
    "|scroll\\(start_box=" PLACE ", direction='(up|down|left|right)'\\)"
    "|hotkey\\(key='[A-Za-z0-9_]{1,12}( [!-&(-\\[\\]-~]{1,12}){0,2}'\\)|wait\\(\\)"
    "|(type|finished)\\(content=" WORDS "\\)"
    "|open_app\\(app_name='[A-Za-z0-9_-]{1,64}'\\))";
static const char description[] =
    "Write `Thought: ...` on one line, and then `Action: ` with one of these calls. Places are pixels of the "
    "screen.\n"
    "click(start_box='(x,y)')\nleft_double(start_box='(x,y)')\nright_single(start_box='(x,y)')\n"
    "drag(start_box='(x,y)', end_box='(x,y)')\nhotkey(key='ctrl c')\ntype(content='...')\n"
    "scroll(start_box='(x,y)', direction='down or up or right or left')\nwait()\nopen_app(app_name='...')\n"
    "finished(content='...')\n";

const struct foreign foreign_ui_tars = {
    .name = "ui-tars", .read = read_text, .write = write_text, .pattern = pattern, .description = description};
