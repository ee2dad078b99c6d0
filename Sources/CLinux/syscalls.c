// System calls that glibc lacks or hides from Swift.
#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

int clinux_clone3(const struct clinux_clone *a) {
    struct clone_args args = {.flags = a->flags,
                              .pidfd = (uint64_t)(uintptr_t)a->pidfd,
                              .exit_signal = (uint64_t)a->exit_signal,
                              .cgroup = (uint64_t)a->cgroup_fd};
    return (int)syscall(SYS_clone3, &args, sizeof args);
}
int clinux_clone(uint64_t flags, int *pidfd) { return (int)syscall(SYS_clone, flags, NULL, pidfd, NULL, NULL); }
int clinux_clone_waiting(uint64_t flags) {
    pid_t child = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
    if (child != 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
}
int clinux_unshare(uint64_t flags) { return (int)syscall(SYS_unshare, flags); }
int clinux_setns(int fd, int kinds) { return setns(fd, kinds); }

int clinux_open_tree(int dirfd, const char *path, unsigned int flags) {
    struct clinux_path_room room;
    return (int)syscall(SYS_open_tree, dirfd, clinux_path(path, &room), flags);
}
int clinux_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags) {
    return (int)syscall(SYS_move_mount, from_fd, from, to_fd, to, flags);
}
int clinux_mount_setattr(int dirfd, const char *path, unsigned int flags, const struct clinux_mount_attr *attributes) {
    struct clinux_path_room room;
    return (int)syscall(SYS_mount_setattr, dirfd, clinux_path(path, &room), flags, attributes, sizeof *attributes);
}
int clinux_fsopen(const char *filesystem, unsigned int flags) { return (int)syscall(SYS_fsopen, filesystem, flags); }
int clinux_fsconfig(int fd, unsigned int command, const char *key, const void *value, int aux) {
    struct clinux_path_room room;
    return (int)syscall(SYS_fsconfig, fd, command, key, clinux_path(value, &room), aux);
}
int clinux_fsmount(int fd, unsigned int flags, unsigned int attributes) {
    return (int)syscall(SYS_fsmount, fd, flags, attributes);
}
int clinux_pivot_root(const char *new_root, const char *put_old) {
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}
int clinux_mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data) {
    struct clinux_path_room first, second, third;
    return mount(clinux_path(source, &first), clinux_path(target, &second), type, flags, clinux_path(data, &third));
}
int clinux_umount2(const char *target, int flags) {
    struct clinux_path_room room;
    return umount2(clinux_path(target, &room), flags);
}

