// The start of the C library, in place of the part of libc.a that asks the processor for its features and caches: some
// 45 `cpuid` instructions, each of which a virtual machine hands to its hypervisor. On a machine where one takes 4 µs
// they made up a quarter of `state`. The features serve to choose among string functions; without them the C library
// uses its functions for any x86-64 processor. GLIBC_TUNABLES, which a caller could set, are not read either.
//
// The steps and their order are those of csu/libc-start.c in glibc 2.36. The names are internal to the C library and
// may differ in another version, which therefore starts in its own way.
#include "CSealedStart.h"

#if defined(STANDS_IN_FOR_RUNTIME) && defined(__x86_64__)

#include <elf.h>
#include <features.h>
#include <stdint.h>
#include <stdlib.h>

#if __GLIBC__ == 2 && __GLIBC_MINOR__ == 36

// From which sizes on memcpy and its kin go another way, for a processor whose caches are not known: the values of
// sysdeps/x86/cacheinfo.h. The member of libc.a that is replaced here defines these variables.
long __x86_data_cache_size_half = 32 * 1024 / 2;
long __x86_data_cache_size = 32 * 1024;
long __x86_shared_cache_size_half = 1024 * 1024 / 2;
long __x86_shared_cache_size = 1024 * 1024;
long __x86_shared_non_temporal_threshold = 1024 * 1024 * 3 / 4;
long __x86_rep_movsb_threshold = 2048;
long __x86_rep_movsb_stop_threshold = 1024 * 1024 * 3 / 4;
long __x86_rep_stosb_threshold = 2048;
int __x86_string_control = 0;

extern char **__environ;
extern void *__libc_stack_end;
extern void *_dl_random;
extern const Elf64_Rela __rela_iplt_start[] __attribute__((weak, visibility("hidden")));
extern const Elf64_Rela __rela_iplt_end[] __attribute__((weak, visibility("hidden")));
typedef void initialiser(int, char **, char **);
extern initialiser *__preinit_array_start[] __attribute__((visibility("hidden")));
extern initialiser *__preinit_array_end[] __attribute__((visibility("hidden")));
extern initialiser *__init_array_start[] __attribute__((visibility("hidden")));
extern initialiser *__init_array_end[] __attribute__((visibility("hidden")));

void _dl_aux_init(Elf64_auxv_t *);
void __libc_setup_tls(void);
void __libc_early_init(_Bool);
void __libc_init_first(int, char **, char **);
void _init(void);

// An address that is chosen at the start among several functions holds the result of the chooser.
__attribute__((no_stack_protector, always_inline)) static inline void choose_functions(void)
{
    for (const Elf64_Rela *entry = __rela_iplt_start; entry < __rela_iplt_end; entry++) {
        if (ELF64_R_TYPE(entry->r_info) != R_X86_64_IRELATIVE)
            __builtin_trap();
        *(uint64_t *)entry->r_offset = ((uint64_t(*)(void))entry->r_addend)();
    }
}

// The random bytes of the kernel guard the stack's frames and the C library's pointers, at places that the psABI and
// the C library fix.
__attribute__((no_stack_protector, always_inline)) static inline void set_guards(void)
{
    const uint64_t *random = _dl_random;
    __asm__ volatile("mov %0, %%fs:0x28" : : "r"(random[0] & ~(uint64_t)0xff));
    __asm__ volatile("mov %0, %%fs:0x30" : : "r"(random[1]));
}

// _start calls this function and passes no initialisers of its own; `end` is the end of the stack.
__attribute__((no_stack_protector, noreturn)) int __libc_start_main(int (*main)(int, char **, char **), int count,
    char **arguments, void (*init)(void), void (*fini)(void), void (*loader_fini)(void), void *end)
{
    (void)init, (void)fini, (void)loader_fini;
    char **environment = arguments + count + 1;
    __environ = environment;
    __libc_stack_end = end;
    char **after = environment;
    while (*after++)
        ;
    _dl_aux_init((Elf64_auxv_t *)after);
    choose_functions();
    __libc_setup_tls();
    set_guards();
    __libc_early_init(1);
    __libc_init_first(count, arguments, environment);
    for (initialiser **each = __preinit_array_start; each < __preinit_array_end; each++)
        (*each)(count, arguments, environment);
    _init();
    for (initialiser **each = __init_array_start; each < __init_array_end; each++)
        (*each)(count, arguments, environment);
    exit(main(count, arguments, environment));
}

#endif
#endif
