/* Repacked weights in the cache folder: the next opening maps them, and none that are damaged or of another model
 * are ever used. */
#include "answers.h"
#include "engine/load.h"
#include "formats/packed/packed.h"
#include "model/repack_cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const double ALWAYS = -1, NEVER = 1e12;
static char sandbox[64];

static const char *in_sandbox(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", sandbox, name);
    return path;
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
    char command[2048];
    va_list list;
    va_start(list, format);
    vsnprintf(command, sizeof command, format, list);
    va_end(list);
    ck_assert_msg(system(command) == 0, "%s", command);
}

/* An empty cache folder, and the user's defaults.yaml. */
static void open_sandbox(const char *defaults)
{
    struct error err;
    strcpy(sandbox, "/tmp/viv-repack-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(sandbox));
    run("mkdir -p %s/config/vivarium %s/cache/vivarium", sandbox, sandbox);
    setenv("XDG_CACHE_HOME", in_sandbox("cache"), 1);
    setenv("XDG_CONFIG_HOME", in_sandbox("config"), 1);
    if (defaults)
        ck_assert_int_eq(file_write(in_sandbox("config/vivarium/defaults.yaml"), defaults, strlen(defaults), &err),
                         VIV_OK);
    open_host();
}

static void close_sandbox(void)
{
    engine_destroy(engine);
    run("rm -rf %s", sandbox);
}

/* What an opening found: the weights that it mapped from the cache, and the numbers that it computes. */
struct opening {
    uint64_t cached, made;
    float logits[MAX_TOKENS * 128];
};

static viv_model *load_cached(const char *directory, double seconds)
{
    struct model_options options = golden_options();
    options.n_threads = 2;
    options.repack_seconds = seconds;
    return golden_load(&options, directory);
}

static void open_once(const char *directory, double seconds, struct opening *out)
{
    static const int32_t tokens[] = {3, 50, 7, 91};
    struct model_stats stats;
    viv_model *m = load_cached(directory, seconds);
    viv_sequence *s = golden_sequence(m);
    ck_assert_uint_le(4 * model_output_dim(m), MAX_TOKENS * 128);
    step(m, s, tokens, 4, out->logits);
    model_stats(m, &stats);
    out->cached = stats.cached_bytes;
    out->made = stats.made_bytes;
    sequence_destroy(s);
    model_close(m);
}

static void check_same(const struct opening *a, const struct opening *b)
{
    ck_assert(memcmp(a->logits, b->logits, 4 * 101 * sizeof(float)) == 0);
}

/* The files of the cache, and the path of one of them. */
static size_t n_cached(char path[512])
{
    size_t n = 0;
    DIR *d = opendir(in_sandbox("cache/vivarium"));
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));)
        if (strncmp(e->d_name, "weights-", 8) == 0) {
            n++;
            if (path)
                snprintf(path, 512, "%s/cache/vivarium/%s", sandbox, e->d_name);
        }
    closedir(d);
    return n;
}

/* A copy of a golden model that a test may change. */
static const char *copy_of(const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", sandbox, name);
    run("cp -r %s/%s %s", source_path("tests/golden"), name, path);
    return path;
}

static void flip(const char *path, int64_t at)
{
    unsigned char byte;
    int fd = open(path, O_RDWR);
    ck_assert_int_ge(fd, 0);
    const off_t place = at >= 0 ? (off_t)at : lseek(fd, 0, SEEK_END) + (off_t)at;
    ck_assert_int_eq(pread(fd, &byte, 1, place), 1);
    byte ^= 0x10;
    ck_assert_int_eq(pwrite(fd, &byte, 1, place), 1);
    close(fd);
}

