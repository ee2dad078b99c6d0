// The random bytes for Swift without its runtime, which seeds its hash tables with them. The C library's function ends the process if
// getrandom(2) fails; the kernel gave each process 16 random bytes already (AT_RANDOM, getauxval(3)).
#include "CSealedStart.h"

#ifdef WITHOUT_RUNTIME

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

static uint64_t state[2];

// The bytes are those that guard the stack too, so they are mixed with the finalizer of SplitMix64 and not handed out. Not
// for cryptography.
static uint64_t next(void)
{
    if (!state[0]) {
        const void *kernels = (const void *)getauxval(AT_RANDOM);
        if (kernels)
            memcpy(state, kernels, sizeof state);
        state[0] |= 1;
    }
    state[0] += 0x9e3779b97f4a7c15;
    uint64_t mixed = state[0] ^ state[1];
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

void arc4random_buf(void *memory, size_t size)
{
    for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
        uint64_t bytes = next();
        memcpy((char *)memory + done, &bytes, size - done < sizeof bytes ? size - done : sizeof bytes);
    }
}

#endif
