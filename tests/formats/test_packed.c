/* Quantized weights of safetensors files: what each format may say wrongly. That right ones are decoded exactly is
 * seen to by tests/model/test_parity.c, over tests/golden/packed-*. */
#include "formats/packed/packed.h"

#include "build.h"
#include "kernels/decode_floats.h"
#include "tensor/dtype.h"

#include <math.h>

/* A tensor of a file to be made, of zeros but for the bytes of `set` (hexadecimal) from byte `at` on. */
struct made {
    const char *name, *dtype, *shape;
    const char *set;
    uint64_t at;
};

#define ZEROS(NAME, DTYPE, SHAPE)                                                                                  \
    {                                                                                                              \
        .name = NAME, .dtype = DTYPE, .shape = SHAPE                                                               \
    }

static uint64_t bytes_of(const struct made *t)
{
    uint32_t dtype;
    uint64_t n = 1;
    ck_assert(dtype_by_safetensors(t->dtype, &dtype));
    for (const char *s = t->shape; *s; s += strcspn(s, ",") + (strchr(s, ',') != NULL))
        n *= strtoull(s, NULL, 10);
    return n * dtype_get(dtype)->block_bytes;
}

/* What the file's metadata says of 'a.weight'; NULL: nothing. */
static const char *entry;

/* A directory with these tensors and a configuration; its path. */
static const char *make(const char *config, const struct made *tensors, size_t n)
{
    struct buf header = {0}, file = {0};
    uint64_t end = 0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t begin = end;
        end += bytes_of(&tensors[i]);
        buf_printf(&header, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%lu,%lu]}", i ? "," : "{",
                   tensors[i].name, tensors[i].dtype, tensors[i].shape, (unsigned long)begin, (unsigned long)end);
    }
    if (entry) {
        buf_puts(&header, ",\"__metadata__\":{\"format\":\"pt\",\"a.weight\":\"");
        for (const char *c = entry; *c; c++)
            *c == '\'' ? buf_puts(&header, "\\\"") : buf_putc(&header, *c);
        buf_puts(&header, "\"}");
    }
    buf_putc(&header, '}');
    while (header.size % 8)
        buf_putc(&header, ' ');
    build_string(&file, header.data, header.size);
    for (size_t i = 0; i < n; i++) {
        struct buf data = {0}, set = {0};
        build_zeros(&data, bytes_of(&tensors[i]));
        if (tensors[i].set) {
            build_hex(&set, tensors[i].set, strlen(tensors[i].set));
            memcpy(data.data + tensors[i].at, set.data, set.size);
        }
        buf_append(&file, data.data, data.size);
        buf_release(&data);
        buf_release(&set);
    }
    write_bytes("model.safetensors", &file);
    buf_release(&file);
    buf_release(&header);
    struct buf text = {0};
    buf_printf(&text, "{\"quantization_config\": %s}", config);
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == '\'')
            text.data[i] = '"';
    write_bytes("config.json", &text);
    buf_release(&text);
    return in_scratch("");
}

#define REFUSES(config, sentence, ...)                                                                             \
    do {                                                                                                           \
        const struct made list[] = {__VA_ARGS__};                                                                  \
        refuses(make(config, list, sizeof list / sizeof *list), sentence);                                         \
        remove_scratch();                                                                                          \
    } while (0)

/* Opens; but reading the tensor 'a.weight' fails. */
static void fails_to_read(const char *config, const struct made *list, size_t n, const char *sentence)
{
    struct checkpoint c;
    struct error err = {0};
    unsigned char rows[65536];
    ck_assert_msg(checkpoint_open(&c, make(config, list, n), &err) == VIV_OK, "%s", err.text);
    const viv_tensor *t = checkpoint_tensor(&c, "a.weight");
    ck_assert_ptr_nonnull(t);
    ck_assert(packed_is(&c, t) && t->nbytes <= sizeof rows);
    const viv_status status = packed_read(&c, t, 0, (uint64_t)t->dl.shape[0], rows, &err);
    ck_assert_msg(status == VIV_EFORMAT && strstr(err.text, sentence) && strstr(err.text, "'a."),
                  "expected '%s' in '%s'", sentence, err.text);
    checkpoint_close(&c);
    remove_scratch();
}

