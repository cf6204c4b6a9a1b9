/* request.h - what one asks of a model, and what comes back. The same for all architectures: a request is a
 * list of messages; the answer is a stream of events.
 *
 * Messages with a role are a conversation: the model's chat template makes one prompt of them, in which special tokens
 * of the template are tokens, and the same words in a message are text (unless VIV_REQUEST_PARSE_SPECIAL). Messages
 * without one are bare text to continue. A request has messages of one kind. */
#ifndef VIVARIUM_REQUEST_H
#define VIVARIUM_REQUEST_H

#include <vivarium/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct viv_model viv_model;       /* the host's: spec, weights, tokenizer, plan */
typedef struct viv_sequence viv_sequence; /* the host's: tokens and their cache (sequence.h) */

enum {
    VIV_PART_TEXT = 1,        /* name "list": the template gets a list of texts, though it may have one */
    VIV_PART_IMAGE = 2,       /* the bytes of a picture's file */
    VIV_PART_VIDEO = 3,       /* a viv_video */
    VIV_PART_TOOL_RESULT = 4, /* what a tool returned; name: the tool's */
    VIV_PART_TOKENS = 5,
    VIV_PART_ANSWER = 6,    /* the last part: tokens of an answer that was cut, and now goes on as if it had not been */
    VIV_PART_REASONING = 7, /* what the assistant thought before it answered; name: the key that the template reads, such as
                               reasoning_content (the default) */
    VIV_PART_TOOL_CALL = 8, /* a call that the assistant made, as JSON: {"type": "function", "id": ..., "function": {"name":
                               ..., "arguments": {...}}} */
    VIV_PART_FIELDS = 9     /* a JSON object: further members of the message, for the chat template */
};

typedef struct viv_part {
    uint32_t struct_size, kind;
    const void *data; /* tokens, answer: int32_t ids; image: the file; video: a viv_video; else UTF-8 */
    uint64_t size;    /* bytes */
    const char *name; /* of the file or tool, for messages; or NULL */
} viv_part;

/* A video: one animated picture, which says how long its frames are shown, or a picture for each frame. */
typedef struct viv_video {
    uint32_t struct_size, n_files;
    const viv_part *const *files; /* [n_files] each a VIV_PART_IMAGE */
    double fps;                   /* frames a second, where there are several files; else unused */
} viv_video;

typedef struct viv_message {
    uint32_t struct_size, n_parts;
    const char *role; /* "user", "assistant", ...; NULL: bare text to continue, no template */
    const viv_part *const *parts;
} viv_message;

/* How the next token is chosen from the logits, in this order. A default is what leaves them alone. */
typedef struct viv_sampling {
    uint32_t struct_size, flags;
    uint64_t seed;
    float temperature; /* 0: the most likely token, always */
    float top_p;       /* 1: off; smallest set of tokens with this much probability */
    float min_p;       /* 0: off; drop those below this share of the best one's probability */
    float typical_p;   /* 1: off; locally typical sampling, Meister et al. 2022 */
    int32_t top_k;     /* 0: off */
    float repetition_penalty; /* 1: off; Keskar et al. 2019, over prompt and answer, as transformers does */
    float presence_penalty, frequency_penalty; /* 0: off; over the answer, as the OpenAI API defines them */
    uint64_t n_bias;
    const int32_t *bias_tokens; /* [n_bias] */
    const float *bias_values;   /* [n_bias] added to the logits */
} viv_sampling;

/* What a grammar is written in. */
enum {
    VIV_GRAMMAR_JSON_SCHEMA = 1, /* the answer is JSON that the schema accepts */
    VIV_GRAMMAR_GBNF = 2,        /* llama.cpp's; the rule "root" is the answer */
    VIV_GRAMMAR_LARK = 3,        /* llguidance's dialect; the rule "start" is the answer */
    VIV_GRAMMAR_REGEX = 4,       /* RE2's syntax; it matches the whole answer */
    VIV_GRAMMAR_CHOICE = 5       /* one text a line: the answer is one of them */
};

enum { VIV_GRAMMAR_LENIENT = 1 }; /* keywords of a schema that cannot be enforced are left out, not refused */

/* What an answer keeps to: no token is chosen that leads out of it, and the answer may only end where it is whole. */
typedef struct viv_grammar {
    uint32_t struct_size, kind;
    const char *text; /* UTF-8 */
    uint64_t size;
    const char *name; /* what errors call it, such as its file; or NULL */
    uint64_t flags;   /* VIV_GRAMMAR_LENIENT */
} viv_grammar;

typedef struct viv_request {
    uint32_t struct_size, n_messages;
    const viv_message *const *messages;
    const viv_sampling *sampling;
    int64_t max_tokens;  /* of the answer; -1: until the model ends or the context is full */
    uint32_t n_stop;
    uint32_t flags;      /* VIV_REQUEST_... */
    const char *const *stop; /* the answer ends before the first of these */
    const uint32_t *cancel;  /* may become non-zero at any time; or NULL */
    uint32_t task;           /* VIV_TASK_... */
    uint32_t pooling;        /* VIV_POOLING_...: of VIV_TASK_EMBED */
    viv_sequence *sequence;  /* the caller's: what it keeps of an earlier request is not computed again where this one
                                begins alike, and what this one leaves stays in it; or NULL */
    /* For the chat template, where messages have roles: a JSON list of the tools that the model may call, and a JSON object
     * of further variables; NUL-terminated, or NULL. */
    const char *tools, *variables;
    /* Speculative decoding: the draft proposes tokens, and one step of the model computes the logits after each of them. Every
     * token is chosen from the model's own logits, so the answer is the same as without a draft. */
    viv_model *draft;             /* a smaller model of the same vocabulary; or NULL */
    viv_sequence *draft_sequence; /* the caller's, of the draft, as `sequence`; or NULL */
    uint64_t draft_tokens;        /* to draft in each step; 0: as many as save time */
    /* What an architecture that takes pictures asks of viv_text.encode_request: where a template or bare text has
     * image_place, the text that stands for a picture, there shall be image_texts, one after another. NULL: nothing is
     * changed. */
    const char *image_place;
    const char *const *image_texts; /* [n_images] */
    uint64_t n_images;
    const viv_grammar *grammar; /* what the answer keeps to; or NULL */
    /* Of the tools: "auto" (the default; NULL), "none": none is called, "required": at least one is, or the name of the one
     * that is. */
    const char *tool_choice;
    /* The same as image_place, of videos. They are replaced behind those of pictures. */
    const char *video_place;
    const char *const *video_texts; /* [n_videos] */
    uint64_t n_videos;
} viv_request;

