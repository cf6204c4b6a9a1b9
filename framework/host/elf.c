/* elf.c - the identification block of a plugin, read from its file: what is trusted is nothing, what is run is
 * nothing. Layout of ELF64: System V ABI, chapters 4 and 5. */
#include "base/file.h"
#include "base/size.h"
#include "host/plugin.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECTION ".viv_plugin"

#if defined __x86_64__
enum { OUR_MACHINE = EM_X86_64 };
#define OUR_MACHINE_NAME "x86-64"
#elif defined __aarch64__
enum { OUR_MACHINE = EM_AARCH64 };
#define OUR_MACHINE_NAME "AArch64"
#else
#error "host/elf.c: which e_machine has this processor?"
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { OUR_DATA = ELFDATA2LSB };
#else
enum { OUR_DATA = ELFDATA2MSB };
#endif

enum { MAX_SECTIONS = 65536, MAX_SEGMENTS = 4096 };

static bool within(const struct file_map *file, uint64_t offset, uint64_t n)
{
    uint64_t end;
    return size_add(offset, n, &end) && end <= file->size;
}

static viv_status truncated(const char *what, uint64_t offset, uint64_t n, const struct file_map *file,
                            struct error *err)
{
    return error_set(err, VIV_EFORMAT,
                     "truncated: %s should be %" PRIu64 " bytes at offset %" PRIu64 ", the file has %" PRIu64, what,
                     n, offset, file->size);
}

static const char *machine_name(unsigned machine, char number[16])
{
    switch (machine) {
    case EM_386:
        return "32-bit x86";
    case EM_X86_64:
        return "x86-64";
    case EM_ARM:
        return "32-bit ARM";
    case EM_AARCH64:
        return "AArch64";
    case EM_RISCV:
        return "RISC-V";
    case EM_PPC64:
        return "PowerPC 64";
    default:
        snprintf(number, 16, "%u", machine);
        return number;
    }
}

static viv_status read_header(const struct file_map *file, Elf64_Ehdr *header, struct error *err)
{
    char number[16];
    if (file->size < SELFMAG || memcmp(file->data, ELFMAG, SELFMAG) != 0)
        return error_set(err, VIV_EFORMAT, "not an ELF file: it begins otherwise; is it a shared object?");
    if (file->size < sizeof *header)
        return truncated("the ELF header", 0, sizeof *header, file, err);
    memcpy(header, file->data, sizeof *header);
    if (header->e_ident[EI_CLASS] != ELFCLASS64)
        return error_set(err, VIV_EABI, "EI_CLASS is %d, a 64-bit ELF has %d: build it for this machine",
                         header->e_ident[EI_CLASS], ELFCLASS64);
    if (header->e_ident[EI_DATA] != OUR_DATA)
        return error_set(err, VIV_EABI,
                         "EI_DATA (byte order) is %d, this machine's is %d: build it for this machine",
                         header->e_ident[EI_DATA], OUR_DATA);
    if (header->e_machine != OUR_MACHINE)
        return error_set(err, VIV_EABI,
                         "e_machine is %s, this machine is " OUR_MACHINE_NAME ": build it for this "
                         "machine",
                         machine_name(header->e_machine, number));
    if (header->e_type != ET_DYN)
        return error_set(err, VIV_EFORMAT, "e_type is %d, a shared object has %d: link it with -shared",
                         header->e_type, ET_DYN);
    return VIV_OK;
}

/* A segment that reaches beyond the file would end in SIGBUS once it is mapped. */
static viv_status check_segments(const struct file_map *file, const Elf64_Ehdr *header, struct error *err)
{
    uint64_t n = header->e_phnum;
    if (n == 0 || n > MAX_SEGMENTS || header->e_phentsize != sizeof(Elf64_Phdr))
        return error_set(err, VIV_EFORMAT, "%" PRIu64 " program headers of %d bytes, expected 1 to %d of %zu", n,
                         header->e_phentsize, MAX_SEGMENTS, sizeof(Elf64_Phdr));
    if (!within(file, header->e_phoff, n * sizeof(Elf64_Phdr)))
        return truncated("the program headers", header->e_phoff, n * sizeof(Elf64_Phdr), file, err);
    for (uint64_t i = 0; i < n; i++) {
        Elf64_Phdr segment;
        memcpy(&segment, file->data + header->e_phoff + i * sizeof segment, sizeof segment);
        if (segment.p_type == PT_LOAD && !within(file, segment.p_offset, segment.p_filesz))
            return truncated("a segment", segment.p_offset, segment.p_filesz, file, err);
    }
    return VIV_OK;
}

