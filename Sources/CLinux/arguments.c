// The program's arguments. Swift without its runtime has no CommandLine, and CommandLine reads /proc/self/maps.
#include "CLinux.h"

static int count;
static char *none[1];
static char **words = none;

// glibc passes the arguments of main to each constructor, in shared and in static programs.
__attribute__((constructor)) static void keep_arguments(int number, char **arguments)
{
    count = number;
    words = arguments;
}

char **clinux_arguments(void) { return words; }
int clinux_argument_count(void) { return count; }
