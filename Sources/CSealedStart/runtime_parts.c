// Replaces parts of Swift's runtime and of the C library that run before main. The linker prefers these definitions
// because it takes a library's member only for symbols that are still undefined. The names are internal and may differ in
// another version: StartUpTests fails then, and SWIFTRUN_PLAIN=1 builds without them.
#include "CSealedStart.h"

#ifdef STANDS_IN_FOR_RUNTIME

// Swift 6.2 to 6.3: the arguments. The runtime's own function reads /proc/self/maps to find the stack.
char **_swift_stdlib_getUnsafeArgvArgc(int *count)
{
    *count = (int)*sealed_start_stack;
    return (char **)(sealed_start_stack + 1);
}

// Swift 6.2 to 6.3. A reference to any of these symbols links in Swift's crash handler, which searches the host for swift-backtrace at
// the start and would run it on a crash, even in a container. Zeros in all settings keep it off; the array is larger
// than the settings.
long _swift_backtraceSettings[64];
int _swift_backtrace_isThunkFunction(const char *name)
{
    (void)name;
    return 0;
}

// glibc 2.36 to 2.42: the directory of the program, which is needed only for shared objects beside it; there are none. -1 means "not
// known".
const char *_dl_get_origin(void) { return (const char *)-1; }
// From glibc 2.43 on the same object of libc.a has this one too; without it the linker takes that object, and both origins.
char *_dl_canonicalize(int descriptor)
{
    (void)descriptor;
    return 0;
}

#endif
