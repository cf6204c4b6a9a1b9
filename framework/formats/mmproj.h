/* mmproj.h - the second file of a GGUF pair: the encoder and projector of a model that sees (or hears), whose text
 * part is in the first. The two become one checkpoint: names of tensors and keys of the second begin differently.
 */
#ifndef FORMATS_MMPROJ_H
#define FORMATS_MMPROJ_H

#include "formats/checkpoint.h"

/* The one file "mmproj*.gguf" or "*mmproj*.gguf" in the folder of a GGUF file, malloc'ed; NULL: there is none, or
 * several, or memory is out. */
char *mmproj_beside(const char *path);

/* Adds the file's tensors and keys to those of an open GGUF file. Refuses one that is no such file, sees nothing,
 * or projects to another number of features than the text part takes. */
viv_status mmproj_join(struct checkpoint *text, const char *path, struct error *err);

/* Whether both files of a pair say of which model they are (general.basename), and say two; sizes may still fit. */
bool mmproj_is_of_another(struct checkpoint *c, const char **text, const char **second);

/* "mlp", "gemma3", ... of a pair; NULL: it is none. */
const char *mmproj_projector(const struct checkpoint *c);

#endif