TEST(repack__is_cached_and_the_next_opening_maps_it)
{
    static struct opening first, second;
    char path[4096];
    size_t n = 0;
    open_sandbox(NULL);
    DIR *d = opendir(source_path("tests/golden"));
    for (struct dirent *e; (e = readdir(d));) {
        if (strncmp(e->d_name, "packed-", 7) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", source_path("tests/golden"), e->d_name);
        open_once(path, ALWAYS, &first);
        ck_assert_uint_eq(first.cached, 0);
        ck_assert_uint_eq(n_cached(NULL), ++n);
        open_once(path, ALWAYS, &second);
        ck_assert_uint_gt(second.cached, 0);
        ck_assert_uint_lt(second.made, first.made);
        check_same(&first, &second);
        ck_assert_uint_eq(n_cached(NULL), n);
    }
    closedir(d);
    ck_assert_uint_ge(n, 20);
    close_sandbox();
}
END_TEST

/* Pages of a mapped file may be let go of, and are read again; those of a copy would be lost. */
static void check_mapped(const char *directory, bool cached)
{
    const uint32_t *order;
    size_t n = 0;
    viv_model *m = load_cached(directory, ALWAYS);
    const struct checkpoint *c = model_checkpoint(m);
    for (uint32_t i = 0; i < c->n_tensors; i++) {
        const bool packed = packed_joined(c, &c->tensors[i], &order);
        ck_assert_msg(checkpoint_is_mapped(c, c->tensors[i].dl.data) == (cached || !packed), "%s",
                      c->tensors[i].name);
        n += packed;
    }
    ck_assert_uint_gt(n, 0);
    model_close(m);
}

TEST(repack__makes_copies_at_first_and_maps_a_file_later)
{
    open_sandbox(NULL);
    const char *model = copy_of("packed-gptq-4");
    check_mapped(model, false);
    check_mapped(model, true);
    close_sandbox();
}
END_TEST

TEST(repack__that_was_quick_is_not_cached)
{
    static struct opening o;
    open_sandbox(NULL);
    open_once(copy_of("packed-awq"), NEVER, &o);
    ck_assert_uint_eq(n_cached(NULL), 0);
    close_sandbox();
}
END_TEST

TEST(repack__of_files_that_have_just_changed_is_not_cached)
{
    char name[REPACK_NAME];
    const struct repack_list none = {0};
    open_sandbox(NULL);
    viv_model *m = load_cached(copy_of("packed-awq"), NEVER);
    ck_assert(!repack_cache_name(m, &none, 86400, name));
    ck_assert(repack_cache_name(m, &none, -86400, name));
    model_close(m);
    close_sandbox();
}
END_TEST

TEST(repack__leaves_gguf_and_plain_files_alone)
{
    static const char *const names[] = {"llama-q4_0-gguf", "llama-f16", "gpt_oss-gguf"};
    open_sandbox(NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", source_path("tests/golden"), names[i]);
        struct model_options options = golden_options();
        options.repack_seconds = ALWAYS;
        struct model_stats stats;
        viv_model *m = golden_load(&options, path);
        model_stats(m, &stats);
        ck_assert_uint_eq(stats.cached_bytes, 0);
        model_close(m);
        ck_assert_uint_eq(n_cached(NULL), 0);
    }
    close_sandbox();
}
END_TEST

/* In the first bytes, the name, the number of bytes, a checksum, the first and the last weight. */
TEST(repack__from_a_damaged_file_is_found_and_replaced)
{
    static const int64_t places[] = {0, 40, 97, 113, 4096, 5000, -1};
    static struct opening first, now;
    char path[512];
    open_sandbox(NULL);
    const char *model = copy_of("packed-gptq-4");
    open_once(model, ALWAYS, &first);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        ck_assert_uint_eq(n_cached(path), 1);
        flip(path, places[i]);
        open_once(model, ALWAYS, &now);
        ck_assert_msg(now.cached == 0, "byte %ld is wrong, and the file was used", (long)places[i]);
        check_same(&first, &now);
        open_once(model, ALWAYS, &now);
        ck_assert_uint_gt(now.cached, 0);
        check_same(&first, &now);
    }
    ck_assert_uint_eq(n_cached(path), 1);
    ck_assert_int_eq(truncate(path, 5000), 0);
    open_once(model, NEVER, &now); /* removed, though nothing takes its place */
    check_same(&first, &now);
    open_once(model, ALWAYS, &now);
    ck_assert_uint_eq(now.cached, 0);
    close_sandbox();
}
END_TEST

