/* Digests of files, written and read. */
#include <vector>

#include "io/digest_stream.hpp"
#include "io/store.hpp"

using namespace verger;

namespace
{

constexpr int64_t piece_bytes = 4 << 20;

void check_sha256(vg_status status, const vg_error &error)
{
    if (status != VG_OK) throw Failure{status, error.message};
}

} // namespace

Sha256::Sha256()
{
    vg_error error;
    check_sha256(vg_sha256_open(&sha256_, &error), error);
}

Sha256::~Sha256()
{
    vg_sha256_close(&sha256_);
}

void Sha256::add(const void *bytes, size_t size)
{
    vg_error error;
    check_sha256(vg_sha256_add(sha256_, bytes, size, &error), error);
    bytes_ += size;
}

vg_file_digest Sha256::take()
{
    vg_error error;
    vg_file_digest digest = {};
    digest.bytes = std::exchange(bytes_, 0);
    check_sha256(vg_sha256_take(sha256_, digest.sha256, &error), error);
    return digest;
}

vg_status vg_store_digest(vg_store *store, const char *path, vg_file_digest *digest,
                          vg_error *error)
{
    return guard(error, [&] {
        auto file = store->open_input(checked_file_path(path));
        std::vector<unsigned char> piece(piece_bytes);
        std::string name = store->name(path);
        Sha256 sha256;
        for (;;) {
            int64_t got = value_of(file->Read(piece_bytes, piece.data()), "read", name);
            if (got == 0) break;
            sha256.add(piece.data(), static_cast<size_t>(got));
        }
        *digest = sha256.take();
    });
}
