// The Swift runtime looks for its backtracer before main, and ends the process when /proc is not mounted. A program
// that must run where nothing is mounted links these answers instead: there are no files of the runtime.
#include "CRuntimePaths.h"
#include <stddef.h>

const char *swift_getRuntimeLibraryPath(void) { return NULL; }
const char *swift_getRootPath(void) { return NULL; }
char *swift_copyAuxiliaryExecutablePath(const char *type, const char *name) {
    (void)type, (void)name;
    return NULL;
}

static char **arguments;

// glibc calls constructors with what it calls main with.
__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
    (void)argc;
    arguments = argv;
}

char **cruntimepaths_arguments(void) { return arguments; }
