// Threads beside the first one, which the C library does not know of.
#pragma once
#include <errno.h>
#include <linux/sched.h>
#include <stdint.h>
#include <sys/syscall.h>

// The C library assumes that there is one thread, so the second one must not use it, not even errno.
static inline long call(long number, long a, long b, long c, long d) {
#if defined(__x86_64__)
    register long fourth __asm__("r10") = d;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#else
    return -ENOSYS;
#endif
}

// The child takes the function and its argument from registers, which the kernel preserves: it must not use the
// caller's stack frame.
static inline long clone_onto(struct clone_args *args, void (*life)(void *), void *context) {
#if defined(__x86_64__)
    register void *function __asm__("r12") = (void *)life;
    register void *argument __asm__("r13") = context;
    long result;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %%r13, %%rdi\n\t"
                     "call *%%r12\n\t"
                     "hlt\n"
                     "1:"
                     : "=a"(result)
                     : "a"(SYS_clone3), "D"(args), "S"(sizeof *args), "r"(function), "r"(argument)
                     : "rcx", "r11", "memory", "cc");
    return result;
#elif defined(__aarch64__)
    register long number __asm__("x8") = SYS_clone3;
    register long result __asm__("x0") = (long)args;
    register long length __asm__("x1") = sizeof *args;
    register void *function __asm__("x19") = (void *)life;
    register void *argument __asm__("x20") = context;
    __asm__ volatile("svc 0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, xzr\n\t"
                     "mov x0, x20\n\t"
                     "blr x19\n\t"
                     "brk 0\n"
                     "1:"
                     : "+r"(result)
                     : "r"(number), "r"(length), "r"(function), "r"(argument)
                     : "memory", "cc");
    return result;
#else
    return -ENOSYS;
#endif
}
