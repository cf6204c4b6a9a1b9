/* x11.h - an open display, as x11.c and input.c have it. */
#ifndef LAM_X11_H
#define LAM_X11_H

#include "desktop.h"

#include <xcb/xcb.h>

enum { KEYS = 256, NO_SYMBOL = 0 };
enum atom { CLIENT_LIST, ACTIVE_WINDOW, NAME, UTF8_STRING, PROTOCOLS, DELETE_WINDOW, TAKE_FOCUS, N_ATOMS };

struct screen {
    xcb_connection_t *x;
    const xcb_setup_t *setup;
    const xcb_screen_t *info;
    xcb_atom_t atoms[N_ATOMS];
    xcb_window_t focused, highest; /* without a window manager: what has the focus, and what was above all then */
    uint32_t keysyms[KEYS][2];     /* of each key, without and with Shift */
    bool lent[KEYS];               /* keys that had none, and have one of ours */
    bool held[KEYS];
    bool buttons[8];
    bool hung;
};

/* Waits until the server has done all that it was asked for, and drops its events. One that does not answer is as
 * good as gone. */
viv_status screen_catch_up(struct desktop *d);

#endif
