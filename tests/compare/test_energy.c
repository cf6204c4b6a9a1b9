/* Counters of energy, read below a folder that looks like /sys/class/powercap. */
#include "cli/compare/energy.h"

#include "formats/build.h"
#include "testing.h"

#include <math.h>
#include <unistd.h>

static void write_file(const char *root, const char *zone, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, zone);
    mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%s", root, zone, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static void add_zone(const char *root, const char *zone, const char *name, const char *range, const char *energy)
{
    write_file(root, zone, "name", name);
    write_file(root, zone, "max_energy_range_uj", range);
    write_file(root, zone, "energy_uj", energy);
}

/* Two packages with their memory, and zones that these hold already or that count the whole machine. */
static const char *make_machine(void)
{
    const char *root = in_scratch("powercap");
    ck_assert_int_eq(mkdir(root, 0755), 0);
    add_zone(root, "intel-rapl:0", "package-0\n", "10000000\n", "9000000\n");
    add_zone(root, "intel-rapl:0:0", "core\n", "10000000\n", "1\n");
    add_zone(root, "intel-rapl:0:1", "dram\n", "10000000\n", "100\n");
    add_zone(root, "intel-rapl:1", "package-1\n", "10000000\n", "5\n");
    add_zone(root, "intel-rapl:2", "psys\n", "10000000\n", "7\n");
    add_zone(root, "intel-rapl-mmio:0", "package-0\n", "10000000\n", "7\n");
    return root;
}

TEST(energy__is_that_of_packages_and_memory)
{
    static struct energy e;
    const char *root = make_machine();
    energy_begin(&e, root);
    ck_assert_str_eq(e.why, "");
    ck_assert_uint_eq(e.n, 3);
    ck_assert_double_eq(energy_now(&e), 0);
    write_file(root, "intel-rapl:0", "energy_uj", "9500000\n");
    write_file(root, "intel-rapl:0:0", "energy_uj", "3000000\n");
    write_file(root, "intel-rapl:0:1", "energy_uj", "250100\n");
    write_file(root, "intel-rapl:2", "energy_uj", "3000000\n");
    write_file(root, "intel-rapl-mmio:0", "energy_uj", "3000000\n");
    ck_assert_double_eq_tol(energy_now(&e), 0.75, 1e-9);
    ck_assert_double_eq_tol(energy_now(&e), 0.75, 1e-9);
    remove_scratch();
}
END_TEST

TEST(energy__counters_begin_anew_after_their_range)
{
    static struct energy e;
    const char *root = make_machine();
    energy_begin(&e, root);
    write_file(root, "intel-rapl:0", "energy_uj", "500000\n");
    ck_assert_double_eq_tol(energy_now(&e), 1.5, 1e-9);
    write_file(root, "intel-rapl:0", "energy_uj", "1500000\n");
    ck_assert_double_eq_tol(energy_now(&e), 2.5, 1e-9);
    write_file(root, "intel-rapl:0", "max_energy_range_uj", "1\n");
    energy_begin(&e, root);
    write_file(root, "intel-rapl:0", "energy_uj", "0\n");
    ck_assert_double_nan(energy_now(&e));
    ck_assert_ptr_nonnull(strstr(e.why, "went back"));
    remove_scratch();
}
END_TEST

TEST(energy__that_cannot_be_read_has_its_reason)
{
    static struct energy e;
    energy_begin(&e, "/nowhere/powercap");
    ck_assert_str_eq(e.why, "this machine has no energy counters: there is no /nowhere/powercap/intel-rapl:*");
    ck_assert_double_nan(energy_now(&e));
    static const char *const bad[] = {"", "-5\n", "many\n", "12x\n", "99999999999999999999999\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *root = make_machine();
        write_file(root, "intel-rapl:1", "energy_uj", bad[i]);
        energy_begin(&e, root);
        ck_assert_msg(strstr(e.why, "intel-rapl:1/energy_uj cannot be read: "), "'%s': %s", bad[i], e.why);
        ck_assert_double_nan(energy_now(&e));
        remove_scratch();
    }
    const char *root = make_machine();
    char path[512];
    energy_begin(&e, root);
    snprintf(path, sizeof path, "%s/intel-rapl:0/energy_uj", root);
    unlink(path);
    ck_assert_double_nan(energy_now(&e));
    ck_assert_ptr_nonnull(strstr(e.why, "intel-rapl:0/energy_uj cannot be read: No such file"));
    remove_scratch();
}
END_TEST

TESTS(energy__is_that_of_packages_and_memory, energy__counters_begin_anew_after_their_range,
      energy__that_cannot_be_read_has_its_reason)
