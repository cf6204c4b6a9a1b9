/* Reading the identification of a file that is cut or damaged: an error each time, never a byte outside the file.
 */
#include "host/plugin.h"
#include "sandbox.h"

#include <elf.h>

static struct buf whole; /* a wholesome plugin's bytes */

static void build_whole(void)
{
    struct error err;
    open_sandbox();
    build("plugins", "whole",
          "BRINGS_LAYER()\nVIV_PLUGIN_BY(\"whole\", \"1.0\", \"tests\", .get_classes = get_classes)");
    ck_assert_int_eq(file_read(in_sandbox("plugins/whole.so"), 1 << 24, &whole, &err), VIV_OK);
}

static viv_status read_bytes(const void *bytes, size_t n, struct error *err)
{
    viv_plugin_ident ident;
    FILE *f = fopen(in_sandbox("damaged.so"), "wb");
    ck_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
    return elf_read_ident(in_sandbox("damaged.so"), &ident, err);
}

static void expect_damage(size_t at, const void *bytes, size_t n, const char *reason)
{
    struct error err;
    char *copy = malloc(whole.size);
    memcpy(copy, whole.data, whole.size);
    memcpy(copy + at, bytes, n);
    ck_assert_int_ne(read_bytes(copy, whole.size, &err), VIV_OK);
    ck_assert_msg(strstr(err.text, reason), "'%s', expected: %s", err.text, reason);
    free(copy);
}

static void close_whole(void)
{
    buf_release(&whole);
    close_sandbox();
}

TEST(elf__whole_file_tells_its_name)
{
    viv_plugin_ident ident;
    struct error err;
    build_whole();
    ck_assert_int_eq(elf_read_ident(in_sandbox("plugins/whole.so"), &ident, &err), VIV_OK);
    ck_assert_str_eq(ident.name, "whole");
    close_whole();
}
END_TEST

TEST(elf__cut_anywhere_is_refused)
{
    struct error err;
    build_whole();
    for (size_t n = 0; n < whole.size; n += n < 128 || n + 64 > whole.size ? 1 : 509)
        ck_assert_int_ne(read_bytes(whole.data, n, &err), VIV_OK);
    ck_assert_int_ne(read_bytes(whole.data, whole.size - 1, &err), VIV_OK);
    ck_assert_ptr_nonnull(strstr(err.text, "truncated: the section headers"));
    close_whole();
}
END_TEST

TEST(elf__of_another_machine_is_refused_by_field)
{
    build_whole();
    expect_damage(EI_CLASS, (const char[]){ELFCLASS32}, 1, "EI_CLASS is 1");
    expect_damage(EI_DATA, (const char[]){ELFDATA2MSB}, 1, "EI_DATA (byte order) is 2");
    expect_damage(offsetof(Elf64_Ehdr, e_machine), &(const uint16_t){EM_RISCV}, 2, "e_machine is RISC-V");
    expect_damage(offsetof(Elf64_Ehdr, e_machine), &(const uint16_t){4711}, 2, "e_machine is 4711");
    expect_damage(offsetof(Elf64_Ehdr, e_type), &(const uint16_t){ET_REL}, 2, "e_type is 1");
    close_whole();
}
END_TEST

TEST(elf__with_offsets_that_wrap_is_refused)
{
    build_whole();
    const uint64_t huge[] = {UINT64_MAX, UINT64_MAX - 63, (uint64_t)1 << 63, whole.size};
    for (size_t i = 0; i < 4; i++) {
        expect_damage(offsetof(Elf64_Ehdr, e_shoff), &huge[i], 8, "section");
        expect_damage(offsetof(Elf64_Ehdr, e_phoff), &huge[i], 8, "program headers");
    }
    expect_damage(offsetof(Elf64_Ehdr, e_shnum), &(const uint16_t){0}, 2, "no section headers");
    expect_damage(offsetof(Elf64_Ehdr, e_shnum), &(const uint16_t){65535}, 2, "truncated: the section headers");
    expect_damage(offsetof(Elf64_Ehdr, e_shstrndx), &(const uint16_t){65535}, 2, "e_shstrndx is 65535");
    expect_damage(offsetof(Elf64_Ehdr, e_shentsize), &(const uint16_t){1}, 2, "section headers of 1 bytes");
    expect_damage(offsetof(Elf64_Ehdr, e_phnum), &(const uint16_t){0}, 2, "0 program headers");
    close_whole();
}
END_TEST

