/* acting_page.h - a run of a model that acts as an HTML page: one file that needs no other and runs no script. */
#ifndef CLI_ACTING_PAGE_H
#define CLI_ACTING_PAGE_H

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>

struct acting_page {
    struct buf html;
    json_t *seen; /* the last event of a page, which the next step acts on */
    bool open;    /* a section */
};
void acting_page_begin(struct acting_page *p);
void acting_page_add(struct acting_page *p, const json_t *event);
/* The page; it lives until it is released. VIV_ENOMEM. */
viv_status acting_page_end(struct acting_page *p, struct error *err);
void acting_page_release(struct acting_page *p);

#endif
