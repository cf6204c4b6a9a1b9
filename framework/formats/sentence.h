/* sentence.h - the settings of sentence-transformers beside a checkpoint: pooling, normalization, prompts. */
#ifndef FORMATS_SENTENCE_H
#define FORMATS_SENTENCE_H

#include "base/json.h"

/* If `dir` has a modules.json, adds the settings of it and its companions to config.json's object as
 *   "sentence_transformers": {"pooling": "mean", "normalize": true, "max_seq_length": 256,
 *                             "prompts": {"query": "search: "}, "default_prompt_name": "query",
 *                             "include_prompt": false, "do_lower_case": true}
 * so that specs can read them. Members of the second and third line may be absent. Fails for other modules. */
viv_status checkpoint_read_sentence_transformers(const char *dir, json_t *config, struct error *err);

#endif
