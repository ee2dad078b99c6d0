// Swift 6.2 to 6.3. The runtime searches for its backtracer before main, and ends the process if /proc is not mounted. These
// functions replace the search: they say that the runtime has no files. CSealedStart/runtime_parts.c does the same
// for swiftrun by other symbols, which remove the whole crash handler from the program.
#include "CRuntimePaths.h"
#include <stddef.h>

const char *swift_getRuntimeLibraryPath(void) { return NULL; }
const char *swift_getRootPath(void) { return NULL; }
char *swift_copyAuxiliaryExecutablePath(const char *type, const char *name) {
    (void)type, (void)name;
    return NULL;
}

static char **arguments;

// glibc passes main's arguments to constructors as well.
__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
    (void)argc;
    arguments = argv;
}

char **cruntimepaths_arguments(void) { return arguments; }
