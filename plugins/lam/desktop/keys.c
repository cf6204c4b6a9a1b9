/* keys.c - names of keys.
 *
 *   chord:  (MODIFIER "+")* KEY
 *   KEY:    a name of the table, or a printable ASCII character
 *
 * Keysyms are those of X: for Latin-1 the character's number, for others 0x01000000 + its number. */
#include "desktop.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    uint32_t keysym;
} modifiers[] = {{"ctrl", 0xffe3}, {"shift", 0xffe1}, {"alt", 0xffe9}, {"super", 0xffeb}},
  names[] = {{"Return", 0xff0d}, {"Tab", 0xff09},      {"Escape", 0xff1b},    {"BackSpace", 0xff08},
             {"Delete", 0xffff}, {"Insert", 0xff63},   {"space", 0x20},       {"Left", 0xff51},
             {"Up", 0xff52},     {"Right", 0xff53},    {"Down", 0xff54},      {"Home", 0xff50},
             {"End", 0xff57},    {"Page_Up", 0xff55},  {"Page_Down", 0xff56}, {"Menu", 0xff67},
             {"Print", 0xff61},  {"F1", 0xffbe},       {"F2", 0xffbf},        {"F3", 0xffc0},
             {"F4", 0xffc1},     {"F5", 0xffc2},       {"F6", 0xffc3},        {"F7", 0xffc4},
             {"F8", 0xffc5},     {"F9", 0xffc6},       {"F10", 0xffc7},       {"F11", 0xffc8},
             {"F12", 0xffc9},    {"KP_Enter", 0xff8d}, {"Caps_Lock", 0xffe5}};
enum { N_MODIFIERS = sizeof modifiers / sizeof *modifiers, N_NAMES = sizeof names / sizeof *names };

uint32_t keysym_of_character(uint32_t c)
{
    return c == '\n'                                             ? 0xff0d
           : c == '\t'                                           ? 0xff09
           : (c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c < 0x100) ? c
                                                                 : 0x01000000 + c;
}

static uint32_t modifier(const char *word, size_t n)
{
    for (size_t i = 0; i < N_MODIFIERS; i++)
        if (strlen(modifiers[i].name) == n && strncmp(modifiers[i].name, word, n) == 0)
            return modifiers[i].keysym;
    return 0;
}

static uint32_t key(const char *word)
{
    if (word[0] > ' ' && word[0] < 0x7f && !word[1])
        return (uint32_t)word[0];
    for (size_t i = 0; i < N_NAMES; i++)
        if (strcmp(names[i].name, word) == 0)
            return names[i].keysym;
    return modifier(word, strlen(word));
}

size_t keys_read(const char *chord, uint32_t out[MOST_KEYS])
{
    size_t n = 0;
    for (const char *plus; (plus = strchr(chord, '+')) && plus[1] && plus != chord; chord = plus + 1)
        if (n == MOST_KEYS - 1 || !(out[n++] = modifier(chord, (size_t)(plus - chord))))
            return 0;
    return (out[n] = key(chord)) ? n + 1 : 0;
}

char *keys_pattern(void)
{
    struct text out = {0};
    text_printf(&out, "^((");
    for (size_t i = 0; i < N_MODIFIERS; i++)
        text_printf(&out, "%s%s", i ? "|" : "", modifiers[i].name);
    text_printf(&out, ")\\+){0,4}([!-~]");
    for (size_t i = 0; i < N_MODIFIERS; i++)
        text_printf(&out, "|%s", modifiers[i].name);
    for (size_t i = 0; i < N_NAMES; i++)
        text_printf(&out, "|%s", names[i].name);
    text_printf(&out, ")$");
    if (out.failed)
        text_release(&out);
    return out.data;
}

/* --- other programs' names ---------------------------------------------------------------------------------- */

static const struct {
    const char *foreign, *own;
} others[] = {{"enter", "Return"},
              {"esc", "Escape"},
              {"control", "ctrl"},
              {"control_l", "ctrl"},
              {"control_r", "ctrl"},
              {"shift_l", "shift"},
              {"shift_r", "shift"},
              {"alt_l", "alt"},
              {"alt_r", "alt"},
              {"option", "alt"},
              {"meta", "super"},
              {"cmd", "super"},
              {"command", "super"},
              {"win", "super"},
              {"super_l", "super"},
              {"super_r", "super"},
              {"del", "Delete"},
              {"ins", "Insert"},
              {"pageup", "Page_Up"},
              {"pagedown", "Page_Down"},
              {"pgup", "Page_Up"},
              {"pgdn", "Page_Down"},
              {"prior", "Page_Up"},
              {"next", "Page_Down"},
              {"arrowleft", "Left"},
              {"arrowright", "Right"},
              {"arrowup", "Up"},
              {"arrowdown", "Down"},
              {"left_arrow", "Left"},
              {"right_arrow", "Right"},
              {"up_arrow", "Up"},
              {"down_arrow", "Down"},
              {"capslock", "Caps_Lock"},
              {"printscreen", "Print"},
              {"spacebar", "space"},
              {"plus", "+"},
              {"minus", "-"},
              {"equal", "="},
              {"comma", ","},
              {"period", "."},
              {"slash", "/"},
              {"backslash", "\\"},
              {"semicolon", ";"}};

bool keys_add_own_name(const char *foreign, size_t n, struct text *out)
{
    const char *own = NULL;
    for (size_t i = 0; i < N_NAMES; i++)
        if (strlen(names[i].name) == n && strncasecmp(names[i].name, foreign, n) == 0)
            own = names[i].name;
    for (size_t i = 0; i < N_MODIFIERS; i++)
        if (strlen(modifiers[i].name) == n && strncasecmp(modifiers[i].name, foreign, n) == 0)
            own = modifiers[i].name;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strlen(others[i].foreign) == n && strncasecmp(others[i].foreign, foreign, n) == 0)
            own = others[i].own;
    if (n == 1 && *foreign > ' ' && *foreign < 0x7f)
        text_add(out, foreign, 1);
    else if (own)
        text_printf(out, "%s", own);
    return own || n == 1;
}
