/* table.h - a comparison as text: for a terminal, for Markdown, as comma-separated values, as JSON. */
#ifndef CLI_COMPARE_TABLE_H
#define CLI_COMPARE_TABLE_H

#include "base/buf.h"
#include "cli/compare/comparison.h"

#include <jansson.h>

/* A cell as people read it; "" where it is unknown. */
void table_cell_text(const struct row *r, uint32_t model, struct buf *out);
/* The column that is best in this row, of those that are known; n_models: none, or all the same. */
uint32_t table_row_best(const struct comparison *c, const struct row *r);

/* As wide as `width` characters; what does not fit beside goes below. `colour`: with escape sequences. */
void table_terminal(const struct comparison *c, uint32_t width, bool colour, struct buf *out);
void table_markdown(const struct comparison *c, struct buf *out);
/* A line for each row: section, key, unit, and the value in each model's column. */
void table_csv(const struct comparison *c, struct buf *out);
json_t *table_json(const struct comparison *c); /* NULL: memory is out */

#endif
