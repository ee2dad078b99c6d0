// The kernel's interface where Swift's Glibc module does not show it: one C function for each call, with the kernel's
// argument order, and -1 and errno on failure. These functions allocate nothing and make no policy. Those that clone
// and continue in C (clinux_clone3_in_memory, clinux_clone_waiting, clinux_spawn) and those that pass descriptors make
// more than one call, because Swift cannot.
#ifndef CLINUX_H
#define CLINUX_H

#include <malloc.h>
#include <stddef.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/types.h>

#include "machine.h"
#include "version.h"

// clone3(2); returns 0 in the child. cgroup_fd is used if flags include CLONE_INTO_CGROUP.
struct clinux_clone {
    uint64_t flags;
    int *pidfd;
    int exit_signal;
    int cgroup_fd;
};
int clinux_clone3(const struct clinux_clone *arguments);
// clone3(2) of a process that shares the caller's memory and runs on a lower part of the caller's stack. It calls
// `life`, which must not return; as with vfork(2), the caller is suspended until the process ends.
// `freezers` names files, one after another, each with its zero byte, the last one empty; or is null. One of them begins
// with `1` while the child is frozen. If the child does not end within a second because of that, it is killed, and so is
// the process whose pid it has stored in `sibling`; then this program is executed again.
int clinux_clone3_in_memory(const struct clinux_clone *arguments, void (*life)(void *), void *context,
                            const char *freezers, const int *sibling);
// Begins to make a network namespace in a second thread, and waits for it: a descriptor of the namespace, in which no process
// is. Nothing else may begin one meanwhile. unshare(2), namespaces(7).
int clinux_begin_network_namespace(void);
int clinux_end_network_namespace(void);
// clone(2) on a copy of the stack; pidfd is set if flags include CLONE_PIDFD
int clinux_clone(uint64_t flags, int *pidfd);
// clone(2) of a child that only waits to be killed, and is killed when its parent ends. Its end sends no SIGCHLD.
int clinux_clone_waiting(uint64_t flags);
int clinux_unshare(uint64_t flags);
int clinux_setns(int fd, int kinds);

// open_tree(2), move_mount(2), mount_setattr(2), fsopen(2), fsconfig(2), fsmount(2)
int clinux_open_tree(int dirfd, const char *path, unsigned int flags);
int clinux_move_mount(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags);
struct clinux_mount_attr {
    uint64_t attr_set;
    uint64_t attr_clr;
    uint64_t propagation;
    uint64_t userns_fd;
};
int clinux_mount_setattr(int dirfd, const char *path, unsigned int flags, const struct clinux_mount_attr *attributes);
int clinux_fsopen(const char *filesystem, unsigned int flags);
int clinux_fsconfig(int fd, unsigned int command, const char *key, const void *value, int aux);
int clinux_fsmount(int fd, unsigned int flags, unsigned int attributes);
int clinux_pivot_root(const char *new_root, const char *put_old);
int clinux_mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
int clinux_umount2(const char *target, int flags);

// Paths as text. A byte that is not part of valid UTF-8 is written as one of the characters U+10FF80 to U+10FFFF. The
// functions of this header that take one path of the host accept such text.
struct clinux_path_room {
    char bytes[4096];
};
const char *clinux_path(const char *text, struct clinux_path_room *room);
// Writes the bytes that the text stands for, and a zero; returns their number, or -1 if the buffer is too small
size_t clinux_unescape(const char *text, char *bytes, size_t size);
int clinux_holds_escape(const char *text);
size_t clinux_length(const char *text);
int clinux_chdir(const char *path);
// fstatat(2) into a struct stat
int clinux_fstatat(int dirfd, const char *path, void *facts, int flags);
ssize_t clinux_readlinkat(int dirfd, const char *path, char *target, size_t size);
int clinux_mkdir(const char *path, mode_t mode);
int clinux_mkdirat(int dirfd, const char *path, mode_t mode);
int clinux_symlinkat(const char *target, int dirfd, const char *path);
int clinux_mknodat(int dirfd, const char *path, mode_t mode, dev_t device);
int clinux_fchownat(int dirfd, const char *path, uid_t uid, gid_t gid, int flags);
int clinux_fchmodat(int dirfd, const char *path, mode_t mode);
int clinux_unlinkat(int dirfd, const char *path, int flags);
int clinux_rmdir(const char *path);
int clinux_unlink(const char *path);
int clinux_chmod(const char *path, mode_t mode);
int clinux_access(const char *path, int mode);

