/* Packed weights as a file.
 *
 * The head, in bytes:
 *     0  magic [8]
 *     8  version, panel, layers, 0: u32 each
 *    24  size of the file: u64
 *    32  checksum of the head: u64, FNV-1a; of these eight bytes as zeros
 *    40  zeros [24]
 *    64  origin [160]: text, what the weights say of their source
 *   224  for each layer, products, channels: u32; where weights and bias lie: u64
 * The tail is the checksum, then zeros.
 *
 * What is checked: head, size and tail, which is all but the values themselves. So a
 * file that is cut, that was laid out by another version or on another machine, or whose
 * copying has not come to its end is refused, and none is read beyond its end. Values are
 * not read when a model is opened: 9 MB would cost each process 2 ms of CPU, a hundred
 * times what mapping does, to find errors of a disk. A file cannot be seen half written,
 * for it gets its name when it is durable; it is made from checked weights and is gone
 * without loss. */
#include "model/packed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/new_file.h"

enum {
    VERSION = 2, /* 1 had 24 channels in two panels of 16 and 8 */
    VERSION_AT = 8,
    PANEL_AT = 12,
    LAYERS_AT = 16,
    SIZE_AT = 24,
    ORIGIN_AT = 64,
    PLACES_AT = ORIGIN_AT + VG_ORIGIN_CHARS,
    PLACE_BYTES = 24,
};

_Static_assert(PLACES_AT + PLACE_BYTES * VG_LAYER_COUNT == VG_PACKED_HEAD_BYTES,
               "the head is full");

/* --- Head and tail ------------------------------------------------------ */

static int has_magic(const unsigned char *bytes)
{
    return memcmp(bytes, VG_PACKED_MAGIC, VG_PACKED_MAGIC_BYTES) == 0;
}

static void put(unsigned char *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) to[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t take(const unsigned char *from, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--) value = value << 8 | from[i];
    return value;
}

/* FNV-1a: Fowler, Noll and Vo, draft-eastlake-fnv. */
uint64_t vg_packed_checksum(const unsigned char *head)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < VG_PACKED_HEAD_BYTES; i++) {
        int is_own = i >= VG_PACKED_CHECKSUM_AT && i < VG_PACKED_CHECKSUM_AT + 8;
        sum = (sum ^ (is_own ? 0 : head[i])) * UINT64_C(0x100000001b3);
    }
    return sum;
}

/* All but the origin and the checksum. */
static void describe(unsigned char *head, const vg_packed_layout *layout, int panel)
{
    memset(head, 0, VG_PACKED_HEAD_BYTES);
    memcpy(head, VG_PACKED_MAGIC, VG_PACKED_MAGIC_BYTES);
    put(head + VERSION_AT, VERSION, 4);
    put(head + PANEL_AT, (uint64_t)panel, 4);
    put(head + LAYERS_AT, VG_LAYER_COUNT, 4);
    put(head + SIZE_AT, layout->size, 8);
    unsigned char *to = head + PLACES_AT;
    for (int i = 0; i < VG_LAYER_COUNT; i++, to += PLACE_BYTES) {
        put(to, (uint64_t)layout->places[i].products, 4);
        put(to + 4, (uint64_t)layout->places[i].channels, 4);
        put(to + 8, layout->places[i].weights, 8);
        put(to + 16, layout->places[i].bias, 8);
    }
}

void vg_packed_seal(vg_packed *packed, int panel, const char *origin)
{
    vg_packed_layout layout = vg_packed_lay_out(panel);
    unsigned char *head = packed->bytes;
    describe(head, &layout, panel);
    memcpy(head + ORIGIN_AT, origin, strnlen(origin, VG_ORIGIN_CHARS - 1));
    uint64_t checksum = vg_packed_checksum(head);
    put(head + VG_PACKED_CHECKSUM_AT, checksum, 8);
    put(packed->bytes + packed->size - VG_PACKED_TAIL_BYTES, checksum, 8);
}

