// Prints the variables of a program that a process of it has written, in the order of their addresses.
// Usage: data-order SYMBOLS SECTIONS PROGRAM PID, where SYMBOLS is what `nm -n` says of the program, which is linked to fixed
// addresses, and a line of SECTIONS is "ADDRESS OFFSET SIZE" of a section in hexadecimal; an offset "-" is one of zeros.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct variable {
    uint64_t start;
    char *name;
    int written;
} *variables;
static size_t count;

static FILE *opened(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        exit(1);
    }
    return file;
}

static void load(const char *path)
{
    FILE *file = opened(path);
    char name[65536], kind;
    unsigned long start;
    while (fscanf(file, "%lx %c %65535s", &start, &kind, name) == 3) {
        variables = realloc(variables, (count + 1) * sizeof *variables);
        if (variables)
            variables[count++] = (struct variable){start, strdup(name), 0};
    }
    fclose(file);
}

// The last one that begins at the address or before it.
static void write_down(uint64_t address)
{
    size_t low = 0, high = count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (variables[middle].start <= address)
            low = middle;
        else
            high = middle;
    }
    if (count && variables[low].start <= address)
        variables[low].written = 1;
}

static char *read_all(FILE *file, uint64_t offset, size_t size)
{
    char *bytes = calloc(1, size);
    if (!bytes || (file && (fseek(file, (long)offset, SEEK_SET) != 0 || fread(bytes, 1, size, file) != size))) {
        fprintf(stderr, "data-order: %zu bytes at %lx are not to be had\n", size, (unsigned long)offset);
        exit(1);
    }
    return bytes;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    load(argv[1]);
    char path[64], offset[32];
    snprintf(path, sizeof path, "/proc/%s/mem", argv[4]);
    FILE *sections = opened(argv[2]), *program = opened(argv[3]), *memory = opened(path);
    unsigned long address, size;
    while (fscanf(sections, "%lx %31s %lx", &address, offset, &size) == 3) {
        int zeros = !strcmp(offset, "-");
        char *now = read_all(memory, address, size);
        char *before = read_all(zeros ? NULL : program, zeros ? 0 : strtoul(offset, NULL, 16), size);
        for (size_t i = 0; i + 8 <= size; i += 8)
            if (memcmp(now + i, before + i, 8))
                write_down(address + i);
        free(now);
        free(before);
    }
    for (size_t i = 0; i < count; i++)
        if (variables[i].written)
            puts(variables[i].name);
}
