/* grammars.h - compiled grammars of a model: its vocabulary as a trie, made once, and the grammars used last. */
#ifndef MODEL_GRAMMARS_H
#define MODEL_GRAMMARS_H

#include "grammar/recogniser.h"

#include <vivarium/request.h>

struct grammar_entry;

/* Compiles a grammar for the vocabulary of a model, or finds it compiled. *out: until model_grammar_release. */
viv_status model_grammar(viv_model *m, const viv_grammar *g, struct grammar_entry **out, struct error *err);
void model_grammar_release(struct grammar_entry *e); /* accepts NULL */
struct recogniser *grammar_recogniser(struct grammar_entry *e);
const char *grammar_name(const struct grammar_entry *e); /* as errors call it */

/* Of a model that is closed. */
struct grammars;
void grammars_destroy(struct grammars *g); /* accepts NULL */

#endif
