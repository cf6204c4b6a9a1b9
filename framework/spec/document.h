/* document.h - reads spec files, checks them against the key table, and merges them along `use`. */
#ifndef SPEC_DOCUMENT_H
#define SPEC_DOCUMENT_H

#include "spec/expr.h"
#include "spec/yaml.h"

enum key_context {
    IN_SPEC,
    IN_SAMPLING,
    IN_PLUGINS,
    IN_DEFAULTS,
    IN_MATCHES,
    IN_PARAM,
    IN_WEIGHT,
    IN_BY_NAMING,
    IN_TRANSFORM,
    IN_SPLIT,
    IN_PERMUTE,
    IN_REFUSE,
    IN_STEP,
    IN_USE,
    IN_STACK,
    IN_REPEAT,
    IN_SWITCH,
    IN_STAGE,
    IN_BROWSER,
    IN_DESKTOP,
    IN_SERVER,
    IN_MEMORY,
    IN_LIMITS,
    N_KEY_CONTEXTS
};
enum key_type { KEY_WORD, KEY_WORDS, KEY_NAMES, KEY_EXPR, KEY_NUMBER, KEY_TEXT, KEY_MAP, KEY_LIST, KEY_ANY };

struct key {
    enum key_context context;
    const char *name;
    enum key_type type;
    bool required;
    const char *doc;
};
extern const struct key spec_keys[];
extern const size_t spec_n_keys;

/* Reports unknown keys (with the nearest known one), missing keys, and values of the wrong form. */
viv_status document_check_keys(const struct yaml *map, enum key_context context, struct error *err);

enum { MAX_CHAIN = 8, MAX_PARAMS = 512, MAX_WEIGHTS = 512 };

struct param {
    const char *name;
    const struct yaml *declaration; /* the mapping, or NULL */
    const struct yaml *value;       /* a plain value that overrides it, or NULL */
    struct position at;
};

struct weight_entry {
    const char *key;
    const struct yaml *body;
    struct position at;
};

/* An entry of `stacks`: layers of its own, or the graph of another spec. */
struct stack_entry {
    const char *name;
    const struct yaml *body;
    struct position at;
    struct spec *used; /* or NULL */
};

struct spec {
    struct arena arena;
    const struct spec_world *world;
    const char *name, *path, *title, *source, *family, *architecture;
    const char *active; /* "all", "head", "body"; NULL: all */
    /* The architectures in GGUF files, its own or those of a spec it uses, and the first of them; NULL: none */
    const struct yaml *gguf_names;
    const char *gguf_name;
    const char *mmproj; /* the second file of its checkpoint; or NULL */
    struct spec_settings settings;
    char *checkpoint;
    const char **adapters;
    const struct yaml *matches, *graph, *encoder, *input; /* encoder, input: or NULL */
    struct stack_entry stacks[MAX_NAMED_STACKS];
    uint32_t n_stacks;
    struct position at; /* of the outermost document */
    struct param *params;
    uint32_t n_params;
    struct weight_entry *weights;
    uint32_t n_weights, n_adapters;
    const struct yaml *groups[MAX_CHAIN]; /* from each document of the chain, as are these: */
    const struct yaml *refuse[MAX_CHAIN];
    const struct yaml *ignore[MAX_CHAIN];
    const struct yaml *without_effect[MAX_CHAIN];
    uint32_t n_documents;
};

/* Resolves a path in a file `from`: relative to that file's directory, unless absolute. NULL: out of memory. */
char *document_path_beside(struct arena *arena, const char *from, const char *path);

/* Reads a spec and all specs that it uses. `checkpoint` (or NULL) overrides that of the spec. */
viv_status document_load(const struct spec_world *world, const char *path, const char *checkpoint,
                         struct spec **out, struct error *err);

const struct param *spec_param(const struct spec *s, const char *name);
const struct weight_entry *spec_weight(const struct spec *s, const char *key);

/* The mapping of a group of attributes: itself, or the entry of `groups` that it names; or NULL. */
const struct yaml *spec_group(const struct spec *s, const struct yaml *y);
/* The value of an attribute in a layer's mapping, or NULL. "rope.theta" is in the group rope. */
const struct yaml *spec_attr(const struct spec *s, const struct yaml *map, const char *dotted);

/* Finds a named spec ("llama", "zoo/llama-3.2-1b") in the world's directories; *path malloc'ed. VIV_ENOTFOUND lists
 * similar names. The file `from` (or NULL), which uses the name, is skipped: a user's own "llama" can use the one
 * that it hides. */
viv_status spec_find(const struct spec_world *world, const char *name, const char *from, char **path,
                     struct error *err);
/* Whether this is a name with its folder, as in listings. */
bool spec_is_listed(const char *name);
/* Whether a MODEL is the path of a spec or of weights, and no name. */
bool spec_is_path(const char *model);

/* The name of a spec that uses this one ("zoo/llama-3.2-1b"), malloc'ed; NULL when there is none. */
viv_status spec_example(const struct spec *s, char **name, struct error *err);

/* check.c: checks all of a loaded spec that needs no numbers: layers, attributes, expressions, names. */
viv_status spec_check(const struct spec *s, struct error *err);

#endif
