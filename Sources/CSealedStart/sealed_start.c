// The entry point of swiftrun, before the C library and Swift's runtime: a command that starts a process executes the
// program again from a detached, read-only mount (CVE-2019-5736). Here this costs eleven system calls; after main it
// would cost everything that runs before main a second time.
//
// This code reports no errors: sealExecutable in Swift repeats what failed here, and explains the failure.
// The libc is not initialised yet, so there is no thread-local storage and no stack protector; only the code of this
// file runs.
#define _GNU_SOURCE 1
#include "CSealedStart.h"

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#define HERE __attribute__((no_stack_protector, always_inline)) static inline
#define READ_ONLY_MOUNT 1 // ST_RDONLY, as statfs(2) shows it

// The argument of mount_setattr(2); older headers lack the structure.
struct attributes {
    uint64_t set, clear, propagation, userns_fd;
};

HERE long call(long number, long a, long b, long c, long d, long e)
{
#ifdef __x86_64__
    register long fourth __asm__("r10") = d;
    register long fifth __asm__("r8") = e;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
                     : "rcx", "r11", "memory");
    return result;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
#endif
}

HERE int same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

// Whether the arguments may contain a command that starts a process. The list is only a fast path: the table of
// commands in Swift decides, and main seals the commands that this list lacks. An option's value or an id of the same
// name costs one unnecessary execution. Commands cannot be abbreviated.
HERE int starts_a_process(char **words)
{
    for (char **word = words; *word; word++)
        if (same(*word, "create") || same(*word, "run") || same(*word, "exec"))
            return 1;
    return 0;
}

static int closed_streams;

// A number that the kernel keeps with an open file, over execve(2) too, and uses for nothing as long as the file has no
// owner to be signalled: so the program knows a stream that it has opened itself. F_SETSIG in fcntl(2).
#define OPENED_HERE 61

// A file that is opened later must not take the number of a closed stream: a container gets its streams as they are,
// so a directory of the host among them would be a way out. The null device takes their place, as glibc does for
// programs that set ids, and as Go does; if it is missing, an empty file in memory.
HERE void open_closed_streams(void)
{
    const char null[] = {'/', 'd', 'e', 'v', '/', 'n', 'u', 'l', 'l', 0};
    const char complaint[] = {'n', 'o', ' ', 's', 't', 'r', 'e', 'a', 'm', 's', '\n'};
    for (long number = 0; number <= 2; number++) {
        if (call(SYS_fcntl, number, F_GETFD, 0, 0, 0) != -EBADF)
            continue;
        closed_streams |= 1 << number;
        // open(2) returns the lowest free number, which is this one.
        if (call(SYS_openat, AT_FDCWD, (long)null, O_RDWR | O_NOCTTY, 0, 0) == number
            || call(SYS_memfd_create, (long)null + 5, 0, 0, 0, 0) == number) {
            call(SYS_fcntl, number, F_SETSIG, OPENED_HERE, 0, 0);
            continue;
        }
        call(SYS_write, 2, (long)complaint, sizeof complaint, 0, 0);
        call(SYS_exit_group, 1, 0, 0, 0, 0);
    }
}

// The initial stack: argc, argv, a null, the environment. It is part of the kernel's interface: man 8 ld.so and the
// psABI.
long *sealed_start_stack;
static int is_by_descriptor;

// Whether the program was executed by a descriptor: the kernel then gives its name as /dev/fd/N. A read-only mount alone
// does not show that the program was executed from the clone: the host may make it writable again. getauxval(3),
// alloc_bprm() of the kernel.
HERE int executed_by_descriptor(char **environment)
{
    const char folder[] = {'/', 'd', 'e', 'v', '/', 'f', 'd', '/'};
    while (*environment)
        environment++;
    for (unsigned long *entry = (unsigned long *)(environment + 1); entry[0] != AT_NULL; entry += 2) {
        if (entry[0] != AT_EXECFN)
            continue;
        const char *name = (const char *)entry[1];
        for (unsigned long i = 0; i < sizeof folder; i++)
            if (name[i] != folder[i])
                return 0;
        return 1;
    }
    return 0;
}

static const char own[] = "/proc/self/exe";

HERE int lies_on_read_only_mount(void)
{
    struct statfs facts;
    return call(SYS_statfs, (long)own, (long)&facts, 0, 0, 0) == 0 && (facts.f_flags & READ_ONLY_MOUNT) != 0;
}

__attribute__((no_stack_protector)) int sealed_start_found_sealed(void)
{
    return is_by_descriptor && lies_on_read_only_mount();
}

