/* elf.c - reads the identification block of a plugin from its file, without running its code. Nothing in the file
 * is trusted. Only headers are read, at most MAX_READ bytes, however large the file is. Layout of ELF64: System V
 * ABI, chapters 4 and 5. */
#include "base/file.h"
#include "base/size.h"
#include "host/plugin.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

enum { MAX_READ = 20480 };

struct elf_file {
    int fd;
    uint64_t size, n_read;
};

static bool within(const struct elf_file *file, uint64_t offset, uint64_t n)
{
    uint64_t end;
    return size_add(offset, n, &end) && end <= file->size;
}

static viv_status truncated(const char *what, uint64_t offset, uint64_t n, const struct elf_file *file,
                            struct error *err)
{
    return error_set(err, VIV_EFORMAT,
                     "truncated: %s should be %" PRIu64 " bytes at offset %" PRIu64 ", the file has %" PRIu64, what,
                     n, offset, file->size);
}

/* Reads n bytes at an offset. All reading is done here. */
static viv_status read_at(struct elf_file *file, const char *what, uint64_t offset, void *out, size_t n,
                          struct error *err)
{
    if (!within(file, offset, n))
        return truncated(what, offset, n, file, err);
    if (file->n_read + n > MAX_READ)
        return error_set(err, VIV_ELIMIT,
                         "its headers have more than %d bytes, which no plugin needs: link it with fewer sections",
                         MAX_READ);
    file->n_read += n;
    ssize_t got;
    do
        got = pread(file->fd, out, n, (off_t)offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_set(err, VIV_EIO, "%s cannot be read: %s", what, strerror(errno));
    return (size_t)got == n ? VIV_OK : truncated(what, offset, n, file, err);
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

static viv_status read_header(struct elf_file *file, Elf64_Ehdr *header, struct error *err)
{
    char number[16];
    viv_status status = VIV_OK;
    if (file->size >= SELFMAG)
        status = read_at(file, "the ELF header", 0, header->e_ident, SELFMAG, err);
    if (status == VIV_OK && memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return error_set(err, VIV_EFORMAT, "not an ELF file: is it a shared object?");
    if (status == VIV_OK)
        status = read_at(file, "the ELF header", 0, header, sizeof *header, err);
    if (status != VIV_OK)
        return status;
    if (header->e_ident[EI_CLASS] != ELFCLASS64)
        return error_set(err, VIV_EABI, "EI_CLASS is %d, a 64-bit ELF has %d: build it for this machine",
                         header->e_ident[EI_CLASS], ELFCLASS64);
    if (header->e_ident[EI_DATA] != OUR_DATA)
        return error_set(err, VIV_EABI,
                         "EI_DATA (byte order) is %d, this machine's is %d: build it for this machine",
                         header->e_ident[EI_DATA], OUR_DATA);
    if (header->e_machine != OUR_MACHINE)
        return error_set(err, VIV_EABI,
                         "e_machine is %s, this machine is " OUR_MACHINE_NAME ": build it for this machine",
                         machine_name(header->e_machine, number));
    if (header->e_type != ET_DYN)
        return error_set(err, VIV_EFORMAT, "e_type is %d, a shared object has %d: link it with -shared",
                         header->e_type, ET_DYN);
    return VIV_OK;
}

/* A segment that reaches beyond the file would cause SIGBUS when it is mapped. */
static viv_status check_segments(struct elf_file *file, const Elf64_Ehdr *header, struct error *err)
{
    uint64_t n = header->e_phnum;
    if (n == 0 || header->e_phentsize != sizeof(Elf64_Phdr))
        return error_set(err, VIV_EFORMAT, "%" PRIu64 " program headers of %d bytes, expected 1 or more of %zu", n,
                         header->e_phentsize, sizeof(Elf64_Phdr));
    if (!within(file, header->e_phoff, n * sizeof(Elf64_Phdr)))
        return truncated("the program headers", header->e_phoff, n * sizeof(Elf64_Phdr), file, err);
    for (uint64_t i = 0; i < n; i++) {
        Elf64_Phdr segment;
        viv_status status = read_at(file, "the program headers", header->e_phoff + i * sizeof segment, &segment,
                                    sizeof segment, err);
        if (status != VIV_OK)
            return status;
        if (segment.p_type == PT_LOAD && !within(file, segment.p_offset, segment.p_filesz))
            return truncated("a segment", segment.p_offset, segment.p_filesz, file, err);
    }
    return VIV_OK;
}

static viv_status section_at(struct elf_file *file, const Elf64_Ehdr *header, uint64_t i, Elf64_Shdr *out,
                             struct error *err)
{
    return read_at(file, "the section headers", header->e_shoff + i * sizeof *out, out, sizeof *out, err);
}

static viv_status check_sections(struct elf_file *file, const Elf64_Ehdr *header, struct error *err)
{
    uint64_t n = header->e_shnum;
    if (n == 0)
        return error_set(err, VIV_EFORMAT,
                         "no section headers, so no section " SECTION ": not a plugin, or stripped");
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

static viv_status find_section(struct elf_file *file, const Elf64_Ehdr *header, Elf64_Shdr *found,
                               struct error *err)
{
    Elf64_Shdr names;
    viv_status status = check_sections(file, header, err);
    if (status == VIV_OK)
        status = section_at(file, header, header->e_shstrndx, &names, err);
    if (status != VIV_OK)
        return status;
    if (names.sh_type == SHT_NOBITS || !within(file, names.sh_offset, names.sh_size))
        return truncated("the section names", names.sh_offset, names.sh_size, file, err);
    for (uint64_t i = 0; i < header->e_shnum; i++) {
        char name[sizeof SECTION];
        status = section_at(file, header, i, found, err);
        if (status == VIV_OK && (found->sh_name >= names.sh_size || names.sh_size - found->sh_name < sizeof name))
            continue;
        if (status == VIV_OK)
            status = read_at(file, "the section names", names.sh_offset + found->sh_name, name, sizeof name, err);
        if (status != VIV_OK)
            return status;
        if (memcmp(name, SECTION, sizeof name) == 0)
            return VIV_OK;
    }
    return error_set(err, VIV_EFORMAT,
                     "no section " SECTION ": this is not a plugin (a plugin has VIV_PLUGIN(...) once)");
}

static viv_status read_ident(struct elf_file *file, viv_plugin_ident *out, struct error *err)
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
    const uint64_t n_there = section.sh_type == SHT_PROGBITS ? section.sh_size : 0;
    if (n_there < SIZE_TO(viv_plugin_ident, block_size))
        return error_set(err, VIV_EFORMAT,
                         "section " SECTION " holds %" PRIu64 " bytes, the identification has %zu", n_there,
                         sizeof *out);
    if (!within(file, section.sh_offset, section.sh_size))
        return truncated("section " SECTION, section.sh_offset, section.sh_size, file, err);
    *out = (viv_plugin_ident){0};
    status = read_at(file, "section " SECTION, section.sh_offset, out, size_min(n_there, sizeof *out), err);
    if (status == VIV_OK && out->magic == VIV_PLUGIN_MAGIC && out->block_size > n_there)
        return error_set(err, VIV_EFORMAT, "section " SECTION " holds %" PRIu64 " bytes, block_size is %" PRIu32,
                         n_there, out->block_size);
    return status;
}

viv_status elf_read_ident(const char *path, viv_plugin_ident *out, struct error *err)
{
    struct elf_file file = {0};
    viv_status status = file_open_regular(path, &file.fd, &file.size, err);
    if (status != VIV_OK)
        return status;
    status = read_ident(&file, out, err);
    close(file.fd);
    return status;
}
