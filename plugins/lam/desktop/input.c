/* input.c - hands on a display, by XTest: the pointer, its buttons, and keys. A character that no key has is lent
 * to one that is free. */
#include "desktop.h"

#ifdef LAM_DESKTOP
#include "x11.h"

#include <string.h>
#include <xcb/xtest.h>

/* --- the pointer -------------------------------------------------------------------------------------------- */

viv_status screen_point(struct desktop *d, int x, int y)
{
    if (x < 0 || y < 0 || x >= d->width || y >= d->height)
        return viv_fail(d->host, VIV_EINVAL, "the place %d,%d is not on the screen of %dx%d", x, y, d->width,
                        d->height);
    if (d->screen)
        xcb_test_fake_input(d->screen->x, XCB_MOTION_NOTIFY, 0, 0, d->screen->info->root, (int16_t)x, (int16_t)y,
                            0);
    return screen_catch_up(d);
}

viv_status screen_button(struct desktop *d, int button, bool down)
{
    if (d->screen) {
        xcb_test_fake_input(d->screen->x, down ? XCB_BUTTON_PRESS : XCB_BUTTON_RELEASE, (uint8_t)button, 0,
                            d->screen->info->root, 0, 0, 0);
        d->screen->buttons[button] = down;
    }
    return screen_catch_up(d);
}

/* --- keys --------------------------------------------------------------------------------------------------- */

/* The key of a keysym, 0: none. *shift: with Shift. */
static int key_of(const struct screen *s, uint32_t keysym, bool *shift)
{
    for (int level = 0; level < 2; level++)
        for (int i = s->setup->min_keycode; i <= s->setup->max_keycode; i++)
            if (s->keysyms[i][level] == keysym) {
                *shift = level == 1;
                return i;
            }
    return 0;
}

/* As the server maps letters: a key with only "a" has "A" with Shift. */
static int key_of_letter(const struct screen *s, uint32_t keysym, bool *shift)
{
    int key = key_of(s, keysym, shift);
    if (!key && keysym >= 'A' && keysym <= 'Z' && (key = key_of(s, keysym + 'a' - 'A', shift)))
        *shift = true;
    return key;
}

static void map_key(struct screen *s, int key, uint32_t keysym)
{
    const xcb_keysym_t both[2] = {keysym, keysym};
    xcb_change_keyboard_mapping(s->x, 1, (xcb_keycode_t)key, 2, both);
    s->keysyms[key][0] = s->keysyms[key][1] = keysym;
    s->lent[key] = keysym != NO_SYMBOL;
}

/* Gives a keysym to a key that has none. 0: all keys have one. */
static int lend_key(struct screen *s, uint32_t keysym)
{
    for (int i = s->setup->max_keycode; i >= s->setup->min_keycode; i--)
        if (s->keysyms[i][0] == NO_SYMBOL && s->keysyms[i][1] == NO_SYMBOL) {
            map_key(s, i, keysym);
            return i;
        }
    return 0;
}

static void take_back(struct desktop *d)
{
    for (int i = 0; i < KEYS; i++)
        if (d->screen->lent[i])
            map_key(d->screen, i, NO_SYMBOL);
    screen_catch_up(d);
}

void screen_restore_keys(struct desktop *d)
{
    if (d->screen && !d->is_private)
        take_back(d);
}

static void press(struct screen *s, int key, bool down)
{
    xcb_test_fake_input(s->x, down ? XCB_KEY_PRESS : XCB_KEY_RELEASE, (uint8_t)key, 0, s->info->root, 0, 0, 0);
    s->held[key] = down;
}

viv_status screen_keys(struct desktop *d, const char *chord, bool down, bool up)
{
    uint32_t keysyms[MOST_KEYS];
    int keys[MOST_KEYS];
    const size_t n = keys_read(chord, keysyms);
    bool shift = false, with_shift = false;
    struct screen *s = d->screen;
    const viv_status status = screen_catch_up(d);
    if (status != VIV_OK)
        return status;
    if (n == 0)
        return viv_fail(d->host, VIV_EINVAL, "'%s' is no key: expected such as Return, a, ctrl+s or alt+F4", chord);
    for (size_t i = 0; i < n; i++) {
        if (!(keys[i] = key_of_letter(s, keysyms[i], &with_shift)) && !(keys[i] = lend_key(s, keysyms[i])))
            return viv_fail(d->host, VIV_ELIMIT, "the keyboard has no key '%s', and none that is free", chord);
        shift = shift || with_shift;
    }
    const int shift_key = shift ? key_of(s, 0xffe1, &with_shift) : 0;
    screen_catch_up(d); /* keys are mapped before they are pressed */
    if (down && shift_key)
        press(s, shift_key, true);
    for (size_t i = 0; down && i < n; i++)
        press(s, keys[i], true);
    for (size_t i = n; up && i-- > 0;)
        press(s, keys[i], false);
    if (up && shift_key)
        press(s, shift_key, false);
    return screen_catch_up(d);
}

/* One character, whose length is returned; 0: it is none. */
static size_t character_of(const char *text, uint32_t *out)
{
    const unsigned char *u = (const unsigned char *)text;
    const size_t n = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    *out = n == 1 ? u[0] : u[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        *out = *out << 6 | (u[i] & 0x3fu);
    }
    return n;
}

/* Keys for as much of a text as there are; the length of that part. All are mapped before any is pressed: programs
 * read the new mapping when they hear of it, which may be late. */
static size_t lend_keys(struct screen *s, const char *text)
{
    size_t done = 0;
    uint32_t c;
    bool shift;
    while (text[done]) {
        const size_t n = character_of(text + done, &c);
        const uint32_t keysym = keysym_of_character(c);
        if (n == 0 || (!key_of_letter(s, keysym, &shift) && !lend_key(s, keysym)))
            break;
        done += n;
    }
    return done;
}

static void type_part(struct desktop *d, const char *text, size_t size)
{
    struct screen *s = d->screen;
    uint32_t c;
    bool shift, without = false;
    const int shift_key = key_of(s, 0xffe1, &without);
    for (size_t at = 0, n; at < size && (n = character_of(text + at, &c)); at += n) {
        const int key = key_of_letter(s, keysym_of_character(c), &shift);
        if (shift && shift_key)
            press(s, shift_key, true);
        press(s, key, true);
        press(s, key, false);
        if (shift && shift_key)
            press(s, shift_key, false);
    }
}

viv_status screen_type(struct desktop *d, const char *text)
{
    viv_status status = screen_catch_up(d);
    for (const char *t = text; *t; t++)
        if (((unsigned char)*t < ' ' && *t != '\n' && *t != '\t') || *t == 0x7f)
            return viv_fail(d->host, VIV_EINVAL, "the text has a control character, which no key is for");
    if (!text_is_utf8(text, strlen(text)))
        return viv_fail(d->host, VIV_EINVAL, "the text is not UTF-8");
    while (status == VIV_OK && *text) {
        size_t n = lend_keys(d->screen, text);
        if (n == 0) { /* all are lent: when programs have read what was typed, others can be */
            status = desktop_settle(d);
            if (status == VIV_OK)
                take_back(d);
            n = status == VIV_OK ? lend_keys(d->screen, text) : 0;
            if (status == VIV_OK && n == 0)
                return viv_fail(d->host, VIV_ELIMIT, "the keyboard has no key that is free for such characters");
        }
        if (status == VIV_OK)
            status = screen_catch_up(d);
        if (status == VIV_OK)
            type_part(d, text, n);
        text += n;
    }
    return status == VIV_OK ? screen_catch_up(d) : status;
}
#endif
