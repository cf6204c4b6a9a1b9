/* session_file.c - reads and writes sessions (session.h). Nothing in a file is used before its checksum and the
 * model's identity have been checked, and sizes in its head are compared with the file's size before anything is
 * allocated. */
#include "session/session.h"

#include "base/size.h"
#include "run/run.h"
#include "run/sequence.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <zlib.h>

enum { SESSION_VERSION = 2, BEGIN_BYTES = 16, SUM_BYTES = 4, MAX_HEAD = 64 << 20 };
static const char magic[8] = {'v', 'i', 'v', 's', 'e', 's', 's', '\n'};

viv_status session_possible(const viv_model *m, struct error *err)
{
    if (!model_encoder_dim(m))
        return VIV_OK;
    return error_set(
        err, VIV_EUNSUPPORTED,
        "%s has an encoder, which processes each prompt anew: there is no cache that a session could hold",
        spec_name(m->spec));
}

viv_status session_begin(struct session *s, viv_model *m, struct error *err)
{
    *s = (struct session){.model = m, .seed = -1};
    viv_status status = session_possible(m, err);
    return status == VIV_OK ? sequence_create(m, &s->sequence, err) : status;
}

void session_end(struct session *s)
{
    sequence_destroy(s->sequence);
    token_ids_release(&s->text);
    json_decref(s->messages);
    *s = (struct session){0};
}

static uint64_t n_pages(uint64_t length)
{
    return (length + PAGE_ROWS - 1) / PAGE_ROWS;
}

/* Bytes of recurrent state of a sequence of this length. */
static uint64_t recurrent_bytes(const viv_model *m, uint64_t length)
{
    return length ? m->pools[CACHE_RECURRENT].page_bytes : 0;
}

static uint32_t checksum(const struct iovec *parts, size_t n)
{
    uLong sum = crc32_z(0, NULL, 0);
    for (size_t i = 0; i < n; i++)
        if (parts[i].iov_len) /* crc32_z of NULL would reset the sum */
            sum = crc32_z(sum, parts[i].iov_base, parts[i].iov_len);
    return (uint32_t)sum;
}

/* --- writing ------------------------------------------------------------------------------------------------- */

static viv_status make_head(const struct session *s, struct buf *out, struct error *err)
{
    struct identity id;
    char type[CACHE_TYPES_TEXT];
    viv_status status = identity_of(s->model, &id, err);
    if (status != VIV_OK)
        return status;
    json_notice_memory();
    json_t *head = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O?}", "session",
        SESSION_VERSION, "spec", id.spec, "weights", id.weights, "adapters", id.adapters, "tokenizer", id.tokenizer,
        "cache_type", cache_types_text(&s->model->cache_types, type), "page_rows", PAGE_ROWS, "page_bytes",
        (json_int_t)s->model->pools[CACHE_OF_GRAPH].page_bytes, "recurrent_bytes",
        (json_int_t)s->model->pools[CACHE_RECURRENT].page_bytes, "n_cached", (json_int_t)s->sequence->length,
        "n_tokens", (json_int_t)s->text.n, "n_prompt", (json_int_t)s->n_prompt, "computed_prompt",
        (json_int_t)s->sequence->computed_for.prompt, "computed_whole", (json_int_t)s->sequence->computed_for.whole,
        "seed", (json_int_t)s->seed, "messages", s->messages);
    char *text = head ? json_dumps(head, JSON_COMPACT) : NULL;
    json_decref(head);
    const uint64_t size = text ? strlen(text) : 0;
    if (!text || json_lost_something())
        status = error_nomem(err);
    else if (size > MAX_HEAD)
        status =
            error_set(err, VIV_ELIMIT, "a conversation of %" PRIu64 " bytes, at most %d are saved", size, MAX_HEAD);
    else if (!buf_append(out, magic, sizeof magic) || !buf_append(out, &size, sizeof size) || !buf_puts(out, text))
        status = error_nomem(err);
    free(text);
    return status;
}

static viv_status write_parts(const char *path, const struct iovec *parts, size_t n, struct error *err)
{
    struct file_draft d;
    viv_status status = file_draft_begin(&d, path, err);
    if (status != VIV_OK)
        return status;
    for (size_t i = 0; status == VIV_OK && i < n; i++)
        if (parts[i].iov_len && fwrite(parts[i].iov_base, 1, parts[i].iov_len, d.stream) != parts[i].iov_len)
            status = error_set(err, VIV_EIO, "%s: %s", path, strerror(errno));
    if (status == VIV_OK)
        return file_draft_keep(&d, err);
    file_draft_drop(&d);
    return status;
}

