// close_range(2), and what takes its place where a seccomp profile refuses it.
#define _GNU_SOURCE
#include "CLinux.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// The end of the numbers that descriptors can have: above the hard limit, and above those that the caller has opened
// before it lowered the limit. Found at the first use, in the command's first process, whose /proc is the host's and
// whose limit is the caller's. The default of fs.nr_open; a limit above it is no limit.
static unsigned int end_of_numbers(void) {
    static unsigned int end;
    const rlim_t most = 1 << 20;
    struct rlimit limit;
    DIR *folder = end == 0 ? opendir("/proc/self/fd") : NULL;
    if (!folder) return end;
    for (struct dirent *entry; (entry = readdir(folder));) {
        unsigned int number = (unsigned int)atoi(entry->d_name);
        if (number >= end) end = number + 1;
    }
    closedir(folder);
    rlim_t hard = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < most ? limit.rlim_max : most;
    if (hard > end) end = (unsigned int)hard;
    return end;
}

// As crun and runc do where a seccomp profile does not know close_range(2); they read /proc each time.
static int close_one_by_one(unsigned int first, unsigned int last, unsigned int flags) {
    int error = errno;
    unsigned int end = end_of_numbers();
    for (unsigned int number = first; number <= last && number < end; number++) {
        if (flags & CLOSE_RANGE_CLOEXEC)
            fcntl((int)number, F_SETFD, FD_CLOEXEC);
        else
            close((int)number);
    }
    errno = error;
    return end > 0 ? 0 : -1;
}
int clinux_close_range(unsigned int first, unsigned int last, unsigned int flags) {
    int result = (int)syscall(SYS_close_range, first, last, flags);
    return result != 0 && (errno == ENOSYS || errno == EPERM) ? close_one_by_one(first, last, flags) : result;
}
