// A plugin in C++11: a layer that is `linear` times a factor, written with the macros and helpers of the headers.
#include <vivarium/vivarium.h>

#include <cinttypes>

namespace {

struct scaled_linear {
    viv_projection projection;
    float factor;
    uint32_t reserved;
};

const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_WEIGHT, VIV_ATTR_REQUIRED, "weight", "[n_out, n_in]"),
    VIV_ATTR(VIV_ATTR_FLOAT, 0, "factor", "of each output", nullptr, 1, 1e-3, 1e3),
    VIV_ATTR(VIV_ATTR_FLOATS, 0, "factors", "the same, of each output", nullptr, 0, 1e-3, 1e3),
    VIV_ATTR(VIV_ATTR_CHOICE, 0, "activation", "not used", VIV_ACT_CHOICES),
    nullptr,
};

viv_status infer(void *layer, viv_infer *b)
{
    scaled_linear *l = static_cast<scaled_linear *>(layer);
    uint64_t dims[4] = {0, b->in_dims[0], 0, 0};
    uint32_t ndim = 0;
    if (!VIV_HAS(b, viv_infer, length_growth))
        return viv_fail(b->host, VIV_EABI, "a viv_infer of %u bytes, expected %zu", b->struct_size, sizeof *b);
    if (b->n_in != 1)
        return viv_fail(b->host, VIV_ESHAPE, "%" PRIu32 " inputs, expected 1", b->n_in);
    viv_status status = b->want_weight(b, "weight", 2, dims);
    if (status == VIV_OK)
        status = b->weight_dims(b, "weight", 4, dims, &ndim);
    l->factor = static_cast<float>(b->get_float(b, "factor"));
    b->out_dim = dims[0];
    b->n_phases = 2;
    return status;
}

viv_status prepare(void *layer, viv_prepare *p)
{
    scaled_linear *l = static_cast<scaled_linear *>(layer);
    viv_status status = viv_projection_prepare(&l->projection, p, "weight", nullptr);
    if (status != VIV_OK)
        return status;
    p->row_workspace = viv_projection_row_bytes(&l->projection);
    p->worker_workspace = viv_projection_scratch_bytes(&l->projection);
    return VIV_OK;
}

uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    const scaled_linear *l = static_cast<const scaled_linear *>(layer);
    return phase == 0 ? e->n_rows : viv_projection_tiles(&l->projection);
}

viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const scaled_linear *l = static_cast<const scaled_linear *>(layer);
    const uint64_t row_bytes = viv_projection_row_bytes(&l->projection), n_out = l->projection.n_out;
    char *rows = static_cast<char *>(e->workspace);
    for (uint64_t t = first; t < end; t++) {
        if (phase == 0) {
            viv_projection_prepare_row(&l->projection, rows + t * row_bytes, e->in[0] + t * l->projection.n_in);
            continue;
        }
        float *y = e->out + t * l->projection.tile;
        const uint64_t n = viv_projection_run_tile(&l->projection, t, rows, row_bytes, e->n_rows, y, n_out,
                                                   e->scratch);
        for (uint64_t r = 0; r < e->n_rows; r++)
            for (uint64_t j = 0; j < n; j++)
                y[r * n_out + j] *= l->factor;
    }
    return VIV_OK;
}

viv_layer_class make_class()
{
    viv_layer_class c = viv_layer_class();
    c.struct_size = sizeof c;
    c.flags = VIV_LAYER_ROW_WISE;
    c.name = "scaled_linear";
    c.summary = "Multiplies each row by a matrix and a number.";
    c.attrs = attrs;
    c.instance_size = sizeof(scaled_linear);
    c.infer = infer;
    c.prepare = prepare;
    c.tasks = tasks;
    c.forward = forward;
    return c;
}
const viv_layer_class scaled = make_class();

const void *const *get_classes(const char *id)
{
    static const void *const layers[] = {&scaled, nullptr};
    return strcmp(id, VIV_CLASS_LAYER) == 0 ? layers : nullptr;
}

viv_status init(const viv_host *)
{
    return VIV_OK;
}

} // namespace

#ifdef WHOLE
VIV_PLUGIN_BY("scaled", "1.0", "tests", init, nullptr, get_classes)
#else
VIV_PLUGIN_IDENT("scaled", "1.0", "tests", VIV_ABI_MINOR, 0)
VIV_PLUGIN_ENTRY(init, nullptr, get_classes)
#endif
