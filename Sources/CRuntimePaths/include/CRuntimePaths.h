// For programs that must run where /proc is not mounted. Linking this target replaces the Swift runtime's search for
// its own files, see the source; and the arguments, which Swift reads from /proc, are kept as main would get them.
#ifndef CRUNTIMEPATHS_H
#define CRUNTIMEPATHS_H

// The arguments; the list ends with null.
char **cruntimepaths_arguments(void);

#endif
