/* The C face of stores, and what an address means. */
#include "io/store.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <arrow/util/uri.h>

#include "io/address.hpp"

using namespace verger;

namespace verger
{

std::string join(const std::string &folder, const std::string &path)
{
    if (path.empty()) return folder;
    return folder.empty() ? path : folder + "/" + path;
}

std::string parent(const std::string &path)
{
    size_t slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string without_trailing_slash(std::string text)
{
    while (!text.empty() && text.back() == '/') text.pop_back();
    return text;
}

void reserve(vg_bytes *content, size_t size)
{
    content->size = 0;
    if (size <= content->capacity) return;
    free(content->bytes);
    content->capacity = 0;
    content->bytes = static_cast<unsigned char *>(malloc(size));
    if (content->bytes == nullptr) throw std::bad_alloc();
    content->capacity = size;
}

void fail_limit(const std::string &name, uint64_t size, uint64_t max_size)
{
    throw Failure{VG_ELIMIT, "cannot read " + printable(name) + ": it has " + std::to_string(size) +
                                 " bytes, more than the limit of " + std::to_string(max_size)};
}

} // namespace verger

std::string vg_store::name(const std::string &path) const
{
    if (!path.empty()) return address + "/" + path;
    return address.empty() ? "/" : address;
}

void vg_store::share(const std::string &from, const std::string &, const std::string &to)
{
    fail_with(VG_EUNSUPPORTED, "copy", name(from), "this store does not copy to " + name(to));
}

namespace
{

/* The absolute form of a local path, '.' and doubled '/' taken out. ".." stays:
 * behind a symbolic link it is not the folder before it. */
std::string absolute_folder(const std::string &path)
{
    std::string from = path.front() == '/' ? "" : std::filesystem::current_path().string();
    std::string folder;
    for (const auto &part : std::filesystem::path(from + "/" + path))
        if (part != "/" && part != "." && !part.empty()) folder += "/" + part.string();
    return folder;
}

std::unique_ptr<vg_store> open_file_uri(const std::string &address, bool follow_links)
{
    arrow::util::Uri uri;
    if (!uri.Parse(address).ok() || !(uri.host().empty() || uri.host() == "localhost"))
        throw Failure{VG_EINVAL, "cannot read the address " + printable(address) +
                                     ": write file:///folder, with %20 for a space, or the "
                                     "plain path"};
    std::string folder = absolute_folder(uri.path().empty() ? "/" : uri.path());
    return open_local_store(folder, without_trailing_slash(address), follow_links);
}

/* "s3" of "s3://bucket"; empty for a path. */
std::string scheme_of(const std::string &address)
{
    size_t end = address.find("://");
    if (end == std::string::npos || end == 0) return "";
    for (char c : address.substr(0, end))
        if (!isalnum(static_cast<unsigned char>(c)) && c != '+' && c != '-' && c != '.') return "";
    std::string scheme = address.substr(0, end);
    for (char &c : scheme) c = static_cast<char>(tolower(static_cast<unsigned char>(c)));
    return scheme;
}

std::string public_address(const std::string &address)
{
    return scheme_of(address).empty() ? address : public_form(parse_address(address));
}

/* Else a promise would be made that nobody keeps. */
void check_no_encryption_asked(const std::string &name, const vg_store_options &options)
{
    if (options.sse != nullptr || options.sse_kms_key != nullptr)
        throw Failure{VG_EINVAL, "cannot open " + printable(name) +
                                     ": encryption (--sse) can be asked of s3:// only, leave it "
                                     "out here"};
}

std::unique_ptr<vg_store> open_store(const std::string &given, const vg_store_options &options)
{
    /* "S3://bucket" is what some tools print. */
    std::string scheme = scheme_of(given);
    std::string address = scheme + given.substr(scheme.size());
    if (address.empty())
        throw Failure{VG_EINVAL, "an address is empty: give a folder or an address such as s3://"};
    if (scheme != "s3") check_no_encryption_asked(public_address(address), options);
    if (scheme == "file") return open_file_uri(address, options.follow_links);
    if (!scheme.empty()) return open_remote_store(address, options);
    std::string folder = absolute_folder(address);
    return open_local_store(folder, folder, options.follow_links);
}

/* A path that could leave the store is a mistake of the caller's. */
std::string checked(const char *path)
{
    if (path == nullptr) throw Failure{VG_EINVAL, "a path is missing"};
    std::string text = path;
    if (text.starts_with('/') || ("/" + text + "/").find("/../") != std::string::npos)
        throw Failure{VG_EINVAL, "the path " + printable(text) + " must lie below its store"};
    return without_trailing_slash(text);
}

} // namespace

std::string verger::checked_file_path(const char *path)
{
    std::string text = checked(path);
    if (text.empty()) throw Failure{VG_EINVAL, "a path is empty where a file or folder is needed"};
    return text;
}

vg_status vg_store_open(vg_store **store, const char *address, const vg_store_options *options,
                        vg_error *error)
{
    *store = nullptr;
    return guard(error, [&] {
        const vg_store_options defaults = {};
        *store =
            open_store(address != nullptr ? address : "", options ? *options : defaults).release();
    });
}

void vg_store_close(vg_store **store)
{
    delete *store;
    *store = nullptr;
}

const char *vg_store_address(const vg_store *store)
{
    return store->address.c_str();
}

const char *vg_public_address(const char *address, char *text, size_t size)
{
    text[0] = '\0';
    (void)guard(nullptr, [&] { snprintf(text, size, "%s", public_address(address).c_str()); });
    return text;
}

bool vg_store_is_atomic(const vg_store *store)
{
    return store->is_atomic();
}

int vg_store_threads(const vg_store *store, int cpus)
{
    constexpr int least_of_bucket = 8;
    const int wanted = store->is_atomic() ? std::max(cpus, least_of_bucket) : cpus;
    return std::clamp(wanted, 1, static_cast<int>(VG_STORE_MOST_THREADS));
}

static void stop_unless_ok(vg_status status)
{
    if (status != VG_OK) throw Stopped{status};
}

static Visitor files_for(vg_file_visitor *visitor, void *context, vg_error *error)
{
    return [=](const vg_file &file) { stop_unless_ok(visitor(context, &file, error)); };
}

vg_status vg_store_list(vg_store *store, const char *path, vg_file_visitor *visitor, void *context,
                        vg_error *error)
{
    return guard(error,
                 [&] { store->list(checked(path), files_for(visitor, context, error), nullptr); });
}

vg_status vg_store_list_readable(vg_store *store, const char *path, vg_file_visitor *visitor,
                                 vg_folder_visitor *unlisted, void *context, vg_error *error)
{
    return guard(error, [&] {
        store->list(checked(path), files_for(visitor, context, error),
                    [&](const std::string &folder, const Failure &failure) {
                        stop_unless_ok(
                            unlisted(context, folder.c_str(), failure.message.c_str(), error));
                    });
    });
}

vg_status vg_store_stat(vg_store *store, const char *path, vg_file *file, vg_error *error)
{
    return guard(error, [&] {
        *file = {};
        store->stat(checked_file_path(path), file);
        file->path = path;
    });
}

vg_status vg_store_read(vg_store *store, const char *path, int64_t size, uint64_t max_size,
                        vg_bytes *content, vg_error *error)
{
    content->size = 0;
    return guard(error, [&] { store->read(checked_file_path(path), size, max_size, content); });
}

const char *vg_store_read_reason(const vg_store *store, const char *path, const char *message)
{
    size_t size = strlen(message), left = size;
    (void)guard(nullptr, [&] { left = reason_of(message, "read", store->name(path)).size(); });
    return message + (size - left);
}

vg_status vg_store_write(vg_store *store, const char *path, const void *data, size_t size,
                         vg_error *error)
{
    return guard(error, [&] { store->write(checked_file_path(path), data, size); });
}

vg_status vg_store_try_out(vg_store *store, vg_error *error)
{
    return guard(error, [&] { store->try_out(); });
}

vg_status vg_store_check_encryption(vg_store *store, const char *path, vg_error *error)
{
    return guard(error, [&] { store->check_encryption(checked_file_path(path)); });
}

vg_status vg_store_stamp(vg_store *store, const char *path, char stamp[VG_STAMP_CHARS],
                         vg_error *error)
{
    static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_";
    return guard(error, [&] {
        std::string text = store->stamp(checked_file_path(path));
        bool is_plain = text.find_first_not_of(plain) == std::string::npos;
        snprintf(stamp, VG_STAMP_CHARS, "%s",
                 is_plain && text.size() < VG_STAMP_CHARS ? text.c_str() : "");
    });
}

vg_status vg_store_share(vg_store *store, const char *from, const char *stamp, const char *to,
                         vg_error *error)
{
    return guard(error, [&] {
        std::string source = checked_file_path(from), target = checked_file_path(to);
        store->share(source, stamp, target);
    });
}

vg_status vg_store_rename(vg_store *store, const char *from, const char *to, vg_error *error)
{
    return guard(error, [&] { store->rename(checked_file_path(from), checked_file_path(to)); });
}

vg_status vg_store_delete_file(vg_store *store, const char *path, vg_error *error)
{
    return guard(error, [&] { store->delete_file(checked_file_path(path)); });
}

vg_status vg_store_delete_tree(vg_store *store, const char *path, vg_error *error)
{
    return guard(error, [&] { store->delete_tree(checked_file_path(path)); });
}

vg_status vg_store_lock_open(vg_store_lock **lock, vg_store *store, const char *path,
                             const char *holder, vg_error *error)
{
    *lock = nullptr;
    return guard(error, [&] { *lock = store->lock(checked_file_path(path), holder).release(); });
}

void vg_store_lock_close(vg_store_lock **lock)
{
    delete *lock;
    *lock = nullptr;
}

vg_status vg_store_clear_uploads(vg_store *store, const char *path, vg_error *error)
{
    return guard(error, [&] { store->clear_uploads(checked_file_path(path)); });
}