viv_status session_write(struct session *s, const char *path, struct error *err)
{
    struct buf head = {0};
    viv_status status = sequence_widen(s->sequence, err);
    if (status != VIV_OK)
        return status;
    sequence_reuse_prefix(s->sequence, s->text.ids, s->text.n, s->sequence->computed_for.prompt);
    const uint64_t page_bytes = s->model->pools[CACHE_OF_GRAPH].page_bytes,
                   recurrent = recurrent_bytes(s->model, s->sequence->length),
                   n = page_bytes ? n_pages(s->sequence->length) : 0;
    status = make_head(s, &head, err);
    struct iovec *parts = status == VIV_OK ? calloc(n + 4, sizeof *parts) : NULL;
    if (status == VIV_OK && !parts)
        status = error_nomem(err);
    if (status == VIV_OK) {
        parts[0] = (struct iovec){head.data, head.size};
        parts[1] = (struct iovec){s->text.ids, s->text.n * sizeof *s->text.ids};
        for (uint64_t i = 0; i < n; i++)
            parts[2 + i] = (struct iovec){s->sequence->kinds[CACHE_OF_GRAPH].pages[i], page_bytes};
        if (recurrent)
            parts[n + 2] = (struct iovec){s->sequence->kinds[CACHE_RECURRENT].pages[0], recurrent};
        const uint32_t sum = checksum(parts, n + 3);
        parts[n + 3] = (struct iovec){(void *)&sum, sizeof sum};
        status = write_parts(path, parts, n + 4, err);
    }
    free(parts);
    buf_release(&head);
    return status;
}

/* --- reading ------------------------------------------------------------------------------------------------- */

/* A file being read. */
struct incoming {
    const char *name;
    const unsigned char *bytes;
    uint64_t size, head_size;
    json_t *head;
    uint64_t n_cached, n_text;
    struct graph_length computed_for;
    struct error *err;
};

static viv_status bad(const struct incoming *in, const char *what)
{
    return error_set(in->err, VIV_EFORMAT, "%s: %s", in->name, what);
}

static viv_status read_head(struct incoming *in)
{
    uint32_t sum;
    if (in->size < BEGIN_BYTES + SUM_BYTES || memcmp(in->bytes, magic, sizeof magic) != 0)
        return bad(in, "not a session file");
    memcpy(&in->head_size, in->bytes + sizeof magic, sizeof in->head_size);
    memcpy(&sum, in->bytes + in->size - SUM_BYTES, sizeof sum);
    const struct iovec summed = {.iov_base = (void *)in->bytes, .iov_len = in->size - SUM_BYTES};
    if (in->head_size > in->size - BEGIN_BYTES - SUM_BYTES)
        return error_set(in->err, VIV_EFORMAT,
                         "%s: the session is cut short: a head of %" PRIu64 " bytes in a file of %" PRIu64,
                         in->name, in->head_size, in->size);
    if (in->head_size > MAX_HEAD)
        return error_set(in->err, VIV_ELIMIT, "%s: a head of %" PRIu64 " bytes, at most %d are read", in->name,
                         in->head_size, MAX_HEAD);
    if (checksum(&summed, 1) != sum)
        return bad(in, "the session is damaged: its checksum does not match");
    viv_status status =
        json_parse(in->name, (const char *)in->bytes + BEGIN_BYTES, (size_t)in->head_size, &in->head, in->err);
    if (status == VIV_OK && !json_is_object(in->head))
        status = bad(in, "the head of the session is not an object");
    return status;
}

static viv_status read_count(const struct incoming *in, const char *key, int64_t least, int64_t *out)
{
    const json_t *value = json_object_get(in->head, key);
    if (!json_is_integer(value) || json_integer_value(value) < least)
        return error_set(in->err, VIV_EFORMAT, "%s: \"%s\" of the session: expected an integer from %" PRId64 " on",
                         in->name, key, least);
    *out = json_integer_value(value);
    return VIV_OK;
}

static bool says(const struct incoming *in, const char *key, const char *expected)
{
    const char *found = json_string_value(json_object_get(in->head, key));
    return found && strcmp(found, expected) == 0;
}

static viv_status refuse(const struct incoming *in, const char *reason)
{
    return error_set(in->err, VIV_EINVAL, "%s: the session is of another model: %s", in->name, reason);
}

