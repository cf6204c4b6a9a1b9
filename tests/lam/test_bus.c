/* test_bus.c - what programs tell of their windows, where a program tells too much, nonsense, or nothing: a bus of
 * its own, with a program on it that this test is, too. It needs dbus-daemon, and no display. */
#include "lam/desktop/desktop.h"
#include "workspace.h"

#ifdef LAM_DESKTOP
#include <dbus/dbus.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { MANY = 5000, SHOWN = 1 << 25, ACTIVE_AND_SHOWN = SHOWN | 1 << 1, EDITED = SHOWN | 1 << 7 };

static char folder[64], address[128];
static pid_t daemon_pid, program;
static bool is_silent; /* one of its objects */

/* --- the program -------------------------------------------------------------------------------------------- */

static void add_child(DBusMessageIter *list, const char *owner, const char *path)
{
    DBusMessageIter pair;
    dbus_message_iter_open_container(list, DBUS_TYPE_STRUCT, NULL, &pair);
    dbus_message_iter_append_basic(&pair, DBUS_TYPE_STRING, &owner);
    dbus_message_iter_append_basic(&pair, DBUS_TYPE_OBJECT_PATH, &path);
    dbus_message_iter_close_container(list, &pair);
}

/* The registry has one program; it has a window with thousands of buttons, a field, a password, an object that
 * never answers, itself again, and one whose owner is no name. */
static void answer_children(DBusConnection *c, const char *path, DBusMessage *reply)
{
    DBusMessageIter i, list;
    const char *me = dbus_bus_get_unique_name(c);
    char child[32];
    dbus_message_iter_init_append(reply, &i);
    dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "(so)", &list);
    if (strcmp(path, "/org/a11y/atspi/accessible/root") == 0) {
        add_child(&list, me, "/app");
    } else if (strcmp(path, "/app") == 0) {
        add_child(&list, me, "/other");
        add_child(&list, me, "/frame");
    } else if (strcmp(path, "/frame") == 0) {
        add_child(&list, "no name !!", "/x");
        add_child(&list, "", "/x");
        add_child(&list, me, "/field");
        add_child(&list, me, "/password");
        if (is_silent)
            add_child(&list, me, "/silent");
        add_child(&list, me, "/frame");
        for (int k = 0; k < MANY; k++) {
            snprintf(child, sizeof child, "/b/%d", k);
            add_child(&list, me, child);
        }
    }
    dbus_message_iter_close_container(&i, &list);
}

static void answer_place(const char *path, DBusMessage *reply)
{
    DBusMessageIter i, box;
    const int n = strncmp(path, "/b/", 3) == 0 ? atoi(path + 3) : 2;
    const dbus_int32_t odd[3][4] = {
        {INT_MIN, INT_MIN, INT_MIN, INT_MIN}, {INT_MAX, INT_MAX, INT_MAX, INT_MAX}, {90, 20, INT_MAX, 10}};
    dbus_message_iter_init_append(reply, &i);
    dbus_message_iter_open_container(&i, DBUS_TYPE_STRUCT, NULL, &box);
    for (int k = 0; k < 4; k++)
        dbus_message_iter_append_basic(&box, DBUS_TYPE_INT32, &odd[n % 3][k]);
    dbus_message_iter_close_container(&i, &box);
}

static void answer_text(DBusMessage *reply, const char *text, bool variant)
{
    DBusMessageIter i, inner;
    dbus_message_iter_init_append(reply, &i);
    if (variant)
        dbus_message_iter_open_container(&i, DBUS_TYPE_VARIANT, "s", &inner);
    dbus_message_iter_append_basic(variant ? &inner : &i, DBUS_TYPE_STRING, &text);
    if (variant)
        dbus_message_iter_close_container(&i, &inner);
}

static void answer(DBusConnection *c, DBusMessage *m)
{
    const char *path = dbus_message_get_path(m), *member = dbus_message_get_member(m);
    DBusMessage *reply = dbus_message_new_method_return(m);
    const bool is_frame = path && strcmp(path, "/frame") == 0, is_field = path && strcmp(path, "/field") == 0,
               is_password = path && strcmp(path, "/password") == 0, is_other = path && strcmp(path, "/other") == 0;
    const dbus_uint32_t states[2] = {is_frame                  ? ACTIVE_AND_SHOWN
                                     : is_field || is_password ? EDITED
                                                               : SHOWN,
                                     0},
                        *words = states;
    if (!path || !member || strcmp(path, "/silent") == 0)
        ;
    else if (strcmp(member, "GetChildren") == 0)
        answer_children(c, path, reply);
    else if (strcmp(member, "GetExtents") == 0)
        answer_place(path, reply);
    else if (strcmp(member, "GetState") == 0)
        dbus_message_append_args(reply, DBUS_TYPE_ARRAY, DBUS_TYPE_UINT32, &words, 2, DBUS_TYPE_INVALID);
    else if (strcmp(member, "GetRoleName") == 0)
        answer_text(reply,
                    is_frame || is_other ? "frame"
                    : is_field           ? "text"
                    : is_password        ? "password text"
                                         : "push button",
                    false);
    else if (strcmp(member, "Get") == 0)
        answer_text(reply, is_frame ? "Window" : "a\033[31m\n[1] name", true);
    else if (strcmp(member, "GetText") == 0)
        answer_text(reply, is_password ? "secret words" : "typed", false);
    if (path && strcmp(path, "/silent") != 0)
        dbus_connection_send(c, reply, NULL);
    dbus_message_unref(reply);
}