TEST(repack__from_what_another_user_may_have_written_is_not_used)
{
    static struct opening first, now;
    char path[512];
    open_sandbox(NULL);
    const char *model = copy_of("packed-gptq-4");
    open_once(model, ALWAYS, &first);
    ck_assert_uint_eq(n_cached(path), 1);
    ck_assert_int_eq(chmod(path, 0666), 0);
    open_once(model, ALWAYS, &now);
    ck_assert_uint_eq(now.cached, 0);
    check_same(&first, &now);
    run("rm -f %s; mkdir %s", path, path); /* what stands in the way is no error */
    open_once(model, ALWAYS, &now);
    ck_assert_uint_eq(now.cached, 0);
    check_same(&first, &now);
    close_sandbox();
}
END_TEST

/* A weight that changes in place, with the old time of modification; another file under the name; other words of
 * config.json. */
TEST(repack__of_a_changed_model_is_made_anew)
{
    static struct opening first, now, fresh;
    char weights[600];
    open_sandbox(NULL);
    const char *model = copy_of("packed-gptq-4");
    snprintf(weights, sizeof weights, "%s/model.safetensors", model);
    open_once(model, ALWAYS, &first);
    struct stat st;
    ck_assert_int_eq(stat(weights, &st), 0);
    flip(weights, st.st_size / 2);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    ck_assert_int_eq(utimensat(AT_FDCWD, weights, times, 0), 0);
    open_once(model, ALWAYS, &now);
    ck_assert_uint_eq(now.cached, 0);
    ck_assert_uint_eq(n_cached(NULL), 2);

    run("cp %s %s.new; printf x >>%s.old; mv %s.new %s", weights, weights, weights, weights, weights);
    flip(weights, st.st_size / 2);
    open_once(model, ALWAYS, &now);
    ck_assert_uint_eq(now.cached, 0);
    check_same(&now, &first);

    run("sed -i 's/\"damp_percent\": 0.1/\"damp_percent\": 0.2/' %s/config.json", model);
    open_once(model, ALWAYS, &now);
    ck_assert_uint_eq(now.cached, 0);
    run("rm %s/cache/vivarium/weights-*", sandbox);
    open_once(model, ALWAYS, &fresh);
    check_same(&now, &fresh);
    close_sandbox();
}
END_TEST

static void set_age(const char *path, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = time(NULL) - seconds}, {.tv_sec = time(NULL) - seconds}};
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Two files of about 42 kB are within 100 kB, three are not. */
TEST(repack__is_within_a_limit_and_what_was_used_last_stays)
{
    static struct opening o;
    char a[512], b[512];
    open_sandbox("viv: 1\nrepack_cache: 0.0001\n");
    const char *model_a = copy_of("packed-gptq-4"), *model_b = copy_of("packed-awq"),
               *model_c = copy_of("packed-int4-group");
    open_once(model_a, ALWAYS, &o);
    ck_assert_uint_eq(n_cached(a), 1);
    struct stat st;
    ck_assert_int_eq(stat(a, &st), 0);
    ck_assert_int_ge(st.st_size, 34000);
    ck_assert_int_le(st.st_size, 49000);
    run("mv %s %s.aside", a, in_sandbox("a"));
    open_once(model_b, ALWAYS, &o);
    ck_assert_uint_eq(n_cached(b), 1);
    run("mv %s.aside %s", in_sandbox("a"), a);
    set_age(a, 2000);
    set_age(b, 1000);
    open_once(model_a, ALWAYS, &o); /* so b was not used for longer */
    ck_assert_uint_gt(o.cached, 0);
    open_once(model_c, ALWAYS, &o);
    ck_assert_uint_eq(n_cached(NULL), 2);
    ck_assert(file_exists(a));
    ck_assert(!file_exists(b));
    close_sandbox();
}
END_TEST

