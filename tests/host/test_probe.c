/* Plugins are probed in a process of their own, once: results are remembered until a file changes. */
#include "host/plugin.h"
#include "sandbox.h"

#include <fcntl.h>

/* A plugin that leaves a byte in a file whenever its code runs, and then may fail. */
static void build_counting(const char *then)
{
    char code[1024];
    snprintf(code, sizeof code,
             "#include <fcntl.h>\n#include <unistd.h>\n" AT_LOADING(
                 "", "int fd = open(\"%s\", O_WRONLY | O_CREAT | O_APPEND, 0600);\n"
                     "if (write(fd, \"x\", 1) != 1) return;\nclose(fd);\n%s"),
             in_sandbox("count"), then);
    build("plugins", "counting", code);
}

static long long count(void)
{
    struct stat st;
    return stat(in_sandbox("count"), &st) == 0 ? (long long)st.st_size : 0;
}

TEST(probe__is_not_repeated_until_the_file_changes)
{
    open_sandbox();
    build_counting("");
    for (int i = 0; i < 3; i++) {
        struct host *h = host_over("plugins");
        expect_accepted(h, "counting.so");
        ck_assert_uint_eq(listed(h, "counting.so").n_classes, 1);
        host_destroy(h);
    }
    ck_assert_int_eq(count(), 1);
    build_counting("/* changed */");
    host_destroy(host_over("plugins"));
    ck_assert_int_eq(count(), 2);
    close_sandbox();
}
END_TEST

TEST(probe__failure_is_remembered_with_its_reason_and_repeated_when_asked)
{
    open_sandbox();
    build_counting("__builtin_trap();");
    for (int i = 0; i < 2; i++) {
        struct host *h = host_over("plugins");
        expect_refused(h, "counting.so", i ? "--retry` tries again" : "crashed during loading");
        expect_refused(h, "counting.so", "crashed during loading");
        host_destroy(h);
    }
    ck_assert_int_eq(count(), 1);
    host_destroy(host_over_with("plugins", (struct host_options){.retry = true}));
    ck_assert_int_eq(count(), 2);
    close_sandbox();
}
END_TEST

TEST(probe__needs_no_cache)
{
    open_sandbox();
    build_counting("");
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    for (int i = 0; i < 2; i++) {
        struct host *h = host_over("plugins");
        expect_accepted(h, "counting.so");
        host_destroy(h);
    }
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    host_destroy(host_over("plugins"));
    ck_assert_int_eq(count(), 3);
    close_sandbox();
}
END_TEST

TEST(probe__ignores_a_cache_that_makes_no_sense)
{
    char command[256];
    open_sandbox();
    build_counting("");
    host_destroy(host_over("plugins"));
    snprintf(command, sizeof command, "for f in %s/vivarium/*; do sed -i 's/^class.*/class 9 \\xff/' $f; done",
             in_sandbox("cache"));
    ck_assert_int_eq(system(command), 0);
    struct host *h = host_over("plugins");
    expect_accepted(h, "counting.so");
    host_destroy(h);
    ck_assert_int_eq(count(), 2);
    snprintf(command, sizeof command, "for f in %s/vivarium/*; do chmod o+w $f; done", in_sandbox("cache"));
    ck_assert_int_eq(system(command), 0);
    host_destroy(host_over("plugins"));
    ck_assert_int_eq(count(), 3);
    close_sandbox();
}
END_TEST

/* A library that is no plugin, in a folder of its own. */
static void build_library(const char *name, const char *code)
{
    char library[64];
    snprintf(library, sizeof library, "lib%s", name);
    build("lib", library, code);
}

static void build_needing(const char *name, const char *library, const char *code)
{
    char flags[512];
    snprintf(flags, sizeof flags, "-std=gnu11 -Wl,--no-as-needed '%s/lib%s.so'", in_sandbox("lib"), library);
    build_with(getenv("CC") ? getenv("CC") : "cc", "plugins", name, flags, code);
}

static void move(const char *from, const char *to)
{
    ck_assert_int_eq(rename(in_sandbox(from), in_sandbox(to)), 0);
}

TEST(probe__of_a_plugin_that_lacks_a_library_is_repeated_until_it_is_there)
{
    struct error err;
    struct architecture class;
    open_sandbox();
    build_library("wanted", "int wanted(void);\nint wanted(void) { return 1; }");
    build_needing("needs", "wanted", WHOLE);
    move("lib/libwanted.so", "lib/away");
    for (int i = 0; i < 2; i++) {
        struct host *h = host_over("plugins");
        expect_refused(h, "needs.so", "libwanted.so: cannot open shared object file");
        ck_assert_int_eq(host_architecture(h, "specimen", &class, &err), VIV_ENOTFOUND);
        ck_assert_ptr_nonnull(
            strstr(err.text, "libwanted.so: cannot open")); /* perhaps it would have provided it */
        host_destroy(h);
    }
    move("lib/away", "lib/libwanted.so");
    struct host *h = host_over("plugins");
    expect_accepted(h, "needs.so");
    host_destroy(h);
    close_sandbox();
}
END_TEST

