// A program of 32 bits, made by hand: neither Debian nor a container has a compiler for one. elf(5), and the calling conventions
// of syscall(2).
#define _GNU_SOURCE
#include "compat_call.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __aarch64__
enum { machine = EM_ARM, machine_flags = EF_ARM_EABI_VER5, place_of_number = 0 };
static const unsigned char steps[] = {
    0x00, 0x70, 0xa0, 0xe3, // mov r7, #NUMBER
    0x00, 0x00, 0xe0, 0xe3, // mvn r0, #0
    0x00, 0x10, 0xe0, 0xe3, // mvn r1, #0
    0x00, 0x20, 0xe0, 0xe3, // mvn r2, #0
    0x00, 0x00, 0x00, 0xef, // svc #0
    0x00, 0x00, 0x70, 0xe2, // rsbs r0, r0, #0
    0x00, 0x00, 0xa0, 0x43, // movmi r0, #0
    0x01, 0x70, 0xa0, 0xe3, // mov r7, #1 (exit)
    0x00, 0x00, 0x00, 0xef, // svc #0
};
#else
enum { machine = EM_386, machine_flags = 0, place_of_number = 1 };
static const unsigned char steps[] = {
    0xb8, 0x00, 0x00, 0x00, 0x00, // mov eax, NUMBER
    0x31, 0xdb, 0x4b,             // xor ebx, ebx; dec ebx
    0x89, 0xd9, 0x89, 0xda,       // mov ecx, ebx; mov edx, ebx
    0xcd, 0x80,                   // int 0x80
    0xf7, 0xd8,                   // neg eax
    0x79, 0x02,                   // jns over the next
    0x31, 0xc0,                   // xor eax, eax
    0x89, 0xc3,                   // mov ebx, eax
    0xb8, 0x01, 0x00, 0x00, 0x00, // mov eax, 1 (exit)
    0xcd, 0x80,                   // int 0x80
};
#endif

struct program {
    Elf32_Ehdr header;
    Elf32_Phdr segment;
    unsigned char steps[sizeof steps];
};

// Its descriptor, or -1.
static int written_program(unsigned char number) {
    // Above vm.mmap_min_addr, on a page of any size.
    const Elf32_Addr address = 0x100000;
    struct program program = {
        .header = {
            .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
            .e_type = ET_EXEC,
            .e_machine = machine,
            .e_version = EV_CURRENT,
            .e_entry = address + offsetof(struct program, steps),
            .e_phoff = offsetof(struct program, segment),
            .e_flags = machine_flags,
            .e_ehsize = sizeof(Elf32_Ehdr),
            .e_phentsize = sizeof(Elf32_Phdr),
            .e_phnum = 1,
        },
        .segment = {
            .p_type = PT_LOAD,
            .p_vaddr = address,
            .p_filesz = sizeof program,
            .p_memsz = sizeof program,
            .p_flags = PF_R | PF_X,
            .p_align = 0x10000,
        },
    };
    memcpy(program.steps, steps, sizeof steps);
    program.steps[place_of_number] = number;
    int file = memfd_create("compat", MFD_CLOEXEC);
    if (file < 0 || write(file, &program, sizeof program) == sizeof program) return file;
    close(file);
    return -1;
}

int compat_call(unsigned char number) {
    int status, error, file = written_program(number);
    if (file < 0) return errno;
    // vfork(2): the error of execve is this process's to see.
    volatile int refused = 0;
    pid_t child = vfork();
    if (child == 0) {
        char *const none[] = {NULL};
        syscall(SYS_execveat, file, "", none, none, AT_EMPTY_PATH);
        refused = errno;
        _exit(1);
    }
    error = errno;
    close(file);
    if (child < 0) return error;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return errno;
    if (refused) return refused;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}
