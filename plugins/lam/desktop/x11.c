/* x11.c - a display: its windows and its pixels. xcb reports a server that is gone, and never ends the process.
 * Where a window manager keeps a list of windows (EWMH) it is asked; else windows are the children of the root, and
 * the focus is set here. */
#include "desktop.h"

#ifdef LAM_DESKTOP
#include "x11.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xcb/xcbext.h>
#include <xcb/xtest.h>

enum { MOST_LISTED = 1000, MOST_PROPERTY = 1024 };

static const char *const atom_names[N_ATOMS] = {[CLIENT_LIST] = "_NET_CLIENT_LIST_STACKING",
                                                [ACTIVE_WINDOW] = "_NET_ACTIVE_WINDOW",
                                                [NAME] = "_NET_WM_NAME",
                                                [UTF8_STRING] = "UTF8_STRING",
                                                [PROTOCOLS] = "WM_PROTOCOLS",
                                                [DELETE_WINDOW] = "WM_DELETE_WINDOW",
                                                [TAKE_FOCUS] = "WM_TAKE_FOCUS"};

static viv_status gone(const struct desktop *d)
{
    return viv_fail(d->host, VIV_EIO,
                    d->screen && d->screen->hung ? "the display does not answer: it was ended"
                                                 : "the display has ended");
}

bool screen_is_dead(const struct desktop *d)
{
    return d->screen && (d->screen->hung || xcb_connection_has_error(d->screen->x) != 0);
}

viv_status screen_catch_up(struct desktop *d)
{
    struct screen *s = d->screen;
    const int64_t end = clock_ms() + desktop_patience(d);
    xcb_generic_event_t *event;
    void *reply = NULL;
    if (!s)
        return viv_fail(d->host, VIV_ENOTFOUND, "no display is open");
    const unsigned sequence = xcb_get_input_focus(s->x).sequence;
    xcb_flush(s->x);
    while (!s->hung && !screen_is_dead(d) && !xcb_poll_for_reply(s->x, sequence, &reply, NULL)) {
        struct pollfd fd = {.fd = xcb_get_file_descriptor(s->x), .events = POLLIN};
        s->hung = clock_ms() >= end;
        poll(&fd, 1, 50);
    }
    free(reply);
    while (!screen_is_dead(d) && (event = xcb_poll_for_event(s->x)))
        free(event);
    return screen_is_dead(d) ? gone(d) : VIV_OK;
}

/* --- opening ------------------------------------------------------------------------------------------------ */

static viv_status read_keys(struct desktop *d)
{
    struct screen *s = d->screen;
    const int first = s->setup->min_keycode, n = s->setup->max_keycode - first + 1;
    xcb_get_keyboard_mapping_reply_t *r = xcb_get_keyboard_mapping_reply(
        s->x, xcb_get_keyboard_mapping(s->x, (xcb_keycode_t)first, (uint8_t)n), NULL);
    if (!r)
        return gone(d);
    const xcb_keysym_t *all = xcb_get_keyboard_mapping_keysyms(r);
    const int length = xcb_get_keyboard_mapping_keysyms_length(r), each = r->keysyms_per_keycode;
    for (int i = 0; i < n && (i + 1) * each <= length; i++)
        for (int k = 0; k < 2; k++)
            s->keysyms[first + i][k] = k < each ? all[i * each + k] : NO_SYMBOL;
    free(r);
    return VIV_OK;
}

static viv_status prepare(struct desktop *d, int number)
{
    struct screen *s = d->screen;
    xcb_intern_atom_cookie_t cookies[N_ATOMS];
    s->setup = xcb_get_setup(s->x);
    xcb_screen_iterator_t i = xcb_setup_roots_iterator(s->setup);
    for (; i.rem > 1 && number > 0; number--)
        xcb_screen_next(&i);
    s->info = i.data;
    for (int k = 0; k < N_ATOMS; k++)
        cookies[k] = xcb_intern_atom(s->x, 0, (uint16_t)strlen(atom_names[k]), atom_names[k]);
    for (int k = 0; k < N_ATOMS; k++) {
        xcb_intern_atom_reply_t *r = xcb_intern_atom_reply(s->x, cookies[k], NULL);
        s->atoms[k] = r ? r->atom : XCB_ATOM_NONE;
        free(r);
    }
    if (!s->info || screen_is_dead(d))
        return gone(d);
    const xcb_query_extension_reply_t *test = xcb_get_extension_data(s->x, &xcb_test_id);
    if (!test || !test->present)
        return viv_fail(d->host, VIV_EUNSUPPORTED, "the display has no XTest: nothing can be pressed on it");
    d->width = s->info->width_in_pixels;
    d->height = s->info->height_in_pixels;
    return read_keys(d);
}

