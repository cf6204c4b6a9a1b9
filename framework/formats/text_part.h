/* text_part.h - the text part of a model that reads more than text: its own config.json within that of the whole.
 */
#ifndef FORMATS_TEXT_PART_H
#define FORMATS_TEXT_PART_H

#include "formats/checkpoint.h"

/* Where c->config is of such a model, c->config becomes that of its text part, and c->whole says what it is a part
 * of. */
viv_status text_part_take(struct checkpoint *c, struct error *err);

#endif
