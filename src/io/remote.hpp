/* A store over one of Arrow's file systems. */
#ifndef VG_IO_REMOTE_HPP
#define VG_IO_REMOTE_HPP

#include <arrow/filesystem/filesystem.h>

#include "io/address.hpp"
#include "io/store.hpp"

namespace verger
{

/* Arrow wants its file systems ended before static objects are, those of libraries
 * that are loaded on first use included. What is registered last runs first, so
 * this is called after such a use; ending twice does nothing. */
void end_file_systems_at_exit();

/* What a failure of Arrow's means to a person. */
using Explain = std::function<arrow::Status(const arrow::Status &)>;

class RemoteStore : public vg_store
{
  public:
    /* `folder` is what Arrow calls the address. */
    RemoteStore(std::shared_ptr<arrow::fs::FileSystem> file_system, std::string folder,
                std::string store_address, Explain explain);
    ~RemoteStore() override;

    bool is_atomic() const override;
    void list(const std::string &path, const Visitor &visit,
              const FolderVisitor &unlisted) override;
    void stat(const std::string &path, vg_file *file) override;
    void read(const std::string &path, int64_t size, uint64_t max_size, vg_bytes *content) override;
    void write(const std::string &path, const void *data, size_t size) override;
    void rename(const std::string &from, const std::string &to) override;
    void delete_file(const std::string &path) override;
    void delete_tree(const std::string &path) override;
    std::unique_ptr<vg_store_lock> lock(const std::string &path, const char *holder) override;
    std::shared_ptr<arrow::io::RandomAccessFile> open_input(const std::string &path) override;
    std::unique_ptr<Output> open_output(const std::string &path) override;

  protected:
    std::string full(const std::string &path) const;

  private:
    void must(const arrow::Status &status, std::string_view action, const std::string &path) const;
    template <typename T>
    T must(arrow::Result<T> result, std::string_view action, const std::string &path) const
    {
        must(result.status(), action, path);
        return std::move(result).ValueUnsafe();
    }
    std::string relative(const std::string &path) const;
    void make_folders(const std::string &path);

    std::shared_ptr<arrow::fs::FileSystem> file_system_;
    std::string folder_;
    Explain explain_;
};

} // namespace verger

#endif