#define FAILS_TO_READ(config, sentence, ...)                                                                       \
    do {                                                                                                           \
        const struct made list[] = {__VA_ARGS__};                                                                  \
        fails_to_read(config, list, sizeof list / sizeof *list, sentence);                                         \
    } while (0)

#define GPTQ    "{'quant_method': 'gptq', 'bits': 4, 'group_size': 32, 'checkpoint_format': 'gptq'}"
#define QWEIGHT ZEROS("a.qweight", "I32", "8,8")
#define QZEROS  ZEROS("a.qzeros", "I32", "2,1")
#define SCALES  ZEROS("a.scales", "F16", "2,8")

TEST(packed__refuses_gptq_that_contradicts_itself)
{
    REFUSES(GPTQ, "there is no 'a.scales'", QWEIGHT, QZEROS);
    REFUSES(GPTQ, "there is no 'a.qzeros'", QWEIGHT, SCALES);
    REFUSES(GPTQ, "'a.scales' is f16 [2, 9], expected f16, bf16 or f32 [2, 8], groups by outputs", QWEIGHT, QZEROS,
            ZEROS("a.scales", "F16", "2,9"));
    REFUSES(GPTQ, "'a.qzeros' is i32 [3, 1], expected i32 [2, 1]", QWEIGHT, ZEROS("a.qzeros", "I32", "3,1"),
            SCALES);
    REFUSES(GPTQ, "which makes 64 inputs each; config.json says group_size 32", ZEROS("a.qweight", "I32", "16,8"),
            QZEROS, SCALES);
    REFUSES(GPTQ, "3 groups for 64 inputs", QWEIGHT, ZEROS("a.qzeros", "I32", "3,1"),
            ZEROS("a.scales", "F16", "3,8"));
    REFUSES("{'quant_method': 'gptq', 'bits': 8}", "its shapes are those of 4 bits, config.json says bits 8",
            QWEIGHT, QZEROS, SCALES);
    REFUSES("{'quant_method': 'gptq', 'checkpoint_format': 'marlin'}",
            "checkpoint_format is 'marlin', expected gptq", QWEIGHT, QZEROS, SCALES);
    REFUSES("{'quant_method': 'gptq', 'group_size': 16}", "groups of 16 inputs, expected a multiple of 32", QWEIGHT,
            ZEROS("a.qzeros", "I32", "4,1"), ZEROS("a.scales", "F16", "4,8"));
    REFUSES(GPTQ, "expected 2, 3, 4 or 8 bits", QWEIGHT, ZEROS("a.qzeros", "I32", "2,0"), SCALES);
    REFUSES(GPTQ, "'a.weight' is there, and its quantized parts, too", QWEIGHT, QZEROS, SCALES,
            ZEROS("a.weight", "F16", "8,64"));
}
END_TEST

TEST(packed__refuses_act_order_outside_of_groups)
{
    REFUSES(GPTQ, "'a.g_idx' puts input 1 into group 2, there are 2", QWEIGHT, QZEROS, SCALES,
            {"a.g_idx", "I32", "64", "02", 4});
    REFUSES(GPTQ, "puts input 63 into group -1", QWEIGHT, QZEROS, SCALES,
            {"a.g_idx", "I32", "64", "ffffffff", 252});
    REFUSES(GPTQ, "'a.g_idx' is i32 [63], expected i32 [64, 1]", QWEIGHT, QZEROS, SCALES,
            ZEROS("a.g_idx", "I32", "63"));
    REFUSES(GPTQ, "puts 63 inputs into group 0, expected a multiple of 32", QWEIGHT, QZEROS, SCALES,
            {"a.g_idx", "I32", "64", "01", 0});
}
END_TEST

