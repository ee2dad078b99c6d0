// The version of the project's programs; packages and archives are named by it. The date is the manual pages'.
#ifndef CLINUX_VERSION_H
#define CLINUX_VERSION_H

#define CLINUX_PROJECT_VERSION "0.1.0"
#define CLINUX_PROJECT_DATE "2026-11-30"

#endif
