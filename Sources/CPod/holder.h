#ifndef CPOD_HOLDER_H
#define CPOD_HOLDER_H

// A whole static program, in ELF; holder.S.
extern const char cpod_holder[], cpod_holder_end[];

#endif