TEST(packed__reads_whole_eights_where_eight_outputs_share_a_word)
{
    const struct made list[] = {ZEROS("a.qweight", "I32", "64,2"), ZEROS("a.qzeros", "I32", "2,2"),
                                ZEROS("a.scales", "F16", "2,16")};
    struct checkpoint c;
    struct error err = {0};
    unsigned char rows[16 * 64];
    const char *dir = make("{'quant_method': 'awq', 'bits': 4, 'group_size': 32, 'version': 'gemm'}", list, 3);
    ck_assert_msg(checkpoint_open(&c, dir, &err) == VIV_OK, "%s", err.text);
    const viv_tensor *t = checkpoint_tensor(&c, "a.weight");
    ck_assert(t && t->row_bytes * 16 <= sizeof rows);
    ck_assert_int_eq(packed_read(&c, t, 8, 8, rows, &err), VIV_OK);
    ck_assert_int_eq(packed_read(&c, t, 0, 1, rows, &err), VIV_ESHAPE);
    ck_assert_ptr_nonnull(strstr(err.text, "expected whole eights, found outputs 0 to 1"));
    ck_assert_int_eq(packed_read(&c, t, 4, 8, rows, &err), VIV_ESHAPE);
    checkpoint_close(&c);
    remove_scratch();
}
END_TEST

TEST(packed__refuses_scales_that_are_no_numbers)
{
    FAILS_TO_READ(GPTQ, "output 3, inputs 32 to 63: the scale is nan", QWEIGHT, QZEROS,
                  {"a.scales", "F16", "2,8", "007e", 22});
    FAILS_TO_READ(GPTQ, "output 0, inputs 0 to 31: the scale is inf", QWEIGHT, QZEROS,
                  {"a.scales", "F16", "2,8", "007c", 0});
    FAILS_TO_READ("{'quant_method': 'awq'}", "output 1, inputs 0 to 31: the scale is nan",
                  ZEROS("a.qweight", "I32", "32,1"), ZEROS("a.qzeros", "I32", "1,1"),
                  {"a.scales", "BF16", "1,8", "c07f", 2});
    FAILS_TO_READ("{'quant_method': 'bitsandbytes'}", "the scale is -inf", ZEROS("a.weight", "I8", "2,32"),
                  {"a.SCB", "F32", "2", "000080ff", 4});
    FAILS_TO_READ("{'quant_method': 'compressed-tensors'}", "the scale is nan",
                  ZEROS("a.weight_packed", "U8", "2,16"), {"a.weight_scale", "F8_E4M3", "2,2", "7f", 3},
                  {"a.weight_global_scale", "F32", "1", "0000803f", 0});
    FAILS_TO_READ("{'quant_method': 'compressed-tensors'}", "output 1, inputs 0 to 31: the scale is nan",
                  ZEROS("a.weight_packed", "U8", "2,16"), {"a.weight_scale", "U8", "2,1", "ff", 1});
}
END_TEST

TEST(packed__refuses_fp8_codes_and_scales_that_are_none)
{
    static const char fp8[] = "{'quant_method': 'fp8', 'weight_block_size': [2, 32]}";
    FAILS_TO_READ(fp8, "output 3, inputs 32 to 63: a weight is nan", {"a.weight", "F8_E4M3", "4,64", "ff", 255},
                  ZEROS("a.weight_scale_inv", "F32", "2,2"));
    FAILS_TO_READ(fp8, "output 2, inputs 0 to 31: the scale is inf", ZEROS("a.weight", "F8_E4M3", "4,64"),
                  {"a.weight_scale_inv", "F32", "2,2", "0000807f", 8});
    REFUSES(fp8, "there is no weight_scale_inv or weight_scale beside it", ZEROS("a.weight", "F8_E4M3", "4,64"));
    REFUSES(
        fp8,
        "'a.weight_scale_inv' is f32 [2, 3], expected f16, bf16 or f32 [2, 2], a scale for each block of 2 by 32",
        ZEROS("a.weight", "F8_E4M3", "4,64"), ZEROS("a.weight_scale_inv", "F32", "2,3"));
    REFUSES("{'quant_method': 'fbgemm_fp8'}",
            "is f32 [5], expected f16, bf16 or f32 [4, 1], a scale for each output",
            ZEROS("a.weight", "F8_E4M3", "4,64"), ZEROS("a.weight_scale", "F32", "5"));
    REFUSES(fp8, "it has 4 outputs of 40 inputs, expected a multiple of 32", ZEROS("a.weight", "F8_E4M3", "4,40"),
            ZEROS("a.weight_scale_inv", "F32", "1"));
}
END_TEST

