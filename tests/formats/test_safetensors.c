/* safetensors: real files, and every way in which one can lie. */
#include "formats/checkpoint.h"
#include "testing.h"

TEST(safetensors__opens_the_stories_directory)
{
    const char *path = shared_path("weights/stories260K/hf");
    struct checkpoint c;
    struct error err;
    if (!path)
        return;
    ck_assert_msg(checkpoint_open(&c, path, &err) == VIV_OK, "%s", err.text);
    ck_assert_str_eq(c.format->name, "safetensors");
    ck_assert_str_eq(checkpoint_architecture(&c), "LlamaForCausalLM");
    const viv_tensor *t = checkpoint_tensor(&c, "model.embed_tokens.weight");
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(t->dtype, VIV_F32);
    ck_assert_int_eq(t->dl.shape[0], 512);
    ck_assert_int_eq(t->dl.shape[1], 64);
    struct meta m = checkpoint_meta(&c, "hidden_size");
    int64_t hidden_size;
    ck_assert(meta_int(&m, &hidden_size));
    ck_assert_int_eq(hidden_size, 64);
    ck_assert_ptr_nonnull(c.generation);
    checkpoint_close(&c);
}
END_TEST

TESTS(safetensors__opens_the_stories_directory)