viv_status screen_open(struct desktop *d, int fd, const char *name)
{
    int number = 0;
    struct screen *s = calloc(1, sizeof *s);
    if (!s) {
        if (fd >= 0)
            close(fd);
        return viv_fail(d->host, VIV_ENOMEM, "out of memory");
    }
    s->x = fd >= 0 ? xcb_connect_to_fd(fd, NULL) : xcb_connect(name, &number);
    d->screen = s;
    viv_status status = VIV_OK;
    if (xcb_connection_has_error(s->x))
        status = fd >= 0 ? gone(d)
                         : viv_fail(d->host, VIV_ENOTFOUND,
                                    "display '%s': there is no such display, or it lets nobody in", name);
    if (status == VIV_OK)
        status = prepare(d, number);
    if (status != VIV_OK)
        screen_close(d);
    return status;
}

void screen_close(struct desktop *d)
{
    struct screen *s = d->screen;
    if (!s)
        return;
    if (!screen_is_dead(d)) {
        for (int i = 0; i < KEYS; i++)
            if (s->held[i])
                xcb_test_fake_input(s->x, XCB_KEY_RELEASE, (uint8_t)i, 0, s->info->root, 0, 0, 0);
        for (int i = 1; i < 8; i++)
            if (s->buttons[i])
                xcb_test_fake_input(s->x, XCB_BUTTON_RELEASE, (uint8_t)i, 0, s->info->root, 0, 0, 0);
        d->is_private = false;
        screen_restore_keys(d);
    }
    xcb_disconnect(s->x);
    free(s);
    d->screen = NULL;
}

/* Programs may make the screen smaller. */
static viv_status measure(struct desktop *d)
{
    const struct screen *s = d->screen;
    const viv_status status = screen_catch_up(d);
    if (status != VIV_OK)
        return status;
    xcb_get_geometry_reply_t *r = xcb_get_geometry_reply(s->x, xcb_get_geometry(s->x, s->info->root), NULL);
    if (r) {
        d->width = r->width;
        d->height = r->height;
    }
    free(r);
    return VIV_OK;
}

/* --- windows ------------------------------------------------------------------------------------------------ */

static xcb_get_property_cookie_t ask_property(const struct screen *s, xcb_window_t w, xcb_atom_t atom)
{
    return xcb_get_property(s->x, 0, w, atom, XCB_GET_PROPERTY_TYPE_ANY, 0, MOST_PROPERTY);
}

/* Numbers of 32 bits; how many. */
static size_t take_numbers(const struct screen *s, xcb_get_property_cookie_t cookie, uint32_t *out, size_t most)
{
    xcb_get_property_reply_t *r = xcb_get_property_reply(s->x, cookie, NULL);
    size_t n = 0;
    if (r && r->format == 32) {
        n = (size_t)xcb_get_property_value_length(r) / 4;
        n = n < most ? n : most;
        memcpy(out, xcb_get_property_value(r), 4 * n);
    }
    free(r);
    return n;
}

static char *take_text(const struct screen *s, xcb_get_property_cookie_t cookie)
{
    xcb_get_property_reply_t *r = xcb_get_property_reply(s->x, cookie, NULL);
    char *text = r && r->format == 8 && xcb_get_property_value_length(r) > 0
                     ? label_of(xcb_get_property_value(r), (size_t)xcb_get_property_value_length(r))
                     : NULL;
    free(r);
    return text;
}

char *screen_property(struct desktop *d, const char *name)
{
    const struct screen *s = d->screen;
    xcb_intern_atom_reply_t *r =
        xcb_intern_atom_reply(s->x, xcb_intern_atom(s->x, 1, (uint16_t)strlen(name), name), NULL);
    const xcb_atom_t atom = r ? r->atom : XCB_ATOM_NONE;
    free(r);
    return atom ? take_text(s, ask_property(s, s->info->root, atom)) : NULL;
}