static void section_at(const struct file_map *file, const Elf64_Ehdr *header, uint64_t i, Elf64_Shdr *out)
{
    memcpy(out, file->data + header->e_shoff + i * sizeof *out, sizeof *out);
}

static viv_status check_sections(const struct file_map *file, const Elf64_Ehdr *header, struct error *err)
{
    uint64_t n = header->e_shnum;
    if (n == 0)
        return error_set(err, VIV_EFORMAT,
                         "no section headers, and so no section " SECTION ": not a plugin, or stripped of them");
    if (header->e_shentsize != sizeof(Elf64_Shdr))
        return error_set(err, VIV_EFORMAT, "section headers of %d bytes, expected %zu", header->e_shentsize,
                         sizeof(Elf64_Shdr));
    if (!within(file, header->e_shoff, n * sizeof(Elf64_Shdr)))
        return truncated("the section headers", header->e_shoff, n * sizeof(Elf64_Shdr), file, err);
    if (header->e_shstrndx >= n)
        return error_set(err, VIV_EFORMAT, "e_shstrndx is %d, there are %" PRIu64 " sections", header->e_shstrndx,
                         n);
    return VIV_OK;
}

static viv_status find_section(const struct file_map *file, const Elf64_Ehdr *header, Elf64_Shdr *found,
                               struct error *err)
{
    Elf64_Shdr names;
    viv_status status = check_sections(file, header, err);
    if (status != VIV_OK)
        return status;
    section_at(file, header, header->e_shstrndx, &names);
    if (names.sh_type == SHT_NOBITS || !within(file, names.sh_offset, names.sh_size))
        return truncated("the section names", names.sh_offset, names.sh_size, file, err);
    for (uint64_t i = 0; i < header->e_shnum; i++) {
        Elf64_Shdr section;
        section_at(file, header, i, &section);
        if (section.sh_name < names.sh_size && names.sh_size - section.sh_name >= sizeof SECTION &&
            memcmp(file->data + names.sh_offset + section.sh_name, SECTION, sizeof SECTION) == 0) {
            *found = section;
            return VIV_OK;
        }
    }
    return error_set(err, VIV_EFORMAT,
                     "no section " SECTION ": this is not a plugin (one says VIV_PLUGIN(...) once)");
}

static viv_status read_ident(const struct file_map *file, viv_plugin_ident *out, struct error *err)
{
    Elf64_Ehdr header = {0};
    Elf64_Shdr section = {0};
    viv_status status = read_header(file, &header, err);
    if (status == VIV_OK)
        status = check_segments(file, &header, err);
    if (status == VIV_OK)
        status = find_section(file, &header, &section, err);
    if (status != VIV_OK)
        return status;
    if (section.sh_type != SHT_PROGBITS || section.sh_size < sizeof *out)
        return error_set(err, VIV_EFORMAT,
                         "section " SECTION " holds %" PRIu64 " bytes, the identification has %zu",
                         section.sh_type == SHT_PROGBITS ? (uint64_t)section.sh_size : 0, sizeof *out);
    if (!within(file, section.sh_offset, section.sh_size))
        return truncated("section " SECTION, section.sh_offset, section.sh_size, file, err);
    memcpy(out, file->data + section.sh_offset, sizeof *out);
    return VIV_OK;
}

viv_status elf_read_ident(const char *path, viv_plugin_ident *out, struct error *err)
{
    struct file_map file;
    viv_status status = file_map_open(&file, path, err);
    if (status != VIV_OK)
        return status;
    status = read_ident(&file, out, err);
    file_map_close(&file);
    return status;
}
