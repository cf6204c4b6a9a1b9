/* viv tokenize - between text and token ids. */
#include "cli/input.h"
#include "cli/open.h"
#include "cli/shared.h"
#include "cli/token_source.h"

#include <stdlib.h>
#include <string.h>

struct tokenize_options {
    struct common common;
    const char *file;
    struct id_list decode;
    bool json, pieces, no_special, batch;
};

#define OPT(field) offsetof(struct tokenize_options, field)
static const struct option table[] = {
    FILE_OPTION(OPT(file), "all of it as it stands"),
    {"decode", 'd', OPTION_IDS, OPT(decode), "IDS", .help = "the other way: print the text of 1,2,3"},
    {"pieces", 0, OPTION_FLAG, OPT(pieces), .help = "each id with its piece of the vocabulary, one per line"},
    NO_SPECIAL_OPTION(OPT(no_special), "special tokens in it are plain text; with --decode, they are left out"),
    {"batch", 0, OPTION_FLAG, OPT(batch),
     .help =
         "the input is a JSON list: each text in it gives a line with its ids, each list of ids one with its text"},
    JSON_OPTION(OPT(json), "one object: {\"ids\": [...]}, or {\"text\": ...}"),
    {0}};

static const uint64_t LONGEST_TEXT = (uint64_t)1 << 30;

/* --- both ways ----------------------------------------------------------------------------------------- */