static viv_status check_identity(const struct incoming *in, viv_model *m)
{
    struct identity id;
    char type[CACHE_TYPES_TEXT];
    int64_t version;
    viv_status status = read_count(in, "session", 1, &version);
    if (status == VIV_OK && version != SESSION_VERSION)
        status = error_set(in->err, VIV_EUNSUPPORTED, "%s: a session of version %" PRId64 ", this program reads %d",
                           in->name, version, SESSION_VERSION);
    if (status == VIV_OK)
        status = identity_of(m, &id, in->err);
    if (status != VIV_OK)
        return status;
    if (!says(in, "adapters", id.adapters))
        return refuse(in, !id.adapters[0]            ? "it was made with adapters (--lora), but none are given now"
                          : says(in, "adapters", "") ? "it was made without the adapters that are given now"
                                                     : "it was made with other adapters or scales");
    if (!says(in, "spec", id.spec))
        return refuse(in, "the spec differs");
    if (!says(in, "weights", id.weights))
        return refuse(in, "the weights differ");
    if (!says(in, "tokenizer", id.tokenizer))
        return refuse(in, "the tokenizer differs");
    if (says(in, "cache_type", "f32") && cache_can_widen(m)) { /* widened because of numbers too large for f16 */
        status = cache_widen(m, in->err);
        if (status != VIV_OK)
            return status;
    }
    if (says(in, "cache_type", cache_types_text(&m->cache_types, type)))
        return VIV_OK;
    const char *theirs = json_string_value(json_object_get(in->head, "cache_type"));
    return error_set(in->err, VIV_EINVAL,
                     "%s: the KV cache of the session is %.31s, the model's is %s now (see --cache-type)", in->name,
                     theirs ? theirs : "of no type", type);
}

/* Reads the sizes, which must match the file's size. */
static viv_status check_sizes(struct incoming *in, struct session *s)
{
    int64_t page_rows, page_bytes, recurrent, n_cached = 0, n_text, n_prompt, computed_prompt, computed_whole;
    viv_status status = read_count(in, "page_rows", 1, &page_rows);
    if (status == VIV_OK)
        status = read_count(in, "page_bytes", 0, &page_bytes);
    if (status == VIV_OK)
        status = read_count(in, "recurrent_bytes", 0, &recurrent);
    if (status == VIV_OK)
        status = read_count(in, "n_cached", 0, &n_cached);
    if (status == VIV_OK)
        status = read_count(in, "n_tokens", 0, &n_text);
    if (status == VIV_OK)
        status = read_count(in, "n_prompt", 0, &n_prompt);
    computed_prompt = computed_whole = n_cached;
    if (status == VIV_OK && json_object_get(in->head, "computed_prompt"))
        status = read_count(in, "computed_prompt", 0, &computed_prompt);
    if (status == VIV_OK && json_object_get(in->head, "computed_whole"))
        status = read_count(in, "computed_whole", 0, &computed_whole);
    if (status == VIV_OK)
        status = read_count(in, "seed", -1, &s->seed);
    if (status != VIV_OK)
        return status;
    in->n_cached = (uint64_t)n_cached;
    in->n_text = (uint64_t)n_text;
    s->n_prompt = (uint64_t)n_prompt;
    in->computed_for = (struct graph_length){(uint64_t)computed_prompt, (uint64_t)computed_whole};
    if (page_rows != PAGE_ROWS || (uint64_t)page_bytes != s->model->pools[CACHE_OF_GRAPH].page_bytes ||
        (uint64_t)recurrent != s->model->pools[CACHE_RECURRENT].page_bytes)
        return refuse(in, "the layout of its cache differs");
    if (n_prompt > n_text || n_cached > n_text)
        return bad(in, "the session counts more tokens than its text has");
    if (in->n_text > s->model->context)
        return error_set(in->err, VIV_ELIMIT,
                         "%s: a session of %" PRIu64 " tokens, and the context holds %" PRIu64 " (see --context)",
                         in->name, in->n_text, s->model->context);
    uint64_t left = in->size - BEGIN_BYTES - in->head_size - SUM_BYTES, text, pages;
    if (!size_mul(in->n_text, sizeof *s->text.ids, &text) ||
        !size_mul(n_pages(in->n_cached), (uint64_t)page_bytes, &pages) ||
        !size_add(pages, recurrent_bytes(s->model, in->n_cached), &pages) || text > left || pages != left - text)
        return bad(in, "the size of the session does not match its head");
    return VIV_OK;
}

