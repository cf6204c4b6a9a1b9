/* variables.h - --var NAME=VALUE: further variables of a chat template. A value is JSON, or else a text. */
#ifndef CLI_VARIABLES_H
#define CLI_VARIABLES_H

#include "cli/options.h"
#include "engine/request.h"

/* Puts them into an object. */
viv_status variables_put(const struct string_list *variables, json_t *data, struct error *err);
/* Puts them into a request, over those that it has. */
viv_status variables_apply(const struct string_list *variables, struct request *r, struct error *err);

#endif
