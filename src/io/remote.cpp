#include "io/remote.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <arrow/util/future.h>
#include <arrow/util/io_util.h>

#include "io/s3.hpp"

namespace fs = arrow::fs;

namespace verger
{

namespace
{

bool is_not_found(const arrow::Status &status)
{
    return arrow::internal::ErrnoFromStatus(status) == ENOENT;
}

int64_t microseconds(fs::TimePoint time)
{
    if (time == fs::kNoTime) return 0;
    return std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()).count();
}

class RemoteOutput final : public Output
{
  public:
    RemoteOutput(std::shared_ptr<fs::FileSystem> file_system, std::string path, std::string name,
                 bool is_atomic, Explain explain)
        : file_system_(std::move(file_system)), path_(std::move(path)), name_(std::move(name)),
          is_atomic_(is_atomic), explain_(std::move(explain))
    {
        auto opened = file_system_->OpenOutputStream(path_);
        check(explain_(opened.status()), "write", name_);
        stream_ = *opened;
    }

    ~RemoteOutput() override
    {
        if (is_finished_) return;
        (void)stream_->Abort();
        if (!is_atomic_) (void)file_system_->DeleteFile(path_);
    }

    const std::shared_ptr<arrow::io::OutputStream> &stream() const override
    {
        return stream_;
    }

    void finish() override
    {
        check(explain_(stream_->Close()), "write", name_);
        is_finished_ = true;
    }

  private:
    std::shared_ptr<fs::FileSystem> file_system_;
    std::string path_, name_;
    bool is_atomic_, is_finished_ = false;
    Explain explain_;
    std::shared_ptr<arrow::io::OutputStream> stream_;
};

} // namespace

void end_file_systems_at_exit()
{
    std::atexit(fs::EnsureFinalized);
}

RemoteStore::RemoteStore(std::shared_ptr<fs::FileSystem> file_system, std::string folder,
                         std::string store_address, Explain explain)
    : file_system_(std::move(file_system)), folder_(std::move(folder)), explain_(std::move(explain))
{
    address = std::move(store_address);
}

RemoteStore::~RemoteStore()
{
    end_file_systems_at_exit();
}

bool RemoteStore::is_atomic() const
{
    return file_system_->type_name() != "hdfs";
}

void RemoteStore::must(const arrow::Status &status, std::string_view action,
                       const std::string &path) const
{
    if (!status.ok()) fail_arrow(explain_(status), action, name(path));
}

std::string RemoteStore::full(const std::string &path) const
{
    return join(folder_, path);
}

std::string RemoteStore::relative(const std::string &path) const
{
    return folder_.empty() ? path : path.substr(folder_.size() + 1);
}

/* An object store has no folders to make. */
void RemoteStore::make_folders(const std::string &path)
{
    if (is_atomic()) return;
    must(file_system_->CreateDir(parent(full(path))), "make the folder of", path);
}

void RemoteStore::list(const std::string &path, const Visitor &visit, const FolderVisitor &)
{
    fs::FileSelector selector;
    selector.base_dir = full(path);
    selector.recursive = true;
    fs::FileInfoGenerator next = file_system_->GetFileInfoGenerator(selector);
    for (;;) {
        fs::FileInfoVector files = must(next().result(), "list", path);
        if (files.empty()) return;
        for (const fs::FileInfo &info : files) {
            if (!info.IsFile()) continue;
            std::string file_path = relative(info.path());
            visit({.path = file_path.c_str(),
                   .size = info.size(),
                   .modified = microseconds(info.mtime())});
        }
    }
}

void RemoteStore::stat(const std::string &path, vg_file *file)
{
    fs::FileInfo info = must(file_system_->GetFileInfo(full(path)), "find", path);
    if (info.type() == fs::FileType::NotFound) fail_system(ENOENT, "find", name(path));
    if (info.IsDirectory()) fail_system(EISDIR, "use", name(path));
    file->size = info.size();
    file->modified = microseconds(info.mtime());
}