TEST(packed__refuses_awq_of_other_layouts)
{
    REFUSES("{'quant_method': 'awq', 'version': 'gemv'}", "version is 'gemv', expected gemm",
            ZEROS("a.qweight", "I32", "32,1"), ZEROS("a.qzeros", "I32", "1,1"), ZEROS("a.scales", "F16", "1,8"));
    REFUSES("{'quant_method': 'awq', 'bits': 3}", "3 bits, expected 4", ZEROS("a.qweight", "I32", "32,1"),
            ZEROS("a.qzeros", "I32", "1,1"), ZEROS("a.scales", "F16", "1,8"));
    REFUSES("{'quant_method': 'awq', 'group_size': 128}", "says group_size 128", ZEROS("a.qweight", "I32", "64,1"),
            ZEROS("a.qzeros", "I32", "2,1"), ZEROS("a.scales", "F16", "2,8"));
    REFUSES("{'quant_method': 'awq'}", "'a.qzeros' is i32 [1, 2], expected i32 [1, 1]",
            ZEROS("a.qweight", "I32", "32,1"), ZEROS("a.qzeros", "I32", "1,2"), ZEROS("a.scales", "F16", "1,8"));
}
END_TEST

TEST(packed__refuses_compressed_tensors_that_contradict_themselves)
{
#define GROUPS(bits, size)                                                                                         \
    "{'quant_method': 'compressed-tensors', 'config_groups': {'group_0': {'weights': {'num_bits': " bits           \
    ", 'group_size': " size "}}}}"
#define SHAPE_2_64 {"a.weight_shape", "I64", "2", "02000000000000004000000000000000", 0}
    REFUSES(GROUPS("4", "64"),
            "its shapes are those of 4 bits and groups of 32 inputs; config.json says num_bits 4, "
            "group_size 64",
            ZEROS("a.weight_packed", "I32", "2,8"), ZEROS("a.weight_scale", "BF16", "2,2"), SHAPE_2_64);
    REFUSES(GROUPS("8", "32"), "its shapes are those of 4 bits", ZEROS("a.weight_packed", "I32", "2,8"),
            ZEROS("a.weight_scale", "BF16", "2,2"), SHAPE_2_64);
    REFUSES(GROUPS("4", "32"), "7 words for 64 inputs by 'weight_shape'", ZEROS("a.weight_packed", "I32", "2,7"),
            ZEROS("a.weight_scale", "BF16", "2,2"), SHAPE_2_64);
    REFUSES(GROUPS("4", "32"), "8 words for 0 inputs by 'weight_shape'", ZEROS("a.weight_packed", "I32", "2,8"),
            ZEROS("a.weight_scale", "BF16", "2,2"), ZEROS("a.weight_shape", "I64", "2"));
    REFUSES(GROUPS("4", "32"), "there is no 'a.weight_shape'", ZEROS("a.weight_packed", "I32", "2,8"),
            ZEROS("a.weight_scale", "BF16", "2,2"));
    REFUSES(GROUPS("4", "32"), "'a.weight_zero_point' is i32 [2, 2], expected i32 [1, 2]",
            ZEROS("a.weight_packed", "I32", "2,8"), ZEROS("a.weight_scale", "BF16", "2,2"), SHAPE_2_64,
            ZEROS("a.weight_zero_point", "I32", "2,2"));
    REFUSES(GROUPS("4", "16"), "there is no weight_global_scale", ZEROS("a.weight_packed", "U8", "2,16"),
            ZEROS("a.weight_scale", "F8_E4M3", "2,2"));
    REFUSES(GROUPS("4", "16"), "'a.weight_scale' is f8_e4m3 [2, 1], expected f8_e4m3 [2, 2]",
            ZEROS("a.weight_packed", "U8", "2,16"), ZEROS("a.weight_scale", "F8_E4M3", "2,1"),
            ZEROS("a.weight_global_scale", "F32", "1"));
}
END_TEST

