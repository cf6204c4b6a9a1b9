/* test_sandbox.c - commands in a sandbox: what they can do, and ways out that must not lead out, with all layers
 * and without namespaces. Layers that the kernel lacks are skipped, and said to be. */
#include "lam/sandbox.h"

#include "escapes.h"
#include "workspace.h"

/* Sanitizers take more memory than there is. */
enum { MEMORY = SANITIZED ? 1 << 28 : 2048 };

enum { HELD = 10, ESCAPED = 11 };
enum { BARE_LAYERS = 1 << LAYER_LANDLOCK | 1 << LAYER_SECCOMP };

/* The test's program as the command: it has no main of its own. */
static void be_the_command(int argc, char **argv) __attribute__((constructor));

/* A process that nobody waits for, and that says so by a lock on a file. */
static void leave_a_daemon(void)
{
    int ready[2];
    if (pipe(ready) != 0)
        _exit(1);
    const int file = open("daemon", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            if (flock(file, LOCK_EX) != 0 || write(ready[1], "x", 1) != 1)
                _exit(1);
            for (;;)
                pause();
        }
        _exit(0);
    }
    char byte;
    _exit(read(ready[0], &byte, 1) == 1 ? 0 : 1);
}

static void be_the_command(int argc, char **argv)
{
    if (argc != 9 || strcmp(argv[1], "escape") != 0)
        return;
    target.file = argv[3];
    target.socket = argv[4];
    target.abstract = argv[5];
    target.pid = atoi(argv[6]);
    target.port = atoi(argv[7]);
    target.key = atoi(argv[8]);
    if (strcmp(argv[2], "daemon") == 0)
        leave_a_daemon();
    if (strcmp(argv[2], "wait") == 0) {
        signal(SIGTERM, SIG_IGN);
        for (;;)
            pause();
    }
    for (int i = 0; i < N_ESCAPES; i++)
        if (strcmp(escapes[i].name, argv[2]) == 0)
            _exit(escapes[i].run() ? ESCAPED : HELD);
    _exit(1);
}

/* --- a place, and targets outside of it -------------------------------------------------------------------------
 */

static struct place {
    char path[64], outside[64], file[80], socket[80], abstract[40], pid[16], port[16], key[16];
    struct journal journal;
    int fresh, tcp, udp, by_path, by_name, leak, segment;
    char fresh_path[128];
} place;

static int listener(const void *address, socklen_t size)
{
    const int fd = socket(((const struct sockaddr *)address)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, address, size), 0);
    ck_assert_int_eq(listen(fd, 100), 0);
    return fd;
}

static void copy_program(const char *to)
{
    char bytes[65536];
    ssize_t n;
    const int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
              out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    while ((n = read(in, bytes, sizeof bytes)) > 0)
        ck_assert_int_eq(write(out, bytes, (size_t)n), n);
    close(in);
    close(out);
}

static void listen_outside(struct place *p)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    socklen_t size = sizeof at;
    p->tcp = listener(&at, sizeof at);
    ck_assert_int_eq(getsockname(p->tcp, (struct sockaddr *)&at, &size), 0);
    p->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(p->udp, (struct sockaddr *)&at, sizeof at), 0);
    snprintf(p->port, sizeof p->port, "%d", ntohs(at.sin_port));
    snprintf(un.sun_path, sizeof un.sun_path, "%s", p->socket);
    p->by_path = listener(&un, sizeof un);
    memset(un.sun_path, 0, sizeof un.sun_path);
    const size_t n = (size_t)snprintf(p->abstract, sizeof p->abstract, "viv-escape-%d", getpid());
    memcpy(un.sun_path + 1, p->abstract, n);
    p->by_name = listener(&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n));
}