// openat2(2), statx-free file facts, directory reading, device nodes
int clinux_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int clinux_openat(int dirfd, const char *path, int flags, mode_t mode);
int clinux_fstatfs(int fd, int64_t *type, int64_t *flags);
int clinux_statfs(const char *path, int64_t *type, int64_t *flags);
// statx(2) of an open descriptor: STATX_ATTR_*, and the id of its mount
int clinux_statx_mount(int fd, uint64_t *attributes, uint64_t *mount);
// The same with the mount id that the kernel never uses again, if the kernel (6.8) has one
int clinux_statx_mount_unique(int fd, uint64_t *attributes, uint64_t *mount);
ssize_t clinux_getdents64(int fd, void *buffer, size_t size);
unsigned int clinux_major(uint64_t device);
unsigned int clinux_minor(uint64_t device);
uint64_t clinux_makedev(unsigned int major, unsigned int minor);
int clinux_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned int flags);
int clinux_faccessat2(int dirfd, const char *path, int mode, int flags);
ssize_t clinux_getcwd(char *buffer, size_t size);
ssize_t clinux_splice(int from, int to, size_t length, unsigned int flags);
ssize_t clinux_fgetxattr(int fd, const char *name, void *value, size_t size);
ssize_t clinux_flistxattr(int fd, char *list, size_t size);
// ioctl_iflags(2): FS_*_FL of an open file
int clinux_file_flags(int fd, int *flags);
int clinux_set_file_flags(int fd, int flags);
int clinux_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);

// Descriptors
int clinux_close_range(unsigned int first, unsigned int last, unsigned int flags);
int clinux_dup3(int old, int new, int flags);
int clinux_pipe2(int fds[2], int flags);
int clinux_socketpair(int domain, int type, int fds[2]);
int clinux_accept4(int fd, int flags);
int clinux_memfd_create(const char *name, unsigned int flags);
int clinux_fcntl(int fd, int command, long argument);
int clinux_ioctl(int fd, unsigned long request, const void *argument);
int clinux_ioctl_value(int fd, unsigned long request, unsigned long argument);
// TIOCGWINSZ, TIOCSWINSZ. `struct winsize` is another module's to Swift where swift-system's C part has imported it first.
int clinux_window_size(int fd, uint16_t *rows, uint16_t *columns);
int clinux_set_window_size(int fd, uint16_t rows, uint16_t columns);
int clinux_eventfd(unsigned int value, int flags);
int clinux_signalfd(int fd, uint64_t mask, int flags);
int clinux_epoll_create1(int flags);
int clinux_epoll_ctl(int epfd, int operation, int fd, uint32_t events, uint64_t data);
// epoll_wait(2) for at most 64 events; returns only their data
int clinux_epoll_wait(int epfd, uint64_t *data, int room, int timeout);
int clinux_inotify_init1(int flags);
int clinux_inotify_add_watch(int fd, const char *path, uint32_t mask);
int clinux_connect_unix(int fd, const char *path, size_t length);
int clinux_bind_unix(int fd, const char *path, size_t length);

// Control messages: a few payload bytes with descriptors (SCM_RIGHTS, received close-on-exec)
ssize_t clinux_send_descriptors(int socket, const void *bytes, size_t length, const int *fds, int count, int flags);
ssize_t clinux_receive_descriptors(int socket, void *bytes, size_t length, int *fds, int *count, int flags);
// Makes a receive on the socket fail with EAGAIN if no message arrives within the time. socket(7), SO_RCVTIMEO.
int clinux_limit_receiving(int socket, int milliseconds);
// The same for a send, and for a connect to a socket whose queue of connections is full. SO_SNDTIMEO.
int clinux_limit_sending(int socket, int milliseconds);

// Processes
int clinux_pidfd_open(pid_t pid, unsigned int flags);
int clinux_pidfd_send_signal(int pidfd, int signal);
int clinux_pidfd_getfd(int pidfd, int fd);
// Whether either end of an IP socket has this port
int clinux_has_port(int socket, int port);
// process_vm_readv(2) of one range
ssize_t clinux_process_vm_readv(pid_t pid, uintptr_t address, void *buffer, size_t size);
int clinux_execve(const char *path, char *const argv[], char *const envp[]);
int clinux_execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags);
int clinux_wait_exited(int pid, int *status, int options);
int clinux_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int clinux_personality(unsigned long persona);
int clinux_getpid(void);
// The error of a system call whose arguments are all -1; 0 if it succeeds.
int clinux_error_of_call(long number);
int clinux_kill(pid_t pid, int signal);
int clinux_set_signal_default(int signal);
// From now on SIGTERM, SIGINT, SIGQUIT and SIGHUP are noted, and interrupt a call that waits
int clinux_heed_requests_to_end(void);
enum { CLINUX_REQUEST_BY_SIGNAL = 1, CLINUX_REQUEST_OF_DELETION = 2 };
// The request that has been noted; 0 for none
int clinux_request_to_end(void);
// The signal that was the request; 0 for none
int clinux_signal_of_request(void);
// A SIGTERM that says that the container is being deleted
int clinux_request_end_for_deletion(int pidfd);
// ptrace(2) as the kernel defines it: results are returned through data
long clinux_ptrace(long request, pid_t pid, unsigned long address, void *data);
int clinux_sigprocmask(int how, uint64_t mask, uint64_t *old);
// A program to start, with default signal actions and no signal blocked
struct clinux_program {
    const char *path;
    char *const *arguments;
    char *const *environment;
    const char *directory;  // NULL keeps ours
    const int *descriptors; // what becomes 0, 1, 2, …; none of the sources is below their number
    int descriptor_count;   // everything from this number on is closed
    int leads_group;
    int dies_with_parent;
};
int clinux_spawn(const struct clinux_program *program);

