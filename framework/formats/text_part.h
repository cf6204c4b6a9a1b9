/* text_part.h - the text part of a multimodal model: its configuration within that of the whole. */
#ifndef FORMATS_TEXT_PART_H
#define FORMATS_TEXT_PART_H

#include "formats/checkpoint.h"

/* If c->config is that of such a model, replaces it by that of its text part, and sets c->whole. */
viv_status checkpoint_take_text_part(struct checkpoint *c, struct error *err);

#endif
