/* attributes.c - evaluates the attributes of a layer, and checks them against the kind and the bounds that the
 * layer declares (`viv layers` lists them). */
#include "spec/expand.h"
#include "spec/expr.h"

#include <string.h>

static bool is_list(const viv_attr *attr)
{
    return attr->kind == VIV_ATTR_INTS || attr->kind == VIV_ATTR_FLOATS;
}

bool spec_attr_is_word(const char *text)
{
    return text[0] && strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(text);
}

/* A list is of the declared kind if all its elements are; integers become numbers where numbers are wanted. */
static bool fit_list(const struct expander *x, const viv_attr *attr, struct value *v)
{
    const enum value_kind wanted = attr->kind == VIV_ATTR_INTS ? VALUE_INT : VALUE_FLOAT;
    bool fits = v->kind == VALUE_LIST, same = true;
    for (uint32_t i = 0; fits && i < v->n; i++) {
        fits = v->list[i].kind == wanted || (v->list[i].kind == VALUE_INT && wanted == VALUE_FLOAT);
        same = same && v->list[i].kind == wanted;
    }
    if (!fits || same)
        return fits;
    struct value *list = arena_array(x->arena, v->n, sizeof *list);
    for (uint32_t i = 0; list && i < v->n; i++)
        list[i] = (struct value){.kind = VALUE_FLOAT, .f = expr_value_number(&v->list[i])};
    v->list = list;
    return true;
}

/* Checks a number, or each number of a list. */
static viv_status check_bounds(const struct expander *x, const viv_attr *attr, const struct yaml *y,
                               const struct value *v)
{
    if (v->kind == VALUE_LIST) {
        viv_status status = VIV_OK;
        for (uint32_t i = 0; status == VIV_OK && i < v->n; i++)
            status = check_bounds(x, attr, y->kind == YAML_LIST ? y->items[i] : y, &v->list[i]);
        return status;
    }
    if ((v->kind != VALUE_FLOAT && v->kind != VALUE_INT) || !(attr->min < attr->max))
        return VIV_OK;
    const double number = expr_value_number(v);
    if (number >= attr->min && number <= attr->max)
        return VIV_OK;
    return yaml_error(x->err, y->at, VIV_EINVAL, "'%s' is %g, expected %g to %g", attr->name, number, attr->min,
                      attr->max);
}

static viv_status fit(struct expander *x, const viv_attr *attr, const struct yaml *y, struct value *v)
{
    static const char *const wanted[] = {
        "",         "an integer", "a number",           "a boolean",         "one of",
        "a weight", "a value",    "a list of integers", "a list of numbers", "a text"};
    bool fits = v->kind == VALUE_NONE;
    switch (attr->kind) {
    case VIV_ATTR_INT:
        fits = fits || v->kind == VALUE_INT;
        break;
    case VIV_ATTR_FLOAT:
        if (v->kind == VALUE_INT)
            *v = (struct value){.kind = VALUE_FLOAT, .f = (double)v->i};
        fits = fits || v->kind == VALUE_FLOAT;
        break;
    case VIV_ATTR_BOOL:
        fits = fits || v->kind == VALUE_BOOL;
        break;
    case VIV_ATTR_CHOICE:
        if (v->kind != VALUE_STRING || v->s[0] == '\0')
            break;
        fits = layer_attr_choice(attr, v->s) >= 0;
        if (!fits)
            return yaml_error(x->err, y->at, VIV_EINVAL, "'%s' is '%s', expected one of %s", attr->name, v->s,
                              attr->choices);
        break;
    case VIV_ATTR_INTS:
    case VIV_ATTR_FLOATS:
        fits = fits || fit_list(x, attr, v);
        if (v->kind == VALUE_LIST && !v->list && v->n)
            return error_nomem(x->err);
        break;
    default:
        fits = fits || v->kind == VALUE_STRING;
    }
    if (!fits)
        return yaml_error(x->err, y->at, VIV_EINVAL, "'%s': expected %s%s%s, found %s", attr->name,
                          wanted[attr->kind], attr->choices ? " " : "", attr->choices ? attr->choices : "",
                          v->kind == VALUE_LIST && is_list(attr) ? "a list of other things"
                                                                 : expr_value_kind_name(v->kind));
    viv_status status = check_bounds(x, attr, y, v);
    if (status != VIV_OK)
        return status;
    if (v->kind == VALUE_NONE && (attr->flags & VIV_ATTR_REQUIRED))
        return yaml_error(x->err, y->at, VIV_EINVAL, "'%s' is needed, and '%s' is none", attr->name, y->text);
    return VIV_OK;
}

static viv_status eval_list(struct expander *x, const struct yaml *y, struct value *out)
{
    struct value *list = arena_array(x->arena, y->n, sizeof *list);
    viv_status status = list ? VIV_OK : error_nomem(x->err);
    for (uint32_t i = 0; status == VIV_OK && i < y->n; i++)
        status = expander_eval(x, y->items[i], &list[i]);
    if (status == VIV_OK)
        *out = (struct value){.kind = VALUE_LIST, .n = y->n, .list = list};
    return status;
}

/* A word that stands for itself: of a choice or a text, unless a param has this name. A text in quotes always does.
 */
static bool is_word(const struct expander *x, const viv_attr *attr, const struct yaml *y)
{
    if (attr->kind == VIV_ATTR_TEXT && y->quoted)
        return true;
    return (attr->kind == VIV_ATTR_CHOICE || attr->kind == VIV_ATTR_TEXT) && !spec_param(x->spec, y->text) &&
           spec_attr_is_word(y->text) && strcmp(y->text, "none") != 0;
}

viv_status expander_eval_attr(struct expander *x, const viv_attr *attr, const struct yaml *y, struct value *out)
{
    viv_status status = VIV_OK;
    if (y->kind == YAML_LIST && is_list(attr)) {
        status = eval_list(x, y, out);
    } else if (y->kind == YAML_SCALAR && is_word(x, attr, y)) {
        *out = (struct value){.kind = VALUE_STRING, .s = y->text};
    } else {
        x->weights_are_words = attr->kind == VIV_ATTR_WEIGHT;
        status = expander_eval(x, y, out);
        x->weights_are_words = false;
    }
    return status == VIV_OK ? fit(x, attr, y, out) : status;
}
