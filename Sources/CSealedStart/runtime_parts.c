// Stands in for parts of Swift's runtime and of the C library that are at work before main; by these names the linker
// takes ours.
#include "CSealedStart.h"

#ifdef STANDS_IN_FOR_RUNTIME

// The arguments. The runtime looks for them on the stack, which it looks for in /proc/self/maps.
char **_swift_stdlib_getUnsafeArgvArgc(int *count)
{
    *count = (int)*sealed_start_stack;
    return (char **)(sealed_start_stack + 1);
}

// Who asks for one of these gets the whole crash handler: it looks for a program called swift-backtrace in eight places
// of the host, and would start it on a crash, in a container too. All zero, its settings are off; they need less room.
long _swift_backtraceSettings[64];
int _swift_backtrace_isThunkFunction(const char *name)
{
    (void)name;
    return 0;
}

// Where the program lies, for shared objects beside it, of which there are none. Minus one is "not known".
const char *_dl_get_origin(void) { return (const char *)-1; }

#endif
