/* dialect.h - how a model writes calls of tools, as data: specs/dialects/NAME.yaml.
 *
 *   answer  = {reasoning} {text} calls                    reasoning = BEGIN text END
 *   calls   = SECTION.begin call {CALL.separator call} SECTION.end
 *   call, by payload:
 *     json       CALL.begin {"name": NAME, "arguments": {...}} CALL.end
 *     name_json  CALL.begin [id] NAME.begin name NAME.end [id] ARGUMENTS.begin {...} ARGUMENTS.end CALL.end
 *     tagged     CALL.begin NAME.begin name NAME.end {VALUE.key key [VALUE.flag flag] VALUE.begin text VALUE.end}
 *                CALL.end
 *     literal    CALL.begin NAME.begin name(key=value, ...) or name{key:value, ...} CALL.end
 *
 * From one description come the parser of answers (parser.h), the grammar that answers keep to (dialect_grammar),
 * and the proof against a model's chat template (dialect_probe). What a description leaves out is the empty text.
 *
 * Markers may be lists: the first is what the model should write, all of them are read. Whitespace around a marker
 * is optional when it is read. */
#ifndef DIALECT_DIALECT_H
#define DIALECT_DIALECT_H

#include "base/arena.h"
#include "base/buf.h"
#include "chat/chat.h"
#include "dialect/tools.h"

enum { MAX_MARKERS = 16, MAX_MARKER = 256 };

struct marker {
    const char *const *texts; /* [n] as they are written */
    const char *const *cores; /* [n] without the whitespace around them */
    uint32_t n;               /* 0: nothing is written */
};

enum dialect_payload { PAYLOAD_JSON, PAYLOAD_NAME_JSON, PAYLOAD_TAGGED, PAYLOAD_LITERAL };
enum dialect_id { ID_NONE, ID_KEY_FIRST, ID_KEY_LAST, ID_BEFORE_NAME, ID_AFTER_NAME };
enum dialect_types { TYPES_SCHEMA, TYPES_FLAG };

struct dialect {
    struct arena arena;
    int64_t version; /* of the format: 1 */
    const char *name, *path, *title, *models;
    const char *const *matches; /* [n_matches] texts that the chat template of such a model has, all of them */
    uint32_t n_matches;

    struct marker section_begin, section_end;
    struct marker call_begin, call_end, separator;
    enum dialect_payload payload;
    struct marker name_begin, name_end;
    struct marker name_stop;      /* where a name that is read ends: its end, or what follows */
    const char *const *name_keys; /* the first is written; none: the name is itself the key of the arguments */
    uint32_t n_name_keys;
    bool name_is_key;
    struct marker arguments_begin, arguments_end;
    const char *const *arguments_keys;
    uint32_t n_arguments_keys;
    struct marker value_key, value_flag, value_begin, value_end, value_quote;
    bool trim_newline; /* one line feed at either end of a value is not part of it */
    enum dialect_types types;
    const char *flag_text, *flag_other; /* flags of texts and of other values; flag_other NULL: their JSON type */
    enum dialect_id id;
    const char *id_key, *id_pattern; /* "functions.{name}:{index}"; NULL: as it is written */
    int64_t id_length;               /* 0: any */
    struct marker id_begin, id_end;
    bool parallel;
    bool at_start; /* trigger: start: calls have no marker, and are the whole answer */
    struct marker reasoning_begin, reasoning_end, content_begin, content_end;
    const char *const *stop_tokens;
    uint32_t n_stop_tokens;
};

/* Reads a description. Errors are "file:line:column: sentence". */
viv_status dialect_read(const char *path, struct dialect **out, struct error *err);
/* The same of bytes; `name` is the file's. */
viv_status dialect_parse(const char *name, const char *bytes, size_t n, struct dialect **out, struct error *err);
void dialect_destroy(struct dialect *d); /* accepts NULL */

/* All of dialects/NAME.yaml in these directories (NULL-terminated), by name; the first of a name hides the others.
 */
struct dialect_list {
    struct dialect **v;
    size_t n, capacity;
};
viv_status dialects_read(const char *const *directories, struct dialect_list *out, struct error *err);
void dialects_release(struct dialect_list *l);

/* What begins the calls: the section's first marker, or the call's. */
const struct marker *dialect_trigger(const struct dialect *d);
const char *dialect_payload_name(const struct dialect *d);

/* Whether the template has all that the dialect's templates have. */
bool dialect_matches(const struct dialect *d, const struct chat_template *t);
/* Renders a conversation with calls, and parses it back: fails unless the same calls return. Some templates leave
 * calls out: then *in_content, and what is rendered has them in the content (dialect_put_calls). */
viv_status dialect_probe(const struct dialect *d, const struct chat_template *t, bool *in_content,
                         struct error *err);
/* The dialect of a template: of those that match, the first that the probe proves, those with the longest matches
 * first. NULL: none; *why (may be NULL) says it. */
viv_status dialect_of_template(const struct dialect_list *l, const struct chat_template *t,
                               const struct dialect **out, bool *in_content, struct buf *why, struct error *err);
/* The marker that a prompt ends with, so that the answer begins behind it; or "". */
const char *dialect_opened(const struct dialect *d, const char *prompt, size_t n);

/* Whether the template knows of reasoning. */
bool dialect_reasons(const struct dialect *d, const struct chat_template *t);

/* How calls are asked for. */
enum tool_choice { TOOLS_AUTO, TOOLS_NONE, TOOLS_REQUIRED, TOOLS_ONE };
struct dialect_token {
    int32_t id;
    const char *text;
    bool ends; /* it ends answers */
};
struct dialect_asked {
    const struct tools *tools;
    enum tool_choice choice;
    size_t one;         /* of TOOLS_ONE: which */
    bool single;        /* no parallel calls */
    const char *opened; /* dialect_opened */
    bool plain;         /* answers do not begin with reasoning */
    /* Special tokens of the model: where a marker has their text, they are written, and nothing else. One that ends
     * answers is left out: it may come where the answer may end. */
    const struct dialect_token *tokens;
    size_t n_tokens;
};
/* Appends a Lark grammar of the answers. A schema that cannot be kept is an error that names the tool. */
viv_status dialect_grammar(const struct dialect *d, const struct dialect_asked *asked, struct buf *out,
                           struct error *err);

/* Appends a call as the model should write it, for examples: `arguments` is an object. With first: the beginning of
 * the section; with last: its end. */
viv_status dialect_write(const struct dialect *d, const struct tool *tool, const char *id, json_t *arguments,
                         size_t index, bool first, bool last, struct buf *out, struct error *err);

/* Writes the tool_calls of these messages into their content. `mark` stands at both ends of each marker; or NULL.
 */
viv_status dialect_put_calls(const struct dialect *d, json_t *messages, const char *mark, struct error *err);

/* Whether a value of the tool's argument is a text, whatever it looks like. */
bool dialect_is_text(const struct tool *tool, const char *key, size_t n);

#endif