/* What to do with the messages. Of all but the first, each message is a text of its own, or a pair: two parts. */
enum {
    VIV_TASK_GENERATE = 0, /* they are a conversation: say what comes next */
    VIV_TASK_EMBED = 1,    /* a vector for each */
    VIV_TASK_SCORE = 2     /* what a classifier says of each: a number for each of its labels */
};

/* How the vectors of a text's tokens become that of the text. */
enum {
    VIV_POOLING_DECLARED = 0, /* as the model's own files say */
    VIV_POOLING_NONE = 1,     /* not at all: a vector for each token, none of them normalised */
    VIV_POOLING_CLS = 2,      /* the first token's */
    VIV_POOLING_MEAN = 3,
    VIV_POOLING_LAST = 4
};

enum {
    VIV_REQUEST_IGNORE_EOS = 1, /* go on after the end-of-text token (benchmarks) */
    VIV_REQUEST_ECHO = 2,       /* the prompt's text comes first, if the answer continues it */
    VIV_REQUEST_RAW = 4,        /* vectors as long as they are, also where the model's files want length 1 */
    VIV_REQUEST_PARSE_SPECIAL = 16, /* special tokens that are written out in messages with roles are tokens */
    VIV_REQUEST_CUT = 8,        /* cut texts that are longer than the model takes, instead of refusing them */
    VIV_REQUEST_ONE_CALL = 64,  /* of tools: one call at most, where the answer keeps to a grammar of calls */
    VIV_REQUEST_DRAFT_NGRAMS = 32 /* no draft model: propose what followed the same tokens earlier in prompt and answer */
};

enum {
    VIV_EVENT_TEXT = 1,     /* text, size: a piece of the answer, whole characters */
    VIV_EVENT_TOKEN = 2,    /* token, logprob */
    VIV_EVENT_PROGRESS = 3, /* text: of what; done, total */
    VIV_EVENT_STATS = 5,    /* text: a name; value (done, total unused) */
    VIV_EVENT_DONE = 6,     /* text: why: "end", "length", "stop", "cancelled" */
    VIV_EVENT_VECTOR = 7,   /* vector, dim: what came of message `done` of `total`; token: of which of its tokens, or -1 */
    VIV_EVENT_PICTURE = 8,  /* value: how many tokens stand for picture or video `done` of `total`; text: its name, or empty; token: 1
                               if its rows were kept from an earlier request, else 0 */
    /* Of a request with tools, if the model has a dialect for them: */
    VIV_EVENT_REASONING = 9, /* text, size: a piece of what the model thinks before it answers */
    VIV_EVENT_TOOL_CALL = 10, /* text, size: a call, as VIV_PART_TOOL_CALL has it; done: how many were before it */
    /* Call `done` of the answer is being written: its name; then its arguments, piece by piece, as VIV_EVENT_TOOL_CALL will
     * have them (that has the last of a key that comes twice). If VIV_EVENT_TEXT follows instead, or the end, it was no
     * call. */
    VIV_EVENT_CALL_BEGIN = 11, /* text, size: the name of the tool; done */
    VIV_EVENT_CALL_PART = 12   /* text, size: a piece of the arguments; done */
};

/* Names of statistics. An architecture may emit others; a host that does not know a name ignores it. Each comes at most once,
 * after the last text and before VIV_EVENT_DONE; one that does not apply is left out.
 *
 *   prompt_tokens    tokens of the prompt, or of all texts that became vectors
 *   cached_tokens    those of the prompt that the sequence held already, and that were not computed again
 *   answer_tokens    tokens that were chosen, without an end-of-text token
 *   prompt_seconds   time of prefill: from the first step to the logits of the prompt's last token
 *   answer_seconds   time of decode: from these logits to the last token
 *   drafted_tokens   tokens that a draft proposed, and the model computed
 *   accepted_tokens  those of them that the answer has
 *   draft_seconds    time of drafting, a part of answer_seconds
 *   draft_break_even the share of drafted tokens that must be accepted to save time, by the times of this answer      */
typedef struct viv_event {
    uint32_t struct_size, kind;
    const char *text;
    uint64_t size; /* bytes of text */
    uint64_t done, total;
    double value;
    int32_t token;
    float logprob;
    const float *vector; /* [dim], for the duration of the call */
    uint64_t dim;
} viv_event;

/* Where events go. A status other than VIV_OK ends the request: `run` then returns it. */
typedef struct viv_sink {
    uint32_t struct_size, flags;
    void *ctx;
    /* [setup: in viv_architecture_class.run, on its thread] */
    viv_status (*emit)(const struct viv_sink *sink, const viv_event *event);
} viv_sink;

#ifdef __cplusplus
}
#endif
#endif
