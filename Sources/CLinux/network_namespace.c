// A network namespace that a second thread makes while the first one goes on: the kernel takes half a millisecond for it.
#define _GNU_SOURCE
#include "CLinux.h"
#include "thread.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

static struct {
    int thread; // the futex: zero when the thread has ended
    int descriptor;
    char stack[4096] __attribute__((aligned(16)));
} made;

static void make(void *context) {
    (void)context;
    long result = call(SYS_unshare, CLONE_NEWNET, 0, 0, 0);
    if (result == 0)
        result = call(SYS_openat, AT_FDCWD, (long)"/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC, 0);
    made.descriptor = (int)result;
    for (;;) call(SYS_exit, 0, 0, 0, 0);
}

// A new thread begins on the processor of the first one, and would wait there while others are idle.
static void move_away(long thread) {
    unsigned long all[32], others[32];
    long size = call(SYS_sched_getaffinity, 0, sizeof all, (long)all, 0);
    int here = sched_getcpu();
    if (size <= 0 || here < 0) return;
    memcpy(others, all, (size_t)size);
    others[(unsigned)here / (8 * sizeof *others)] &= ~(1ul << ((unsigned)here % (8 * sizeof *others)));
    if (call(SYS_sched_setaffinity, thread, size, (long)others, 0) == 0)
        call(SYS_sched_setaffinity, thread, size, (long)all, 0);
}

int clinux_begin_network_namespace(void) {
    made.descriptor = -ESRCH;
    made.thread = 1;
    struct clone_args args = {.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                                       CLONE_CHILD_CLEARTID,
                              .child_tid = (uint64_t)(uintptr_t)&made.thread,
                              .stack = (uint64_t)(uintptr_t)made.stack,
                              .stack_size = sizeof made.stack};
    // No handler may run there: it would use the C library.
    sigset_t all, before;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, &before) < 0) return -1;
    long result = clone_onto(&args, make, NULL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (result > 0) move_away(result);
    if (result >= 0) return 0;
    errno = (int)-result;
    return -1;
}

int clinux_end_network_namespace(void) {
    while (__atomic_load_n(&made.thread, __ATOMIC_ACQUIRE) != 0)
        call(SYS_futex, (long)&made.thread, FUTEX_WAIT, 1, 0);
    if (made.descriptor >= 0) return made.descriptor;
    errno = -made.descriptor;
    return -1;
}