TEST(repack__removes_what_a_killed_writer_left)
{
    static struct opening o;
    open_sandbox("viv: 1\nrepack_cache: 0.0001\n");
    run("head -c 100000 /dev/zero >%s/cache/vivarium/weights-0123.abcdef", sandbox);
    open_once(copy_of("packed-gptq-4"), ALWAYS, &o); /* it may still be written: there is no room */
    ck_assert_uint_eq(n_cached(NULL), 1);
    ck_assert(file_exists(in_sandbox("cache/vivarium/weights-0123.abcdef")));
    set_age(in_sandbox("cache/vivarium/weights-0123.abcdef"), 100000);
    open_once(in_sandbox("packed-gptq-4"), ALWAYS, &o);
    ck_assert_uint_eq(n_cached(NULL), 1);
    ck_assert(!file_exists(in_sandbox("cache/vivarium/weights-0123.abcdef")));
    close_sandbox();
}
END_TEST

TEST(repack__is_not_cached_by_a_user_who_wants_none)
{
    static struct opening o;
    open_sandbox("viv: 1\nrepack_cache: 0\n");
    open_once(copy_of("packed-gptq-4"), ALWAYS, &o);
    ck_assert_uint_eq(n_cached(NULL), 0);
    close_sandbox();
}
END_TEST

/* Neither a folder that cannot be made nor a disk that is full is an error. */
TEST(repack__goes_on_where_nothing_can_be_written)
{
    static struct opening first, now;
    const struct rlimit little = {20000, RLIM_INFINITY};
    open_sandbox(NULL);
    const char *model = copy_of("packed-gptq-4");
    open_once(model, NEVER, &first);
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    open_once(model, ALWAYS, &now);
    check_same(&first, &now);
    setenv("XDG_CACHE_HOME", in_sandbox("cache"), 1);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    open_once(model, ALWAYS, &now);
    check_same(&first, &now);
    ck_assert_uint_eq(n_cached(NULL), 0);
    close_sandbox();
}
END_TEST

TEST(repack__by_processes_at_once_leaves_one_file)
{
    enum { PROCESSES = 4 };
    static struct opening first, now;
    pid_t children[PROCESSES];
    open_sandbox(NULL);
    const char *model = copy_of("packed-gptq-4");
    open_once(model, NEVER, &first);
    engine_destroy(engine);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        ck_assert_int_ge(children[i], 0);
        if (children[i] == 0) {
            open_host();
            open_once(model, ALWAYS, &now);
            _exit(memcmp(first.logits, now.logits, 4 * 101 * sizeof(float)) != 0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_uint_eq(n_cached(NULL), 1);
    open_host();
    open_once(model, ALWAYS, &now);
    ck_assert_uint_gt(now.cached, 0);
    check_same(&first, &now);
    close_sandbox();
}
END_TEST

TESTS(repack__is_cached_and_the_next_opening_maps_it, repack__makes_copies_at_first_and_maps_a_file_later,
      repack__that_was_quick_is_not_cached, repack__of_files_that_have_just_changed_is_not_cached,
      repack__leaves_gguf_and_plain_files_alone, repack__from_a_damaged_file_is_found_and_replaced,
      repack__from_what_another_user_may_have_written_is_not_used, repack__of_a_changed_model_is_made_anew,
      repack__is_within_a_limit_and_what_was_used_last_stays, repack__removes_what_a_killed_writer_left,
      repack__is_not_cached_by_a_user_who_wants_none, repack__goes_on_where_nothing_can_be_written,
      repack__by_processes_at_once_leaves_one_file)