static viv_status take_text(const struct incoming *in, struct session *s)
{
    const uint64_t vocab_size = s->model->graph->stacks[STACK_GRAPH].vocab_size;
    const bool talks = json_is_array(json_object_get(in->head, "messages")); /* which may show pictures */
    s->text.ids = calloc(in->n_text + 1, sizeof *s->text.ids);
    if (!s->text.ids)
        return error_nomem(in->err);
    memcpy(s->text.ids, in->bytes + BEGIN_BYTES + in->head_size, in->n_text * sizeof *s->text.ids);
    s->text.n = s->text.capacity = in->n_text;
    for (uint64_t i = 0; i < in->n_text; i++)
        if (s->text.ids[i] < (talks ? INT32_MIN : 0) || s->text.ids[i] == -1 ||
            (s->text.ids[i] >= 0 && (uint64_t)s->text.ids[i] >= vocab_size))
            return bad(in, "the session has tokens outside the vocabulary");
    return VIV_OK;
}

static viv_status take_cache(const struct incoming *in, struct session *s)
{
    viv_sequence *q = s->sequence;
    const uint64_t page_bytes = s->model->pools[CACHE_OF_GRAPH].page_bytes;
    const unsigned char *pages = in->bytes + BEGIN_BYTES + in->head_size + in->n_text * sizeof *s->text.ids;
    viv_status status = sequence_widen(q, in->err);
    if (status == VIV_OK)
        status = sequence_reserve(q, CACHE_OF_GRAPH, in->n_cached, in->err);
    if (status == VIV_OK)
        status = sequence_reserve(q, CACHE_RECURRENT, 0, in->err);
    if (status == VIV_OK)
        status = sequence_reserve_tokens(q, in->n_cached, in->err);
    if (status != VIV_OK)
        return status;
    for (uint64_t i = 0; i < q->kinds[CACHE_OF_GRAPH].n; i++)
        memcpy(q->kinds[CACHE_OF_GRAPH].pages[i], pages + i * page_bytes, page_bytes);
    if (in->n_cached > 0)
        memcpy(q->tokens, s->text.ids, in->n_cached * sizeof *q->tokens);
    const uint64_t recurrent = recurrent_bytes(s->model, in->n_cached);
    if (recurrent)
        memcpy(q->kinds[CACHE_RECURRENT].pages[0], pages + q->kinds[CACHE_OF_GRAPH].n * page_bytes, recurrent);
    q->length = q->earlier = in->n_cached;
    q->computed_for = in->computed_for;
    return VIV_OK;
}

static viv_status take_messages(const struct incoming *in, struct session *s)
{
    json_t *messages = json_object_get(in->head, "messages"), *one;
    size_t i;
    if (json_is_null(messages))
        return VIV_OK;
    if (!json_is_array(messages))
        return bad(in, "\"messages\" of the session: expected a list");
    json_array_foreach(messages, i, one)
    {
        const json_t *content = json_object_get(one, "content"); /* a list of parts is looked at when it is asked */
        if (!json_is_string(json_object_get(one, "role")) || !(json_is_string(content) || json_is_array(content)))
            return bad(in, "\"messages\" of the session: expected objects with a role and a content");
    }
    s->messages = json_incref(messages);
    return VIV_OK;
}

viv_status session_parse(struct session *s, viv_model *m, const char *name, const void *bytes, uint64_t size,
                         struct error *err)
{
    struct incoming in = {.name = name, .bytes = bytes, .size = size, .err = err};
    viv_status status = session_begin(s, m, err);
    if (status == VIV_OK)
        status = read_head(&in);
    if (status == VIV_OK)
        status = check_identity(&in, m);
    if (status == VIV_OK)
        status = check_sizes(&in, s);
    if (status == VIV_OK)
        status = take_text(&in, s);
    if (status == VIV_OK)
        status = take_cache(&in, s);
    if (status == VIV_OK)
        status = take_messages(&in, s);
    json_decref(in.head);
    if (status != VIV_OK)
        session_end(s);
    return status;
}

viv_status session_open(struct session *s, viv_model *m, const char *path, struct error *err)
{
    if (file_exists(path))
        return session_read(s, m, path, err);
    struct file_draft d;
    *s = (struct session){0};
    viv_status status = file_draft_begin(&d, path, err); /* to fail now and not at the end */
    if (status != VIV_OK)
        return status;
    file_draft_drop(&d);
    return session_begin(s, m, err);
}

viv_status session_read(struct session *s, viv_model *m, const char *path, struct error *err)
{
    struct file_map map;
    *s = (struct session){0};
    viv_status status = file_map_open(&map, path, err);
    if (status != VIV_OK)
        return status;
    status = session_parse(s, m, path, map.data, map.size, err);
    if (status == VIV_OK && file_map_broken(&map)) {
        status = error_set(err, VIV_EIO, "%s: the file shrank while it was read", path);
        session_end(s);
    }
    file_map_close(&map);
    return status;
}
