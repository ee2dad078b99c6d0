// Makes a pod's namespaces, and the process that holds its process ids, from a process with threads: what runs between
// clone and exec is C that calls nothing but the kernel.
#ifndef CPOD_H
#define CPOD_H

#include <stdint.h>

// A kernel parameter: a path below /proc/sys in full, and what is written to it.
struct cpod_parameter {
    const char *path;
    const char *value;
};

struct cpod_request {
    uint64_t namespaces;  // CLONE_NEW*: what to make
    int network;          // the network namespace to be in, or -1
    int user;             // likewise, the user namespace
    const char *hostname; // NULL keeps the host's
    const struct cpod_parameter *parameters;
    int parameter_count;
    int has_holder; // whether processes are to have one process id namespace, and so a first process
};

// The step that failed; for people. The order is that of cpod_step_names in the caller.
enum cpod_step {
    CPOD_CLONE,
    CPOD_JOIN_NETWORK,
    CPOD_JOIN_USER,
    CPOD_MAKE_NAMESPACES,
    CPOD_SET_HOSTNAME,
    CPOD_SET_PARAMETER,
    CPOD_CLONE_HOLDER,
    CPOD_HOLDER_ROOT,
    CPOD_HOLDER_IDENTITY,
    CPOD_HOLDER_EXEC,
    CPOD_ANSWER,
};

struct cpod_result {
    int maker;     // stands in the namespaces until cpod_release
    int holder;    // the first process of the pod's process id namespace, or 0
    int step;      // where it failed
    int parameter; // which parameter
};

// Returns 0, or -1 with errno and the step; then nothing is left.
int cpod_make(const struct cpod_request *request, struct cpod_result *result);
// Ends the maker; its namespaces live on as descriptors or through the holder.
void cpod_release(const struct cpod_result *result);

#endif
