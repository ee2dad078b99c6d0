// The numbers of the C headers by name, for tests that compare our own with them.
#ifndef CLINUX_CONSTANTS_H
#define CLINUX_CONSTANTS_H

#include <stdint.h>

struct clinux_constant {
    const char *name;
    uint64_t value;
};

// The constant at a position; its name is null behind the last.
struct clinux_constant clinux_constant_at(int index);

#endif
