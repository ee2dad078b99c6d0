// What Swift cannot reach of the C library: getopt_long_only(3) and the process environment, whose globals Swift 6 does
// not let us touch, and the allocator's settings.
#define _GNU_SOURCE
#include "CLinux.h"
#include <getopt.h>
#include <malloc.h>
#include <unistd.h>

_Static_assert(sizeof(struct clinux_option) == sizeof(struct option), "struct option is passed through");

int clinux_getopt_long_only(int argc, char *const argv[], const char *shorts, const struct clinux_option *options,
                            int *index) {
    return getopt_long_only(argc, argv, shorts, (const struct option *)options, index);
}
int clinux_getopt_optind(void) { return optind; }
int clinux_getopt_optopt(void) { return optopt; }
const char *clinux_getopt_optarg(void) { return optarg; }
void clinux_getopt_reset(int start) {
    opterr = 0;
    optind = start;
}
char **clinux_environ(void) { return environ; }

int clinux_limit_arenas(int most) { return mallopt(M_ARENA_MAX, most); }
int clinux_malloc_trim(size_t keep) { return malloc_trim(keep); }

// A section of its own, which scripts/build fills in the finished program: a flag would have everything compiled anew.
__attribute__((section("swiftrun_commit"), used)) static volatile const char build_commit[64] = "unknown";
const char *clinux_build_commit(void) { return (const char *)build_commit; }