int clinux_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    struct clinux_path_room room;
    return (int)syscall(SYS_openat2, dirfd, clinux_path(path, &room), &how, sizeof how);
}
int clinux_openat(int dirfd, const char *path, int flags, mode_t mode) {
    struct clinux_path_room room;
    return openat(dirfd, clinux_path(path, &room), flags, mode);
}
int clinux_fstatfs(int fd, int64_t *type, int64_t *flags) {
    struct statfs facts = {0};
    int result = fstatfs(fd, &facts);
    *type = facts.f_type;
    *flags = facts.f_flags;
    return result;
}
int clinux_statfs(const char *path, int64_t *type, int64_t *flags) {
    struct clinux_path_room room;
    struct statfs facts = {0};
    int result = statfs(clinux_path(path, &room), &facts);
    *type = facts.f_type;
    *flags = facts.f_flags;
    return result;
}
int clinux_statx_mount(int fd, uint64_t *attributes, uint64_t *mount) {
    struct statx facts = {0};
    int result = statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID, &facts);
    *attributes = facts.stx_attributes;
    *mount = facts.stx_mnt_id;
    return result;
}
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif
int clinux_statx_mount_unique(int fd, uint64_t *attributes, uint64_t *mount) {
    struct statx facts = {0};
    int result = statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_MNT_ID_UNIQUE, &facts);
    if (result == 0 && !(facts.stx_mask & STATX_MNT_ID_UNIQUE)) return clinux_statx_mount(fd, attributes, mount);
    *attributes = facts.stx_attributes;
    *mount = facts.stx_mnt_id;
    return result;
}
ssize_t clinux_getdents64(int fd, void *buffer, size_t size) { return syscall(SYS_getdents64, fd, buffer, size); }
unsigned int clinux_major(uint64_t device) { return major(device); }
unsigned int clinux_minor(uint64_t device) { return minor(device); }
uint64_t clinux_makedev(unsigned int maj, unsigned int min) { return makedev(maj, min); }
int clinux_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags) {
    struct clinux_path_room first, second;
    return (int)syscall(SYS_renameat2, from_fd, clinux_path(from, &first), to_fd, clinux_path(to, &second), flags);
}
int clinux_faccessat2(int dirfd, const char *path, int mode, int flags) {
    struct clinux_path_room room;
    const char *place = clinux_path(path, &room);
    int result = (int)syscall(SYS_faccessat2, dirfd, place, mode, flags);
    // The seccomp profiles of old engines do not know the call. The older one asks for the real user, who is the
    // effective one here, as no part of this program is setuid.
    if (result != 0 && (errno == ENOSYS || errno == EPERM))
        result = (int)syscall(SYS_faccessat, dirfd, place, mode);
    return result;
}
ssize_t clinux_getcwd(char *buffer, size_t size) { return syscall(SYS_getcwd, buffer, size); }
ssize_t clinux_splice(int from, int to, size_t length, unsigned int flags) {
    return splice(from, NULL, to, NULL, length, flags);
}
ssize_t clinux_fgetxattr(int fd, const char *name, void *value, size_t size) {
    return syscall(SYS_fgetxattr, fd, name, value, size);
}
ssize_t clinux_flistxattr(int fd, char *list, size_t size) { return syscall(SYS_flistxattr, fd, list, size); }
// The values of <linux/fs.h>, which conflicts with <sys/mount.h>.
#ifndef FS_IOC_GETFLAGS
#define FS_IOC_GETFLAGS _IOR('f', 1, long)
#define FS_IOC_SETFLAGS _IOW('f', 2, long)
#endif
int clinux_file_flags(int fd, int *flags) { return ioctl(fd, FS_IOC_GETFLAGS, flags); }
int clinux_set_file_flags(int fd, int flags) { return ioctl(fd, FS_IOC_SETFLAGS, &flags); }
int clinux_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags) {
    return (int)syscall(SYS_fsetxattr, fd, name, value, size, flags);
}

int clinux_dup3(int old, int new, int flags) { return dup3(old, new, flags); }
int clinux_pipe2(int fds[2], int flags) { return pipe2(fds, flags); }
int clinux_memfd_create(const char *name, unsigned int flags) { return memfd_create(name, flags); }
int clinux_fcntl(int fd, int command, long argument) { return fcntl(fd, command, argument); }
int clinux_ioctl(int fd, unsigned long request, const void *argument) { return ioctl(fd, request, argument); }
int clinux_ioctl_value(int fd, unsigned long request, unsigned long argument) { return ioctl(fd, request, argument); }
int clinux_window_size(int fd, uint16_t *rows, uint16_t *columns) {
    struct winsize size = {0};
    int result = ioctl(fd, TIOCGWINSZ, &size);
    *rows = size.ws_row;
    *columns = size.ws_col;
    return result;
}
int clinux_set_window_size(int fd, uint16_t rows, uint16_t columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(fd, TIOCSWINSZ, &size);
}
int clinux_eventfd(unsigned int value, int flags) { return eventfd(value, flags); }
int clinux_signalfd(int fd, uint64_t mask, int flags) {
    return (int)syscall(SYS_signalfd4, fd, &mask, sizeof mask, flags);
}
int clinux_epoll_create1(int flags) { return epoll_create1(flags); }
int clinux_epoll_ctl(int epfd, int operation, int fd, uint32_t events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epfd, operation, fd, &event);
}
int clinux_epoll_wait(int epfd, uint64_t *data, int room, int timeout) {
    struct epoll_event events[64];
    int count = epoll_wait(epfd, events, room < 64 ? room : 64, timeout);
    for (int i = 0; i < count; i++) data[i] = events[i].data.u64;
    return count;
}
int clinux_inotify_init1(int flags) { return inotify_init1(flags); }
int clinux_inotify_add_watch(int fd, const char *path, uint32_t mask) {
    struct clinux_path_room room;
    return inotify_add_watch(fd, clinux_path(path, &room), mask);
}

