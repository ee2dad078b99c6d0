// The program's first instruction. The linker makes it the entry point; no code calls it.
#ifndef CSEALEDSTART_H
#define CSEALEDSTART_H

void sealed_start(void);

// The stack as the kernel made it: the number of arguments, the arguments, a null. Set only if sealed_start was the
// entry point.
extern long *sealed_start_stack;
long *sealed_start_found_stack(void);

// Whether the caller had closed a stream, 0 to 2, which is the null device now
int sealed_start_found_closed(int stream);

// Whether the program was executed from a read-only clone of its mount: then it needs no sealing
int sealed_start_found_sealed(void);

#endif