/* All that may be windows, from the lowest to the highest. *managed: by a window manager. */
static size_t list_windows(const struct screen *s, xcb_window_t *out, bool *managed)
{
    size_t n = take_numbers(s, ask_property(s, s->info->root, s->atoms[CLIENT_LIST]), out, MOST_LISTED);
    *managed = n > 0;
    if (n)
        return n;
    xcb_query_tree_reply_t *r = xcb_query_tree_reply(s->x, xcb_query_tree(s->x, s->info->root), NULL);
    if (r) {
        const size_t count = (size_t)xcb_query_tree_children_length(r);
        n = count < MOST_LISTED ? count : MOST_LISTED;
        memcpy(out, xcb_query_tree_children(r) + (count - n), n * sizeof *out); /* the highest of too many */
    }
    free(r);
    return n;
}

struct asked {
    xcb_get_window_attributes_cookie_t attributes;
    xcb_get_geometry_cookie_t geometry;
    xcb_translate_coordinates_cookie_t place;
    xcb_get_property_cookie_t name, old_name;
};

static struct asked ask_window(const struct screen *s, xcb_window_t w)
{
    return (struct asked){xcb_get_window_attributes(s->x, w), xcb_get_geometry(s->x, w),
                          xcb_translate_coordinates(s->x, w, s->info->root, 0, 0),
                          ask_property(s, w, s->atoms[NAME]), ask_property(s, w, XCB_ATOM_WM_NAME)};
}

/* A window that people would call one: it is shown, and is no menu. */
static bool take_window(const struct screen *s, struct asked a, struct window *out)
{
    xcb_get_window_attributes_reply_t *attributes = xcb_get_window_attributes_reply(s->x, a.attributes, NULL);
    xcb_get_geometry_reply_t *geometry = xcb_get_geometry_reply(s->x, a.geometry, NULL);
    xcb_translate_coordinates_reply_t *place = xcb_translate_coordinates_reply(s->x, a.place, NULL);
    char *name = take_text(s, a.name), *old = take_text(s, a.old_name);
    const bool is = attributes && geometry && place && attributes->map_state == XCB_MAP_STATE_VIEWABLE &&
                    !attributes->override_redirect && attributes->_class == XCB_WINDOW_CLASS_INPUT_OUTPUT;
    if (is)
        out->at = (struct box){place->dst_x, place->dst_y, geometry->width, geometry->height};
    free(attributes);
    free(geometry);
    free(place);
    out->title = is ? name ? name : old ? old : strdup("") : NULL;
    if (!is || !name)
        free(name);
    if (!is || name)
        free(old);
    return is && out->title;
}

static void release_windows(struct desktop *d)
{
    for (size_t i = 0; i < d->n_windows; i++)
        free(d->windows[i].title);
    d->n_windows = 0;
}

static int clamp(int v, int least, int most)
{
    return v < least ? least : v > most ? most : v;
}

/* Onto the screen, and no larger than it. */
static void fit(const struct desktop *d, struct window *w)
{
    const struct box *b = &w->at;
    const int width = clamp(b->width, 1, d->width), height = clamp(b->height, 1, d->height);
    const struct box now = {clamp(b->x, 0, d->width - width), clamp(b->y, 0, d->height - height), width, height};
    const uint32_t values[4] = {(uint32_t)now.x, (uint32_t)now.y, (uint32_t)now.width, (uint32_t)now.height};
    if (now.x == b->x && now.y == b->y && now.width == b->width && now.height == b->height)
        return;
    xcb_configure_window(
        d->screen->x, w->id,
        XCB_CONFIG_WINDOW_X | XCB_CONFIG_WINDOW_Y | XCB_CONFIG_WINDOW_WIDTH | XCB_CONFIG_WINDOW_HEIGHT, values);
    w->at = now;
}

/* What a window manager does: new windows get the focus, and all are on the screen. */
static void manage(struct desktop *d)
{
    struct screen *s = d->screen;
    for (size_t i = 0; i < d->n_windows; i++)
        fit(d, &d->windows[i]);
    const struct window *highest = d->n_windows ? &d->windows[d->n_windows - 1] : NULL;
    bool there = false;
    for (size_t i = 0; i < d->n_windows; i++)
        there = there || d->windows[i].id == s->focused;
    if (highest && (!there || s->highest != highest->id)) {
        s->focused = highest->id;
        xcb_set_input_focus(s->x, XCB_INPUT_FOCUS_POINTER_ROOT, highest->id, XCB_CURRENT_TIME);
    }
    s->highest = highest ? highest->id : XCB_NONE;
    for (size_t i = 0; i < d->n_windows; i++)
        d->windows[i].active = d->windows[i].id == s->focused;
}

