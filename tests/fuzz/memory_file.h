/* A file in memory, for readers that take a path. */
#ifndef FUZZ_MEMORY_FILE_H
#define FUZZ_MEMORY_FILE_H

#include "fuzz/fuzz.h"

enum { MEMORY_FILE_PATH = 64 };

/* Gives the one file of the process these bytes; `path` is valid until the next call. */
void memory_file(char path[MEMORY_FILE_PATH], const void *data, size_t size);

#endif
