/* The report of a comparison: what it shows of predictions, measurements, quality and answers, and of models that
 * are not there. tests/cli/test_report*.sh look at it as files and in a browser. */
#include "testing.h"

#include "cli/compare/report.h"
#include "engine/load.h"
#include "host/host.h"

#include <math.h>

static struct host *host;
static struct spec_world world;
static viv_model *models[3];
static const int32_t contexts[] = {128, 1024};
static const uint32_t types[] = {VIV_F16};
static const struct comparison_query questions = {
    .contexts = contexts, .n_contexts = 2, .n_texts = 1, .types = types, .n_types = 1, .type = -1};
static const struct report_origin origin = {
    .command = "viv compare 'a & b'", .version = "9.9", .machine = "an <abacus>", .date = "1958-01-01"};

static void open_host(void)
{
    struct error err;
    char program[4096];
    snprintf(program, sizeof program, "%s/viv", getenv("VIV_BUILD") ? getenv("VIV_BUILD") : ".");
    const struct host_options options = {.program = program};
    ck_assert_msg(host_create(&options, &host, &err) == VIV_OK, "%s", err.text);
    world.layers = host_layers(host);
    world.directories = host_spec_directories(host);
}

static struct device device;

/* The first two models are real ones, the third cannot take part. */
static struct comparison *make(void)
{
    static const char *const names[] = {"llama-3.2-1b", "bert-base", "</title><script>x()</script>"};
    struct comparison *c;
    struct error err;
    open_host();
    ck_assert_int_eq(comparison_create(3, &c, &err), VIV_OK);
    ck_assert_int_eq(device_parse("80GB/s,2TFLOP/s,16GiB", &device, &err), VIV_OK);
    c->devices = &device;
    c->n_devices = 1;
    for (int i = 0; i < 3; i++)
        c->models[i] = (struct compared){
            .given = names[i], .name = names[i], .family = "f", .architecture = "llm", .device = &device};
    c->models[2].why = "it <is> not there";
    for (int i = 0; i < 2; i++) {
        const struct model_options options = {.host = host_viv(host), .world = &world};
        ck_assert_msg(model_open(&options, names[i], &models[i], &err) == VIV_OK, "%s", err.text);
        ck_assert_int_eq(facts_of(models[i], &c->models[i].facts, &err), VIV_OK);
        ck_assert_int_eq(structure_of(c->models[i].facts.graph, &c->models[i].structure, &err), VIV_OK);
    }
    ck_assert_msg(comparison_predict(c, &questions, &err) == VIV_OK, "%s", err.text);
    return c;
}

static void release(struct comparison *c)
{
    comparison_destroy(c);
    for (int i = 0; i < 2; i++)
        model_close(models[i]);
    host_destroy(host);
}

static char *report_of(const struct comparison *c)
{
    struct error err;
    char *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    viv_status status = report_html(c, &questions, &origin, f, &err);
    ck_assert_msg(status == VIV_OK, "%s", err.text);
    fclose(f);
    return text;
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

TEST(report__shows_what_is_known)
{
    struct comparison *c = make();
    char *html = report_of(c);
    ck_assert_int_eq(count(html, "<h3>Parameters by part</h3>\n<svg"), 1);
    ck_assert_int_eq(count(html, "<h3>Memory against context</h3>"), 1);
    ck_assert_int_eq(count(html, "<h3>Writing: speed against context</h3>"), 1);
    ck_assert_int_eq(count(html, "<h3>Roofline</h3>"), 1);
    ck_assert_int_eq(count(html, "<h3>Quality against size</h3>"), 0); /* nobody knows any */
    ck_assert_int_eq(count(html, ", drawn to scale by parameters\""), 4);
    ck_assert_int_eq(count(html, ", drawn to scale by operations\""), 2);
    ck_assert_int_eq(count(html, "<dd><code>viv compare &#39;a &amp; b&#39;</code></dd>"), 1);
    ck_assert_int_eq(count(html, "<dd>an &lt;abacus&gt;</dd>"), 1);
    ck_assert_int_eq(count(html, "data-v=\"1235814400\">1.24 B"), 2); /* parameters, and all active */
    ck_assert_int_eq(count(html, "attention, then feed-forward"), 2);
    free(html);
    release(c);
}
END_TEST

TEST(report__names_of_models_are_text)
{
    struct comparison *c = make();
    char *html = report_of(c);
    ck_assert_int_eq(count(html, "<script"), 1);
    ck_assert_int_eq(count(html, "x()</script>"), 0);
    ck_assert_int_eq(count(html, "</title><script"), 0);
    ck_assert_int_ge(count(html, "&lt;/title&gt;&lt;script&gt;x()&lt;/script&gt;"), 5);
    ck_assert_int_ge(count(html, "it &lt;is&gt; not there"), 1);
    free(html);
    release(c);
}
END_TEST

TEST(report__shows_what_was_measured_and_said)
{
    struct comparison *c = make();
    struct row *r = comparison_row(c, "measured", UNIT_RATE, BETTER_MORE, "measured_decode_128", "tokens/s");
    r->cells[0] = (struct cell){.known = true, .value = 20, .low = 15, .high = 24};
    r = comparison_row(c, "measured", UNIT_RATE, BETTER_MORE, "measured_decode_1024", "tokens/s");
    r->cells[0] = (struct cell){.known = true, .value = 18};
    r = comparison_row(c, "quality", UNIT_RATIO, BETTER_LESS, "bits_per_byte", "bits per byte");
    row_set(r, 0, 0.8);
    row_set(r, 1, NAN);
    r = comparison_row(c, "answers", UNIT_WORDS, BETTER_NEITHER, "answer_1", "Who <is> it?");
    ck_assert(row_say(c, r, 0, "It is & was\n  me."));
    char *html = report_of(c);
    ck_assert_int_eq(
        count(html, "<title>llama-3.2-1b, measured: 128 tokens of context, 20 tokens per second</title>"), 1);
    ck_assert_int_eq(
        count(html, "<title>llama-3.2-1b, measured: 1k tokens of context, 18 tokens per second</title>"), 1);
    ck_assert_int_eq(count(html, "llama-3.2-1b, writing, measured: "), 1); /* on the roofline */
    ck_assert_int_eq(count(html, "class=\"spread\""), 2);
    ck_assert_int_eq(count(html, "<h3>Quality against size</h3>"), 1);
    ck_assert_int_eq(count(html, "<title>llama-3.2-1b: 1.24 B parameters, 0.8 bits per byte</title>"), 1);
    ck_assert_int_eq(count(html, "<th scope=\"row\">Who &lt;is&gt; it?</th><td>It is &amp; was\n  me.</td>"), 1);
    const char *at = strstr(html, "<style>"); /* numbers that are none reach no picture and no order */
    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(count(html, "\"nan\"") + count(html, " nan") + count(html, "nan "), 0);
    free(html);
    release(c);
}
END_TEST

TEST(report__says_when_it_cannot_be_written)
{
    struct comparison *c = make();
    struct error err;
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        setvbuf(full, NULL, _IONBF, 0);
        ck_assert_int_eq(report_html(c, &questions, &origin, full, &err), VIV_EIO);
        fclose(full);
    }
    release(c);
}
END_TEST

TESTS(report__shows_what_is_known, report__names_of_models_are_text, report__shows_what_was_measured_and_said,
      report__says_when_it_cannot_be_written)
