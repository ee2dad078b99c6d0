// Prints the functions of a program in the order in which they are first entered: "parent NAME" by itself, "child NAME" by
// what it clones with memory of its own. Each has a breakpoint until then. Usage: call-order SYMBOLS PROGRAM [ARGUMENT...], where
// SYMBOLS is what `nm -n` says of the program, which is linked to fixed addresses. Other programs that it executes run untraced.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

struct function {
    uint64_t start;
    char *name;
    unsigned char byte;
    char is_known; // the byte
    char entered[2]; // by the program, by a child
};
static struct function *functions;
static size_t count;

static void load(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[65536], kind;
    size_t room = 0;
    if (!file) {
        perror(path);
        exit(2);
    }
    while (fgets(line, sizeof line, file)) {
        char *name = malloc(strlen(line));
        uint64_t start;
        if (sscanf(line, "%lx %c %s", &start, &kind, name) != 3 || !strchr("tTwW", kind)) {
            free(name);
            continue;
        }
        if (count == room) functions = realloc(functions, (room = room * 2 + 1024) * sizeof *functions);
        functions[count++] = (struct function){.start = start, .name = name};
    }
    fclose(file);
}

static struct function *function_at(uint64_t address)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (functions[middle].start < address) low = middle + 1;
        else high = middle;
    }
    return low < count && functions[low].start == address ? functions + low : NULL;
}

// All names of one address are printed: which of them the linker keeps is its own affair.
static void enter(struct function *function, int by_child)
{
    for (; function < functions + count && !function->entered[by_child]; function++) {
        printf("%s %s\n", by_child ? "child" : "parent", function->name);
        function->entered[by_child] = 1;
        if (function + 1 == functions + count || function[1].start != function->start) return;
    }
}

static int memory_of(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    return open(path, O_RDWR | O_CLOEXEC);
}

// The processes that have memory of their own beside the program's.
static pid_t children[64];
static size_t child_count;
static int is_child(pid_t pid)
{
    for (size_t i = 0; i < child_count; i++)
        if (children[i] == pid) return 1;
    return 0;
}

// Puts a breakpoint on every function. A child gets all of them anew, those too that the program has entered.
static void set_breakpoints(pid_t pid)
{
    int memory = memory_of(pid);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && functions[i - 1].start == functions[i].start) {
            functions[i].byte = functions[i - 1].byte;
            functions[i].is_known = functions[i - 1].is_known;
            continue;
        }
        if (functions[i].is_known || pread(memory, &functions[i].byte, 1, (off_t)functions[i].start) == 1)
            functions[i].is_known = pwrite(memory, "\xcc", 1, (off_t)functions[i].start) == 1;
    }
    close(memory);
}

// Takes back the breakpoint that a process has run into; whether it was one.
static int take_breakpoint(pid_t pid)
{
    struct user_regs_struct registers;
    struct function *function;
    int memory;
    ptrace(PTRACE_GETREGS, pid, 0, &registers);
    function = function_at(registers.rip - 1);
    if (!function) return 0;
    memory = memory_of(pid);
    pwrite(memory, &function->byte, 1, (off_t)function->start);
    close(memory);
    registers.rip--;
    ptrace(PTRACE_SETREGS, pid, 0, &registers);
    enter(function, is_child(pid));
    return 1;
}

static int same_program(pid_t pid, const struct stat *wanted)
{
    char path[64];
    struct stat found;
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    return stat(path, &found) == 0 && found.st_ino == wanted->st_ino;
}

int main(int argc, char **argv)
{
    struct stat program;
    int status;
    pid_t first, pid;
    if (argc < 3 || stat(argv[2], &program) < 0) {
        fprintf(stderr, "usage: call-order SYMBOLS PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    load(argv[1]);
    first = fork();
    if (first == 0) {
        dup2(2, 1);
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execv(argv[2], argv + 2);
        _exit(127);
    }
    waitpid(first, &status, 0);
    ptrace(PTRACE_SETOPTIONS, first, 0,
           PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
    ptrace(PTRACE_CONT, first, 0, 0);
    while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        int signal = 0;
        if (pid < 0) continue;
        if (!WIFSTOPPED(status)) {
            // What it leaves running ends with us: it could not go on, full of breakpoints.
            if (pid == first) return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
            continue;
        }
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
            if (!same_program(pid, &program)) {
                ptrace(PTRACE_DETACH, pid, 0, 0);
                continue;
            }
            set_breakpoints(pid);
        } else if (status >> 8 == (SIGTRAP | PTRACE_EVENT_FORK << 8) || status >> 8 == (SIGTRAP | PTRACE_EVENT_CLONE << 8)) {
            unsigned long child = 0;
            if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &child) == 0 && child_count < sizeof children / sizeof *children) {
                children[child_count++] = (pid_t)child;
                set_breakpoints((pid_t)child);
            }
        } else if (status >> 16 == 0 && WSTOPSIG(status) != SIGSTOP && !(WSTOPSIG(status) == SIGTRAP && take_breakpoint(pid))) {
            signal = WSTOPSIG(status);
        }
        ptrace(PTRACE_CONT, pid, 0, signal);
    }
    return 1;
}
