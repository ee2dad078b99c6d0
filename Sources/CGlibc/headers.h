#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <pwd.h>
#include <regex.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <syslog.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

// What Swift's own Glibc module adds to the headers.
static inline int glibc_errno(void) __attribute__((swift_name("getter:errno()")));
static inline int glibc_errno(void) { return errno; }
static inline void glibc_set_errno(int code) __attribute__((swift_name("setter:errno(_:)")));
static inline void glibc_set_errno(int code) { errno = code; }
static inline __sighandler_t glibc_default(void) __attribute__((swift_name("getter:SIG_DFL()")));
static inline __sighandler_t glibc_default(void) { return SIG_DFL; }
#undef S_ISVTX
static const mode_t S_ISVTX = __S_ISVTX;
#undef S_IFMT
static const mode_t S_IFMT = __S_IFMT;
#undef S_IFSOCK
static const mode_t S_IFSOCK = __S_IFSOCK;
#undef S_IFLNK
static const mode_t S_IFLNK = __S_IFLNK;
#undef S_IFREG
static const mode_t S_IFREG = __S_IFREG;
#undef S_IFBLK
static const mode_t S_IFBLK = __S_IFBLK;
#undef S_IFDIR
static const mode_t S_IFDIR = __S_IFDIR;
#undef S_IFCHR
static const mode_t S_IFCHR = __S_IFCHR;
#undef S_IFIFO
static const mode_t S_IFIFO = __S_IFIFO;
