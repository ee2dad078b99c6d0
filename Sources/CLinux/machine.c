// Compares the numbers of machine.h with this machine's headers: a difference is a compile error.
#define _GNU_SOURCE
#include "CLinux.h"
#include <elf.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define SAME(ours, theirs) _Static_assert((unsigned long)(ours) == (unsigned long)(theirs), #theirs)

SAME(CLINUX_O_DIRECTORY, O_DIRECTORY);
SAME(CLINUX_O_NOFOLLOW, O_NOFOLLOW);
SAME(CLINUX_O_CREAT, O_CREAT);
SAME(CLINUX_O_EXCL, O_EXCL);
SAME(CLINUX_O_NOCTTY, O_NOCTTY);
SAME(CLINUX_O_TRUNC, O_TRUNC);
SAME(CLINUX_O_APPEND, O_APPEND);
SAME(CLINUX_O_NONBLOCK, O_NONBLOCK);
SAME(CLINUX_O_CLOEXEC, O_CLOEXEC);
SAME(CLINUX_O_PATH, O_PATH);
SAME(CLINUX_O_TMPFILE_ALONE | CLINUX_O_DIRECTORY, O_TMPFILE);
SAME(CLINUX_SOCK_CLOEXEC, SOCK_CLOEXEC);
SAME(CLINUX_SFD_CLOEXEC_NONBLOCK, SFD_CLOEXEC | SFD_NONBLOCK);
SAME(CLINUX_IN_CLOEXEC_NONBLOCK, IN_CLOEXEC | IN_NONBLOCK);
SAME(CLINUX_OPEN_TREE_CLOEXEC, OPEN_TREE_CLOEXEC);
SAME(CLINUX_TIOCSPTLCK, TIOCSPTLCK);
SAME(CLINUX_TIOCGPTN, TIOCGPTN);
SAME(CLINUX_TIOCGPTPEER, TIOCGPTPEER);
SAME(CLINUX_NS_GET_USERNS, NS_GET_USERNS);
SAME(CLINUX_NS_GET_NSTYPE, NS_GET_NSTYPE);
SAME(CLINUX_SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_RECV);
SAME(CLINUX_SECCOMP_IOCTL_NOTIF_SEND, SECCOMP_IOCTL_NOTIF_SEND);
#if defined(__x86_64__)
SAME(CLINUX_ELF_MACHINE, EM_X86_64);
#else
SAME(CLINUX_ELF_MACHINE, EM_AARCH64);
#endif

struct call {
    const char *name;
    long number;
};
#define CALL(name) {#name, SYS_##name}

static const struct call calls[] = {
    CALL(read), CALL(write), CALL(close), CALL(mprotect), CALL(munmap), CALL(ioctl), CALL(dup), CALL(getpid),
    CALL(socket), CALL(clone), CALL(kill), CALL(uname), CALL(getcwd), CALL(chdir), CALL(umask), CALL(getuid),
    CALL(syslog), CALL(getppid), CALL(setpgid), CALL(personality), CALL(getpriority), CALL(sched_yield), CALL(sync),
    CALL(chroot), CALL(acct), CALL(settimeofday), CALL(mount), CALL(umount2), CALL(swapon), CALL(reboot),
    CALL(sethostname), CALL(setdomainname), CALL(init_module), CALL(gettid), CALL(pivot_root), CALL(ptrace),
    CALL(keyctl), CALL(add_key), CALL(mkdirat), CALL(mknodat), CALL(unshare), CALL(utimensat), CALL(timerfd_create),
    CALL(setns), CALL(getcpu), CALL(finit_module), CALL(getrandom), CALL(memfd_create), CALL(bpf), CALL(userfaultfd),
    CALL(statx), CALL(clone3), CALL(openat2), CALL(faccessat2), CALL(mount_setattr), CALL(landlock_create_ruleset),
    CALL(getdents64), CALL(sched_getattr), CALL(ioprio_get), CALL(get_mempolicy),
#if defined(__x86_64__)
    // aarch64 has only the variants of these whose names end in "at".
    CALL(open), CALL(access), CALL(rename), CALL(mkdir), CALL(rmdir), CALL(link), CALL(unlink), CALL(symlink),
    CALL(chmod), CALL(chown), CALL(mknod),
#endif
};

long clinux_call_number(const char *name) {
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].name, name) == 0) return calls[i].number;
    return -1;
}
