// The version of the project's programs; packages and archives are named by it.
#ifndef CLINUX_VERSION_H
#define CLINUX_VERSION_H

#define CLINUX_PROJECT_VERSION "0.1.0"

#endif