// Identity and limits
int clinux_setresuid(uid_t uid);
int clinux_setresgid(gid_t gid);
int clinux_setgroups(size_t count, const gid_t *groups);
int clinux_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable);
int clinux_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable);
int clinux_prlimit(pid_t pid, int resource, uint64_t soft, uint64_t hard);
int clinux_getrlimit(pid_t pid, int resource, uint64_t *soft, uint64_t *hard);
int clinux_raise_descriptor_limit(void);
void clinux_restore_descriptor_limit(void);
void clinux_keep_descriptor_limit(void);
long clinux_keyctl(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int clinux_seccomp(unsigned int operation, unsigned int flags, void *arguments);
struct clinux_sock_filter {
    uint16_t code;
    uint8_t jt;
    uint8_t jf;
    uint32_t k;
};
int clinux_seccomp_filter(unsigned int flags, const struct clinux_sock_filter *filter, uint16_t count);
int clinux_bpf(int command, void *attributes, unsigned int size);
int clinux_landlock_create_ruleset(const void *attributes, size_t size, uint32_t flags);
int clinux_landlock_add_rule(int ruleset, int type, const void *attributes, uint32_t flags);
int clinux_landlock_restrict_self(int ruleset, uint32_t flags);

// Scheduling and memory placement
int clinux_sched_setaffinity(pid_t pid, size_t size, const void *mask);
ssize_t clinux_sched_getaffinity(pid_t pid, size_t size, void *mask);
int clinux_sched_setattr(pid_t pid, const void *attributes, unsigned int flags);
int clinux_ioprio_set(int which, int who, int priority);
int clinux_ioprio_get(int which, int who);
int clinux_set_mempolicy(int mode, const unsigned long *nodes, unsigned long maximum);

// Any system call by its number (syscall(2)), and the name of an error (strerrorname_np(3); null if it has none)
long clinux_system_call(long number, const unsigned long arguments[6]);
// The number of a system call that the tests use; -1 if the name is not in the table or this machine lacks the call
long clinux_call_number(const char *name);
const char *clinux_errno_name(int code);

// getopt(3): its globals and the long-only parser, read through functions because Swift 6 refuses C globals
struct clinux_option {
    const char *name;
    int has_argument;
    int *flag;
    int value;
};
int clinux_getopt_long_only(int argc, char *const argv[], const char *shorts, const struct clinux_option *options,
                            int *index);
int clinux_getopt_optind(void);
const char *clinux_getopt_optarg(void);
void clinux_getopt_reset(int start);

// The arguments of this program and their number, as the kernel gave them
char **clinux_arguments(void);
int clinux_argument_count(void);

// The environment; the last entry is null
char **clinux_environ(void);

// The arguments and environment that /proc/PID/cmdline and environ show, at the place where the kernel put them.
// `find` needs the stack as it was at the start (argc, argv, a null, the environment) and is called once. Hiding
// copies them to `kept` and leaves a title in their place.
void clinux_find_words(long *stack);
size_t clinux_words_size(void);
void clinux_hide_words(void *kept, const char *title);
void clinux_show_words(const void *kept);
// Executes this program again with its original arguments and environment. Returns on failure; does not use the heap.
// With `SWIFTRUN_WAS_FROZEN` in the environment, unless that has more words than there is room for.
void clinux_execute_again(void);

// The C library's allocator: the limit of arenas, and returning free memory to the kernel. A function in a file would bring this
// allocator into swiftrun, which has its own.
static inline int clinux_limit_arenas(int most) { return mallopt(M_ARENA_MAX, most); }
static inline int clinux_malloc_trim(size_t keep) { return malloc_trim(keep); }

// The commit that scripts/build wrote into the program
const char *clinux_build_commit(void);

#endif