TEST(probe__is_repeated_when_a_library_has_changed)
{
    open_sandbox();
    build_library("wanted", "int wanted(void);\nint wanted(void) { return 1; }");
    build_needing("needs", "wanted", WHOLE);
    struct host *h = host_over("plugins");
    expect_accepted(h, "needs.so");
    host_destroy(h);
    build_library("wanted", "__attribute__((constructor)) static void at_loading(void) { __builtin_trap(); }");
    h = host_over("plugins");
    expect_refused(h, "needs.so", "crashed during loading");
    host_destroy(h);
    close_sandbox();
}
END_TEST

#define THREADS                                                                                                    \
    "#include <pthread.h>\n#include <unistd.h>\n"                                                                  \
    "static void *sleeper(void *x) { sleep(60); return x; }\n"                                                     \
    "__attribute__((constructor)) static void start(void) { pthread_t t; pthread_create(&t, 0, sleeper, 0); }\n"

TEST(library__that_starts_threads_is_a_dependency_on_the_users_word)
{
    if (access("/proc/self/task", F_OK) != 0) {
        fprintf(stderr, "skipped: threads cannot be counted where /proc is not mounted\n");
        return;
    }
    static const char *const words[] = {"libother", "libspins.so"};
    open_sandbox();
    build_library("spins", THREADS);
    build_needing("needs", "spins", WHOLE);
    build_needing(
        "own", "spins",
        THREADS
        "BRINGS_LAYER(.name = \"own\")\nVIV_PLUGIN_BY(\"own\", \"1.0\", \"tests\", .get_classes = get_classes)");
    for (size_t n = 0; n <= 2; n++) {
        struct host *h = host_over_with(
            "plugins", (struct host_options){.retry = n == 1, .allow_threads = words, .n_allow_threads = n});
        if (n < 2)
            expect_refused(h, "needs.so",
                           "libspins.so, a library that it needs, starts a thread when it is loaded");
        else
            expect_accepted(h, "needs.so");
        expect_refused(h, "own.so", "loading it starts a thread: threads are the host's");
        host_destroy(h);
    }
    setenv("VIV_ALLOW_THREADS", "libother,libspins", 1);
    struct host *h = host_over("plugins");
    expect_accepted(h, "needs.so");
    host_destroy(h);
    unsetenv("VIV_ALLOW_THREADS");
    close_sandbox();
}
END_TEST

/* Bytes that this process has read by now, those of pages that were mapped not among them; -1: cannot be told. */
static long long bytes_read(void)
{
    long long n = -1;
    FILE *io = fopen("/proc/self/io", "r");
    if (io && fscanf(io, "rchar: %lld", &n) != 1)
        n = -1;
    if (io)
        fclose(io);
    return n;
}

TEST(file__costs_a_few_bytes_however_large_it_is)
{
    struct error err;
    open_sandbox();
    build("plugins", "large", WHOLE);
    int fd = open(in_sandbox("plugins/large.so"), O_WRONLY);
    if (ftruncate(fd, 20ll << 30) != 0 || bytes_read() < 0) {
        fprintf(stderr, "skipped: there are no files with holes here, or no /proc/self/io\n");
        close(fd);
        close_sandbox();
        return;
    }
    close(fd);
    host_destroy(host_over("plugins"));
    const long long before = bytes_read(), itself = bytes_read() - before;
    viv_plugin_ident ident;
    ck_assert_int_eq(elf_read_ident(in_sandbox("plugins/large.so"), &ident, &err), VIV_OK);
    const long long identified = bytes_read();
    struct host *h = host_over("plugins"); /* known by now: the cache is read, and the file not again */
    const long long after = bytes_read();
    expect_accepted(h, "large.so");
    host_destroy(h);
    ck_assert_int_le(identified - before - 2 * itself, 20480);
    ck_assert_int_le(after - identified - itself, 2 * 20480);
    close_sandbox();
}
END_TEST

TEST(probe__is_none_before_a_plugin_is_asked_for)
{
    struct host *h;
    struct error err;
    struct architecture class;
    open_sandbox();
    build_counting("");
    setenv("VIV_PLUGIN_PATH", in_sandbox("plugins"), 1);
    ck_assert_int_eq(host_create(&(const struct host_options){0}, &h, &err), VIV_OK);
    const viv_layer_class *layer;
    ck_assert_int_eq(layer_set_require(host_layers(h), "linear", &layer, &err), VIV_OK);
    ck_assert_int_eq(count(), 0);
    ck_assert_int_eq(host_architecture(h, "specimen", &class, &err), VIV_OK);
    ck_assert_int_eq(count(), 2); /* probed and loaded */
    host_destroy(h);
    ck_assert_int_eq(host_create(&(const struct host_options){0}, &h, &err), VIV_OK);
    ck_assert_int_eq(host_architecture(h, "nothing", &class, &err), VIV_ENOTFOUND);
    ck_assert_int_eq(count(), 2); /* what it provides is known: it is not loaded for another class */
    host_destroy(h);
    unsetenv("VIV_PLUGIN_PATH");
    close_sandbox();
}
END_TEST

TESTS(probe__is_not_repeated_until_the_file_changes,
      probe__failure_is_remembered_with_its_reason_and_repeated_when_asked, probe__needs_no_cache,
      probe__ignores_a_cache_that_makes_no_sense,
      probe__of_a_plugin_that_lacks_a_library_is_repeated_until_it_is_there,
      probe__is_repeated_when_a_library_has_changed, probe__is_none_before_a_plugin_is_asked_for,
      library__that_starts_threads_is_a_dependency_on_the_users_word, file__costs_a_few_bytes_however_large_it_is)