int clinux_pidfd_open(pid_t pid, unsigned int flags) { return (int)syscall(SYS_pidfd_open, pid, flags); }
int clinux_pidfd_send_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}
int clinux_pidfd_getfd(int pidfd, int fd) { return (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0); }
static int port_of(int socket, int (*name)(int, struct sockaddr *, socklen_t *)) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (name(socket, (struct sockaddr *)&address, &size) < 0) return -1;
    if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
    return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port) : -1;
}
int clinux_has_port(int socket, int port) {
    return port_of(socket, getsockname) == port || port_of(socket, getpeername) == port;
}
ssize_t clinux_process_vm_readv(pid_t pid, uintptr_t address, void *buffer, size_t size) {
    struct iovec local = {buffer, size}, remote = {(void *)address, size};
    return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}
int clinux_execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags) {
    struct clinux_path_room room;
    return (int)syscall(SYS_execveat, dirfd, clinux_path(path, &room), argv, envp, flags);
}
int clinux_execve(const char *path, char *const argv[], char *const envp[]) {
    struct clinux_path_room room;
    return execve(clinux_path(path, &room), argv, envp);
}
int clinux_wait_exited(int pid, int *status, int options) { return waitpid(pid, status, options | __WALL); }
int clinux_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return prctl(option, a, b, c, d);
}
int clinux_personality(unsigned long persona) { return (int)syscall(SYS_personality, persona); }
int clinux_error_of_call(long number) {
    return syscall(number, -1L, -1L, -1L, -1L, -1L, -1L) == -1 ? errno : 0;
}
int clinux_getpid(void) { return (int)syscall(SYS_getpid); }
int clinux_kill(pid_t pid, int signal) { return kill(pid, signal); }
long clinux_ptrace(long request, pid_t pid, unsigned long address, void *data) {
    return syscall(SYS_ptrace, request, pid, address, data);
}
// The C library refuses signals 32 and 33, which it uses itself, but a caller can have set them to be ignored. The
// kernel's structure has at most four words; zeros mean the default action.
int clinux_set_signal_default(int signal) {
    const unsigned long action[4] = {0};
    return (int)syscall(SYS_rt_sigaction, signal, action, NULL, sizeof(uint64_t));
}

static volatile sig_atomic_t request_to_end;
static volatile sig_atomic_t signal_of_request;
static const int deletion_word = 0x64656c;

static void note_request_to_end(int signal, siginfo_t *info, void *context) {
    (void)context;
    if (info->si_code == SI_QUEUE && info->si_value.sival_int == deletion_word) {
        request_to_end = CLINUX_REQUEST_OF_DELETION;
        return;
    }
    if (request_to_end == 0) {
        signal_of_request = signal;
        request_to_end = CLINUX_REQUEST_BY_SIGNAL;
    }
    // The next one ends a process that waits in a call that the C library repeats.
    const int error = errno;
    clinux_set_signal_default(signal);
    errno = error;
}
int clinux_heed_requests_to_end(void) {
    static int is_heeded;
    if (is_heeded) return 0;
    is_heeded = 1;
    // Without SA_RESTART, so that a call that waits returns.
    const struct sigaction action = {.sa_sigaction = note_request_to_end, .sa_flags = SA_SIGINFO};
    static const int others[] = {SIGHUP, SIGINT, SIGQUIT};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct sigaction old;
        if (sigaction(others[i], &action, &old) != 0) return -1;
        // What a caller ignores stays ignored, as with nohup(1). `delete --force` needs SIGTERM.
        if (old.sa_handler == SIG_IGN) (void)sigaction(others[i], &old, NULL);
    }
    return sigaction(SIGTERM, &action, NULL);
}
int clinux_request_to_end(void) { return request_to_end; }
int clinux_signal_of_request(void) { return signal_of_request; }
int clinux_request_end_for_deletion(int pidfd) {
    siginfo_t info = {.si_signo = SIGTERM, .si_code = SI_QUEUE};
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = deletion_word;
    return (int)syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, &info, 0);
}
int clinux_sigprocmask(int how, uint64_t mask, uint64_t *old) {
    return (int)syscall(SYS_rt_sigprocmask, how, &mask, old, sizeof mask);
}

int clinux_setresuid(uid_t uid) { return (int)syscall(SYS_setresuid, uid, uid, uid); }
int clinux_setresgid(gid_t gid) { return (int)syscall(SYS_setresgid, gid, gid, gid); }
int clinux_setgroups(size_t count, const gid_t *groups) { return (int)syscall(SYS_setgroups, count, groups); }