TEST(packed__refuses_bitsandbytes_whose_state_does_not_fit)
{
#define BNB "{'quant_method': 'bitsandbytes'}"
    /* {"shape":[2,32],"blocksize":64}, and with 48 */
    static const char state[] = "7b227368617065223a5b322c33325d2c22626c6f636b73697a65223a36347d",
                      odd[] = "7b227368617065223a5b322c33325d2c22626c6f636b73697a65223a34387d";
#define STATE(text) {"a.weight.quant_state.bitsandbytes__nf4", "U8", "31", text, 0}
    REFUSES(BNB, "there is no 'a.weight.absmax'", ZEROS("a.weight", "U8", "32,1"));
    REFUSES(BNB, "there is no quant_state of nf4 or fp4", ZEROS("a.weight", "U8", "32,1"),
            ZEROS("a.weight.absmax", "F32", "1"), ZEROS("a.weight.quant_map", "F32", "16"));
    REFUSES(BNB, "code 0 is 0, expected -1", ZEROS("a.weight", "U8", "32,1"), ZEROS("a.weight.absmax", "F32", "1"),
            ZEROS("a.weight.quant_map", "F32", "16"), STATE(state));
    REFUSES(BNB, "31 bytes, expected 32 for 2 by 32", ZEROS("a.weight", "U8", "31,1"),
            ZEROS("a.weight.absmax", "F32", "1"), ZEROS("a.weight.quant_map", "F32", "16"), STATE(state));
    REFUSES(BNB, "blocksize 48", ZEROS("a.weight", "U8", "32,1"), ZEROS("a.weight.absmax", "F32", "1"),
            ZEROS("a.weight.quant_map", "F32", "16"), STATE(odd));
    REFUSES(BNB, "bitsandbytes__nf4", ZEROS("a.weight", "U8", "32,1"), ZEROS("a.weight.absmax", "F32", "1"),
            ZEROS("a.weight.quant_map", "F32", "16"), STATE("7b"));
    REFUSES(BNB, "'a.SCB' is f32 [3], expected f32 [2, 1]", ZEROS("a.weight", "I8", "2,32"),
            ZEROS("a.SCB", "F32", "3"));
    REFUSES(BNB, "'a.weight_format' says that the weight lies in tiles (2)", ZEROS("a.weight", "I8", "2,32"),
            ZEROS("a.SCB", "F32", "2"), {"a.weight_format", "U8", "1", "02", 0});
}
END_TEST

#define TORCHAO "{'quant_method': 'torchao'}"

