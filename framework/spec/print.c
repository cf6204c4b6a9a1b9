/* print.c - the canonical flat form of an expansion: YAML in which every number is evaluated, every repeat unrolled
 * and every name filled in. Two specs of the same model have the same form and hash.
 *
 *   family, architecture
 *   params:   name: value
 *   weights:  key.i: {names: [in the checkpoint], shape: [...], transform: [...], else: key.i}
 *   encoder:  as graph, if there is one
 *   graph:    - {name: path, layer: class, in: [values], out: value, attribute: value, ...} */
#include "spec/expr.h"

#include "base/sha256.h"

#include <inttypes.h>
#include <string.h>

/* Strings that YAML or the spec language would not read as strings. */
static bool is_reserved(const char *s)
{
    static const char *const words[] = {"none", "null", "true", "false", "yes", "no", "on", "off"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(s, words[i]) == 0)
            return true;
    return false;
}

static void print_text(struct buf *out, const char *s)
{
    bool letter = (s[0] >= 'a' && s[0] <= 'z') || (s[0] >= 'A' && s[0] <= 'Z');
    if (letter && !is_reserved(s) &&
        s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/")] == '\0') {
        buf_puts(out, s);
        return;
    }
    buf_putc(out, '"');
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7F)
            buf_printf(out, "\\x%02X", (unsigned char)*s);
        else
            buf_printf(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
    }
    buf_putc(out, '"');
}

static void print_value(struct buf *out, const struct value *v)
{
    if (v->kind == VALUE_STRING) {
        print_text(out, v->s);
    } else if (v->kind == VALUE_LIST) {
        buf_putc(out, '[');
        for (uint32_t i = 0; i < v->n; i++) {
            buf_puts(out, i ? ", " : "");
            print_value(out, &v->list[i]);
        }
        buf_putc(out, ']');
    } else {
        expr_value_print(v, out);
    }
}

static void print_label(struct buf *out, const struct weight *w)
{
    buf_puts(out, w->key);
    if (w->index >= 0)
        buf_printf(out, ".%" PRId64, w->index);
}

static void print_dims(struct buf *out, const uint64_t *dims, uint32_t n)
{
    for (uint32_t d = 0; d < n; d++)
        buf_printf(out, "%s%" PRIu64, d ? ", " : "", dims[d]);
}

static void print_transform(struct buf *out, const struct transform *t)
{
    switch (t->kind) {
    case TRANSFORM_TRANSPOSE:
        buf_puts(out, "{transpose: []}");
        break;
    case TRANSFORM_SPLIT:
        buf_printf(out, "{split: {axis: %u", t->axis);
        for (uint32_t i = 0; i < t->n_take; i++)
            buf_printf(out, ", begin: %" PRIu64 ", end: %" PRIu64, t->take[i].begin, t->take[i].end);
        buf_printf(out, ", of: %" PRIu64, t->whole);
        if (t->times != 1)
            buf_printf(out, ", times: %" PRIu64, t->times);
        buf_puts(out, "}}");
        break;
    case TRANSFORM_CONCAT:
    case TRANSFORM_STACK:
        buf_printf(out, "{%s: %u}", t->kind == TRANSFORM_CONCAT ? "concat" : "stack", t->axis);
        break;
    case TRANSFORM_PERMUTE:
        buf_puts(out, "{permute: {view: [");
        print_dims(out, t->view, t->n_dims);
        buf_puts(out, "], order: [");
        for (uint32_t d = 0; d < t->n_dims; d++)
            buf_printf(out, "%s%u", d ? ", " : "", t->order[d]);
        buf_puts(out, "]}}");
        break;
    case TRANSFORM_UNPACK:
        buf_puts(out, "{unpack: []}");
        break;
    case TRANSFORM_NEG_EXP:
        buf_puts(out, "{neg_exp: []}");
        break;
    case TRANSFORM_ADD:
        buf_puts(out, "{add: ");
        expr_value_print(&(struct value){.kind = VALUE_FLOAT, .f = t->addend}, out);
        buf_putc(out, '}');
        break;
    }
}

