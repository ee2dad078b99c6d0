// The program's first instruction; named to the linker as the entry point, called by nobody.
#ifndef CSEALEDSTART_H
#define CSEALEDSTART_H

void sealed_start(void);

// The stack as the kernel made it: the number of arguments, the arguments, a null. Only where sealed_start was the entry.
extern long *sealed_start_stack;
long *sealed_start_found_stack(void);

// Whether the caller had closed a stream, 0 to 2, in whose place there is the null device now.
int sealed_start_found_closed(int stream);

// Whether the program was seen to lie on a mount that cannot be written: nothing is left to be done then.
int sealed_start_found_read_only(void);

#endif
