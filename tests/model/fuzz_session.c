/* Any bytes given as a session end in a session, or in an error. The input is a head, a byte 0, and what comes
 * behind it; the size of the head and the checksum are made right, and so are the hashes that the head calls SPEC,
 * WEIGHTS and TOKENIZER. An input that begins as a session is given as it is. */
#include "engine/load.h"
#include "fuzz.h"
#include "host/host.h"
#include "session/session.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Loaded once, with its identity. */
static viv_model *the_model(struct identity *id)
{
    static viv_model *m;
    static struct spec_world world;
    static struct host *host;
    const struct host_options here = {.program = "./viv"};
    struct error err;
    if (m)
        return m;
    char path[4096];
    snprintf(path, sizeof path, "%.*s/../golden/chat", (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__);
    viv_status status = host_create(&here, &host, &err);
    if (status == VIV_OK) {
        world.layers = host_layers(host);
        world.directories = host_spec_directories(host);
        const struct model_options options = {.host = host_viv(host),
                                              .world = &world,
                                              .find_scheduler = host_scheduler,
                                              .find_ctx = host,
                                              .scheduler = "serial",
                                              .n_threads = 1};
        status = model_open(&options, path, &m, &err);
    }
    if (status == VIV_OK)
        status = model_load(m, &err);
    if (status == VIV_OK)
        status = identity_of(m, id, &err);
    if (status != VIV_OK) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return m;
}

static void put_head(struct buf *out, const char *head, size_t n, const struct identity *id)
{
    const struct {
        const char *word, *hash;
    } words[] = {{"SPEC", id->spec}, {"WEIGHTS", id->weights}, {"TOKENIZER", id->tokenizer}};
    for (size_t at = 0, k; at < n;) {
        for (k = 0; k < 3; k++)
            if (n - at >= strlen(words[k].word) && memcmp(head + at, words[k].word, strlen(words[k].word)) == 0)
                break;
        if (k < 3)
            buf_puts(out, words[k].hash);
        else
            buf_putc(out, head[at]);
        at += k < 3 ? strlen(words[k].word) : 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct identity id;
    viv_model *m = the_model(&id);
    struct session s;
    struct error err;
    struct buf bytes = {0};
    if (size >= 8 && memcmp(data, "vivsess\n", 8) == 0) {
        buf_append(&bytes, data, size);
    } else {
        const char *head = (const char *)data;
        const size_t n = size ? strnlen(head, size) : 0;
        uint64_t head_size = 0;
        buf_append(&bytes, "vivsess\n", 8);
        buf_append(&bytes, &head_size, 8);
        put_head(&bytes, head, n, &id);
        head_size = bytes.size - 16;
        memcpy(bytes.data + 8, &head_size, 8);
        if (n < size)
            buf_append(&bytes, data + n + 1, size - n - 1);
        const uint32_t sum = (uint32_t)crc32_z(0, (unsigned char *)bytes.data, bytes.size);
        buf_append(&bytes, &sum, sizeof sum);
    }
    if (session_parse(&s, m, "session", bytes.data, bytes.size, &err) == VIV_OK)
        session_end(&s);
    buf_release(&bytes);
    return 0;
}
