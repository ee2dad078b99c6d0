// The program's first instruction; named to the linker as the entry point, called by nobody.
#ifndef CSEALEDSTART_H
#define CSEALEDSTART_H

void sealed_start(void);

#endif
