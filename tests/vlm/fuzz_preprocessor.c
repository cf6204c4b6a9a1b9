/* Any settings and any size end in a plan that can be carried out, or in an error. The first four bytes are height
 * and width, the others a preprocessor's file. */
#include "fuzz.h"
#include "host.h"
#include "vlm/plan.h"
#include "vlm/values.h"

enum { MOST_PIXELS = 1 << 17 };

/* Pixels of all steps: so that no input takes long. */
static uint64_t work_of(const struct vlm_plan *plan)
{
    uint64_t n = 0;
    for (uint32_t v = 0; v < plan->n_views; v++) {
        if (plan->views[v].width == 0 || plan->views[v].height == 0)
            __builtin_trap();
        n += (uint64_t)plan->views[v].width * plan->views[v].height;
        for (uint32_t i = 0; i < plan->views[v].n_steps; i++)
            n += (uint64_t)plan->views[v].steps[i].width * plan->views[v].steps[i].height;
    }
    return n;
}

/* The first tile of a canvas, as values and as patches. */
static void take_tile(const struct vlm_settings *s, const struct vlm_values *values, const struct vlm_view *view,
                      const struct vlm_picture *canvas)
{
    const struct vlm_rect rect = {0, 0, view->width / view->cols, view->height / view->rows};
    const struct vlm_patching patching = {s->patch_size, 2, s->merge_size, VLM_CHANNEL_FRAME_Y_X};
    float *out = malloc((size_t)6 * rect.width * rect.height * sizeof *out);
    if (out) {
        vlm_values_of(values, canvas, rect, out);
        vlm_patches(&test_host, values, &patching, &canvas, 1, rect, out);
    }
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vlm_settings s;
    struct vlm_plan plan;
    struct vlm_values values;
    struct vlm_picture picture, canvases[VLM_MAX_VIEWS];
    if (size < 4)
        return 0;
    const uint32_t height = data[0] | (uint32_t)data[1] << 8, width = data[2] | (uint32_t)data[3] << 8;
    const char *json = (const char *)data + 4;
    if (vlm_settings_read(&test_host, json, size - 4, size % 2, size % 2 ? "Qwen2VLVideoProcessor" : NULL, &s) !=
            VIV_OK ||
        vlm_plan_make(&test_host, &s, height, width, 1 + size % 3, data[0], &plan) != VIV_OK ||
        vlm_values_init(&test_host, &s, &values) != VIV_OK ||
        work_of(&plan) + (uint64_t)height * width > MOST_PIXELS ||
        vlm_picture_init(&test_host, width, height, &picture) != VIV_OK)
        return 0;
    if (vlm_plan_render(&test_host, &plan, &s, &picture, canvases) == VIV_OK)
        for (uint32_t v = 0; v < plan.n_views; v++) {
            take_tile(&s, &values, &plan.views[v], &canvases[v]);
            vlm_picture_release(&canvases[v]);
        }
    vlm_picture_release(&picture);
    return 0;
}
