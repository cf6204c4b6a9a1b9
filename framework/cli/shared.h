/* shared.h - options that several verbs have: each name has one letter, one kind of value and one meaning
 * everywhere. `at` is where a verb keeps it, `more` what the verb adds to the meaning, or NULL. */
#ifndef CLI_SHARED_H
#define CLI_SHARED_H

#include "cli/options.h"

/* --- what is read --- */
#define PROMPT_OPTION(type, at, more)                                                                              \
    {                                                                                                              \
        "prompt", 'p', type, at, "TEXT", .help = "the text that the model reads", .here = (more),                  \
                                         .aliases = "text"                                                         \
    }
#define FILE_OPTION(at, more)                                                                                      \
    {                                                                                                              \
        "file", 'f', OPTION_STRING, at, "FILE", .help = "read the text from FILE; -: standard input",              \
                                                .here = (more)                                                     \
    }
#define TOKENS_OPTION(at, more)                                                                                    \
    {                                                                                                              \
        "tokens", 0, OPTION_IDS, at, "IDS", .help = "token ids in place of a text, such as 1,2,3", .here = (more)  \
    }
#define NO_SPECIAL_OPTION(at, more)                                                                                \
    {                                                                                                              \
        "no-special", 0, OPTION_FLAG, at, .help = "without the tokens that the tokenizer puts around a text",      \
                                          .here = (more)                                                           \
    }
#define CUT_OPTION(at)                                                                                             \
    {                                                                                                              \
        "cut", 0, OPTION_FLAG, at, .help = "cut a text that is too long for the model, instead of refusing it"     \
    }
#define WINDOW_OPTION(at, more)                                                                                    \
    {                                                                                                              \
        "window", 0, OPTION_INT, at, "N", .help = "tokens that the model sees at once", .here = (more), .min = 2,  \
                                          .max = 1 << 30                                                           \
    }

/* --- conversations --- */
#define TEMPLATE_OPTION(at, more)                                                                                  \
    {                                                                                                              \
        "template", 0, OPTION_STRING, at, "FILE", .help = "a chat template in place of the model's own",           \
                                                  .here = (more), .aliases = "chat-template-file"                  \
    }
#define TEMPLATE_NAME_OPTION(at)                                                                                   \
    {                                                                                                              \
        "template-name", 0, OPTION_STRING, at, "NAME", .help = "which of the model's templates, if it has several" \
    }
#define VAR_OPTION(at)                                                                                             \
    {                                                                                                              \
        "var", 0, OPTION_STRINGS, at, "NAME=VALUE",                                                                \
            .help = "a further variable of the template: JSON, or else a text; may be repeated"                    \
    }
#define SYSTEM_OPTION(at, more)                                                                                    \
    {                                                                                                              \
        "system", 0, OPTION_STRING, at, "TEXT", .help = "what the model is told before all turns", .here = (more), \
                                                .aliases = "system-prompt|sys"                                     \
    }
#define PARSE_SPECIAL_OPTION(at)                                                                                   \
    {                                                                                                              \
        "parse-special", 0, OPTION_FLAG, at,                                                                       \
            .help = "special tokens written out in messages are tokens; without it, they are text"                 \
    }
#define MEMORY_OPTION(at, more)                                                                                    \
    {                                                                                                              \
        "memory", 0, OPTION_SIZE, at, "SIZE", .help = "memory to fit into, such as 900MiB", .here = (more)         \
    }
#define PRECISION_OPTION(at)                                                                                       \
    {                                                                                                              \
        "precision", 0, OPTION_STRING, at, "FILE",                                                                 \
            .help = "with --memory: give weights types by what these cost this very model, as "                    \
                    "`viv calibrate --sensitivity` has written; without it, by what they cost models in general"   \
    }
/* of an option whose kind differs */
#define ON_HELP "a machine: a name (viv compare --devices), or \"80GB/s,2TFLOP/s,16GiB\"; default this one"
#define SESSION_OPTION(at, more)                                                                                   \
    {                                                                                                              \
        "session", 0, OPTION_STRING, at, "FILE", .help = "go on from FILE, and save there in the end",             \
                                                 .here = (more)                                                    \
    }

/* --- what an answer keeps to --- */
#define GRAMMAR_OPTION(at, more)                                                                                   \
    {                                                                                                              \
        "grammar", 0, OPTION_STRING, at, "FILE",                                                                   \
            .help = "the answer keeps to the grammar of FILE, whose name ends in .gbnf, .lark, .regex, .json or "  \
                    ".txt; see viv grammar",                                                                       \
            .here = (more), .aliases = "grammar-file"                                                              \
    }

/* --- how much --- */
#define MAX_TOKENS_OPTION(at, more, least, most)                                                                   \
    {                                                                                                              \
        "max-tokens", 'n', OPTION_INT, at, "N", .help = "tokens of an answer, at most", .here = (more),            \
                                                .min = (least), .max = (most),                                     \
                                                .aliases = "n|n-predict|predict|num-predict|max-new-tokens|"       \
                                                           "max-output-tokens|max-completion-tokens|n-gen|answer"  \
    }
#define SEQUENCES_OPTION(at, more, most)                                                                           \
    {                                                                                                              \
        "sequences", 0, OPTION_INT, at, "N", .help = "texts that are written at once; default 1", .here = (more),  \
                                             .min = 1, .max = (most), .aliases = "texts"                           \
    }
#define ROUNDS_OPTION(at, more)                                                                                    \
    {                                                                                                              \
        "rounds", 'r', OPTION_INT, at, "N", .help = "rounds, of which the median counts", .here = (more),          \
                                            .min = 1, .max = 1000, .aliases = "repetitions"                        \
    }

/* --- what is written --- */
#define OUTPUT_OPTION(at, more)                                                                                    \
    {                                                                                                              \
        "output", 'o', OPTION_STRING, at, "FILE", .help = "write to FILE; -: standard output", .here = (more)      \
    }
#define TOP_OPTION(at, more, least)                                                                                \
    {                                                                                                              \
        "top", 0, OPTION_INT, at, "N", .help = "print the N best", .here = (more), .min = (least), .max = 1e9      \
    }
#define VERBOSE_OPTION(at, more)                                                                                   \
    {                                                                                                              \
        "verbose", 'v', OPTION_FLAG, at, .help = "say more", .here = (more)                                        \
    }
#define JSON_OPTION(at, more)                                                                                      \
    {                                                                                                              \
        "json", 0, OPTION_FLAG, at, .help = "print JSON", .here = (more)                                           \
    }

#endif