static json_t *list_of_ids(const struct token_ids *ids) /* NULL: memory is out */
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < ids->n; i++)
        if (json_array_append_new(array, json_integer(ids->ids[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static viv_status print_ids_json(const struct tokenizer *t, const struct token_ids *ids, bool pieces,
                                 struct error *err)
{
    json_t *array = list_of_ids(ids), *words = pieces ? json_array() : NULL;
    bool ok = array && (!pieces || words);
    for (size_t i = 0; ok && pieces && i < ids->n; i++)
        ok = json_array_append_new(words, cli_json_word(tokenizer_piece(t, ids->ids[i]))) == 0;
    if (!ok) {
        json_decref(array);
        json_decref(words);
        return error_nomem(err);
    }
    return cli_print_json(json_pack("{s:o, s:o*}", "ids", array, "pieces", words), true, err);
}

static viv_status print_ids(const struct tokenizer *t, const struct token_ids *ids,
                            const struct tokenize_options *o, struct error *err)
{
    if (o->json)
        return print_ids_json(t, ids, o->pieces, err);
    for (size_t i = 0; i < ids->n; i++) {
        const char *piece = o->pieces ? tokenizer_piece(t, ids->ids[i]) : NULL;
        printf(o->pieces ? "%d\t" : i ? " %d" : "%d", ids->ids[i]);
        if (piece)
            cli_print_safe(stdout, piece, strlen(piece));
        if (o->pieces)
            putchar('\n');
    }
    if (!o->pieces)
        putchar('\n');
    return VIV_OK;
}

static int encode_flags(const struct tokenize_options *o)
{
    return o->no_special ? 0 : TOKENIZER_ADD_SPECIAL | TOKENIZER_PARSE_SPECIAL;
}

static viv_status encode(const struct tokenizer *t, const struct arguments *a, struct error *err)
{
    const struct tokenize_options *o = a->options;
    struct buf text = {0};
    struct token_ids ids = {0};
    viv_status status = VIV_OK;
    if (a->n_words > 1)
        status = buf_puts(&text, a->words[1]) ? VIV_OK : error_nomem(err);
    else
        status = cli_read_input(o->file, LONGEST_TEXT, &text, err);
    if (status == VIV_OK)
        status = tokenizer_encode(t, buf_text(&text), text.size, encode_flags(o), &ids, err);
    if (status == VIV_OK)
        status = print_ids(t, &ids, o, err);
    token_ids_release(&ids);
    buf_release(&text);
    return status;
}

static viv_status decode(const struct tokenizer *t, const struct tokenize_options *o, struct error *err)
{
    struct buf text = {0};
    viv_status status =
        tokenizer_decode(t, o->decode.ids, o->decode.n, o->no_special ? TOKENIZER_SKIP_SPECIAL : 0, &text, err);
    if (status == VIV_OK && o->json) {
        status = cli_print_json(json_pack("{s:o}", "text", cli_json_text(buf_text(&text), text.size)), true, err);
    } else if (status == VIV_OK) {
        fwrite(buf_text(&text), 1, text.size, stdout);
        putchar('\n');
    }
    buf_release(&text);
    return status;
}

/* Each of many texts or lists of ids: a line of JSON. */
static viv_status convert(const struct tokenizer *t, json_t *item, const struct tokenize_options *o, json_t **out,
                          struct error *err)
{
    struct token_ids ids = {0};
    struct buf text = {0};
    json_t *id;
    size_t i;
    viv_status status = VIV_OK;
    if (json_is_string(item)) {
        status = tokenizer_encode(t, json_string_value(item), json_string_length(item), encode_flags(o), &ids, err);
        *out = status == VIV_OK ? list_of_ids(&ids) : NULL;
    } else if (json_is_array(item)) {
        json_array_foreach(item, i,
                           id) if (!token_ids_add(&ids, json_is_integer(id) ? (int32_t)json_integer_value(id) : -1))
            status = error_nomem(err);
        if (status == VIV_OK)
            status = tokenizer_decode(t, ids.ids, ids.n, o->no_special ? TOKENIZER_SKIP_SPECIAL : 0, &text, err);
        *out = status == VIV_OK ? cli_json_text(buf_text(&text), text.size) : NULL;
    } else {
        status = error_set(err, VIV_EFORMAT, "expected a text or a list of ids, found %s", json_kind(item));
    }
    token_ids_release(&ids);
    buf_release(&text);
    return status == VIV_OK && !*out ? error_nomem(err) : status;
}

static viv_status convert_all(const struct tokenizer *t, const struct tokenize_options *o, struct error *err)
{
    struct buf text = {0};
    json_t *list = NULL, *item;
    size_t i;
    viv_status status = cli_read_input(o->file, LONGEST_TEXT, &text, err);
    if (status == VIV_OK)
        status = json_parse(o->file ? o->file : "standard input", buf_text(&text), text.size, &list, err);
    if (status == VIV_OK && !json_is_array(list))
        status = error_set(err, VIV_EFORMAT, "--batch: expected a JSON list of texts or of lists of ids, found %s",
                           json_kind(list));
    json_array_foreach(list, i, item)
    {
        json_t *made = NULL;
        if (status == VIV_OK)
            status = convert(t, item, o, &made, err);
        if (status == VIV_OK)
            status = cli_print_json(made, true, err);
        if (status != VIV_OK) {
            error_prefix(err, "entry %zu", i);
            break;
        }
    }
    json_decref(list);
    buf_release(&text);
    return status;
}

static int tokenize(const struct arguments *a)
{
    const struct tokenize_options *o = a->options;
    struct token_source s = {0};
    struct error err = {0};
    if ((a->n_words > 1) + (o->file != NULL) + (o->decode.n > 0) > 1)
        return cli_usage_error("tokenize", "one of TEXT, --file and --decode is wanted, not several");
    if (o->batch && (a->n_words > 1 || o->decode.n > 0 || o->pieces))
        return cli_usage_error("tokenize", "--batch takes what it converts from --file or standard input");
    viv_status status = token_source_open(&s, &o->common, a->words[0], &err);
    if (status == VIV_OK)
        status = o->batch      ? convert_all(s.tokenizer, o, &err)
                 : o->decode.n ? decode(s.tokenizer, o, &err)
                               : encode(s.tokenizer, a, &err);
    return token_source_close(&s, status, &err);
}

const struct command command_tokenize = {
    .name = "tokenize",
    .summary = "text to token ids and back",
    .words = "MODEL [TEXT]",
    .text = "Prints the ids of TEXT, of a file, or of standard input, exactly as the model would see them. Beside "
            "what MODEL is elsewhere, a tokenizer.json, a tekken.json, a tokenizer.model or a GGUF file with a "
            "vocabulary alone will do.",
    .options = table,
    .options_size = sizeof(struct tokenize_options),
    .examples = "viv tokenize llm \"To be, or not to be\"\n"
                "viv tokenize llm \"To be\" --pieces\n"
                "viv tokenize llm \"To be\" --json\n"
                "viv tokenize llm --decode 17,4,9\n"
                "echo '[\"To be\", [17, 4, 9]]' | viv tokenize llm --batch",
    .group = GROUP_MEASURE,
    .models = true,
    .main = tokenize,
};
