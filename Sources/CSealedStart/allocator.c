// The memory of swiftrun, in place of glibc's malloc(3), which made a quarter of the instructions of `state`. The program has
// one thread and lives for milliseconds: a block is taken from the end of the heap, and a freed block is kept for the next
// request of its size. A child that shares its parent's memory runs while the parent waits.
//
// The 8 bytes before a block hold its size, as with glibc. Swift without its runtime calls posix_memalign(3) for each object.
#include "CSealedStart.h"

#ifdef WITHOUT_RUNTIME

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define UNIT 16
#define SMALL 1024
// A larger block is a mapping of its own, and goes back to the kernel.
#define LARGE (128 * 1024)
#define CHUNK (64 * 1024)

// A block is a multiple of 16 bytes, of which the first 8 are its header: so memory is aligned to 16.
struct header {
    size_t size; // with the header; of a mapping: its length and IS_MAPPING
    struct header *next; // of a kept block
};
#define HEADER sizeof(size_t)
#define IS_MAPPING 1
// The memory of a mapping begins after as much.
#define MAPPING_HEADER UNIT

// A list for each multiple of 16 bytes, then four for each power of two.
static struct header *kept[SMALL / UNIT + 1 + 4 * 64];
static char *heap, *heap_end;

static struct header *header_of(void *memory) { return (struct header *)((char *)memory - HEADER); }

static int grow(size_t size)
{
    size_t more = size > CHUNK ? size : CHUNK;
    char *start = sbrk((intptr_t)more);
    if (start == (void *)-1)
        return 0;
    // The first time, or someone else has moved the end of the heap.
    if (start != heap_end) {
        size_t surplus = (HEADER - (uintptr_t)start) & (UNIT - 1);
        if (surplus && sbrk((intptr_t)surplus) == (void *)-1)
            return 0;
        heap = start + surplus;
        heap_end = heap;
    }
    heap_end += more;
    return 1;
}

static void *map(size_t wanted)
{
    if (wanted > PTRDIFF_MAX - 8192)
        return 0;
    size_t length = (wanted + MAPPING_HEADER + 4095) & ~(size_t)4095;
    char *start = mmap(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return 0;
    header_of(start + MAPPING_HEADER)->size = length | IS_MAPPING;
    return start + MAPPING_HEADER;
}

// A quarter of the power of two below a size.
static unsigned quarter_bits(size_t size) { return 61 - (unsigned)__builtin_clzl(size - 1); }

static size_t rounded(size_t wanted)
{
    size_t size = wanted + HEADER;
    // A kept block has room for the pointer to the next.
    if (size < UNIT)
        return UNIT;
    size_t step = size <= SMALL ? UNIT : (size_t)1 << quarter_bits(size);
    return (size + step - 1) & ~(step - 1);
}

static unsigned list_of(size_t size)
{
    if (size <= SMALL)
        return (unsigned)(size / UNIT);
    unsigned bits = quarter_bits(size);
    return SMALL / UNIT + 1 + 4 * bits + ((unsigned)((size - 1) >> bits) & 3);
}

void *malloc(size_t wanted)
{
    void *memory = 0;
    if (__builtin_expect(wanted > LARGE, 0)) {
        memory = map(wanted);
    } else {
        size_t size = rounded(wanted);
        unsigned list = list_of(size);
        struct header *block = kept[list];
        if (block) {
            kept[list] = block->next;
            memory = (char *)block + HEADER;
        } else if ((size_t)(heap_end - heap) >= size || grow(size)) {
            block = (struct header *)heap;
            heap += size;
            block->size = size;
            memory = (char *)block + HEADER;
        }
    }
    if (__builtin_expect(!memory, 0))
        errno = ENOMEM;
    return memory;
}

// errno stays as it is, as with glibc.
void free(void *memory)
{
    if (!memory)
        return;
    struct header *block = header_of(memory);
    if (__builtin_expect(block->size & IS_MAPPING, 0)) {
        int code = errno;
        munmap((char *)memory - MAPPING_HEADER, block->size & ~(size_t)IS_MAPPING);
        errno = code;
        return;
    }
    // The last block goes back to the end of the heap.
    if ((char *)block + block->size == heap) {
        heap = (char *)block;
        return;
    }
    unsigned list = list_of(block->size);
    block->next = kept[list];
    kept[list] = block;
}

size_t malloc_usable_size(void *memory)
{
    if (!memory)
        return 0;
    size_t size = header_of(memory)->size;
    return size & IS_MAPPING ? (size & ~(size_t)IS_MAPPING) - MAPPING_HEADER : size - HEADER;
}

void *calloc(size_t count, size_t each)
{
    size_t wanted;
    if (__builtin_mul_overflow(count, each, &wanted)) {
        errno = ENOMEM;
        return 0;
    }
    void *memory = malloc(wanted);
    // A new mapping is zero.
    return memory && wanted <= LARGE ? memset(memory, 0, wanted) : memory;
}

void *realloc(void *memory, size_t wanted)
{
    size_t room = malloc_usable_size(memory);
    if (memory && wanted <= room)
        return memory;
    void *other = malloc(wanted);
    if (other && memory) {
        memcpy(other, memory, room);
        free(memory);
    }
    return other;
}

// No type of Swift that the program has, and nothing in its libraries, needs more than 16 bytes.
int posix_memalign(void **result, size_t alignment, size_t wanted)
{
    if (alignment > UNIT)
        return EINVAL;
    return (*result = malloc(wanted)) ? 0 : ENOMEM;
}

#endif