vg_status vg_packed_check(const unsigned char *head, const unsigned char *tail, uint64_t size,
                          int panel, vg_error *error)
{
    const uint64_t shortest = VG_PACKED_HEAD_BYTES + VG_PACKED_TAIL_BYTES;
    if (size < shortest || !has_magic(head))
        return vg_fail(error, VG_EFORMAT, "it is no packed weights, or it is cut off");
    uint64_t version = take(head + VERSION_AT, 4);
    if (version != VERSION)
        return vg_fail(error, VG_EUNSUPPORTED,
                       "it has version %" PRIu64 " of the format, this library reads %d", version,
                       VERSION);
    uint64_t checksum = take(head + VG_PACKED_CHECKSUM_AT, 8);
    if (checksum != vg_packed_checksum(head))
        return vg_fail(error, VG_EFORMAT, "its head is damaged");
    uint64_t has_panel = take(head + PANEL_AT, 4);
    if (has_panel != (uint64_t)panel)
        return vg_fail(error, VG_EUNSUPPORTED,
                       "it is packed in panels of %" PRIu64
                       " channels, the kernel set in use reads panels of %d",
                       has_panel, panel);

    vg_packed_layout layout = vg_packed_lay_out(panel);
    unsigned char expected[VG_PACKED_HEAD_BYTES];
    describe(expected, &layout, panel);
    memcpy(expected + VG_PACKED_CHECKSUM_AT, head + VG_PACKED_CHECKSUM_AT, 8);
    memcpy(expected + ORIGIN_AT, head + ORIGIN_AT, VG_ORIGIN_CHARS);
    if (memcmp(head, expected, sizeof expected) != 0)
        return vg_fail(error, VG_EFORMAT, "it describes another network than MobileNetV2 1.0");
    if (size != layout.size)
        return vg_fail(error, VG_EFORMAT, "it has %" PRIu64 " bytes where %zu are due", size,
                       layout.size);
    if (take(tail, 8) != checksum)
        return vg_fail(error, VG_EFORMAT, "its end is missing, as where copying was broken off");
    return VG_OK;
}

/* --- Mapping ------------------------------------------------------------ */

static int is_little_endian(void)
{
    const uint32_t one = 1;
    return *(const unsigned char *)&one == 1;
}

/* Opens a regular file, and nothing that would make us wait. */
static int open_file(const char *path, uint64_t *size)
{
    struct stat facts;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return -1;
    if (fstat(file, &facts) == 0 && S_ISREG(facts.st_mode)) {
        *size = (uint64_t)facts.st_size;
        return file;
    }
    close(file);
    errno = EINVAL;
    return -1;
}

static int read_at(int file, unsigned char *to, size_t bytes, uint64_t at)
{
    return pread(file, to, bytes, (off_t)at) == (ssize_t)bytes;
}

int vg_packed_is_at(const char *path)
{
    uint64_t size = 0;
    unsigned char first[VG_PACKED_MAGIC_BYTES];
    int file = open_file(path, &size);
    if (file < 0) return 0;
    int is_packed = read_at(file, first, sizeof first, 0) && has_magic(first);
    close(file);
    return is_packed;
}

static vg_status check_file(int file, uint64_t size, int panel, vg_error *error)
{
    unsigned char head[VG_PACKED_HEAD_BYTES] = {0}, tail[VG_PACKED_TAIL_BYTES] = {0};
    if (!is_little_endian())
        return vg_fail(error, VG_EUNSUPPORTED, "its numbers are little-endian, this CPU's are not");
    if (size >= sizeof head + sizeof tail &&
        (!read_at(file, head, sizeof head, 0) ||
         !read_at(file, tail, sizeof tail, size - sizeof tail)))
        return vg_fail(error, VG_EIO, "it cannot be read: %s", strerror(errno));
    return vg_packed_check(head, tail, size, panel, error);
}

vg_status vg_packed_map(vg_packed *packed, const char *path, int panel, vg_error *error)
{
    uint64_t size = 0;
    vg_error reason = {{0}};
    *packed = (vg_packed){0};
    int file = open_file(path, &size);
    if (file < 0)
        return vg_fail(error, errno == ENOENT ? VG_ENOTFOUND : VG_EIO,
                       "cannot open the packed weights %s: %s", path, strerror(errno));
    vg_status status = check_file(file, size, panel, &reason);
    void *bytes = MAP_FAILED;
    if (status == VG_OK) {
        bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, file, 0);
        if (bytes == MAP_FAILED)
            status = vg_fail(&reason, errno == ENOMEM ? VG_ENOMEM : VG_EIO,
                             "it cannot be mapped: %s", strerror(errno));
    }
    close(file);
    if (status != VG_OK)
        return vg_fail(error, status,
                       "%s cannot be used as packed weights: %s (open the safetensors file "
                       "instead, and save a packed file of it on this machine)",
                       path, reason.message);
    *packed = (vg_packed){.bytes = bytes, .size = (size_t)size, .is_mapped = 1};
    return VG_OK;
}

void vg_packed_unmap(vg_packed *packed)
{
    munmap(packed->bytes, packed->size);
}

/* --- Saving ------------------------------------------------------------- */

vg_status vg_packed_save(const vg_packed *packed, const char *path, vg_error *error)
{
    vg_new_file file;
    if (!is_little_endian())
        return vg_fail(error, VG_EUNSUPPORTED,
                       "packed weights are little-endian and this CPU is not: use the "
                       "safetensors file");
    vg_status status = vg_new_file_open(&file, path, error);
    if (status != VG_OK) return status;
    int is_written = fwrite(packed->bytes, packed->size, 1, file.stream) == 1;
    return vg_new_file_close(&file, is_written, error);
}
