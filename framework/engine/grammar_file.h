/* grammar_file.h - grammars that the user names: a file, whose language its name tells, or a text. */
#ifndef ENGINE_GRAMMAR_FILE_H
#define ENGINE_GRAMMAR_FILE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

#include <vivarium/request.h>

#define GRAMMAR_LANGUAGES "json-schema|gbnf|lark|regex|choice"

struct grammar_file {
    viv_grammar grammar;
    struct buf text;
};

/* language: one of the above; NULL: by the end of the name (.json, .gbnf, .lark, .regex, .txt). */
viv_status grammar_file_read(struct grammar_file *g, const char *path, const char *language, bool lenient,
                             struct error *err);
/* Of a text of the command line, which `name` calls; choices are divided by commas, with \, for a comma. */
viv_status grammar_file_text(struct grammar_file *g, uint32_t kind, const char *name, const char *text,
                             struct error *err);
/* A copy of the grammar that lives as long as the arena; NULL: out of memory. */
const viv_grammar *grammar_file_keep(const struct grammar_file *g, struct arena *arena);
void grammar_file_release(struct grammar_file *g);

#endif