viv_status screen_look(struct desktop *d)
{
    const struct screen *s = d->screen;
    xcb_window_t list[MOST_LISTED], active = XCB_NONE;
    struct asked asked[MOST_LISTED];
    bool managed;
    viv_status status = measure(d);
    if (status != VIV_OK)
        return status;
    release_windows(d);
    const size_t n = list_windows(s, list, &managed);
    for (size_t i = 0; i < n; i++)
        asked[i] = ask_window(s, list[i]);
    for (size_t i = 0; i < n; i++) {
        struct window w = {.id = list[i]};
        if (!take_window(s, asked[i], &w)) {
            continue;
        }
        if (d->n_windows == MOST_WINDOWS) { /* those that are lowest are not told of */
            free(d->windows[0].title);
            memmove(d->windows, d->windows + 1, --d->n_windows * sizeof w);
        }
        d->windows[d->n_windows++] = w;
    }
    if (!managed)
        manage(d);
    else if (take_numbers(s, ask_property(s, s->info->root, s->atoms[ACTIVE_WINDOW]), &active, 1))
        for (size_t i = 0; i < d->n_windows; i++)
            d->windows[i].active = d->windows[i].id == active;
    xcb_query_pointer_reply_t *pointer =
        xcb_query_pointer_reply(s->x, xcb_query_pointer(s->x, s->info->root), NULL);
    if (pointer) {
        d->pointer[0] = pointer->root_x;
        d->pointer[1] = pointer->root_y;
    }
    free(pointer);
    return screen_catch_up(d);
}

static void send_message(const struct screen *s, xcb_window_t to, xcb_window_t about, xcb_atom_t type,
                         const uint32_t data[5], uint32_t mask)
{
    xcb_client_message_event_t event = {
        .response_type = XCB_CLIENT_MESSAGE, .format = 32, .window = about, .type = type};
    memcpy(event.data.data32, data, sizeof event.data.data32);
    xcb_send_event(s->x, 0, to, mask, (const char *)&event);
}

static bool takes_part(const struct screen *s, xcb_window_t w, enum atom protocol)
{
    uint32_t protocols[32];
    const size_t n = take_numbers(s, ask_property(s, w, s->atoms[PROTOCOLS]), protocols, 32);
    for (size_t i = 0; i < n; i++)
        if (protocols[i] == s->atoms[protocol])
            return true;
    return false;
}

viv_status screen_activate(struct desktop *d, const struct window *w)
{
    struct screen *s = d->screen;
    xcb_window_t list[MOST_LISTED];
    bool managed;
    list_windows(s, list, &managed);
    if (managed) {
        send_message(s, s->info->root, w->id, s->atoms[ACTIVE_WINDOW], (const uint32_t[5]){2},
                     XCB_EVENT_MASK_SUBSTRUCTURE_REDIRECT | XCB_EVENT_MASK_SUBSTRUCTURE_NOTIFY);
    } else {
        xcb_configure_window(s->x, w->id, XCB_CONFIG_WINDOW_STACK_MODE, (const uint32_t[1]){XCB_STACK_MODE_ABOVE});
        xcb_set_input_focus(s->x, XCB_INPUT_FOCUS_POINTER_ROOT, w->id, XCB_CURRENT_TIME);
        if (takes_part(s, w->id, TAKE_FOCUS))
            send_message(s, w->id, w->id, s->atoms[PROTOCOLS], (const uint32_t[5]){s->atoms[TAKE_FOCUS]}, 0);
        s->focused = s->highest = w->id;
    }
    return screen_catch_up(d);
}

viv_status screen_ask_to_close(struct desktop *d, const struct window *w)
{
    const struct screen *s = d->screen;
    if (!takes_part(s, w->id, DELETE_WINDOW))
        return viv_fail(d->host, VIV_EUNSUPPORTED, "the window does not let others close it: use its menu or keys");
    send_message(s, w->id, w->id, s->atoms[PROTOCOLS], (const uint32_t[5]){s->atoms[DELETE_WINDOW]}, 0);
    return screen_catch_up(d);
}

