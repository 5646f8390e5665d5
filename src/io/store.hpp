/* A store, as the rest of this room sees it. */
#ifndef VG_IO_STORE_HPP
#define VG_IO_STORE_HPP

#include <functional>
#include <memory>
#include <string>

#include <arrow/io/interfaces.h>

#include "io/failure.hpp"
#include "io/io.h"

namespace verger
{

/* A file that is being written. Unless it was finished, its end drops the file. */
class Output
{
  public:
    virtual ~Output() = default;
    virtual const std::shared_ptr<arrow::io::OutputStream> &stream() const = 0;
    virtual void finish() = 0;
};

using Visitor = std::function<void(const vg_file &)>;

/* Told of a folder that cannot be listed; empty where that ends the listing. */
using FolderVisitor = std::function<void(const std::string &path, const Failure &failure)>;

} // namespace verger

/* A lock that is held; ends when it goes. */
struct vg_store_lock {
    virtual ~vg_store_lock() = default;
};

/* Paths are relative and checked by the C face; failures are exceptions. */
struct vg_store {
    /* Where the store lies, without a trailing '/'; the root folder is "". */
    std::string address;

    virtual ~vg_store() = default;
    virtual bool is_atomic() const = 0;
    virtual void list(const std::string &path, const verger::Visitor &visit,
                      const verger::FolderVisitor &unlisted) = 0;
    virtual void stat(const std::string &path, vg_file *file) = 0;
    virtual void read(const std::string &path, int64_t size, uint64_t max_size,
                      vg_bytes *content) = 0;
    virtual void write(const std::string &path, const void *data, size_t size) = 0;
    virtual std::string stamp(const std::string &)
    {
        return "";
    }
    virtual void share(const std::string &from, const std::string &stamp, const std::string &to);
    virtual void rename(const std::string &from, const std::string &to) = 0;
    virtual void delete_file(const std::string &path) = 0;
    virtual void delete_tree(const std::string &path) = 0;
    virtual std::shared_ptr<arrow::io::RandomAccessFile> open_input(const std::string &path) = 0;
    virtual std::unique_ptr<verger::Output> open_output(const std::string &path) = 0;
    virtual void try_out()
    {
    }
    virtual void clear_uploads(const std::string &)
    {
    }
    /* Throws VG_EUNSUPPORTED where the store has no locks. */
    virtual std::unique_ptr<vg_store_lock> lock(const std::string &path, const char *holder) = 0;

    /* Whether the file that was just written is encrypted as the options ask. */
    virtual void check_encryption(const std::string &)
    {
    }

    /* The full address of `path`, for messages. */
    std::string name(const std::string &path) const;
};

namespace verger
{

/* `folder` is absolute, in the form of vg_store::address. */
std::unique_ptr<vg_store> open_local_store(std::string folder, std::string address,
                                           bool follow_links);

/* Any address that Arrow knows. */
std::unique_ptr<vg_store> open_remote_store(const std::string &address,
                                            const vg_store_options &options);

/* A relative path of a file; one that could leave the store is a mistake of the
 * caller's. */
std::string checked_file_path(const char *path);

/* `folder` and `path` joined by '/'; either may be empty. */
std::string join(const std::string &folder, const std::string &path);

/* What stands before the last '/'. */
std::string parent(const std::string &path);

/* `text` without the '/' at its end. */
std::string without_trailing_slash(std::string text);

/* Gives `content` room for `size` bytes; what it held is lost. */
void reserve(vg_bytes *content, size_t size);

[[noreturn]] void fail_limit(const std::string &name, uint64_t size, uint64_t max_size);

} // namespace verger

#endif
