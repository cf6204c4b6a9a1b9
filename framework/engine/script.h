/* script.h - answers from a file in place of a model, line by line: what a test expects of a model, and what a user
 * tries a spec with. Each is held to the grammar that a model's answer would keep to. */
#ifndef ENGINE_SCRIPT_H
#define ENGINE_SCRIPT_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <vivarium/request.h>

struct script;
/* `paragraphs`: an answer may have several lines, and an empty one ends it. */
viv_status script_open(const char *path, bool paragraphs, struct script **out, struct error *err);
void script_close(struct script *s); /* accepts NULL */
/* The next answer. Fails when there is none, and when the grammar (or NULL) does not allow it. */
viv_status script_next(struct script *s, const viv_grammar *grammar, struct buf *out, struct error *err);
struct dialect;
/* The next answer, a call of one of these functions (a JSON list) in a dialect; it is read as the model's would be,
 * and appended as VIV_PART_TOOL_CALL has it. */
viv_status script_next_call(struct script *s, const struct dialect *d, const char *functions, struct buf *out,
                            struct error *err);

#endif
