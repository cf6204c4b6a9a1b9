/* sensitivity.h - what each type of weights costs a model, measured: for each role (the weights of one attribute of
 * one class of layer) the Kullback-Leibler divergence of the model's next tokens when all weights of that role have
 * a type. quality/sensitivity.h measures it; by it, weights get their types within a budget (model/precision.h).
 *
 * The file is JSON:
 *
 *   {"sensitivity": 1, "model": "name", "text": "wiki.txt", "tokens": 2048, "roles": [
 *     {"layer": "attention", "attr": "q", "weights": 30, "elements": 9953280, "kl": {"q8_0": 0.0001, "q4_0":
 * 0.01}}, ...]}
 *
 * A table is used for models whose roles have as many weights and elements, whatever their types are. */
#ifndef MODEL_SENSITIVITY_H
#define MODEL_SENSITIVITY_H

#include "base/error.h"
#include "base/json.h"

#include <stddef.h>
#include <vivarium/precision.h>

enum { SENSITIVITY_TYPES = 256, SENSITIVITY_WORD = 64 };

struct sensitivity_role {
    char layer[SENSITIVITY_WORD], attr[SENSITIVITY_WORD];
    uint64_t n_weights, elements;
    double kl[SENSITIVITY_TYPES]; /* in nats, by type; NAN: not measured */
};

struct sensitivity {
    struct sensitivity_role *roles; /* [n] */
    size_t n, capacity;
};

viv_status sensitivity_read(const char *path, struct sensitivity *out, struct error *err);
/* As in the file; NULL when memory is out. Types that are not known are left out. */
json_t *sensitivity_json(const struct sensitivity *s, const char *model, const char *text, uint64_t n_tokens);
void sensitivity_release(struct sensitivity *s);

/* The role of a weight, or NULL. */
struct sensitivity_role *sensitivity_find(const struct sensitivity *s, const viv_weight *w);
/* Adds the weights to the counts of their roles, and roles that are not there. */
viv_status sensitivity_count(struct sensitivity *s, const viv_weight *const *weights, uint32_t n,
                             struct error *err);
/* Refuses a table that was measured with weights of other numbers and sizes; errors call it `path`. */
viv_status sensitivity_check(const struct sensitivity *s, const char *path, const viv_weight *const *weights,
                             uint32_t n, struct error *err);

#endif
