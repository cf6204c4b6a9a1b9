/* builtin.c - the plugins that this program has built in: all of plugins/ where it is configured with
 * --enable-standalone, else none. They provide the same classes as their files would, through the same
 * identification and entry. */
#include "config.h"
#include "host/plugin.h"

#ifdef STANDALONE
#define ENTRY(name)                                                                                                \
    extern const viv_plugin_ident viv_plugin_identification_##name;                                                \
    extern const viv_plugin_entry_table viv_plugin_entry_##name;
#include "registry/plugins.inc"
#undef ENTRY
#endif

const struct builtin builtin_plugins[] = {
#ifdef STANDALONE
#define ENTRY(name) {&viv_plugin_identification_##name, &viv_plugin_entry_##name},
#include "registry/plugins.inc"
#undef ENTRY
#endif
    {NULL, NULL}};
