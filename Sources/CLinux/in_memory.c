// A child that shares its parent's memory, as after vfork(2), and a thread that ends the parent's wait for it if the
// child's cgroup is frozen.
#define _GNU_SOURCE
#include "CLinux.h"
#include "thread.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { waiting, ended, overdue };
static struct {
    int state; // the futex
    const int *pidfd;
    const int *sibling;
    const char *files; // one after another, each with its zero byte; an empty one is the end
    char stack[8192] __attribute__((aligned(16)));
} watched;

static int is_frozen(void) {
    for (const char *name = watched.files; *name; name++) {
        char digit = 0;
        long file = call(SYS_openat, AT_FDCWD, (long)name, O_RDONLY | O_CLOEXEC, 0);
        if (file >= 0) {
            call(SYS_read, file, (long)&digit, 1, 0);
            call(SYS_close, file, 0, 0, 0);
        }
        if (digit == '1') return 1;
        while (*name) name++;
    }
    return 0;
}

static int changes_state(int next) {
    int expected = waiting;
    return __atomic_compare_exchange_n(&watched.state, &expected, next, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

// The second thread. A child that was frozen at an arbitrary instruction may have left the heap inconsistent, so the
// parent must not continue: the program is executed again, and then reports that the container is paused.
static void watch(void *context) {
    (void)context;
    for (;;) {
        struct timespec second = {.tv_sec = 1};
        long result = call(SYS_futex, (long)&watched.state, FUTEX_WAIT_PRIVATE, waiting, (long)&second);
        if (result != -ETIMEDOUT && result != -EINTR) break;
        if (!is_frozen() || !changes_state(overdue)) continue;
        call(SYS_pidfd_send_signal, *watched.pidfd, SIGKILL, 0, 0);
        if (*watched.sibling > 0) call(SYS_kill, *watched.sibling, SIGKILL, 0, 0);
        clinux_execute_again();
        static const char complaint[] = "the container was paused while a process joined it\n";
        call(SYS_write, 2, (long)complaint, sizeof complaint - 1, 0);
        call(SYS_exit_group, 255, 0, 0, 0);
    }
    for (;;) call(SYS_exit, 0, 0, 0, 0);
}

static long start_watch(const struct clinux_clone *a, const char *files, const int *sibling) {
    watched.files = files;
    watched.state = waiting;
    watched.pidfd = a->pidfd;
    watched.sibling = sibling;
    struct clone_args args = {.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
                              .stack = (uint64_t)(uintptr_t)watched.stack,
                              .stack_size = sizeof watched.stack};
    return clone_onto(&args, watch, NULL);
}

static void end_watch(void) {
    // If the thread has already decided to execute the program, this thread only waits for its end.
    while (!changes_state(ended)) call(SYS_ppoll, 0, 0, 0, 0);
    call(SYS_futex, (long)&watched.state, FUTEX_WAKE_PRIVATE, 1, 0);
}

int clinux_clone3_in_memory(const struct clinux_clone *a, void (*life)(void *), void *context, const char *freezers,
                            const int *sibling) {
    // The distance leaves room for this function's frame and for data that the compiler may have put below it.
    enum { distance = 4096, size = 65536 };
    uintptr_t top = ((uintptr_t)__builtin_frame_address(0) - distance) & ~(uintptr_t)15;
    // Because of CLONE_VFORK the OOM killer of the container's cgroup does not choose the child, which would end the
    // parent too (oom_badness() in mm/oom_kill.c). But only a fatal signal interrupts the parent's wait.
    struct clone_args args = {.flags = a->flags | CLONE_VM | CLONE_VFORK,
                              .pidfd = (uint64_t)(uintptr_t)a->pidfd,
                              .exit_signal = (uint64_t)a->exit_signal,
                              .stack = top - size,
                              .stack_size = size,
                              .cgroup = (uint64_t)a->cgroup_fd};
    long watcher = freezers ? start_watch(a, freezers, sibling) : 0;
    long result = watcher < 0 ? watcher : clone_onto(&args, life, context);
    if (watcher > 0) end_watch();
    if (result >= 0) return (int)result;
    errno = (int)-result;
    return -1;
}
