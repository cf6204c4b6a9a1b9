/* viv chat as somebody at a terminal meets it: what is typed, edited, called back and stopped. */
#include "testing.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 60 };

struct terminal {
    int fd;
    pid_t pid;
    struct buf seen; /* what has come since something was typed */
};

static char folder[64];
static bool marks; /* the terminal marks what is pasted, when it is asked to */

static const char *in_folder(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *lack_of_terminals(void)
{
    int a, b;
    if (openpty(&a, &b, NULL, NULL, NULL) != 0)
        return "there is no pseudoterminal here";
    close(a);
    close(b);
    return NULL;
}

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/viv-terminal-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    static const char *const names[] = {"vivarium/chat_history", "vivarium"};
    for (size_t i = 0; i < 2; i++)
        remove(in_folder(names[i]));
    ck_assert_int_eq(rmdir(folder), 0);
}

static void open_verb(struct terminal *t, const char *verb, const char *model_path, const char *const *options)
{
    const char *arguments[32] = {"viv", verb, NULL}, *build = getenv("VIV_BUILD");
    char program[4096], model[4096];
    size_t n = 2;
    snprintf(program, sizeof program, "%s/viv", build ? build : ".");
    snprintf(model, sizeof model, "%s", source_path(model_path));
    arguments[n++] = model;
    while (*options)
        arguments[n++] = *options++;
    *t = (struct terminal){0};
    t->pid = forkpty(&t->fd, NULL, NULL, NULL);
    ck_assert_int_ge(t->pid, 0);
    if (t->pid == 0) {
        setenv("TERM", marks ? "xterm" : "dumb", 1);
        setenv("XDG_STATE_HOME", folder, 1);
        setenv("HOME", folder, 1); /* no ~/.editrc of somebody's */
        execv(program, (char **)arguments);
        _exit(127);
    }
}

static void open_terminal(struct terminal *t, const char *const *options)
{
    open_verb(t, "chat", "tests/golden/chat", options);
}

/* What comes, for a tenth of a second. False: the other end is closed. */
static bool look(struct terminal *t)
{
    char bytes[4096];
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    if (poll(&p, 1, 100) <= 0)
        return true;
    ssize_t n = read(t->fd, bytes, sizeof bytes);
    if (n > 0)
        ck_assert(buf_append(&t->seen, bytes, (size_t)n));
    return n > 0 || (n < 0 && errno == EINTR);
}

static void wait_for_both(struct terminal *t, const char *text, const char *then)
{
    const time_t begin = time(NULL);
    const char *at;
    while (!(at = strstr(buf_text(&t->seen), text)) || !strstr(at + strlen(text), then))
        ck_assert_msg(time(NULL) - begin < PATIENCE_SECONDS && look(t), "no '%s' and '%s' in: %s", text, then,
                      buf_text(&t->seen));
}

static void wait_for(struct terminal *t, const char *text)
{
    wait_for_both(t, text, "");
}

/* What is typed before the prompt is there meets the terminal's own editing, and a Ctrl-C nobody. */
static void wait_for_prompt_after(struct terminal *t, const char *text)
{
    wait_for_both(t, text, "> ");
}

