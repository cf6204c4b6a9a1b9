/* The services that architectures use, as they get them: by their ids. */
#include "golden.h"

#include <math.h>
#include <vivarium/params.h>

static const void *service(const char *id)
{
    const viv_host *viv = host_viv(host);
    const void *table = viv->get_service(viv, id);
    ck_assert_ptr_nonnull(table);
    return table;
}

static viv_model *load(const char *name)
{
    char directory[256];
    struct model_options options = golden_options();
    snprintf(directory, sizeof directory, "tests/golden/%s", name);
    return golden_load(&options, source_path(directory));
}

TEST(params__may_be_numbers_and_lists)
{
    int64_t ints[4] = {-1, -1, -1, -1};
    double floats[4] = {-1, -1, -1, -1};
    open_host();
    viv_model *m = load("smollm3-window");
    const viv_params *p = service(VIV_SERVICE_PARAMS);
    ck_assert_int_eq(p->get_int(m, "num_hidden_layers", 7), 2);
    ck_assert_double_eq(p->get_float(m, "num_hidden_layers", 7), 2);
    ck_assert_double_eq(p->get_float(m, "rope_theta", 7), 10000);
    ck_assert_double_eq(p->get_float(m, "no_rope_layers", 7), 7);
    ck_assert_double_eq(p->get_float(m, "no_such_param", 7), 7);
    ck_assert_uint_eq(p->get_ints(m, "no_rope_layers", ints, 4), 2);
    ck_assert(ints[0] == 0 && ints[1] == 1 && ints[2] == -1);
    ck_assert_uint_eq(p->get_floats(m, "no_rope_layers", floats, 1), 2);
    ck_assert(floats[0] == 0 && floats[1] == -1);
    ck_assert_uint_eq(p->get_ints(m, "no_rope_layers", NULL, 0), 2);
    ck_assert_uint_eq(p->get_ints(m, "rope_theta", ints, 4), 0);
    ck_assert_uint_eq(p->get_floats(m, "no_such_param", floats, 4), 0);
    model_close(m);
    m = load("phi3-longrope");
    ck_assert_uint_gt(p->get_floats(m, "rope_long", NULL, 0), 1);
    ck_assert_uint_eq(p->get_ints(m, "rope_long", NULL, 0), 0); /* not integers */
    model_close(m);
    engine_destroy(engine);
}
END_TEST

TESTS(params__may_be_numbers_and_lists)
