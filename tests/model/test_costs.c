/* Costs: what layers say that a step takes is what the generic kernels then do, to the last operation, for every
 * checkpoint under tests/golden/ whose weights they multiply as they are. */
static unsigned long long n_flops;
#define FLOPS(n) (n_flops += (n))

#define kernel_generic_attend           counting_attend
#define kernel_generic_delta_rule       counting_delta_rule
#define kernel_generic_product_f32      counting_f32
#define kernel_generic_product_f16      counting_f16
#define kernel_generic_product_bf16     counting_bf16
#define kernel_generic_decoded_products counting_decoded
#include "engine/load.h"
#include "kernels/generic/attend.c"
#include "kernels/generic/delta_rule.c"
#include "kernels/generic/product_float.c"

#include "golden.h"

#include "base/json.h"
#include "run/run.h"

#include <dirent.h>

enum { N_TOKENS = 23 };

static viv_kernels counting;
static viv_delta_rules counting_rules;

static const viv_product *product(const viv_kernels *kernels, uint32_t weight_dtype)
{
    (void)kernels;
    return weight_dtype == VIV_F32 ? &product_f32 : NULL; /* others: the checkpoint is not one for this test */
}

static const void *get_service(const viv_host *h, const char *id)
{
    (void)h;
    if (strcmp(id, VIV_SERVICE_DELTA_RULE) == 0)
        return &counting_rules;
    return strcmp(id, VIV_SERVICE_KERNELS) == 0 ? &counting : host_viv(host)->get_service(host_viv(host), id);
}

static const viv_host *counting_host(void)
{
    static viv_host h;
    h = *host_viv(host);
    h.get_service = get_service;
    counting = *kernels_choose(0, false);
    counting.product = product;
    counting.attend = attend;
    counting.attend_scratch_bytes = attend_scratch_bytes;
    counting_rules = (viv_delta_rules){.struct_size = sizeof counting_rules, .run = delta_rule};
    return &h;
}

/* --- steps --------------------------------------------------------------------------------------------------- */

static uint64_t run(viv_model *m, viv_sequence *s, enum stack_id stack, uint64_t n, bool all_wanted)
{
    int32_t tokens[N_TOKENS];
    uint8_t output_rows[N_TOKENS];
    struct error err;
    const float *out;
    uint64_t n_out;
    for (uint64_t i = 0; i < n; i++)
        tokens[i] = (int32_t)((sequence_length(s) + i * 7) % model_graph(m)->stacks[stack].vocab_size);
    memset(output_rows, 1, sizeof output_rows);
    memset(output_rows, all_wanted, n - 1);
    const viv_rows rows = {.struct_size = sizeof rows,
                           .flags = stack == STACK_ENCODER ? VIV_ROWS_ENCODER : 0,
                           .sequence = s,
                           .n_rows = n,
                           .tokens = tokens,
                           .output_rows = stack == STACK_ENCODER ? NULL : output_rows};
    const viv_rows *const list[] = {&rows};
    n_flops = 0;
    ck_assert_msg(model_step(m, list, 1, NULL, &out, &n_out, &err) == VIV_OK, "%s", err.text);
    return n_flops;
}

static uint64_t expect(viv_model *m, enum stack_id stack, struct graph_step step)
{
    struct graph_cost cost;
    struct error err;
    ck_assert_msg(graph_cost(model_graph(m), stack, &step, &cost, &err) == VIV_OK, "%s", err.text);
    return cost.flops;
}

#define CHECK(found, expected)                                                                                     \
    do {                                                                                                           \
        uint64_t did = found, said = expected;                                                                     \
        ck_assert_msg(did == said, "%s: %llu operations done, %llu said, in line %d", name,                        \
                      (unsigned long long)did, (unsigned long long)said, __LINE__);                                \
    } while (0)

/* A token at a time; then many at once, of which the last is wanted. */
static void check_decoder(const char *name, viv_model *m, viv_sequence *s, uint64_t n_encoder_rows)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < N_TOKENS; i++) {
        const struct graph_step step = {.n_rows = 1,
                                        .n_output_rows = 1,
                                        .context = i + 1,
                                        .n_encoder_rows = n_encoder_rows,
                                        .n_new_encoder_rows = i ? 0 : n_encoder_rows};
        CHECK(run(m, s, STACK_GRAPH, 1, true), expect(m, STACK_GRAPH, step));
        sum += expect(m, STACK_GRAPH,
                      (struct graph_step){.n_rows = 1, .n_output_rows = i + 1 == N_TOKENS, .context = i + 1});
    }
    if (n_encoder_rows)
        return;
    struct error err;
    ck_assert_int_eq(sequence_truncate(s, 0, &err), VIV_OK);
    CHECK(run(m, s, STACK_GRAPH, N_TOKENS, false), sum);
}

static bool counts(const char *directory)
{
    struct model_options options = golden_options();
    struct error err;
    viv_sequence *s;
    viv_model *m;
    const char *name = strrchr(directory, '/') + 1;
    options.host = counting_host();
    options.scheduler = "serial";
    options.context = 64;
    viv_status status = golden_try(&options, directory, &m, &err);
    if (status == VIV_EUNSUPPORTED && strstr(err.text, "comput"))
        return false;
    ck_assert_msg(status == VIV_OK, "%s: %s", name, err.text);
    ck_assert_msg(sequence_create(m, &s, &err) == VIV_OK, "%s", err.text);
    const struct graph_step text = {.n_rows = N_TOKENS, .n_output_rows = N_TOKENS, .context = N_TOKENS};
    if (model_encoder_dim(m)) {
        CHECK(run(m, s, STACK_ENCODER, N_TOKENS, true), expect(m, STACK_ENCODER, text));
        check_decoder(name, m, s, N_TOKENS);
    } else if (model_graph(m)->stacks[STACK_GRAPH].whole_sequences) {
        CHECK(run(m, s, STACK_GRAPH, N_TOKENS, true), expect(m, STACK_GRAPH, text));
    } else {
        check_decoder(name, m, s, 0);
    }
    sequence_destroy(s);
    model_close(m);
    return true;
}

TEST(costs__are_what_the_kernels_do)
{
    char directory[4096], path[4352];
    size_t n = 0;
    open_host();
    DIR *d = opendir(source_path("tests/golden"));
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));) {
        snprintf(directory, sizeof directory, "%s/%s", source_path("tests/golden"), e->d_name);
        snprintf(path, sizeof path, "%s/config.json", directory);
        bool is = file_exists(path);
        snprintf(path, sizeof path, "%s/model.gguf", directory);
        if (is || file_exists(path))
            n += counts(directory);
    }
    closedir(d);
    engine_destroy(engine);
    ck_assert_uint_ge(n, 100);
}
END_TEST

TESTS(costs__are_what_the_kernels_do)
