/* A number of a path that looks random. */
#ifndef VG_SELECTION_PATH_NUMBER_H
#define VG_SELECTION_PATH_NUMBER_H

#include <stdint.h>

/* FNV-1a (Fowler, Noll, Vo), then the finaliser of splitmix64 (Steele, Lea and Flood, "Fast
 * splittable pseudorandom number generators", 2014). What samples hold and where parts end
 * depends on it: it must not change. */
static inline uint64_t vg_path_number(uint64_t seed, const char *path)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *at = path; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    hash += seed * 0x9e3779b97f4a7c15u;
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9u;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebu;
    return hash ^ (hash >> 31);
}

#endif
