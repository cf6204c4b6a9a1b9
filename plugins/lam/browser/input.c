/* input.c - what a hand would do: the pointer and keys. */
#include "browser.h"

#include <ctype.h>
#include <string.h>

static viv_status mouse(struct browser *b, const char *type, double x, double y, const char *button, int count)
{
    const struct tab *t = browser_tab(b);
    const bool held = strcmp(type, "mouseReleased") != 0 && strcmp(button, "none") != 0;
    return t ? browser_call(b, t->session, "Input.dispatchMouseEvent",
                            json_pack("{s:s, s:f, s:f, s:s, s:i, s:i}", "type", type, "x", x, "y", y, "button",
                                      button, "buttons",
                                      !held                          ? 0
                                      : strcmp(button, "right") == 0 ? 2
                                                                     : 1,
                                      "clickCount", count),
                            browser_patience(b), NULL)
             : viv_fail(b->host, VIV_ENOTFOUND, "no page is open");
}

viv_status input_move(struct browser *b, double x, double y)
{
    return mouse(b, "mouseMoved", x, y, "none", 0);
}

viv_status input_click(struct browser *b, double x, double y, const char *how)
{
    const char *button = strcmp(how, "right") == 0 ? "right" : "left";
    const int n = strcmp(how, "double") == 0 ? 2 : strcmp(how, "triple") == 0 ? 3 : 1;
    viv_status status = input_move(b, x, y);
    for (int i = 1; status == VIV_OK && i <= n; i++) {
        status = mouse(b, "mousePressed", x, y, button, i);
        if (status == VIV_OK)
            status = mouse(b, "mouseReleased", x, y, button, i);
    }
    return status;
}

viv_status input_drag(struct browser *b, const double from[2], const double to[2])
{
    enum { STEPS = 8 };
    viv_status status = input_move(b, from[0], from[1]);
    if (status == VIV_OK)
        status = mouse(b, "mousePressed", from[0], from[1], "left", 1);
    for (int i = 1; status == VIV_OK && i <= STEPS; i++)
        status = mouse(b, "mouseMoved", from[0] + (to[0] - from[0]) * i / STEPS,
                       from[1] + (to[1] - from[1]) * i / STEPS, "left", 1);
    const viv_status released = mouse(b, "mouseReleased", to[0], to[1], "left", 1);
    return status == VIV_OK ? released : status;
}

/* --- keys --------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *code;
    int number;
    const char *text;
} keys[] = {{"Enter", "Enter", 13, "\r"},
            {"Tab", "Tab", 9, NULL},
            {"Escape", "Escape", 27, NULL},
            {"Backspace", "Backspace", 8, NULL},
            {"Delete", "Delete", 46, NULL},
            {"ArrowLeft", "ArrowLeft", 37, NULL},
            {"ArrowUp", "ArrowUp", 38, NULL},
            {"ArrowRight", "ArrowRight", 39, NULL},
            {"ArrowDown", "ArrowDown", 40, NULL},
            {"Home", "Home", 36, NULL},
            {"End", "End", 35, NULL},
            {"PageUp", "PageUp", 33, NULL},
            {"PageDown", "PageDown", 34, NULL},
            {"Space", "Space", 32, " "}};

const char *const input_keys[] = {"Enter",     "Tab",        "Escape",    "Backspace", "Delete",        "ArrowLeft",
                                  "ArrowUp",   "ArrowRight", "ArrowDown", "Home",      "End",           "PageUp",
                                  "PageDown",  "Space",      "Shift+Tab", "Control+a", "Control+c",     "Control+v",
                                  "Control+x", "Control+z",  "Control+b", "Control+i", "Control+Enter", NULL};

static viv_status key(struct browser *b, const char *name, const char *code, int number, const char *text,
                      int modifiers, const char *command)
{
    const struct tab *t = browser_tab(b);
    if (!t)
        return viv_fail(b->host, VIV_ENOTFOUND, "no page is open");
    json_t *down = json_pack("{s:s, s:s, s:s, s:i, s:i}", "type", text ? "keyDown" : "rawKeyDown", "key", name,
                             "code", code, "windowsVirtualKeyCode", number, "modifiers", modifiers);
    if (text)
        json_object_set_new(down, "text", json_string(text));
    if (command)
        json_object_set_new(down, "commands", json_pack("[s]", command));
    viv_status status = browser_call(b, t->session, "Input.dispatchKeyEvent", down, browser_patience(b), NULL);
    if (status == VIV_OK && browser_tab(b))
        status = browser_call(b, browser_tab(b)->session, "Input.dispatchKeyEvent",
                              json_pack("{s:s, s:s, s:s, s:i, s:i}", "type", "keyUp", "key", name, "code", code,
                                        "windowsVirtualKeyCode", number, "modifiers", modifiers),
                              browser_patience(b), NULL);
    return status;
}

static const char *command_of(char letter)
{
    return letter == 'a'   ? "selectAll"
           : letter == 'c' ? "copy"
           : letter == 'v' ? "paste"
           : letter == 'x' ? "cut"
           : letter == 'z' ? "undo"
                           : NULL;
}

viv_status input_press(struct browser *b, const char *chord)
{
    enum { CONTROL = 2, SHIFT = 8 };
    const bool control = strncmp(chord, "Control+", 8) == 0, shift = strncmp(chord, "Shift+", 6) == 0;
    const char *name = chord + (control ? 8 : shift ? 6 : 0);
    const int modifiers = (control ? CONTROL : 0) | (shift ? SHIFT : 0);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i].name, name) == 0)
            return key(b, strcmp(name, "Space") == 0 ? " " : name, keys[i].code, keys[i].number,
                       control ? NULL : keys[i].text, modifiers, NULL);
    const char code[] = {'K', 'e', 'y', (char)toupper((unsigned char)*name), '\0'};
    return key(b, name, code, toupper((unsigned char)*name), NULL, modifiers, command_of(*name));
}

/* ASCII as keys, which pages listen to; other text, and a long one, at once. */
viv_status input_type(struct browser *b, const char *text)
{
    enum { MOST_KEYS = 200 };
    const bool is_long = strlen(text) > MOST_KEYS;
    viv_status status = VIV_OK;
    while (status == VIV_OK && *text) {
        size_t n = is_long ? strlen(text) : 0;
        while ((unsigned char)text[n] >= 0x80)
            n++;
        const struct tab *t = browser_tab(b);
        if (!t)
            return viv_fail(b->host, VIV_ENOTFOUND, "the page was closed");
        if (n > 0) {
            status = browser_call(b, t->session, "Input.insertText", json_pack("{s:s%}", "text", text, n),
                                  browser_patience(b), NULL);
            text += n;
            continue;
        }
        const char letter[] = {*text, '\0'};
        if (*text == '\n')
            status = input_press(b, "Enter");
        else if (*text == '\t')
            status = browser_call(b, t->session, "Input.insertText", json_pack("{s:s}", "text", "\t"),
                                  browser_patience(b), NULL);
        else if ((unsigned char)*text >= ' ')
            status = key(b, letter, "",
                         isalnum((unsigned char)*text) || *text == ' ' ? toupper((unsigned char)*text) : 0, letter,
                         0, NULL);
        text++;
    }
    return status;
}