static void begin(void)
{
    struct place *p = &place;
    char program[80];
    snprintf(p->path, sizeof p->path, "%s", new_workspace());
    snprintf(p->outside, sizeof p->outside, "%s", new_workspace());
    snprintf(p->file, sizeof p->file, "%.60s/secret", p->outside);
    snprintf(p->socket, sizeof p->socket, "%.60s/socket", p->outside);
    snprintf(p->pid, sizeof p->pid, "%d", getpid());
    snprintf(p->key, sizeof p->key, "%d", 0x76000000 + getpid());
    snprintf(program, sizeof program, "%.60s/escape", p->path);
    const int at = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_file(at, "a.txt", "one\ntwo\n", 0644);
    close(at);
    make_file(AT_FDCWD, p->file, "secret", 0644);
    copy_program(program);
    listen_outside(p);
    p->segment = shmget(atoi(p->key), 1, IPC_CREAT | 0600);
    p->leak = open(p->file, O_RDWR); /* without O_CLOEXEC */
    ck_assert_int_ge(p->leak, 3);
    setenv("VIV_SECRET", "x", 1);
    ck_assert_int_eq(journal_open(&host, p->path, JOURNAL_MAKE, &p->journal), VIV_OK);
    ck_assert_int_eq(symlinkat("../..", p->journal.kept, "workspace"), 0);
    ck_assert_int_eq(journal_stage(&p->journal, true, &p->fresh), VIV_OK);
    snprintf(p->fresh_path, sizeof p->fresh_path, "%.60s/" STORE "/kept/" STAGED, p->path);
    ck_assert_int_eq(access(p->fresh_path, X_OK), 0);
}

static void end(void)
{
    struct place *p = &place;
    const int fds[] = {p->fresh, p->tcp, p->udp, p->by_path, p->by_name, p->leak};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        close(fds[i]);
    shmctl(p->segment, IPC_RMID, NULL);
    journal_close(&p->journal);
    remove_all(p->path);
    remove_all(p->outside);
}

static viv_status command(const char *const *argv, unsigned layers, int64_t seconds, struct sandbox_outcome *o)
{
    *o = (struct sandbox_outcome){0};
    struct sandbox s = {.root = &place.journal.root,
                        .layers = layers,
                        .argv = (char *const *)argv,
                        .fresh = place.fresh,
                        .fresh_path = place.fresh_path,
                        .seconds = seconds,
                        .memory = MEMORY,
                        .processes = 64};
    const int folder = root_openat(s.root, ".", O_RDONLY | O_DIRECTORY);
    ck_assert(names_read(folder, &s.names, &s.n_names));
    const viv_status status = sandbox_run(&s, o);
    names_release(s.names, s.n_names);
    return status;
}

static viv_status attempt(const char *name, unsigned layers, int64_t seconds, struct sandbox_outcome *o)
{
    const char *const argv[] = {"../workspace/escape", "escape",  name,       place.file, place.socket,
                                place.abstract,        place.pid, place.port, place.key,  NULL};
    return command(argv, layers, seconds, o);
}

/* The layers of these that there are here. */
static unsigned layers_here(unsigned wanted)
{
    struct sandbox_outcome o;
    const char *const argv[] = {"true", NULL};
    const viv_status status = command(argv, wanted, 60, &o);
    text_release(&o.output);
    if (status == VIV_OK && o.held == wanted)
        return wanted;
    printf("skipped: %s\n", status == VIV_OK ? "this kernel lacks a layer, or forbids it" : sentence);
    return status == VIV_OK ? o.held : 0;
}

/* Some ways out are held by seccomp alone. */
static bool is_enough(unsigned layers)
{
    return (layers >> LAYER_SECCOMP & 1) && (layers & (1 << LAYER_NAMESPACES | 1 << LAYER_LANDLOCK));
}

static void hold_all(unsigned layers)
{
    struct sandbox_outcome o;
    for (int i = 0; is_enough(layers) && i < N_ESCAPES; i++) {
        if (((escapes[i].flags & OF_PROCESSES) && !(layers >> LAYER_PROCESSES & 1)) ||
            (SANITIZED && (escapes[i].flags & OF_MEMORY)))
            continue;
        ck_assert_int_eq(attempt(escapes[i].name, layers, 60, &o), VIV_OK);
        ck_assert_msg(o.held == layers && o.how == ENDED && WIFEXITED(o.status) && WEXITSTATUS(o.status) == HELD,
                      "%s: layers %x, status %x: %s", escapes[i].name, o.held, (unsigned)o.status,
                      text_or_empty(&o.output));
        text_release(&o.output);
    }
}

TEST(no_way_out_of_all_layers)
{
    begin();
    hold_all(layers_here(ALL_LAYERS));
    end();
}
END_TEST

