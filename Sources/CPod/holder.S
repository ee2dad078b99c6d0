// The first process of a pod's process id namespace: it collects what the others leave behind, and nothing else. Its
// file is made by hand, elf(5), so that it is one page; what it may call is in pod.c.
#if defined(__x86_64__)
#define MACHINE 62
#else
#define MACHINE 183
#endif
#define BASE 0x400000

    .section .rodata
    .globl cpod_holder
    .globl cpod_holder_end
    .balign 64
cpod_holder:
    .byte 0x7f, 'E', 'L', 'F', 2, 1, 1, 0
    .zero 8
    .short 2, MACHINE
    .long 1
    .quad BASE + start - cpod_holder
    .quad headers - cpod_holder
    .quad 0
    .long 0
    .short 64, 56, 2, 64, 0, 0
headers:
    // PT_LOAD, readable and executable
    .long 1, 5
    .quad 0, BASE, BASE
    .quad cpod_holder_end - cpod_holder, cpod_holder_end - cpod_holder
    .quad 0x10000
    // PT_GNU_STACK, not executable
    .long 0x6474e551, 6
    .quad 0, 0, 0, 0, 0, 16
child_signal:
    .quad 1 << 16
name:
    .asciz "pod"
    .balign 16

#if defined(__x86_64__)
start:
    mov $157, %eax // prctl: no dumps, the name
    mov $4, %edi
    xor %esi, %esi
    xor %edx, %edx
    xor %r10d, %r10d
    xor %r8d, %r8d
    syscall
    mov $157, %eax
    mov $15, %edi
    lea name(%rip), %rsi
    syscall
collect:
    mov $61, %eax // wait4 for any child, of whatever kind
    mov $-1, %rdi
    xor %esi, %esi
    mov $0x40000000, %edx
    xor %r10d, %r10d
    syscall
    cmp $-10, %rax // ECHILD
    jne collect
    mov $128, %eax // rt_sigtimedwait: blocked, a signal is kept that comes before this
    lea child_signal(%rip), %rdi
    xor %esi, %esi
    xor %edx, %edx
    mov $8, %r10d
    syscall
    jmp collect
#else
start:
    mov x8, #167 // prctl: no dumps, the name
    mov x0, #4
    mov x1, #0
    mov x2, #0
    mov x3, #0
    mov x4, #0
    svc #0
    mov x8, #167
    mov x0, #15
    adr x1, name
    svc #0
collect:
    mov x8, #260 // wait4 for any child, of whatever kind
    mov x0, #-1
    mov x1, #0
    mov x2, #0x40000000
    mov x3, #0
    svc #0
    cmn x0, #10 // ECHILD
    b.ne collect
    mov x8, #137 // rt_sigtimedwait: blocked, a signal is kept that comes before this
    adr x0, child_signal
    mov x1, #0
    mov x2, #0
    mov x3, #8
    svc #0
    b collect
#endif
cpod_holder_end:
    .section .note.GNU-stack, "", %progbits