TEST(packed__refuses_torchao_integers_that_do_not_fit)
{
    REFUSES(TORCHAO, "there is no 'a._weight_scale'", ZEROS("a._weight_qdata", "I8", "4,64"));
    REFUSES(TORCHAO, "'a._weight_scale' is f32 [3, 2], expected f16, bf16 or f32 [4, 2], outputs by groups",
            ZEROS("a._weight_qdata", "I8", "4,64"), ZEROS("a._weight_scale", "F32", "3,2"));
    REFUSES(TORCHAO, "'a._weight_zero_point' is i8 [4, 1], expected bytes [4, 2]",
            ZEROS("a._weight_qdata", "I8", "4,64"), ZEROS("a._weight_scale", "F32", "4,2"),
            ZEROS("a._weight_zero_point", "I8", "4,1"));
    REFUSES(TORCHAO, "groups of 16 inputs, expected a multiple of 32", ZEROS("a._weight_qdata", "I8", "4,64"),
            ZEROS("a._weight_scale", "F32", "4,4"));
    REFUSES(TORCHAO, "'a._weight_act_pre_scale' scales what enters the layer",
            ZEROS("a._weight_qdata", "I8", "4,64"), ZEROS("a._weight_scale", "F32", "4,2"),
            ZEROS("a._weight_act_pre_scale", "F32", "64"));
    REFUSES(TORCHAO, "'a._weight_scale' is bf16 [2, 3], expected f16, bf16 or f32 [2, 4], groups by outputs",
            ZEROS("a._weight_qdata", "I8", "4,32"), ZEROS("a._weight_scale", "BF16", "2,3"),
            ZEROS("a._weight_zero_point", "BF16", "2,4"));
    FAILS_TO_READ(TORCHAO, "output 3, inputs 32 to 63: the scale is inf", ZEROS("a._weight_qdata", "I8", "4,64"),
                  {"a._weight_scale", "F32", "4,2", "0000807f", 28});
    FAILS_TO_READ(TORCHAO, "output 3, inputs 32 to 63: the zero point is nan",
                  ZEROS("a._weight_qdata", "I8", "4,32"), ZEROS("a._weight_scale", "BF16", "2,4"),
                  {"a._weight_zero_point", "BF16", "2,4", "c07f", 14});

    entry = "{'_type': 'IntxUnpackedToInt8Tensor', '_data': {'target_dtype': {'_data': 'int4'}}}";
    FAILS_TO_READ(TORCHAO, "output 2, inputs 0 to 31: an integer of 4 bits is 8",
                  {"a._weight_qdata", "I8", "4,64", "08", 128}, ZEROS("a._weight_scale", "BF16", "4,2"));
    FAILS_TO_READ(TORCHAO, "output 2, inputs 0 to 31: an integer of 4 bits is -9",
                  {"a._weight_qdata", "I8", "4,64", "f7", 128}, ZEROS("a._weight_scale", "BF16", "4,2"));
    FAILS_TO_READ(TORCHAO, "output 2, inputs 0 to 31: a zero point of 4 bits is -128",
                  ZEROS("a._weight_qdata", "I8", "4,64"), ZEROS("a._weight_scale", "BF16", "4,2"),
                  {"a._weight_zero_point", "I8", "4,2", "80", 4});
    entry = "{'_type': 'IntxUnpackedToInt8Tensor', '_data': {'target_dtype': {'_data': 'int9'}}}";
    REFUSES(TORCHAO, "its target_dtype is 'int9', expected int1 to int8", ZEROS("a._weight_qdata", "I8", "4,64"),
            ZEROS("a._weight_scale", "BF16", "4,2"));
    entry = "{'_type':";
    REFUSES(TORCHAO, "__metadata__", ZEROS("a._weight_qdata", "I8", "4,64"),
            ZEROS("a._weight_scale", "BF16", "4,2"));
    entry = NULL;
}
END_TEST

TEST(packed__refuses_torchao_tiles_that_do_not_fit)
{
#define TILES_8_128     ZEROS("a._weight_qdata", "I32", "1,1,32,4")
#define SCALES_OF_TILES ZEROS("a._weight_scale_and_zero", "BF16", "4,8,2")
#define TILES_OF(shape, group)                                                                                     \
    "{'_type': 'Int4TilePackedTo4dTensor', '_data': {'shape': [" shape "], 'block_size': [1, " group "]}}"
    REFUSES(TORCHAO, "says nothing of its shape and block_size", TILES_8_128, SCALES_OF_TILES);
    entry = TILES_OF("8, 0", "32");
    REFUSES(TORCHAO, "says nothing of its shape and block_size", TILES_8_128, SCALES_OF_TILES);
    entry = TILES_OF("9, 128", "32");
    REFUSES(TORCHAO, "not those of 9 outputs, 128 inputs and groups of 32", TILES_8_128, SCALES_OF_TILES);
    entry = TILES_OF("8, 160", "32");
    REFUSES(TORCHAO, "not those of 8 outputs, 160 inputs and groups of 32", TILES_8_128, SCALES_OF_TILES);
    entry = TILES_OF("8, 128", "64");
    REFUSES(TORCHAO, "not those of 8 outputs, 128 inputs and groups of 64", TILES_8_128, SCALES_OF_TILES);
    entry = TILES_OF("8, 96", "32");
    REFUSES(TORCHAO, "[1, 1, 31, 4]", ZEROS("a._weight_qdata", "I32", "1,1,31,4"), SCALES_OF_TILES);
    FAILS_TO_READ(TORCHAO, "output 7, inputs 64 to 95: the scale is inf", TILES_8_128,
                  {"a._weight_scale_and_zero", "BF16", "4,8,2", "807f", 92});
    entry = "{'_type': 'Int4PlainInt32Tensor', '_data': {}}";
    REFUSES(TORCHAO, "it is a matrix of type Int4PlainInt32Tensor: expected Int8Tensor",
            ZEROS("a._weight_qdata", "I32", "8,8"), ZEROS("a._weight_scale", "BF16", "2,8"),
            ZEROS("a._weight_zero_point", "I8", "2,8"));
    entry = "{'_type': 'MXTensor', '_data': {}}";
    REFUSES(TORCHAO, "it is a matrix of type MXTensor", ZEROS("a._weight_qdata", "U8", "8,32"),
            ZEROS("a._weight_scale", "U8", "8,2"));
    entry = NULL;
}
END_TEST

