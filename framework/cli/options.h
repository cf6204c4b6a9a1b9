/* options.h - one parser for all subcommands: a table says what there is, from which come parsing, checks, help and
 * the nearest word when one is wrong. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an option writes into. */
enum option_kind {
    OPTION_FLAG,    /* bool */
    OPTION_INT,     /* int64_t */
    OPTION_FLOAT,   /* double */
    OPTION_SIZE,    /* uint64_t bytes: "4GiB" */
    OPTION_STRING,  /* const char * */
    OPTION_CHOICE,  /* const char *: one of the words of `choices` */
    OPTION_STRINGS, /* struct string_list: may be said several times */
    OPTION_IDS,     /* struct id_list: "1,2,3"; several times: one after another */
    OPTION_BIAS,    /* struct bias_list: "17=-2.5"; may be said several times */
    OPTION_CACHE    /* const char *: types of the KV cache, as cache_types_parse reads them */
};

struct option {
    const char *name; /* "threads" */
    char letter;      /* 'n' for -n, or 0 */
    enum option_kind kind;
    size_t offset;       /* where in the options it is written */
    const char *value;   /* what --help calls the value: "N"; FILE and DIR are completed by a shell */
    const char *help;    /* its meaning, the same for all verbs; one sentence without a full stop */
    const char *here;    /* what more it means for this verb, or NULL */
    double min, max;     /* of numbers: inclusive */
    const char *choices; /* "f32|f16" */
    bool any_case;       /* of a choice: large and small letters are alike, as in names of types */
    const char *aliases; /* "temperature|t": what users of other programs type; in the manual, not in --help */
};

struct string_list {
    const char **items;
    size_t n, capacity;
};
struct id_list {
    int32_t *ids;
    size_t n, capacity;
};
struct bias_list {
    struct bias {
        int32_t id;
        float value;
    } * items;
    size_t n, capacity;
};

/* What every verb takes; the first member of its options. */
struct common {
    struct string_list plugin_path, allow_threads, lora;
    const char *scheduler, *kernels, *activations, *cache_type, *weight_type;
    int64_t threads, context, nice;
    double cpu_share;       /* percent; 0: all */
    uint64_t expert_memory; /* 0: not said */
    const char *mmproj;
    const char *expert_profile;
};
#define COMMON_DEFAULTS                                                                                            \
    {                                                                                                              \
        .threads = 0, .context = 0                                                                                 \
    }
extern const struct option common_options[];

struct arguments {
    const struct command *command;
    const void *options; /* of the command's type */
    const char **words;  /* [n_words] what came without dashes */
    size_t n_words;
};

enum { ARGUMENTS_OK = -1 };

/* Parses argv[1..argc). ARGUMENTS_OK, or the status to exit with: --help was printed, or a sentence about what is
 * wrong. */
int arguments_parse(struct arguments *a, const struct command *command, int argc, char **argv);
void arguments_release(struct arguments *a);

/* Common options that begin as those of `from`, for one of several models. False: memory is out. */
bool common_copy(const struct common *from, struct common *to);
void common_release(struct common *c);
/* Sets what "name=value" says: an option of `own`, else a common one; `options` begins with a struct common.
 * Returns as arguments_parse does. */
int option_assign(const struct command *command, const struct option *own, const char *text, void *options);

/* The option of a table that has this name of n bytes, or an alias; or NULL. */
const struct option *option_find(const struct option *table, const char *name, size_t n);
/* Sets what a value says; a string is borrowed. VIV_EINVAL: the sentence says what is expected. */
viv_status option_set(const struct option *o, const char *text, void *options, struct error *err);

/* The verb's i-th option as it takes them: its own, those that it shares, the common ones, each name once; NULL
 * behind the last. A verb that takes no model shows --plugin-path alone of the common ones. */
const struct option *command_option(const struct command *command, size_t i);

/* `viv run --help`; in help.c. */
void command_print_help(const struct command *command);

#endif
