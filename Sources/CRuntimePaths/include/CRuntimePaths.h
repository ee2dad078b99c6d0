// For programs that must run without /proc. Linking this target replaces the Swift runtime's search for its own files
// (see paths.c). It also keeps the arguments of main, which Swift would read from /proc.
#ifndef CRUNTIMEPATHS_H
#define CRUNTIMEPATHS_H

// The arguments; the list ends with a null.
char **cruntimepaths_arguments(void);

#endif