/* --- pixels ------------------------------------------------------------------------------------------------- */

static int shift_of(uint32_t mask)
{
    int n = 0;
    while (mask && !(mask & 1) && n < 32) {
        mask >>= 1;
        n++;
    }
    return n;
}

static const xcb_visualtype_t *visual_of(const struct screen *s)
{
    for (xcb_depth_iterator_t i = xcb_screen_allowed_depths_iterator(s->info); i.rem; xcb_depth_next(&i))
        for (xcb_visualtype_iterator_t k = xcb_depth_visuals_iterator(i.data); k.rem; xcb_visualtype_next(&k))
            if (k.data->visual_id == s->info->root_visual)
                return k.data;
    return NULL;
}

viv_status screen_pixels(struct desktop *d, struct text *out)
{
    const viv_status synced = measure(d);
    if (synced != VIV_OK)
        return synced;
    const struct screen *s = d->screen;
    const xcb_visualtype_t *visual = visual_of(s);
    const size_t n = (size_t)d->width * (size_t)d->height;
    if (!visual || s->info->root_depth < 24 || d->width > 16384 || d->height > 16384)
        return viv_fail(d->host, VIV_EUNSUPPORTED,
                        "the display has %d bits of colour and %dx%d pixels: expected 24 bits", s->info->root_depth,
                        d->width, d->height);
    xcb_get_image_reply_t *r = xcb_get_image_reply(s->x,
                                                   xcb_get_image(s->x, XCB_IMAGE_FORMAT_Z_PIXMAP, s->info->root, 0,
                                                                 0, (uint16_t)d->width, (uint16_t)d->height, ~0U),
                                                   NULL);
    unsigned char *bytes = r && (size_t)xcb_get_image_data_length(r) == 4 * n ? malloc(3 * n) : NULL;
    if (bytes) {
        const unsigned char *from = xcb_get_image_data(r);
        const int red = shift_of(visual->red_mask), green = shift_of(visual->green_mask),
                  blue = shift_of(visual->blue_mask);
        const bool big = s->setup->image_byte_order == XCB_IMAGE_ORDER_MSB_FIRST;
        for (size_t i = 0; i < n; i++, from += 4) {
            const uint32_t v =
                big ? (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3]
                    : (uint32_t)from[3] << 24 | (uint32_t)from[2] << 16 | (uint32_t)from[1] << 8 | from[0];
            bytes[3 * i] = (unsigned char)(v >> red);
            bytes[3 * i + 1] = (unsigned char)(v >> green);
            bytes[3 * i + 2] = (unsigned char)(v >> blue);
        }
        text_add(out, (const char *)bytes, 3 * n);
    }
    const bool there = r != NULL;
    free(r);
    free(bytes);
    return bytes && !out->failed ? VIV_OK
           : !there && screen_is_dead(d)
               ? gone(d)
               : viv_fail(d->host, VIV_EUNSUPPORTED, "the display's picture cannot be read");
}
#else

viv_status screen_open(struct desktop *d, int fd, const char *name)
{
    (void)fd, (void)name;
    return viv_fail(
        d->host, VIV_EUNSUPPORTED,
        "this viv was built without the desktop: install libxcb1-dev, libxcb-xtest0-dev and libdbus-1-dev, "
        "and configure it again");
}

void screen_close(struct desktop *d)
{
    (void)d;
}

bool screen_is_dead(const struct desktop *d)
{
    (void)d;
    return false;
}

char *screen_property(struct desktop *d, const char *name)
{
    (void)d, (void)name;
    return NULL;
}

void screen_restore_keys(struct desktop *d)
{
    (void)d;
}

/* What cannot be called, since no display is open. */
#define ABSENT(function, ...)                                                                                      \
    viv_status function(struct desktop *d, ##__VA_ARGS__)                                                          \
    {                                                                                                              \
        return screen_open(d, -1, NULL);                                                                           \
    }
#pragma GCC diagnostic ignored "-Wunused-parameter"
ABSENT(screen_look)
ABSENT(screen_pixels, struct text *out)
ABSENT(screen_activate, const struct window *w)
ABSENT(screen_ask_to_close, const struct window *w)
ABSENT(screen_point, int x, int y)
ABSENT(screen_button, int button, bool down)
ABSENT(screen_type, const char *text)
ABSENT(screen_keys, const char *chord, bool down, bool up)
#endif