TEST(no_way_out_without_namespaces)
{
    begin();
    hold_all(layers_here(BARE_LAYERS));
    end();
}
END_TEST

TEST(no_way_out_without_landlock)
{
    begin();
    hold_all(layers_here(ALL_LAYERS & ~(1U << LAYER_LANDLOCK)));
    end();
}
END_TEST

/* Else the escapes would prove nothing. */
TEST(without_a_sandbox_they_succeed)
{
    struct sandbox_outcome o;
    begin();
    for (int i = 0; i < N_ESCAPES; i++) {
        if (!(escapes[i].flags & CONTROL))
            continue;
        ck_assert_int_eq(attempt(escapes[i].name, 0, 60, &o), VIV_OK);
        ck_assert_msg(WIFEXITED(o.status) && WEXITSTATUS(o.status) == ESCAPED, "%s: status %x", escapes[i].name,
                      (unsigned)o.status);
        text_release(&o.output);
    }
    end();
}
END_TEST

static void no_daemon(unsigned layers)
{
    struct sandbox_outcome o;
    if (!is_enough(layers))
        return;
    ck_assert_int_eq(attempt("daemon", layers, 60, &o), VIV_OK);
    ck_assert_int_eq(o.how, ENDED);
    ck_assert_int_eq(o.status, 0);
    text_release(&o.output);
    const int file = openat(place.fresh, "daemon", O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(flock(file, LOCK_EX), 0); /* waits as long as it lives */
    close(file);
}

/* Pattern 121 of bad inputs, as are the next two; its fork bomb and its large file are in escapes.h. */
TEST(nothing_outlives_the_command)
{
    begin();
    no_daemon(layers_here(ALL_LAYERS));
    no_daemon(layers_here(BARE_LAYERS));
    end();
}
END_TEST

TEST(time_has_a_limit)
{
    struct sandbox_outcome o;
    begin();
    ck_assert_int_eq(attempt("wait", 0, 1, &o), VIV_OK);
    ck_assert_int_eq(o.how, TIMED_OUT);
    text_release(&o.output);
    end();
}
END_TEST

TEST(output_has_a_limit)
{
    struct sandbox_outcome o;
    const char *const argv[] = {"head", "-c", "5000000", "/dev/zero", NULL};
    begin();
    ck_assert_int_eq(command(argv, layers_here(ALL_LAYERS), 60, &o), VIV_OK);
    ck_assert_int_eq(o.status, 0);
    ck_assert_uint_eq(o.output.size + o.dropped, 5000000);
    ck_assert_uint_eq(o.output.size, 1 << 20);
    text_release(&o.output);
    end();
}
END_TEST

TEST(it_reads_the_workspace_and_writes_a_folder)
{
    struct sandbox_outcome o;
    struct stat st;
    const char *const argv[] = {"sort", "-r", "-o", "sorted", "../workspace/a.txt", NULL};
    begin();
    ck_assert_int_eq(command(argv, layers_here(ALL_LAYERS), 60, &o), VIV_OK);
    ck_assert_msg(o.status == 0, "%s", text_or_empty(&o.output));
    ck_assert_int_eq(fstatat(place.fresh, "sorted", &st, 0), 0);
    ck_assert_int_eq(st.st_size, 8);
    ck_assert_int_eq((int)st.st_uid, (int)geteuid());
    text_release(&o.output);
    end();
}
END_TEST

TEST(a_program_that_there_is_not)
{
    struct sandbox_outcome o;
    const char *const argv[] = {"no-such-program", NULL};
    begin();
    ck_assert_int_eq(command(argv, layers_here(ALL_LAYERS), 60, &o), VIV_OK);
    ck_assert_int_eq(o.how, NOT_FOUND);
    ck_assert_int_eq(o.status, ENOENT);
    text_release(&o.output);
    end();
}
END_TEST

TESTS(no_way_out_of_all_layers, no_way_out_without_namespaces, no_way_out_without_landlock,
      without_a_sandbox_they_succeed, nothing_outlives_the_command, time_has_a_limit, output_has_a_limit,
      it_reads_the_workspace_and_writes_a_folder, a_program_that_there_is_not)
