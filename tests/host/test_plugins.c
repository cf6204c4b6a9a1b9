/* Plugins that are broken in many ways, built here: each is refused with a reason, and none harms the host. */
#include "host/plugin.h"
#include "sandbox.h"

#include <time.h>

struct sickness {
    const char *name, *code, *reason;
};

static void expect_all(const struct sickness *cases, size_t n)
{
    open_sandbox();
    for (size_t i = 0; i < n; i++)
        build("plugins", cases[i].name, cases[i].code);
    struct host *h = host_over("plugins");
    for (size_t i = 0; i < n; i++) {
        char file[64];
        snprintf(file, sizeof file, "%s.so", cases[i].name);
        expect_refused(h, file, cases[i].reason);
    }
    host_destroy(h);
    close_sandbox();
}
#define EXPECT_ALL(...)                                                                                            \
    const struct sickness cases[] = {__VA_ARGS__};                                                                 \
    expect_all(cases, sizeof cases / sizeof *cases)

TEST(plugin__of_a_third_party_needs_nothing_but_the_public_headers)
{
    struct architecture class;
    struct error err;
    open_sandbox();
    build("plugins", "specimen", WHOLE);
    struct host *h = host_over("plugins");
    expect_accepted(h, "specimen.so");
    struct plugin_info info = listed(h, "specimen.so");
    ck_assert_uint_eq(info.n_classes, 1);
    ck_assert_int_eq(info.classes[0].kind, CLASS_ARCHITECTURE);
    ck_assert_str_eq(info.classes[0].name, "specimen");
    ck_assert_uint_eq(info.abi_minor, VIV_ABI_MINOR);
    ck_assert_str_eq(info.version, "1.0");
    ck_assert_str_eq(info.vendor, "tests");
    ck_assert(!info.loaded);
    ck_assert_int_eq(host_architecture(h, "specimen", &class, &err), VIV_OK);
    ck_assert_str_eq(class.class->name, "specimen");
    ck_assert(listed(h, "specimen.so").loaded);
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(plugin__with_another_identification_is_refused_by_field)
{
    EXPECT_ALL(
        {"magic", TAMPERED_WITH(".magic = 7"), "magic is 0x00000007, a plugin has 0x50564956"},
        {"byte_order", TAMPERED_WITH(".byte_order = 0x04030201"), "byte_order is 0x04030201"},
        {"block_size", TAMPERED_WITH(".block_size = 4096"), "block_size is 4096"},
        {"draft", TAMPERED_WITH(".block_size = 64"),
         "block_size: its identification has 64 bytes, this host's has 128: it is built for an older draft"},
        {"beyond", TAMPERED_WITH(".block_size = 256"), "section .viv_plugin holds 128 bytes, block_size is 256"},
        {"version", TAMPERED_WITH(".version = \"1\\n2\""), "its version or vendor is not UTF-8 of one line"},
        {"vendor", TAMPERED_WITH(".vendor = \"a\\xff\""), "its version or vendor is not UTF-8 of one line"},
        {"ptr_bits", TAMPERED_WITH(".ptr_bits = 32"), "ptr_bits is 32, here pointers have 64"},
        {"flags", TAMPERED_WITH(".flags = 4"), "flags are 0x4"},
        {"cpu", TAMPERED_WITH(".cpu_required = 1ull << 40"), "cpu_required"},
        {"name", TAMPERED_WITH(".name = \"not plain\""), "its name is not"},
        {"no_name", TAMPERED_WITH(".name = \"\""), "its name is not"},
        {"major", TAMPERED_WITH(".abi_major = 7"), "abi_major: it is built for ABI 7.1, this host has 0.1"},
        {"older", TAMPERED_WITH(".abi_minor = 0, .abi_min_minor = 0"), "abi_minor: it is built for ABI 0.0"},
        {"newer", TAMPERED_WITH(".abi_minor = 9, .abi_min_minor = 8"), "needs a host of ABI 0.8 or later"});
}
END_TEST

TEST(plugin__that_is_newer_but_can_live_with_us_is_accepted)
{
    open_sandbox();
    build("plugins", "newer", TAMPERED_WITH(".abi_minor = 9"));
    struct host *h = host_over("plugins");
    expect_accepted(h, "newer.so");
    host_destroy(h);
    close_sandbox();
}
END_TEST

/* 64 bytes, as in the draft before version and vendor; and more than we know, as of a later one. */
TEST(plugin__with_an_identification_of_another_length_is_refused_or_read_as_far_as_it_is_known)
{
    open_sandbox();
    build("plugins", "short",
          "BRINGS_ARCHITECTURE()\nVIV_PLUGIN_ENTRY(.get_classes = get_classes)\n"
          "__attribute__((section(\".viv_plugin\"), used)) VIV_EXPORT const struct { uint32_t head[2]; uint16_t "
          "abi[4];\n"
          "uint32_t more[2]; uint64_t cpu; char name[32]; } viv_plugin_identification =\n"
          "{{VIV_PLUGIN_MAGIC, 64}, {0, 1, 1, 64}, {VIV_BYTE_ORDER, 0}, 0, \"short\"};");
    build("plugins", "long",
          "BRINGS_ARCHITECTURE(.name = \"long\")\nVIV_PLUGIN_ENTRY(.get_classes = get_classes)\n"
          "__attribute__((section(\".viv_plugin\"), used)) VIV_EXPORT const struct { viv_plugin_ident known; char "
          "more[32]; }\n"
          "viv_plugin_identification = {.known = {VIV_PLUGIN_MAGIC, 160, VIV_ABI_MAJOR, VIV_ABI_MINOR, "
          "VIV_ABI_MINOR,\n"
          "8 * sizeof(void *), VIV_BYTE_ORDER, 0, 0, \"long\", \"2.0\", \"\"}};");
    build("plugins", "full",
          "BRINGS_ARCHITECTURE(.name = \"full\")\nVIV_PLUGIN_IDENT(\"full\", \"\", \"\", 0, 1ull << 41)\n"
          "VIV_PLUGIN_ENTRY(NULL, NULL, get_classes)");
    struct host *h = host_over("plugins");
    expect_refused(h, "short.so", "block_size: its identification has 64 bytes, this host's has 128");
    expect_refused(h, "full.so", "cpu_required: it needs features 0x20000000000");
    expect_accepted(h, "long.so");
    ck_assert_str_eq(listed(h, "long.so").version, "2.0");
    ck_assert_ptr_null(listed(h, "long.so").vendor);
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(plugin__with_tables_that_are_not_whole_is_refused_by_slot)
{
    EXPECT_ALL(
        {"open", ARCHITECTURE_WITH(".open = NULL"), "architecture 'specimen': 'open' is NULL"},
        {"name", ARCHITECTURE_WITH(".name = NULL"), "architecture '?': 'name' is NULL"},
        {"words", ARCHITECTURE_WITH(".name = \"two words\""), "a name that is not"},
        {"forward", LAYER_WITH(".forward = NULL"), "layer 'specimen': 'forward' is NULL"},
        {"attrs", LAYER_WITH(".attrs = NULL"), "'attrs' is NULL"},
        {"smaller", LAYER_WITH(".struct_size = 24"), "struct_size of a viv_layer_class is 24"},
        {"zero", LAYER_WITH(".struct_size = 0"), "struct_size of a viv_layer_class is 0"},
        {"huge", LAYER_WITH(".struct_size = 0xffffffff"), "struct_size of a viv_layer_class is 4294967295"},
        {"no_get", "VIV_PLUGIN_BY(\"specimen\", \"1.0\", \"tests\", .get_classes = NULL)", "'get_classes' is NULL"},
        {"entry_size",
         "BRINGS_LAYER()\nVIV_PLUGIN_BY(\"specimen\", \"1.0\", \"tests\", .struct_size = 8, .get_classes = "
         "get_classes)",
         "struct_size of viv_plugin_entry is 8"},
        {"answers_all",
         "static const viv_layer_class provided = LAYER();\n"
         "static const void *const *get_classes(const char *id)\n"
         "{ static const void *const list[] = {&provided, NULL}; static const void *const none[] = {NULL};\n"
         "  return strncmp(id, VIV_CLASS_LAYER, 11) == 0 ? list : none; }\n"
         "VIV_PLUGIN_BY(\"specimen\", \"1.0\", \"tests\", .get_classes = get_classes)",
         "get_classes answers '', an id that does not exist"},
        {"twice",
         "static const viv_layer_class provided = LAYER();\n"
         "static const void *const *get_classes(const char *id)\n"
         "{ static const void *const list[] = {&provided, &provided, NULL};\n"
         "  return strcmp(id, VIV_CLASS_LAYER) == 0 ? list : NULL; }\n"
         "VIV_PLUGIN_BY(\"specimen\", \"1.0\", \"tests\", .get_classes = get_classes)",
         "it provides layer 'specimen' twice"},
        {"kind",
         "static const viv_attr *const sick[] = {VIV_ATTR(99, 0, \"x\", .doc = \"x\"), NULL};\n" LAYER_WITH(
             ".attrs = sick"),
         "attribute 'x': kind is 99"});
}
END_TEST

TEST(plugin__with_a_larger_table_of_the_future_is_accepted)
{
    open_sandbox();
    build("plugins", "larger",
          "struct larger { viv_layer_class first; void *more[4]; };\n"
          "static const struct larger table = {.first = LAYER(.struct_size = sizeof(struct larger))};\n"
          "static const void *const *get_classes(const char *id)\n"
          "{ static const void *const list[] = {&table, NULL};\n"
          "  return strcmp(id, VIV_CLASS_LAYER) == 0 ? list : NULL; }\n"
          "VIV_PLUGIN_BY(\"specimen\", \"1.0\", \"tests\", .get_classes = get_classes)");
    struct host *h = host_over("plugins");
    expect_accepted(h, "larger.so");
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(plugin__that_does_not_survive_its_loading_is_refused)
{
    EXPECT_ALL({"null", AT_LOADING("", "volatile int *volatile nowhere = (int *)16; *nowhere = 1;"), "signal 11"},
               {"trap", AT_LOADING("", "__builtin_trap();"), "crashed during loading: signal"},
               {"abort", AT_LOADING("#include <stdlib.h>", "abort();"), "signal 6"},
               {"exit", AT_LOADING("#include <stdlib.h>", "exit(3);"), "ended the process during loading"},
               {"init",
                "static viv_status init(const viv_host *h) { (void)h; __builtin_trap(); }\nBRINGS_LAYER()\n"
                "VIV_PLUGIN_BY(\"specimen\", \"1.0\", \"tests\", .init = init, .get_classes = get_classes)",
                "crashed during its init"},
               {"deinit",
                "static void deinit(void) { __builtin_trap(); }\nBRINGS_LAYER()\n"
                "VIV_PLUGIN_BY(\"specimen\", \"1.0\", \"tests\", .deinit = deinit, .get_classes = get_classes)",
                "crashed during its deinit"},
               {"list",
                "static const void *const *get_classes(const char *id)\n"
                "{ static const void *const list[] = {(void *)16, NULL}; return strcmp(id, VIV_CLASS_LAYER) ? 0 : "
                "list; }\n"
                "VIV_PLUGIN_BY(\"specimen\", \"1.0\", \"tests\", .get_classes = get_classes)",
                "crashed during its get_classes: signal 11"},
               {"nomem",
                "static viv_status init(const viv_host *h) { (void)h; return VIV_ENOMEM; }\nBRINGS_LAYER()\n"
                "VIV_PLUGIN_BY(\"specimen\", \"1.0\", \"tests\", .init = init, .get_classes = get_classes)",
                "init failed: out of memory"},
               {"tls",
                "static __thread char local[1 << 20] __attribute__((tls_model(\"initial-exec\")));\n"
                "char *use(void);\nchar *use(void) { return local; }\n" WHOLE,
                "static TLS"},
               {"fails",
                "static viv_status init(const viv_host *h)\n"
                "{ h->set_error(h, VIV_EUNSUPPORTED, \"no luck\\ntoday\"); return VIV_EUNSUPPORTED; }\n"
                "BRINGS_LAYER()\nVIV_PLUGIN_BY(\"specimen\", \"1.0\", \"tests\", .init = init, .get_classes = "
                "get_classes)",
                "init failed: no luck today"},
               {"symbol", "void nowhere_to_be_found(void);\n" AT_LOADING("", "nowhere_to_be_found();"),
                "undefined symbol: nowhere_to_be_found"},
               {"no_entry",
                "__attribute__((section(\".viv_plugin\"), used)) VIV_EXPORT const viv_plugin_ident\n"
                "viv_plugin_identification = {.magic = VIV_PLUGIN_MAGIC, .block_size = sizeof(viv_plugin_ident),\n"
                ".abi_major = VIV_ABI_MAJOR, .abi_minor = VIV_ABI_MINOR, .abi_min_minor = VIV_ABI_MINOR,\n"
                ".ptr_bits = 64, .byte_order = VIV_BYTE_ORDER, .name = \"specimen\"};",
                "undefined symbol: viv_plugin_entry"});
}
END_TEST

TEST(plugin__that_hangs_is_left_behind_with_all_it_started)
{
    struct timespec begin, end;
    open_sandbox();
    build("plugins", "hangs", AT_LOADING("#include <unistd.h>", "fork(); for (;;) pause();"));
    clock_gettime(CLOCK_MONOTONIC, &begin);
    struct host *h = host_over("plugins");
    clock_gettime(CLOCK_MONOTONIC, &end);
    ck_assert_int_lt(end.tv_sec - begin.tv_sec, 60);
    expect_refused(h, "hangs.so", "still busy with loading after 5 seconds");
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(plugin__that_bends_the_process_is_refused)
{
    EXPECT_ALL(
        {"locale", AT_LOADING("#include <locale.h>", "setlocale(LC_ALL, \"C.UTF-8\");"),
         "changes the locale from C"},
        {"directory", AT_LOADING("#include <unistd.h>", "if (chdir(\"/usr\")) return;"),
         "changes the current directory"},
        {"rounding", AT_LOADING("#include <fenv.h>", "fesetround(FE_TOWARDZERO);"),
         "changes the floating-point mode"},
        {"umask", AT_LOADING("#include <sys/stat.h>", "umask(0123);"), "changes the umask"},
        {"signal", AT_LOADING("#include <signal.h>", "signal(SIGTERM, SIG_IGN);"), "the handling of signal 15"},
        {"mask",
         AT_LOADING("#include <signal.h>",
                    "sigset_t s; sigemptyset(&s); sigaddset(&s, SIGUSR1); sigprocmask(SIG_BLOCK, &s, 0);"),
         "the handling of signal 10"},
        {"stdout", AT_LOADING("#include <stdio.h>", "puts(\"hello\");"), "writes to standard output"});
}
END_TEST

TEST(plugin__that_starts_a_thread_is_refused)
{
    if (access("/proc/self/task", F_OK) != 0) {
        fprintf(stderr, "skipped: threads cannot be counted where /proc is not mounted\n");
        return;
    }
    EXPECT_ALL({"thread",
                "#include <pthread.h>\n#include <unistd.h>\n"
                "static void *sleeper(void *x) { sleep(60); return x; }\n" AT_LOADING(
                    "", "pthread_t t; pthread_create(&t, 0, sleeper, 0);"),
                "starts a thread"});
}
END_TEST

TEST(plugin__that_throws_across_the_boundary_is_refused)
{
    open_sandbox();
    if (system("c++ --version >/dev/null 2>&1") != 0) {
        fprintf(stderr, "skipped: there is no C++ compiler here\n");
        close_sandbox();
        return;
    }
    make_folder("plugins");
    build_with("c++", "plugins", "throws", "-x c++ -std=gnu++20",
               "static viv_status init(const viv_host *) { throw 1; }\n"
               "static const void *const *get_classes(const char *) { return nullptr; }\n"
               "VIV_PLUGIN_BY(\"throws\", \"1.0\", \"tests\", init, NULL, get_classes)");
    build_with("c++", "plugins", "keeps", "-x c++ -std=gnu++20",
               "static viv_status run(void *, const viv_request *, const viv_sink *)\n"
               "{ try { throw 1; } catch (int) {} return VIV_OK; }\n"
               "static const viv_architecture_class kept = {sizeof kept, 0, \"keeps\", \"a specimen\",\n"
               "    specimen_open, run, specimen_close, nullptr};\n"
               "static const void *const *get_classes(const char *id)\n"
               "{ static const void *const list[] = {&kept, nullptr};\n"
               "  return strcmp(id, VIV_CLASS_ARCHITECTURE) == 0 ? list : nullptr; }\n"
               "VIV_PLUGIN_BY(\"keeps\", \"1.0\", \"tests\", NULL, NULL, get_classes)");
    struct host *h = host_over("plugins");
    expect_refused(h, "throws.so", "its code"); /* crashed, or under sanitizers ended the process */
    expect_accepted(h, "keeps.so");
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(plugin__symbols_stay_its_own)
{
    struct architecture a, b;
    struct error err;
    open_sandbox();
    for (int i = 0; i < 2; i++) {
        char code[1024], name[16];
        snprintf(name, sizeof name, "p%d", i);
        snprintf(code, sizeof code,
                 "VIV_EXPORT viv_status clash(void);\nviv_status clash(void) { return %d; }\n"
                 "static viv_status run(void *i, const viv_request *r, const viv_sink *s)\n"
                 "{ (void)i; (void)r; (void)s; return clash(); }\n"
                 "BRINGS_ARCHITECTURE(.name = \"p%d\", .run = run)\nVIV_PLUGIN_BY(\"p%d\", \"1.0\", \"tests\", "
                 ".get_classes = get_classes)",
                 -100 - i, i, i);
        build("plugins", name, code);
    }
    struct host *h = host_over("plugins");
    ck_assert_int_eq(host_architecture(h, "p0", &a, &err), VIV_OK);
    ck_assert_int_eq(host_architecture(h, "p1", &b, &err), VIV_OK);
    ck_assert_int_eq(a.class->run(NULL, NULL, NULL), -100);
    ck_assert_int_eq(b.class->run(NULL, NULL, NULL), -101);
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(plugin__outlives_the_host_and_keeps_what_it_allocated)
{
    struct architecture class;
    struct error err;
    open_sandbox();
    build(
        "plugins", "heap",
        "#include <stdlib.h>\nstatic const void **list;\nstatic viv_architecture_class *made;\n"
        "static viv_status init(const viv_host *h)\n"
        "{ static const viv_architecture_class whole = ARCHITECTURE();\n"
        "  (void)h; list = calloc(2, sizeof *list); made = malloc(sizeof *made); *made = whole; list[0] = made;\n"
        "  return VIV_OK; }\n"
        "static void deinit(void) { free(list); free(made); list = NULL; }\n"
        "static const void *const *get_classes(const char *id)\n"
        "{ return strcmp(id, VIV_CLASS_ARCHITECTURE) == 0 ? (const void *const *)list : NULL; }\n"
        "VIV_PLUGIN_BY(\"heap\", \"1.0\", \"tests\", .init = init, .deinit = deinit, .get_classes = get_classes)");
    build("plugins", "kept", ARCHITECTURE_WITH(".name = \"kept\""));
    for (int i = 0; i < 3; i++) {
        struct host *h = host_over("plugins");
        ck_assert_int_eq(host_architecture(h, "specimen", &class, &err), VIV_OK);
        ck_assert_int_eq(host_architecture(h, "kept", &class, &err), VIV_OK);
        host_destroy(h);
    }
    ck_assert_int_eq(class.class->run(NULL, NULL, NULL), VIV_OK);
    host_destroy(NULL);
    close_sandbox();
}
END_TEST

/* --- what plugins see -------------------------------------------------------------------------------------- */

TEST(host__answers_services_by_id_and_nothing_else)
{
    open_sandbox();
    make_folder("plugins");
    struct host *h = host_over("plugins");
    const viv_host *viv = host_viv(h);
    ck_assert_uint_eq(viv->struct_size, sizeof *viv);
    ck_assert_ptr_eq(viv->get_service(viv, VIV_SERVICE_KERNELS), host_kernels(h));
    ck_assert_ptr_null(viv->get_service(viv, VIV_SERVICE_KERNELS "x"));
    ck_assert_ptr_null(viv->get_service(viv, ""));
    ck_assert_ptr_null(viv->get_service(viv, NULL));
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(host__keeps_the_sentence_of_a_failure)
{
    struct error err;
    open_sandbox();
    make_folder("plugins");
    struct host *h = host_over("plugins");
    const viv_host *viv = host_viv(h);
    viv->set_error(viv, VIV_ESHAPE, "4 is not 5");
    error_take(&err, VIV_ESHAPE);
    ck_assert_str_eq(err.text, "4 is not 5");
    viv->set_error(viv, VIV_ESHAPE, "\xff");
    error_take(&err, VIV_ESHAPE);
    ck_assert_ptr_nonnull(strstr(err.text, "not UTF-8"));
    viv->set_error(viv, VIV_ENOMEM, NULL);
    error_take(&err, VIV_ENOMEM);
    ck_assert_str_eq(err.text, "out of memory");
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(scheduler__that_nobody_brings_is_told)
{
    const viv_scheduler_class *class;
    const char *plugin;
    struct error err;
    open_sandbox();
    make_folder("plugins");
    struct host *h = host_over("plugins");
    ck_assert_int_eq(host_scheduler(h, "magic", &class, &plugin, &err), VIV_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "no plugin provides scheduler 'magic'"));
    host_destroy(h);
    close_sandbox();
}
END_TEST

TESTS(plugin__of_a_third_party_needs_nothing_but_the_public_headers,
      plugin__with_another_identification_is_refused_by_field,
      plugin__with_an_identification_of_another_length_is_refused_or_read_as_far_as_it_is_known,
      plugin__that_is_newer_but_can_live_with_us_is_accepted,
      plugin__with_tables_that_are_not_whole_is_refused_by_slot,
      plugin__with_a_larger_table_of_the_future_is_accepted, plugin__that_does_not_survive_its_loading_is_refused,
      plugin__that_hangs_is_left_behind_with_all_it_started, plugin__that_bends_the_process_is_refused,
      plugin__that_starts_a_thread_is_refused, plugin__that_throws_across_the_boundary_is_refused,
      plugin__symbols_stay_its_own, plugin__outlives_the_host_and_keeps_what_it_allocated,
      host__answers_services_by_id_and_nothing_else, host__keeps_the_sentence_of_a_failure,
      scheduler__that_nobody_brings_is_told)
