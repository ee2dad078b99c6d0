// Starts a program from a process that has threads. posix_spawn(3) cannot be used: it leaves glibc's two internal
// signals, 32 and 33, ignored in the program, and cannot kill the program when the parent ends.
#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct spawning {
    const struct clinux_program *program;
    pid_t parent;
    volatile int error;
};

// Runs in the caller's memory while the caller is suspended, as after vfork(2): only system calls are allowed.
static int start(void *argument) {
    struct spawning *spawning = argument;
    const struct clinux_program *program = spawning->program;
    // The layout of the kernel's struct sigaction differs between machines, but zeros mean SIG_DFL in all of them.
    unsigned long default_action[8] = {0};
    for (int signal = 1; signal <= 64; signal++) syscall(SYS_rt_sigaction, signal, default_action, NULL, 8);
    if (program->dies_with_parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) goto failed;
        // The parent may have ended before the call above.
        if (getppid() != spawning->parent) _exit(127);
    }
    if (program->leads_group && setpgid(0, 0) != 0) goto failed;
    for (int i = 0; i < program->descriptor_count; i++)
        if (dup2(program->descriptors[i], i) < 0) goto failed;
    if (syscall(SYS_close_range, program->descriptor_count, ~0U, 0) != 0) goto failed;
    if (program->directory && chdir(program->directory) != 0) goto failed;
    uint64_t none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
    execve(program->path, program->arguments, program->environment);
failed:
    spawning->error = errno;
    _exit(127);
}

int clinux_spawn(const struct clinux_program *program) {
    char stack[32768] __attribute__((aligned(16)));
    struct spawning spawning = {.program = program, .parent = getpid(), .error = 0};
    // The caller's signal handlers must not run in the child.
    uint64_t all = ~0ULL, before = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, 8);
    int pid = clone(start, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &spawning);
    int error = pid < 0 ? errno : spawning.error;
    if (pid > 0 && error != 0) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
        pid = -1;
    }
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, 8);
    errno = error;
    return pid;
}
