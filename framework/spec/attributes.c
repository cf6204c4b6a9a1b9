/* attributes.c - evaluates the attributes of a layer, and checks them against the kind and the bounds that the
 * layer declares (`viv layers` lists them). */
#include "spec/expand.h"

#include <string.h>

static viv_status fit(struct expander *x, const viv_attr *attr, const struct yaml *y, struct value *v)
{
    static const char *const wanted[] = {"",       "an integer", "a number", "a boolean",
                                         "one of", "a weight",   "a value"};
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
    default:
        fits = fits || v->kind == VALUE_STRING;
    }
    if (!fits)
        return yaml_error(x->err, y->at, VIV_EINVAL, "'%s' wants %s%s%s, found %s", attr->name, wanted[attr->kind],
                          attr->choices ? " " : "", attr->choices ? attr->choices : "", value_kind_name(v->kind));
    double number = v->kind == VALUE_FLOAT ? v->f : (double)v->i;
    bool is_number = v->kind == VALUE_FLOAT || (v->kind == VALUE_INT && attr->kind != VIV_ATTR_BOOL);
    if (is_number && attr->min < attr->max && (number < attr->min || number > attr->max))
        return yaml_error(x->err, y->at, VIV_EINVAL, "'%s' is %g, expected %g to %g", attr->name, number, attr->min,
                          attr->max);
    if (v->kind == VALUE_NONE && (attr->flags & VIV_ATTR_REQUIRED))
        return yaml_error(x->err, y->at, VIV_EINVAL, "'%s' is needed, and '%s' is none", attr->name, y->text);
    return VIV_OK;
}

viv_status expander_eval_attr(struct expander *x, const viv_attr *attr, const struct yaml *y, struct value *out)
{
    bool is_param = spec_param(x->spec, y->text) != NULL;
    if (attr->kind == VIV_ATTR_CHOICE && !is_param &&
        strspn(y->text, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(y->text) &&
        strcmp(y->text, "none") != 0) {
        *out = (struct value){.kind = VALUE_STRING, .s = y->text};
        return fit(x, attr, y, out);
    }
    x->weights_are_words = attr->kind == VIV_ATTR_WEIGHT;
    viv_status status = expander_eval(x, y, out);
    x->weights_are_words = false;
    return status == VIV_OK ? fit(x, attr, y, out) : status;
}
