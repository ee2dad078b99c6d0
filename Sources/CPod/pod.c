#define _GNU_SOURCE
#include "CPod.h"
#include "holder.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { nobody = 65535, patience = 10000 };

// The messages of a child: the step that it has completed, or the step that failed.
struct word {
    int step, error, parameter, holder;
};

static void say(int pipe, int step, int error, int parameter, int holder) {
    struct word word = {.step = step, .error = error, .parameter = parameter, .holder = holder};
    if (write(pipe, &word, sizeof word) != sizeof word) _exit(1);
}

static _Noreturn void fail(int pipe, int step, int parameter) {
    say(pipe, step, errno, parameter, 0);
    _exit(1);
}

static int write_parameter(const struct cpod_parameter *parameter) {
    int file = open(parameter->path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -1;
    size_t length = strlen(parameter->value);
    ssize_t written = write(file, parameter->value, length);
    if (written >= 0 && (size_t)written < length) {
        errno = EINVAL;
        written = -1;
    }
    int error = errno;
    close(file);
    errno = error;
    return written < 0 ? -1 : 0;
}

// An empty file system that nothing can be written to; the host's tree goes.
static int enter_empty_root(void) {
    // A directory that everybody can enter, also from a user namespace.
    const char *directory = "/proc";
    if (syscall(SYS_unshare, CLONE_NEWNS) != 0) return -1;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return -1;
    unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mount("pod", directory, "tmpfs", flags, "size=4k,nr_inodes=2,mode=555") != 0) return -1;
    if (chdir(directory) != 0) return -1;
    // Both on one place, pivot_root(2): the old root then lies on top, and is taken away.
    if (syscall(SYS_pivot_root, ".", ".") != 0) return -1;
    if (umount2(".", MNT_DETACH) != 0) return -1;
    return chdir("/");
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

// A container of the pod that may trace gets control over the holder: it gains the calls of the holder's, no more.
static int filter_calls(void) {
    struct sock_filter filter[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        ALLOW(wait4),
        ALLOW(rt_sigtimedwait),
        ALLOW(prctl),
        ALLOW(execveat),
        ALLOW(write),
        ALLOW(exit_group),
        ALLOW(restart_syscall),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

// Nobody in particular, without a right over anything.
static int become_nobody(void) {
    // Where a user namespace maps no such id, or forbids the list of groups, it stays its root, without capabilities.
    syscall(SYS_setgroups, 0, NULL);
    if (syscall(SYS_setresgid, nobody, nobody, nobody) != 0 && errno != EINVAL) return -1;
    if (syscall(SYS_setresuid, nobody, nobody, nobody) != 0 && errno != EINVAL) return -1;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    if (syscall(SYS_capset, &header, none) != 0) return -1;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

// The program is in memory, so that neither a file system without exec nor an image is in its way.
static int write_program(void) {
#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif
    int file = (int)syscall(SYS_memfd_create, "pod", MFD_CLOEXEC | MFD_EXEC);
    // MFD_EXEC came with Linux 6.3.
    if (file < 0 && errno == EINVAL) file = (int)syscall(SYS_memfd_create, "pod", MFD_CLOEXEC);
    if (file < 0) return -1;
    size_t size = (size_t)(cpod_holder_end - cpod_holder);
    if (write(file, cpod_holder, size) != (ssize_t)size) return -1;
    // Executed by one who may not read it, it is undumpable from the start: execve(2), prctl(2).
    if (fchmod(file, 0111) != 0) return -1;
    return file;
}

// Closes all descriptors but two.
static int close_others(int a, int b) {
    unsigned int low = a < b ? a : b, high = a < b ? b : a;
    if (low > 0 && syscall(SYS_close_range, 0, low - 1, 0) != 0) return -1;
    if (high > low + 1 && syscall(SYS_close_range, low + 1, high - 1, 0) != 0) return -1;
    return (int)syscall(SYS_close_range, high + 1, ~0U, 0);
}

// Ends with the parent, prctl(2), which alone reads the pipe: it may be gone already.
static void die_with(int pipe) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    struct pollfd side = {.fd = pipe};
    if (poll(&side, 1, 0) != 0) _exit(1);
}

static _Noreturn void hold(int pipe) {
    uint64_t all = ~0ULL;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, 8);
    setsid();
    int program = write_program();
    if (program < 0) fail(pipe, CPOD_HOLDER_EXEC, 0);
    if (enter_empty_root() != 0) fail(pipe, CPOD_HOLDER_ROOT, 0);
    if (close_others(pipe, program) != 0) fail(pipe, CPOD_HOLDER_EXEC, 0);
    if (become_nobody() != 0) fail(pipe, CPOD_HOLDER_IDENTITY, 0);
    die_with(pipe);
    if (filter_calls() != 0) fail(pipe, CPOD_HOLDER_IDENTITY, 0);
    char *const arguments[] = {"pod", NULL}, *const environment[] = {NULL};
    syscall(SYS_execveat, program, "", arguments, environment, AT_EMPTY_PATH);
    fail(pipe, CPOD_HOLDER_EXEC, 0);
}

static _Noreturn void make(const struct cpod_request *request, int pipe) {
    if (request->network >= 0 && setns(request->network, CLONE_NEWNET) != 0) fail(pipe, CPOD_JOIN_NETWORK, 0);
    if (request->user >= 0) {
        if (setns(request->user, CLONE_NEWUSER) != 0) fail(pipe, CPOD_JOIN_USER, 0);
        if (syscall(SYS_setresgid, 0, 0, 0) != 0 || syscall(SYS_setresuid, 0, 0, 0) != 0)
            fail(pipe, CPOD_JOIN_USER, 0);
    }
    // After the change of ids, which would take it back.
    die_with(pipe);
    if (syscall(SYS_unshare, request->namespaces) != 0) fail(pipe, CPOD_MAKE_NAMESPACES, 0);
    if (request->hostname && sethostname(request->hostname, strlen(request->hostname)) != 0)
        fail(pipe, CPOD_SET_HOSTNAME, 0);
    for (int i = 0; i < request->parameter_count; i++)
        if (write_parameter(&request->parameters[i]) != 0) fail(pipe, CPOD_SET_PARAMETER, i);
    int holder = 0;
    if (request->has_holder) {
        // A child of our parent's, who is to hear of its end.
        holder = (int)syscall(SYS_clone, CLONE_PARENT, NULL, NULL, NULL, NULL);
        if (holder == 0) hold(pipe);
        if (holder < 0) fail(pipe, CPOD_CLONE_HOLDER, 0);
    }
    say(pipe, CPOD_ANSWER, 0, 0, holder);
    close(pipe);
    for (;;) pause();
}

static void end(int process) {
    if (process <= 0) return;
    kill(process, SIGKILL);
    while (waitpid(process, NULL, __WALL) < 0 && errno == EINTR) continue;
}

void cpod_release(const struct cpod_result *result) { end(result->maker); }

// Reads what the children say until all of them have said it, or have gone on to another program.
static int listen_to(int pipe, struct cpod_result *result) {
    int answered = 0, error = 0;
    for (;;) {
        struct pollfd side = {.fd = pipe, .events = POLLIN};
        int ready = poll(&side, 1, patience);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return ETIMEDOUT;
        struct word word;
        ssize_t length = read(pipe, &word, sizeof word);
        if (length < 0 && errno == EINTR) continue;
        if (length != sizeof word) break;
        if (word.error != 0 && error == 0) {
            error = word.error;
            result->step = word.step;
            result->parameter = word.parameter;
        } else if (word.error == 0) {
            answered = 1;
            result->holder = word.holder;
        }
    }
    if (error == 0 && !answered) {
        result->step = CPOD_ANSWER;
        return EPIPE;
    }
    return error;
}

int cpod_make(const struct cpod_request *request, struct cpod_result *result) {
    *result = (struct cpod_result){.step = CPOD_CLONE};
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) != 0) return -1;
    result->maker = (int)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
    if (result->maker == 0) {
        close(pipes[0]);
        make(request, pipes[1]);
    }
    int error = result->maker < 0 ? errno : 0;
    close(pipes[1]);
    if (error == 0) error = listen_to(pipes[0], result);
    close(pipes[0]);
    if (error == 0) return 0;
    end(result->holder);
    end(result->maker);
    errno = error;
    return -1;
}