static void type(struct terminal *t, const char *text)
{
    buf_clear(&t->seen);
    if (t->seen.data)
        t->seen.data[0] = '\0';
    ck_assert_int_eq(write(t->fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void ends_with(struct terminal *t, int wanted)
{
    const time_t begin = time(NULL);
    int status;
    while (look(t))
        ck_assert_msg(time(NULL) - begin < PATIENCE_SECONDS, "no end after: %s", buf_text(&t->seen));
    ck_assert_int_eq(waitpid(t->pid, &status, 0), t->pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == wanted, "status %x: %s", (unsigned)status,
                  buf_text(&t->seen));
    close(t->fd);
    buf_release(&t->seen);
}

static void ends_well(struct terminal *t)
{
    ends_with(t, 0);
}

/* The conversation, saved and read; the file is no more. */
static json_t *saved(struct terminal *t)
{
    char line[4200];
    json_t *messages;
    struct error err;
    snprintf(line, sizeof line, "/save %s\r", in_folder("messages"));
    type(t, line);
    wait_for_prompt_after(t, "messages are in");
    ck_assert_msg(json_read(in_folder("messages"), 1 << 20, &messages, &err) == VIV_OK, "%s", err.text);
    unlink(in_folder("messages"));
    return messages;
}

static const char *content(const json_t *messages, size_t i)
{
    return json_string_value(json_object_get(json_array_get(messages, i), "content"));
}

TEST(terminal__answers_what_is_typed)
{
    static const char *const options[] = {"--temp", "0", "-n", "12", "-v", NULL};
    struct terminal t;
    make_folder();
    open_terminal(&t, options);
    wait_for_prompt_after(&t, "/help lists commands");
    type(&t, "one\\\r");
    wait_for(&t, ". ");
    type(&t, "two\r");
    wait_for_prompt_after(&t, "ended by length");
    type(&t, "/nothing\r");
    wait_for_prompt_after(&t, "there is no /nothing");
    type(&t, "/regen\r");
    wait_for_prompt_after(&t, "ended by length");
    json_t *messages = saved(&t);
    ck_assert_uint_eq(json_array_size(messages), 2);
    ck_assert_str_eq(content(messages, 0), "one\ntwo");
    ck_assert_uint_eq(strlen(content(messages, 1)), 12);
    json_decref(messages);
    type(&t, "/quit\r");
    ends_well(&t);
    remove_folder();
}
END_TEST

TEST(terminal__stops_an_answer_and_keeps_what_there_is_of_it)
{
    const char *const options[] = {"--temp", "0", "-n", "-1", "-v", "--ignore-eos", "--context", "1000000", NULL};
    struct terminal t;
    make_folder();
    open_terminal(&t, options);
    wait_for_prompt_after(&t, "/help lists commands");
    type(&t, "Hello\r");
    while (t.seen.size < 200)
        ck_assert(look(&t));
    type(&t, "\x03");
    wait_for_prompt_after(&t, "ended by cancelled");
    json_t *messages = saved(&t);
    ck_assert_uint_eq(json_array_size(messages), 2);
    ck_assert_uint_gt(strlen(content(messages, 1)), 50);
    json_decref(messages);
    type(&t, "\x03"); /* with nothing to stop, it is the end */
    ends_well(&t);
    remove_folder();
}
END_TEST

#ifdef HAVE_LIBEDIT
TEST(terminal__edits_lines_and_calls_them_back)
{
    static const char *const options[] = {"--temp", "0", "-n", "3", "-v", NULL};
    struct terminal t;
    make_folder();
    open_terminal(&t, options);
    wait_for_prompt_after(&t, "/help lists commands");
    type(&t, "Hx\x7f\xC3\xB6llo\x01"
             ">\r"); /* x taken back; at the beginning, another character */
    wait_for_prompt_after(&t, "ended by length");
    type(&t, "\x10\x10\r"); /* the line before that */
    wait_for_prompt_after(&t, "ended by length");
    json_t *messages = saved(&t);
    ck_assert_uint_eq(json_array_size(messages), 4);
    ck_assert_str_eq(content(messages, 0), ">H\xC3\xB6llo");
    ck_assert_str_eq(content(messages, 2), ">H\xC3\xB6llo");
    json_decref(messages);
    type(&t, "\x04");
    ends_well(&t);
    remove_folder();
}
END_TEST

TEST(terminal__takes_pasted_lines_as_one_turn)
{
    static const char *const options[] = {"--temp", "0", "-n", "3", "-v", NULL};
    struct terminal t;
    marks = true;
    make_folder();
    open_terminal(&t, options);
    wait_for_both(&t, "/help lists commands", "\x1b[?2004h");
    wait_for(&t, "> ");
    type(&t, "See: \x1b[200~one\r\ttwo\r\r\xC3\xB6\r\r\x1b[201~!\r");
    wait_for_prompt_after(&t, "ended by length");
    ck_assert_ptr_nonnull(strstr(buf_text(&t.seen), "\x1b[?2004l")); /* an answer is not asked for marks */
    json_t *messages = saved(&t);
    ck_assert_uint_eq(json_array_size(messages), 2);
    ck_assert_str_eq(content(messages, 0), "See: one\n\ttwo\n\n\xC3\xB6!");
    json_decref(messages);
    type(&t, "/bye\r");
    ends_well(&t);
    remove_folder();
    marks = false;
}
END_TEST

TEST(terminal__calls_back_lines_of_another_conversation)
{
    static const char *const options[] = {"--temp", "0", "-n", "3", "-v", NULL};
    static const char *const silent[] = {"--temp", "0", "-n", "3", "-v", "--no-history", NULL};
    struct terminal t;
    struct stat st;
    make_folder();
    open_terminal(&t, options);
    wait_for_prompt_after(&t, "/help lists commands");
    type(&t, "first\\\r");
    wait_for(&t, ". ");
    type(&t, "second\r");
    wait_for_prompt_after(&t, "ended by length");
    type(&t, " secret\r"); /* behind a space: not kept */
    wait_for_prompt_after(&t, "ended by length");
    type(&t, "/bye\r");
    ends_well(&t);
    ck_assert_int_eq(stat(in_folder("vivarium/chat_history"), &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);

    open_terminal(&t, silent); /* nothing comes and nothing is kept */
    wait_for_prompt_after(&t, "/help lists commands");
    type(&t, "third\r");
    wait_for_prompt_after(&t, "ended by length");
    type(&t, "/bye\r");
    ends_well(&t);

    open_terminal(&t, options);
    wait_for_prompt_after(&t, "/help lists commands");
    type(&t, "\x10\x10\r"); /* the line before /bye */
    wait_for_prompt_after(&t, "ended by length");
    json_t *messages = saved(&t);
    ck_assert_str_eq(content(messages, 0), "first\nsecond");
    json_decref(messages);
    type(&t, "/bye\r");
    ends_well(&t);
    remove_folder();
}
END_TEST
#else
#define terminal__edits_lines_and_calls_them_back          terminal__answers_what_is_typed
#define terminal__takes_pasted_lines_as_one_turn           terminal__answers_what_is_typed
#define terminal__calls_back_lines_of_another_conversation terminal__answers_what_is_typed
#endif

TEST(terminal__takes_the_commands_of_other_programs)
{
    static const char *const options[] = {"--temp", "0", "-n", "3", "-v", NULL};
    struct terminal t;
    make_folder();
    open_terminal(&t, options);
    wait_for_prompt_after(&t, "/help lists commands");
    type(&t, "Hello\r");
    wait_for_prompt_after(&t, "ended by length");
    type(&t, "/clear\r");
    wait_for_prompt_after(&t, "begins anew");
    type(&t, "/set parameter num_predict 5\r");
    wait_for_prompt_after(&t, "");
    type(&t, "\"\"\"one\r");
    wait_for(&t, ". ");
    type(&t, "two\"\"\"\r");
    wait_for_prompt_after(&t, "ended by length");
    json_t *messages = saved(&t);
    ck_assert_uint_eq(json_array_size(messages), 2);
    ck_assert_str_eq(content(messages, 0), "one\ntwo");
    ck_assert_uint_eq(strlen(content(messages, 1)), 5);
    json_decref(messages);
    type(&t, "/exit\r");
    ends_well(&t);
    remove_folder();
}
END_TEST

#ifdef HAVE_VLM
TEST(terminal__takes_the_name_of_a_picture_for_the_picture)
{
    static const char template[] = "{% for m in messages %}{{ m.content }}{% endfor %}";
    char line[4352], path[4096];
    struct terminal t;
    struct error err;
    make_folder();
    snprintf(path, sizeof path, "%s", in_folder("template"));
    ck_assert_int_eq(file_write(path, template, strlen(template), &err), VIV_OK);
    const char *const options[] = {"--template", path, "--temp", "0", "-n", "2", "-v", "--ignore-eos", NULL};
    open_verb(&t, "chat", "tests/golden/vision/llava", options);
    wait_for_prompt_after(&t, "/help lists commands");
    snprintf(line, sizeof line, "'%s' \r", source_path("tests/golden/vision/a.png"));
    type(&t, line);
    wait_for_prompt_after(&t, "the next turn shows");
    type(&t, "\xC4\x85\r"); /* 16 rows of the picture, a token of the text */
    wait_for_prompt_after(&t, "prompt 17 tokens");
    snprintf(line, sizeof line, "%s/\r", source_path("tests/golden/vision")); /* a folder is none */
    type(&t, line);
    wait_for_prompt_after(&t, "there is no");
    type(&t, "/quit\r");
    ends_well(&t);
    unlink(path);
    remove_folder();
}
END_TEST
#else
#define terminal__takes_the_name_of_a_picture_for_the_picture terminal__answers_what_is_typed
#endif

TEST(terminal__has_its_echo_again_when_a_signal_ends_the_program)
{
    static const char *const options[] = {NULL};
    struct termios after;
    struct terminal t;
    int status;
    make_folder();
    marks = true;
    open_terminal(&t, options);
    wait_for(&t, "> ");
    type(&t, "abc");
    wait_for(&t, "c"); /* the editor has the terminal */
    ck_assert_int_eq(kill(t.pid, SIGTERM), 0);
#ifdef HAVE_LIBEDIT
    wait_for(&t, "\033[?2004l");
#endif
    ck_assert_int_eq(waitpid(t.pid, &status, 0), t.pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    ck_assert_int_eq(tcgetattr(t.fd, &after), 0);
    ck_assert((after.c_lflag & ECHO) && (after.c_lflag & ICANON));
    close(t.fd);
    buf_release(&t.seen);
    remove_folder();
}
END_TEST

TEST(terminal__shows_progress_with_rate_and_time_left)
{
    struct buf text = {0};
    struct terminal t;
    struct error err;
    make_folder();
    for (size_t i = 0; i < 10000; i++)
        ck_assert(buf_printf(&text, "A sentence, the %zuth of many.\n", i));
    ck_assert_msg(file_write(in_folder("text"), buf_text(&text), text.size, &err) == VIV_OK, "%s", err.text);
    buf_release(&text);
    const char *const options[] = {in_folder("text"), "--stride", "8", NULL};
    open_verb(&t, "perplexity", "tests/golden/quality", options);
    wait_for(&t, "% tokens ");
    wait_for_both(&t, "/s, ", " left"); /* of minutes: it is there before the end */
    type(&t, "\x03");
    ends_with(&t, 130);
    unlink(in_folder("text"));
    remove_folder();
}
END_TEST

TESTS_UNLESS(lack_of_terminals(), terminal__answers_what_is_typed,
             terminal__stops_an_answer_and_keeps_what_there_is_of_it, terminal__edits_lines_and_calls_them_back,
             terminal__takes_pasted_lines_as_one_turn, terminal__calls_back_lines_of_another_conversation,
             terminal__takes_the_commands_of_other_programs, terminal__takes_the_name_of_a_picture_for_the_picture,
             terminal__shows_progress_with_rate_and_time_left,
             terminal__has_its_echo_again_when_a_signal_ends_the_program)
