/* ggml.c - the same product as bench_product's by ggml, for `instructions`. Outside the build of this project:
 *
 *   aarch64-linux-gnu-gcc -O2 -I LLAMA/ggml/include ggml.c LLAMA/BUILD/.../libggml-cpu.a libggml-base.a -lstdc++
 * -lm */
#include <ggml-cpu.h>
#include <ggml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { N = 256, K = 4096 };

int main(int argc, char **argv)
{
    enum ggml_type type = GGML_TYPE_COUNT;
    for (int i = 0; argc == 4 && i < GGML_TYPE_COUNT; i++)
        if (ggml_type_name(i) && strcasecmp(ggml_type_name(i), argv[1]) == 0)
            type = i;
    if (type == GGML_TYPE_COUNT)
        return 2;
    const long rows = atol(argv[2]);
    struct ggml_context *c = ggml_init((struct ggml_init_params){.mem_size = 512u << 20});
    struct ggml_tensor *w = ggml_new_tensor_2d(c, type, K, N), *x = ggml_new_tensor_2d(c, GGML_TYPE_F32, K, rows);
    struct ggml_tensor *y = ggml_mul_mat(c, w, x);
    struct ggml_cgraph *graph = ggml_new_graph(c);
    float *values = malloc((size_t)N * K * sizeof *values);
    for (int i = 0; i < N * K; i++)
        values[i] = (float)rand() / (float)RAND_MAX - 0.5f;
    for (long r = 0; r < rows; r++)
        memcpy((float *)x->data + r * K, values, K * sizeof *values);
    ggml_quantize_chunk(type, values, w->data, 0, N, K, values);
    ggml_build_forward_expand(graph, y);
    for (int times = atoi(argv[3]); times > 0; times--)
        ggml_graph_compute_with_ctx(c, graph, 1);
    return 0;
}
