#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "harness.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* --- Random numbers ----------------------------------------------------- */

static uint64_t state;

void random_seed(uint64_t seed)
{
    state = seed;
}

/* SplitMix64: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number
 * generators". */
static uint64_t random_bits(void)
{
    uint64_t z = (state += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

int random_int(int low, int high)
{
    return low + (int)(random_bits() % (uint64_t)(high - low + 1));
}

float random_float(void)
{
    switch (random_bits() % 64) {
    case 0: return 0.0F;
    case 1: return -0.0F;
    case 2: return 1e6F;
    case 3: return -1e6F;
    default: return (float)(random_bits() >> 40) * 0x1p-23F - 1.0F;
    }
}

/* --- Guarded buffers ---------------------------------------------------- */

/* Four of them are a NaN, which spoils what is computed from it and is no sum's. */
enum { PATTERN = 0xFF, MOST_TAIL = 7 };

/* Two floats each: doubles may lie in a buffer too. */
static size_t random_tail(void)
{
    return random_int(0, 1) ? 0 : 2 * (size_t)random_int(1, MOST_TAIL);
}

guarded guarded_open(size_t count)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), tail = random_tail();
    size_t bytes = (count + tail) * sizeof(float);
    guarded buffer = {.count = count, .page_bytes = (bytes / page + 2) * page};
    buffer.pages =
        mmap(NULL, buffer.page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buffer.pages == MAP_FAILED) abort();
    buffer.end = buffer.pages + buffer.page_bytes - page;
    if (mprotect(buffer.end, page, PROT_NONE) != 0) abort();
    buffer.values = (float *)(void *)(buffer.end - bytes);
    memset(buffer.pages, PATTERN, buffer.page_bytes - page);
    return buffer;
}

static int is_pattern(const void *from, const void *to)
{
    for (const unsigned char *byte = from; byte < (const unsigned char *)to; byte++)
        if (*byte != PATTERN) return 0;
    return 1;
}

int guarded_is_intact(const guarded *buffer)
{
    return is_pattern(buffer->pages, buffer->values) &&
           is_pattern(buffer->values + buffer->count, buffer->end);
}

void guarded_close(guarded *buffer)
{
    munmap(buffer->pages, buffer->page_bytes);
    *buffer = (guarded){0};
}

uint8_t *bytes_of(const guarded *buffer, size_t count)
{
    return (uint8_t *)(buffer->values + buffer->count) - count;
}

guarded open_bytes(size_t count)
{
    return guarded_open((count + sizeof(float) - 1) / sizeof(float));
}

/* --- Panels ------------------------------------------------------------- */

size_t panels_size(int pixels, int channels, int panel)
{
    return (size_t)pixels * (size_t)vg_panel_channels(channels, panel);
}

/* Where channel c of a pixel lies. */
static size_t panels_index(int pixel, int c, int pixels, int channels, int panel)
{
    int p = vg_panel_of(channels, panel, c), width = vg_panel_width(channels, panel, p);
    return (size_t)(p * panel) * (size_t)pixels + (size_t)(pixel * width + c - p * panel);
}

void panels_from_dense(float *panels, const float *dense, int pixels, int channels, int panel)
{
    memset(panels, 0, panels_size(pixels, channels, panel) * sizeof *panels);
    for (int i = 0; i < pixels; i++)
        for (int c = 0; c < channels; c++)
            panels[panels_index(i, c, pixels, channels, panel)] = dense[i * channels + c];
}

void panels_to_dense(float *dense, const float *panels, int pixels, int channels, int panel)
{
    for (int i = 0; i < pixels; i++)
        for (int c = 0; c < channels; c++)
            dense[i * channels + c] = panels[panels_index(i, c, pixels, channels, panel)];
}

/* --- Cases -------------------------------------------------------------- */

static char current_case[256];

void case_begin(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(current_case, sizeof current_case, format, arguments);
    va_end(arguments);
}

const char *case_name(void)
{
    return current_case;
}

int case_passes(int is_same, int is_intact)
{
    if (!is_same) fprintf(stderr, "FAILED, other bits than plain C: %s\n", case_name());
    if (!is_intact) fprintf(stderr, "FAILED, wrote beside a buffer: %s\n", case_name());
    return is_same && is_intact;
}

static void report_crash(int signal_number)
{
    static const char text[] = "FAILED, crashed: ";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    written += write(STDERR_FILENO, current_case, strlen(current_case));
    written += write(STDERR_FILENO, "\n", 1);
    (void)written;
    _exit(128 + signal_number);
}

void case_catch_crashes(void)
{
    const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], report_crash);
}
