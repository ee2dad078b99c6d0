// Parts of the C library that Swift cannot use: getopt_long_only(3) and the process environment, because Swift 6
// forbids access to C globals, and the allocator's settings.
#define _GNU_SOURCE
#include "CLinux.h"
#include <getopt.h>
#include <unistd.h>

_Static_assert(sizeof(struct clinux_option) == sizeof(struct option), "struct option is passed through");

int clinux_getopt_long_only(int argc, char *const argv[], const char *shorts, const struct clinux_option *options,
                            int *index) {
    return getopt_long_only(argc, argv, shorts, (const struct option *)options, index);
}
int clinux_getopt_optind(void) { return optind; }
const char *clinux_getopt_optarg(void) { return optarg; }
void clinux_getopt_reset(int start) {
    opterr = 0;
    optind = start;
}
char **clinux_environ(void) { return environ; }

// The commit has a section of its own, which scripts/build fills in the linked program. A compiler flag would force a
// complete rebuild for each commit.
__attribute__((section("swiftrun_commit"), used)) static volatile const char build_commit[64] = "unknown";
const char *clinux_build_commit(void) { return (const char *)build_commit; }