void RemoteStore::read(const std::string &path, int64_t, uint64_t max_size, vg_bytes *content)
{
    auto file = open_input(path);
    int64_t size = must(file->GetSize(), "read", path);
    if (static_cast<uint64_t>(size) > max_size)
        fail_limit(name(path), static_cast<uint64_t>(size), max_size);
    reserve(content, static_cast<size_t>(size));
    int64_t got = must(file->ReadAt(0, size, content->bytes), "read", path);
    if (got != size)
        throw Failure{VG_EIO, "cannot read " + printable(name(path)) + ": only " +
                                  std::to_string(got) + " of " + std::to_string(size) +
                                  " bytes came: try again"};
    content->size = static_cast<size_t>(got);
}

void RemoteStore::write(const std::string &path, const void *data, size_t size)
{
    std::unique_ptr<Output> output = open_output(path);
    must(output->stream()->Write(data, static_cast<int64_t>(size)), "write", path);
    output->finish();
}

void RemoteStore::rename(const std::string &from, const std::string &to)
{
    make_folders(to);
    must(file_system_->Move(full(from), full(to)), "rename", from);
}

void RemoteStore::delete_file(const std::string &path)
{
    arrow::Status status = file_system_->DeleteFile(full(path));
    if (!is_not_found(status)) must(status, "delete", path);
}

void RemoteStore::delete_tree(const std::string &path)
{
    fs::FileInfo info = must(file_system_->GetFileInfo(full(path)), "delete", path);
    if (info.IsFile()) return delete_file(path);
    if (!info.IsDirectory()) return;
    arrow::Status status = file_system_->DeleteDir(full(path));
    if (!is_not_found(status)) must(status, "delete", path);
}

std::unique_ptr<vg_store_lock> RemoteStore::lock(const std::string &path, const char *)
{
    throw Failure{VG_EUNSUPPORTED,
                  "cannot lock " + printable(name(path)) + ": this kind of store has no locks"};
}

std::shared_ptr<arrow::io::RandomAccessFile> RemoteStore::open_input(const std::string &path)
{
    return must(file_system_->OpenInputFile(full(path)), "read", path);
}

std::unique_ptr<Output> RemoteStore::open_output(const std::string &path)
{
    make_folders(path);
    return std::make_unique<RemoteOutput>(file_system_, full(path), name(path), is_atomic(),
                                          explain_);
}

namespace
{

/* Only S3 tells where a bucket is. */
void check_no_region_asked(const std::string &name, const vg_store_options &options)
{
    if (options.require_region == nullptr) return;
    throw Failure{VG_EUNSUPPORTED,
                  "cannot open " + printable(name) + ": a region is required (" +
                      printable(options.require_region) +
                      "), and where it lies cannot be told but for s3://: check it by other means "
                      "and leave the requirement out"};
}

} // namespace

std::unique_ptr<vg_store> open_remote_store(const std::string &text,
                                            const vg_store_options &options)
{
    Address address = parse_address(text);
    std::string name = public_form(address);
    static const std::string_view known[] = {"s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs"};
    if (std::find(std::begin(known), std::end(known), address.scheme) == std::end(known))
        throw Failure{VG_EUNSUPPORTED, "unknown kind of address: " + printable(name) +
                                           ": give a local path, file://, s3://, gs://, abfs:// "
                                           "or hdfs://"};
    if (address.host.empty() && !address.scheme.ends_with("fs"))
        throw Failure{VG_EINVAL, "no bucket in the address " + printable(name) + ": write " +
                                     address.scheme + "://bucket/folder"};
    if (address.scheme == "s3") return open_s3_store(address, name, options);

    check_no_region_asked(name, options);
    std::string folder;
    auto opened = fs::FileSystemFromUri(uri_of(address), &folder);
    end_file_systems_at_exit();
    Explain explain = [address](const arrow::Status &status) {
        return without_secrets(status, address);
    };
    check(explain(opened.status()), "open", name, VG_EINVAL);
    return std::make_unique<RemoteStore>(*opened, without_trailing_slash(folder), name, explain);
}

} // namespace verger
