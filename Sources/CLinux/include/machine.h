// Numbers of the kernel's interface that differ between machines. They are macros, because Swift imports macros as
// literals; machine.c compares them with the C library's headers at compile time.
#ifndef CLINUX_MACHINE_H
#define CLINUX_MACHINE_H

#if defined(__x86_64__)
// open(2)
#define CLINUX_O_DIRECTORY 00200000
#define CLINUX_O_NOFOLLOW 00400000
// e_machine of elf(5)
#define CLINUX_ELF_MACHINE 62
#elif defined(__aarch64__)
#define CLINUX_O_DIRECTORY 00040000
#define CLINUX_O_NOFOLLOW 00100000
#define CLINUX_ELF_MACHINE 183
#else
#error "the kernel's numbers are written down for x86_64 and aarch64"
#endif

// These are equal on x86_64 and aarch64, but not on every machine that Linux supports. open(2), socket(2),
// signalfd(2), inotify(7)
#define CLINUX_O_CREAT 00000100
#define CLINUX_O_EXCL 00000200
#define CLINUX_O_NOCTTY 00000400
#define CLINUX_O_TRUNC 00001000
#define CLINUX_O_APPEND 00002000
#define CLINUX_O_NONBLOCK 00004000
#define CLINUX_O_CLOEXEC 02000000
#define CLINUX_O_PATH 010000000
#define CLINUX_O_TMPFILE_ALONE 020000000
#define CLINUX_SOCK_CLOEXEC 02000000
#define CLINUX_SFD_CLOEXEC_NONBLOCK 02004000
#define CLINUX_IN_CLOEXEC_NONBLOCK 02004000
#define CLINUX_OPEN_TREE_CLOEXEC 02000000
// ioctl_tty(2), ioctl_ns(2), netdevice(7), seccomp_unotify(2)
#define CLINUX_TIOCSPTLCK 0x40045431
#define CLINUX_TIOCGPTN 0x80045430
#define CLINUX_TIOCGPTPEER 0x5441
#define CLINUX_NS_GET_USERNS 0xb701
#define CLINUX_NS_GET_NSTYPE 0xb703
#define CLINUX_SECCOMP_IOCTL_NOTIF_RECV 0xc0502100
#define CLINUX_SECCOMP_IOCTL_NOTIF_SEND 0xc0182101

#endif
