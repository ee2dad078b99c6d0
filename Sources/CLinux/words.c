// The arguments and environment of the process, which other processes can read in /proc. proc(5).
#include "CLinux.h"
#include <string.h>
#include <unistd.h>

static char *first, *end_of_arguments, *end;
static long *start;
static const void *hidden;

// The kernel stores them one after another, arguments first. If they are not stored so, they are a copy.
void clinux_find_words(long *stack) {
    start = stack;
    char **word = (char **)(stack + 1);
    char *next = *word;
    for (int kind = 0; kind < 2; kind++, word++) {
        for (; *word; word++) {
            if (*word != next) return;
            next += strlen(next) + 1;
        }
        if (kind == 0) end_of_arguments = next;
    }
    first = *(char **)(stack + 1);
    end = next;
}
size_t clinux_words_size(void) { return first ? (size_t)(end - first) : 0; }
void clinux_hide_words(void *kept, const char *title) {
    if (!first) return;
    hidden = kept;
    memcpy(kept, first, (size_t)(end - first));
    memset(first, 0, (size_t)(end - first));
    size_t room = (size_t)(end_of_arguments - first) - 1, length = strlen(title);
    memcpy(first, title, length < room ? length : room);
}
void clinux_show_words(const void *kept) {
    hidden = NULL;
    if (first) memcpy(first, kept, (size_t)(end - first));
}
void clinux_execute_again(void) {
    if (!start) return;
    if (hidden) clinux_show_words(hidden);
    clinux_restore_descriptor_limit();
    char **words = (char **)(start + 1), **environment = words + *start + 1;
    static char *longer[1024] = {"SWIFTRUN_WAS_FROZEN=1"};
    for (size_t count = 0; count < sizeof longer / sizeof *longer - 1; count++) {
        longer[count + 1] = environment[count];
        if (environment[count]) continue;
        environment = longer;
        break;
    }
    execve("/proc/self/exe", words, environment);
}