// The layers of an overlay: the program's directory, and below it /dev, because an overlay that is not written to has two
// layers at least. Zero is returned if the text could mean something else: a colon parts the layers, a backslash escapes,
// and fsconfig(2) takes 255 bytes. mount(8), overlay.
HERE char *write_layers(char *text, long length)
{
    const char below[] = {':', '/', 'd', 'e', 'v', 0};
    char *slash = 0;
    for (long i = 0; i < length; i++) {
        if (text[i] == ':' || text[i] == '\\' || text[i] == ',')
            return 0;
        if (text[i] == '/')
            slash = text + i;
    }
    if (text[0] != '/' || slash == text)
        return 0;
    // The name moves behind the layers.
    text[length] = 0;
    for (char *end = text + length; end > slash; end--) {
        end[sizeof below] = *end;
        __asm__ volatile("" ::: "memory"); // otherwise the compiler calls memmove
    }
    for (unsigned long i = 0; i < sizeof below; i++)
        slash[i] = below[i];
    return slash + 1 + sizeof below;
}

// The path may lead to another file than the one that is executed: it was replaced, or the mount namespace is another.
HERE int is_own_file(long file)
{
    struct stat here, there;
    const long flags = AT_EMPTY_PATH;
    return call(SYS_newfstatat, AT_FDCWD, (long)own, (long)&here, 0, 0) == 0
        && call(SYS_newfstatat, file, (long)"", (long)&there, flags, 0) == 0 && here.st_size == there.st_size
        && here.st_mode == there.st_mode && here.st_ctim.tv_sec == there.st_ctim.tv_sec
        && here.st_ctim.tv_nsec == there.st_ctim.tv_nsec && here.st_mtim.tv_sec == there.st_mtim.tv_sec
        && here.st_mtim.tv_nsec == there.st_mtim.tv_nsec;
}

// Executes the program's file in an overlay, and returns if that fails. The overlay's file has an inode of its own, so that
// a lease, a lock or a watch that a container puts on it does not reach the commands of the host: with a lease on the
// inode itself each of them waits for /proc/sys/fs/lease-break-time. F_SETLEASE in fcntl(2).
HERE void execute_overlaid(char **words, char **environment)
{
    char text[256];
    long length = call(SYS_readlinkat, AT_FDCWD, (long)own, (long)text, 240, 0);
    char *name = length > 0 && length < 240 ? write_layers(text, length) : 0;
    long context = name ? call(SYS_fsopen, (long)"overlay", FSOPEN_CLOEXEC, 0, 0, 0) : -1;
    if (context < 0)
        return;
    long mount = -1, file = -1;
    if (call(SYS_fsconfig, context, FSCONFIG_SET_STRING, (long)"lowerdir", (long)text, 0) == 0
        && call(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0) == 0)
        mount = call(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY, 0, 0);
    if (mount >= 0)
        file = call(SYS_openat, mount, (long)name, O_PATH | O_CLOEXEC | O_NOFOLLOW, 0, 0);
    if (file >= 0 && is_own_file(file))
        call(SYS_execveat, file, (long)"", (long)words, (long)environment, AT_EMPTY_PATH);
    call(SYS_close, file, 0, 0, 0, 0);
    call(SYS_close, mount, 0, 0, 0, 0);
    call(SYS_close, context, 0, 0, 0, 0);
}

__attribute__((used, no_stack_protector, visibility("hidden"))) void sealed_start_on(long *stack)
{
    char **words = (char **)(stack + 1);
    char **environment = words + *stack + 1;
    sealed_start_stack = stack;
    is_by_descriptor = executed_by_descriptor(environment);
    open_closed_streams();
    if (*stack < 2 || !starts_a_process(words + 1) || sealed_start_found_sealed())
        return;
    execute_overlaid(words, environment);
    long clone = call(SYS_open_tree, AT_FDCWD, (long)own, OPEN_TREE_CLONE | O_CLOEXEC, 0, 0);
    if (clone < 0)
        return;
    struct attributes read_only = {.set = MOUNT_ATTR_RDONLY, .clear = 0, .propagation = 0, .userns_fd = 0};
    if (call(SYS_mount_setattr, clone, (long)"", AT_EMPTY_PATH, (long)&read_only, sizeof read_only) == 0)
        call(SYS_execveat, clone, (long)"", (long)words, (long)environment, AT_EMPTY_PATH);
    call(SYS_close, clone, 0, 0, 0, 0);
}

long *sealed_start_found_stack(void) { return sealed_start_stack; }
int sealed_start_found_closed(int stream)
{
    static int asked;
    if (is_by_descriptor && !(asked >> stream & 1)) {
        asked |= 1 << stream;
        if (call(SYS_fcntl, stream, F_GETSIG, 0, 0, 0) == OPENED_HERE)
            closed_streams |= 1 << stream;
    }
    return closed_streams >> stream & 1;
}

// _start finds its registers as the kernel left them.
#ifdef __x86_64__
__asm__(".text\n.globl sealed_start\n.type sealed_start,@function\nsealed_start:\n"
        "    mov %rdx, %r12\n    mov %rsp, %rdi\n    call sealed_start_on\n    mov %r12, %rdx\n    jmp _start\n");
#else
__asm__(".text\n.globl sealed_start\n.type sealed_start,%function\nsealed_start:\n"
        "    mov x19, x0\n    mov x0, sp\n    bl sealed_start_on\n    mov x0, x19\n    b _start\n");
#endif

#else

#error "swiftrun begins with a piece of assembler, which is there for x86_64 and aarch64"

#endif