TEST(elf__no_single_damaged_word_leads_outside_the_file)
{
    static const uint64_t values[] = {0, 1, 0x7fffffff, UINT64_MAX, (uint64_t)1 << 63, UINT64_MAX - 7};
    struct error err;
    Elf64_Ehdr header;
    build_whole();
    memcpy(&header, whole.data, sizeof header);
    for (size_t at = 0; at + 8 <= whole.size; at += 8) {
        if (at >= 64 + 8 * 56 && at < header.e_shoff)
            at = header.e_shoff;
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            uint64_t before;
            memcpy(&before, whole.data + at, 8);
            memcpy(whole.data + at, &values[i], 8);
            read_bytes(whole.data, whole.size, &err);
            memcpy(whole.data + at, &before, 8);
        }
    }
    close_whole();
}
END_TEST

/* The rules of versions, seen from hosts of other times. */
TEST(ident__majors_agree_and_minors_follow_the_draft_rule)
{
    static const struct {
        uint16_t major, minor, min_minor;
        uint32_t host_major, host_minor;
        bool fits;
    } cases[] = {
        {1, 0, 0, 1, 0, true}, {1, 0, 0, 1, 9, true},  {1, 9, 0, 1, 3, true},  {1, 9, 4, 1, 3, false},
        {1, 9, 4, 1, 4, true}, {2, 0, 0, 1, 9, false}, {0, 9, 0, 1, 0, false}, {1, 2, 3, 1, 9, false},
        {0, 1, 1, 0, 1, true}, {0, 1, 1, 0, 2, false}, {0, 3, 1, 0, 2, true},  {0, 3, 3, 0, 2, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error err;
        const viv_plugin_ident ident = {.magic = VIV_PLUGIN_MAGIC,
                                        .block_size = sizeof ident,
                                        .abi_major = cases[i].major,
                                        .abi_minor = cases[i].minor,
                                        .abi_min_minor = cases[i].min_minor,
                                        .ptr_bits = 8 * sizeof(void *),
                                        .byte_order = VIV_BYTE_ORDER,
                                        .name = "p"};
        viv_status status = plugin_check_ident(&ident, cases[i].host_major, cases[i].host_minor, 0, &err);
        ck_assert_msg((status == VIV_OK) == cases[i].fits, "case %zu", i);
    }
}
END_TEST

TEST(ident__missing_processor_features_are_named)
{
    struct error err;
    const viv_plugin_ident ident = {.magic = VIV_PLUGIN_MAGIC,
                                    .block_size = sizeof ident,
                                    .abi_major = VIV_ABI_MAJOR,
                                    .abi_minor = VIV_ABI_MINOR,
                                    .abi_min_minor = VIV_ABI_MINOR,
                                    .ptr_bits = 8 * sizeof(void *),
                                    .byte_order = VIV_BYTE_ORDER,
                                    .cpu_required = VIV_CPU_AVX2 | VIV_CPU_AVX512,
                                    .name = "p"};
    ck_assert_int_eq(plugin_check_ident(&ident, VIV_ABI_MAJOR, VIV_ABI_MINOR, VIV_CPU_AVX2, &err), VIV_EABI);
    ck_assert_ptr_nonnull(strstr(err.text, "needs AVX-512"));
    ck_assert_int_eq(plugin_check_ident(&ident, VIV_ABI_MAJOR, VIV_ABI_MINOR, VIV_CPU_AVX2 | VIV_CPU_AVX512, &err),
                     VIV_OK);
}
END_TEST

TESTS(elf__whole_file_tells_its_name, elf__cut_anywhere_is_refused, elf__of_another_machine_is_refused_by_field,
      elf__with_offsets_that_wrap_is_refused, elf__no_single_damaged_word_leads_outside_the_file,
      ident__majors_agree_and_minors_follow_the_draft_rule, ident__missing_processor_features_are_named)