struct capability_header {
    uint32_t version;
    int pid;
};
struct capability_half {
    uint32_t effective, permitted, inheritable;
};
int clinux_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable) {
    struct capability_header header = {0x20080522, 0};
    struct capability_half halves[2] = {{(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
                                        {effective >> 32, permitted >> 32, inheritable >> 32}};
    return (int)syscall(SYS_capset, &header, halves);
}
int clinux_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable) {
    struct capability_header header = {0x20080522, 0};
    struct capability_half h[2] = {0};
    int result = (int)syscall(SYS_capget, &header, h);
    *effective = h[0].effective | (uint64_t)h[1].effective << 32;
    *permitted = h[0].permitted | (uint64_t)h[1].permitted << 32;
    *inheritable = h[0].inheritable | (uint64_t)h[1].inheritable << 32;
    return result;
}
int clinux_prlimit(pid_t pid, int resource, uint64_t soft, uint64_t hard) {
    struct rlimit limit = {soft, hard};
    return prlimit(pid, resource, &limit, NULL);
}
int clinux_getrlimit(pid_t pid, int resource, uint64_t *soft, uint64_t *hard) {
    struct rlimit limit = {0};
    int result = prlimit(pid, resource, NULL, &limit);
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return result;
}
// The soft limit of open files that the caller has set; it is raised only when the runtime runs short of descriptors.
static rlim_t soft_limit_of_caller;
static int has_raised_limit;

// Whether more files can be opened now. A clone that shares the memory has limits of its own, so each asks anew.
int clinux_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return 0;
    rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    if (!has_raised_limit) soft_limit_of_caller = soft;
    has_raised_limit = 1;
    return 1;
}
void clinux_restore_descriptor_limit(void) {
    struct rlimit limit;
    if (!has_raised_limit || getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    if (soft_limit_of_caller < limit.rlim_max) limit.rlim_cur = soft_limit_of_caller;
    setrlimit(RLIMIT_NOFILE, &limit);
    has_raised_limit = 0;
}
void clinux_keep_descriptor_limit(void) { has_raised_limit = 0; }
long clinux_keyctl(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return syscall(SYS_keyctl, operation, a, b, c, d);
}
int clinux_seccomp(unsigned int operation, unsigned int flags, void *arguments) {
    return (int)syscall(SYS_seccomp, operation, flags, arguments);
}
int clinux_seccomp_filter(unsigned int flags, const struct clinux_sock_filter *filter, uint16_t count) {
    struct sock_fprog program = {.len = count, .filter = (struct sock_filter *)(uintptr_t)filter};
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}
int clinux_bpf(int command, void *attributes, unsigned int size) {
    return (int)syscall(SYS_bpf, command, attributes, size);
}
int clinux_landlock_create_ruleset(const void *attributes, size_t size, uint32_t flags) {
    return (int)syscall(SYS_landlock_create_ruleset, attributes, size, flags);
}
int clinux_landlock_add_rule(int ruleset, int type, const void *attributes, uint32_t flags) {
    return (int)syscall(SYS_landlock_add_rule, ruleset, type, attributes, flags);
}
int clinux_landlock_restrict_self(int ruleset, uint32_t flags) {
    return (int)syscall(SYS_landlock_restrict_self, ruleset, flags);
}

int clinux_sched_setaffinity(pid_t pid, size_t size, const void *mask) {
    return (int)syscall(SYS_sched_setaffinity, pid, size, mask);
}
ssize_t clinux_sched_getaffinity(pid_t pid, size_t size, void *mask) {
    return syscall(SYS_sched_getaffinity, pid, size, mask);
}
int clinux_sched_setattr(pid_t pid, const void *attributes, unsigned int flags) {
    return (int)syscall(SYS_sched_setattr, pid, attributes, flags);
}
int clinux_ioprio_set(int which, int who, int priority) { return (int)syscall(SYS_ioprio_set, which, who, priority); }
int clinux_ioprio_get(int which, int who) { return (int)syscall(SYS_ioprio_get, which, who); }
int clinux_set_mempolicy(int mode, const unsigned long *nodes, unsigned long maximum) {
    return (int)syscall(SYS_set_mempolicy, mode, nodes, maximum);
}

long clinux_system_call(long number, const unsigned long a[6]) {
    return syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
const char *clinux_errno_name(int code) { return strerrorname_np(code); }