static void print_weight(struct buf *out, const struct expansion *e, const struct weight *w)
{
    buf_puts(out, "  ");
    print_label(out, w);
    buf_puts(out, ": {names: [");
    for (uint32_t i = 0; i < w->n_names; i++) {
        buf_puts(out, i ? ", " : "");
        print_text(out, w->names[i]);
    }
    buf_puts(out, "], shape: [");
    print_dims(out, w->dims, w->n_dims);
    buf_putc(out, ']');
    for (uint32_t i = 0; i < w->n_transforms; i++) {
        buf_puts(out, i ? ", " : ", transform: [");
        print_transform(out, &w->transforms[i]);
    }
    buf_puts(out, w->n_transforms ? "]" : "");
    if (w->otherwise >= 0) {
        buf_puts(out, ", else: ");
        print_label(out, &e->weights[w->otherwise]);
    } else if (w->otherwise == -2) {
        buf_puts(out, ", else: none");
    }
    buf_puts(out, w->unread ? ", unread: true}\n" : "}\n");
}

static void print_node(struct buf *out, const struct expansion *e, const struct node *n)
{
    buf_puts(out, "  - {name: ");
    print_text(out, n->path);
    buf_puts(out, ", layer: ");
    print_text(out, n->class->name);
    buf_puts(out, ", in: [");
    for (uint32_t i = 0; i < n->n_inputs; i++)
        buf_printf(out, "%s%u", i ? ", " : "", n->inputs[i]);
    buf_printf(out, "], out: %u", n->output);
    for (uint32_t i = 0; i < n->n_attrs; i++) {
        const struct attr_value *a = &n->attrs[i];
        if (a->value.kind == VALUE_NONE)
            continue;
        buf_printf(out, ", %s: ", a->name);
        if (layer_attr(n->class, a->name)->kind == VIV_ATTR_WEIGHT)
            print_label(out, &e->weights[a->value.i]);
        else
            print_value(out, &a->value);
    }
    buf_puts(out, "}\n");
}

static void print_stack(struct buf *out, const struct expansion *e, enum stack_id id)
{
    const struct stack *s = &e->stacks[id];
    if (s->begin < s->end)
        buf_printf(out, "%s:\n", s->name);
    for (uint32_t i = s->begin; i < s->end; i++)
        print_node(out, e, &e->nodes[i]);
}

viv_status expansion_print(const struct expansion *e, struct buf *out, struct error *err)
{
    buf_puts(out, "viv: 1\nfamily: ");
    print_text(out, spec_family(e->spec));
    buf_puts(out, "\narchitecture: ");
    print_text(out, spec_architecture(e->spec));
    buf_puts(out, "\nparams:\n");
    for (uint32_t i = 0; i < e->n_params; i++) {
        buf_printf(out, "  %s: ", e->params[i].name);
        print_value(out, &e->params[i].value);
        buf_putc(out, '\n');
    }
    buf_puts(out, "weights:\n");
    for (uint32_t i = 0; i < e->n_weights; i++)
        print_weight(out, e, &e->weights[i]);
    buf_puts(out, "ignore: [");
    for (uint32_t i = 0; i < e->n_ignore; i++) {
        buf_puts(out, i ? ", " : "");
        print_text(out, e->ignore[i]);
    }
    buf_puts(out, "]\n");
    for (int id = 0; id < N_STACKS; id++)
        print_stack(out, e, (enum stack_id)id);
    return out->failed ? error_nomem(err) : VIV_OK;
}

viv_status expansion_hash(const struct expansion *e, char hex[65], struct error *err)
{
    struct buf text = {0};
    viv_status status = expansion_print(e, &text, err);
    if (status == VIV_OK)
        sha256_hex(buf_text(&text), text.size, hex);
    buf_release(&text);
    return status;
}
