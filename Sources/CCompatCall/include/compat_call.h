// A system call as a program of 32 bits makes it, for tests of seccomp's architectures.
#pragma once

// Makes the call in a process of its own, with arguments that are -1, all but three of which are left out. i386 and the EABI of
// arm have the same numbers for the calls of their first years: 20 is getpid, 39 mkdir.
//
// 0 if the call succeeded, its error otherwise; the negative number of the signal that ended the process. ENOEXEC if this kernel
// executes no programs of 32 bits.
int compat_call(unsigned char number);
