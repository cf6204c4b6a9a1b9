/* foreign.c - the formats, and viv.acting's rewrite: the actions of a transcript in one of them. */
#include "foreign.h"

#include <stdlib.h>
#include <string.h>

const struct foreign *foreign_find(const char *name)
{
    static const struct foreign *const formats[] = {&foreign_computer_use, &foreign_ui_tars};
    for (size_t i = 0; name && i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}

bool foreign_has(const struct tool *t)
{
    return t == &tool_desktop_click_at || t == &tool_desktop_move || t == &tool_desktop_drag ||
           t == &tool_desktop_scroll || t == &tool_desktop_type || t == &tool_desktop_key ||
           t == &tool_desktop_hold || t == &tool_desktop_button;
}

/* --- rewriting ---------------------------------------------------------------------------------------------- */

struct rewriter {
    const viv_host *host;
    const struct foreign *format;
    const viv_listener *to;
    json_t *boxes; /* of what was seen last */
    json_int_t n_left_out;
    bool ended;
};

static bool box_of(const struct rewriter *r, const json_t *step, struct box *out)
{
    char key[32];
    int v[4];
    snprintf(key, sizeof key, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(step, "element")));
    json_t *box = json_object_get(r->boxes, key);
    if (!box || json_unpack(box, "[i, i, i, i]", &v[0], &v[1], &v[2], &v[3]) != 0)
        return false;
    for (int i = 0; i < 4; i++)
        if (v[i] < 0 || v[i] > UINT16_MAX)
            return false;
    *out = (struct box){v[0], v[1], v[2], v[3]};
    return true;
}

static viv_status rewrite(struct rewriter *r, const json_t *step)
{
    const struct events e = {r->host, r->to, -1, 0};
    struct box at;
    struct text text = {0};
    viv_status status = VIV_OK;
    const bool is = r->format->write(step, box_of(r, step, &at) ? &at : NULL, &text);
    if (is)
        status = events_tell(
            &e, text.failed ? NULL
                            : json_pack("{s:s, s:s%}", "event", "said", "text", text_or_empty(&text), text.size));
    r->n_left_out += !is && !r->ended;
    text_release(&text);
    return status;
}

static viv_status hear(const viv_listener *listener, const char *json, uint64_t size)
{
    struct rewriter *r = listener->ctx;
    json_error_t error;
    json_t *event = json_loadb(json, size, 0, &error);
    const char *kind = json_string_value(json_object_get(event, "event"));
    viv_status status = VIV_OK;
    if (kind && (strcmp(kind, "screen") == 0 || strcmp(kind, "page") == 0)) {
        json_decref(r->boxes);
        r->boxes = json_incref(json_object_get(event, "boxes"));
    } else if (kind && strcmp(kind, "step") == 0) {
        status = rewrite(r, event);
    } else if (kind && strcmp(kind, "end") == 0) { /* some formats have a word for it */
        r->ended = true;
        json_object_set_new(event, "tool", json_string("done"));
        status = rewrite(r, event);
    }
    json_decref(event);
    return status;
}

viv_status lam_rewrite(const viv_host *host, const char *format, const char *name, const char *bytes, uint64_t size,
                       const viv_listener *listener)
{
    struct rewriter r = {.host = host, .format = foreign_find(format), .to = listener};
    const viv_listener between = {.struct_size = sizeof between, .ctx = &r, .tell = hear};
    const struct events e = {host, listener, -1, 0};
    if (!r.format)
        return viv_fail(host, VIV_EINVAL, "there is no format '%s': expected computer-use or ui-tars", format);
    viv_status status = lam_replay(host, name, bytes, size, &between);
    json_decref(r.boxes);
    if (status == VIV_OK)
        status = events_tell(&e, json_pack("{s:s, s:I}", "event", "left_out", "actions", r.n_left_out));
    return status;
}