TEST(packed__names_what_it_reads_where_a_method_is_unknown)
{
    REFUSES("{'quant_method': 'hqq'}",
            "quant_method = hqq): expected one of awq, bitsandbytes, compressed-tensors, fp8, fbgemm_fp8, "
            "modelopt, modelopt_fp4, mxfp4, gptq, torchao",
            QWEIGHT, QZEROS, SCALES);
    REFUSES("{'bits': 4}", "quant_method = none", QWEIGHT);
    REFUSES("{'quant_method': 17}", "quant_method = none", QWEIGHT);
    REFUSES("{'quant_method': 'modelopt', 'quant_algo': 'W4A16_AWQ'}",
            "quant_algo is 'W4A16_AWQ', expected FP8 or NVFP4", ZEROS("a.weight", "U8", "16,64"),
            ZEROS("a.weight_scale", "F32", "32,1"));
}
END_TEST

TEST(packed__weights_of_other_modules_stay_as_they_are)
{
    const struct made list[] = {QWEIGHT, QZEROS, SCALES, ZEROS("b.weight", "F16", "4,4"),
                                ZEROS("a.bias", "F16", "8")};
    struct checkpoint c;
    struct error err;
    ck_assert_msg(checkpoint_open(&c, make(GPTQ, list, 5), &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(c.n_tensors, 3);
    ck_assert_uint_eq(checkpoint_tensor(&c, "a.weight")->dtype, TYPE_INT4);
    ck_assert_int_eq(checkpoint_tensor(&c, "a.weight")->dl.shape[0], 8);
    ck_assert_int_eq(checkpoint_tensor(&c, "a.weight")->dl.shape[1], 64);
    ck_assert_ptr_nonnull(checkpoint_tensor(&c, "b.weight")->dl.data);
    ck_assert(!packed_is(&c, checkpoint_tensor(&c, "b.weight")));
    ck_assert_ptr_null(checkpoint_tensor(&c, "a.qweight"));
    checkpoint_close(&c);
    remove_scratch();
}
END_TEST

TESTS(packed__refuses_gptq_that_contradicts_itself, packed__refuses_act_order_outside_of_groups,
      packed__reads_whole_eights_where_eight_outputs_share_a_word, packed__refuses_scales_that_are_no_numbers,
      packed__refuses_fp8_codes_and_scales_that_are_none, packed__refuses_awq_of_other_layouts,
      packed__refuses_compressed_tensors_that_contradict_themselves,
      packed__refuses_bitsandbytes_whose_state_does_not_fit, packed__refuses_torchao_integers_that_do_not_fit,
      packed__refuses_torchao_tiles_that_do_not_fit, packed__names_what_it_reads_where_a_method_is_unknown,
      packed__weights_of_other_modules_stay_as_they_are)
