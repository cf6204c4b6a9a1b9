/* sentence.h - what sentence-transformers lays beside a checkpoint: how vectors of tokens become that of a text. */
#ifndef FORMATS_SENTENCE_H
#define FORMATS_SENTENCE_H

#include "base/json.h"

/* Where `dir` has a modules.json, puts what it and its companions say into config.json's object as
 *   "sentence_transformers": {"pooling": "mean", "normalize": true, "max_seq_length": 256,
 *                             "prompts": {"query": "search: "}, "default_prompt_name": "query",
 *                             "include_prompt": false, "do_lower_case": true}
 * so that specs name it like everything else; what stands in the second and third line may be absent. Refuses
 * modules that are none of these. */
viv_status sentence_read(const char *dir, json_t *config, struct error *err);

#endif