static void run_program(int ready) __attribute__((noreturn));
static void run_program(int ready)
{
    DBusConnection *c = dbus_connection_open_private(address, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (!c || !dbus_bus_register(c, NULL) || dbus_bus_request_name(c, "org.a11y.atspi.Registry", 0, NULL) < 0)
        _exit(1);
    (void)!write(ready, "x", 1);
    while (dbus_connection_read_write(c, -1)) {
        DBusMessage *m;
        while ((m = dbus_connection_pop_message(c))) {
            if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_METHOD_CALL)
                answer(c, m);
            dbus_message_unref(m);
        }
    }
    _exit(0);
}

/* --- the bus ------------------------------------------------------------------------------------------------ */

static bool have_bus(void)
{
    char settings[512], path[128];
    snprintf(folder, sizeof folder, "%s", new_workspace());
    snprintf(address, sizeof address, "unix:path=%s/bus", folder);
    snprintf(path, sizeof path, "%s/bus.conf", folder);
    snprintf(settings, sizeof settings,
             "<busconfig><type>session</type><listen>%s</listen><policy context=\"default\"><allow "
             "send_destination=\"*\"/>"
             "<allow eavesdrop=\"true\"/><allow own=\"*\"/></policy>"
             "<limit name=\"max_replies_per_connection\">50000</limit></busconfig>",
             address);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(settings, f);
    fclose(f);
    if ((daemon_pid = fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        snprintf(settings, sizeof settings, "--config-file=%s", path);
        execlp("dbus-daemon", "dbus-daemon", settings, "--nofork", "--nopidfile", "--nosyslog", (char *)NULL);
        _exit(127);
    }
    snprintf(path, sizeof path, "%s/bus", folder);
    while (access(path, F_OK) != 0) {
        if (waitpid(daemon_pid, NULL, WNOHANG) != 0) {
            remove_all(folder);
            return false;
        }
        poll(NULL, 0, 10);
    }
    return true;
}

static void begin_program(bool silent)
{
    int ready[2];
    char byte;
    is_silent = silent;
    ck_assert_int_eq(pipe(ready), 0);
    if ((program = fork()) == 0)
        run_program(ready[1]);
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
}

static void end_program(void)
{
    kill(program, SIGKILL);
    waitpid(program, NULL, 0);
}

static void end_bus(void)
{
    end_program();
    kill(daemon_pid, SIGKILL);
    waitpid(daemon_pid, NULL, 0);
    remove_all(folder);
}

/* Each is on the screen, and a line. */
static void are_sane(const struct desktop *d)
{
    ck_assert_uint_le(d->n_elements, 300);
    for (size_t i = 0; i < d->n_elements; i++) {
        const struct element *e = &d->elements[i];
        ck_assert(e->at.x >= 0 && e->at.y >= 0 && e->at.width > 0 && e->at.height > 0);
        ck_assert(e->at.x + e->at.width <= 100 && e->at.y + e->at.height <= 100);
        ck_assert_ptr_null(strpbrk(e->name, "\033\n"));
    }
}

START_TEST(programs_that_tell_too_much_or_nothing_cost_little)
{
    struct settings s = {.elements = 300, .page_seconds = 60};
    struct desktop *d = desktop_create(&host, NULL, -1, NULL, &s, NULL);
    struct text shown = {0};
    if (!have_bus()) {
        printf("there is no dbus-daemon: nothing is tried\n");
        desktop_destroy(d);
        return;
    }
    d->width = 100;
    d->height = 100;
    d->windows[d->n_windows++] = (struct window){.id = 1, .number = 1, .title = strdup("Window"), .active = true};
    ck_assert_msg(bus_open(d, address) == VIV_OK, "%s", sentence);
    d->look_limit = d->answer_limit = 600000; /* as long as it takes */
    begin_program(false);
    for (int round = 0; round < 2; round++) {
        ck_assert_int_eq(bus_look(d), VIV_OK);
        ck_assert(d->cut && !d->silent); /* there are more */
        ck_assert_uint_eq(d->n_elements, 300);
        are_sane(d);
        for (size_t i = 0; i < d->n_elements; i++) {
            ck_assert_str_eq(d->elements[i].name, "a\\x1b[31m\\x0a[1] name");
            ck_assert_int_eq(d->elements[i].number, (int64_t)i + 1); /* the second time, too */
        }
        ck_assert_str_eq(d->elements[0].value, "typed");
        ck_assert_str_eq(d->elements[1].value, "hidden");
    }
    end_program();
    d->look_limit = 600;
    d->answer_limit = 200;
    begin_program(true); /* an object does not answer */
    ck_assert_int_eq(bus_look(d), VIV_OK);
    ck_assert(d->silent);
    are_sane(d);
    kill(program, SIGSTOP); /* none of it answers */
    ck_assert_int_eq(bus_look(d), VIV_OK);
    ck_assert(d->silent && d->n_elements == 0);
    kill(daemon_pid, SIGKILL);
    waitpid(daemon_pid, NULL, 0);
    ck_assert_int_eq(bus_look(d), VIV_OK);
    ck_assert_int_eq(bus_look(d), VIV_OK);
    ck_assert_uint_eq(d->n_elements, 0);
    ck_assert_ptr_null(d->bus);
    ck_assert_int_ne(bus_open(d, address), VIV_OK);
    ck_assert_int_ne(bus_open(d, "nonsense"), VIV_OK);
    d->screen = (struct screen *)d; /* as if one were */
    desktop_show(d, &shown);
    d->screen = NULL;
    ck_assert_ptr_nonnull(strstr(shown.data, "elements of windows are not seen: the bus of programs has ended"));
    text_release(&shown);
    desktop_destroy(d);
    end_bus();
}
END_TEST

TESTS(programs_that_tell_too_much_or_nothing_cost_little)
#else
int main(void)
{
    return 77;
}
#endif
