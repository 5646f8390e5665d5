/* Buckets and clusters, over Arrow's file systems. */
#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <dlfcn.h>

#include <arrow/filesystem/filesystem.h>
#include <arrow/util/future.h>
#include <arrow/util/io_util.h>

#include "io/store.hpp"

using namespace verger;

namespace fs = arrow::fs;

namespace
{

/* An address in its parts: scheme://user@host/path?query. */
struct Address {
    std::string scheme, user, host, path, query;
};

Address parse(const std::string &text)
{
    Address address;
    size_t scheme_end = text.find("://"), start = scheme_end + 3;
    address.scheme = text.substr(0, scheme_end);
    size_t query = text.find('?', start);
    if (query != std::string::npos) address.query = text.substr(query);
    std::string rest = text.substr(start, query - start);

    /* No bucket has a ':' in its name: it parts a key from its secret, which may
     * hold a '/'. */
    size_t at = rest.substr(0, rest.find('/')).rfind('@');
    if (address.scheme == "s3" && rest.substr(0, rest.find('/')).find(':') != std::string::npos)
        at = rest.rfind('@');
    if (at != std::string::npos) {
        address.user = rest.substr(0, at);
        rest.erase(0, at + 1);
    }
    size_t slash = rest.find('/');
    address.host = rest.substr(0, slash);
    if (slash != std::string::npos) address.path = without_trailing_slash(rest.substr(slash));
    return address;
}

/* Without keys and settings, fit for tables and messages. In abfs:// the user is
 * the container, which is no secret; what follows its ':' is. */
std::string public_form(const Address &address)
{
    bool has_container = address.scheme.starts_with("abfs");
    std::string user = has_container ? address.user.substr(0, address.user.find(':')) : "";
    return address.scheme + "://" + (user.empty() ? "" : user + "@") + address.host + address.path;
}

/* People write names and keys as they are; a URI wants them escaped. */
std::string escaped(const std::string &path, std::string_view special = "")
{
    static const char digits[] = "0123456789ABCDEF";
    auto is_hex = [&](size_t i) {
        return i < path.size() && isxdigit(static_cast<unsigned char>(path[i]));
    };
    std::string out;
    for (size_t i = 0; i < path.size(); i++) {
        unsigned char c = static_cast<unsigned char>(path[i]);
        bool is_plain =
            c > 0x20 && c < 0x7f &&
            std::string_view("\"<>\\^`{|}[]#").find(path[i]) == std::string_view::npos &&
            special.find(path[i]) == std::string_view::npos;
        if (c == '%') is_plain = is_hex(i + 1) && is_hex(i + 2);
        if (is_plain)
            out += path[i];
        else
            out += {'%', digits[c >> 4], digits[c & 15]};
    }
    return out;
}

void replace_all(std::string &text, const std::string &secret, const std::string &with)
{
    if (secret.empty()) return;
    for (size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += with.size())
        text.replace(at, secret.size(), with);
}

/* Arrow's messages may repeat the address, keys and all. */
arrow::Status without_secrets(const arrow::Status &status, const Address &address)
{
    if (status.ok()) return status;
    std::string text = status.message();
    replace_all(text, address.query, "");
    if (!address.scheme.starts_with("abfs")) {
        replace_all(text, escaped(address.user, "/@") + "@", "");
        replace_all(text, address.user, "***");
    }
    size_t colon = address.user.find(':');
    if (colon != std::string::npos) replace_all(text, address.user.substr(colon + 1), "***");
    return arrow::Status(status.code(), text, status.detail());
}

/* Arrow wants its file systems ended before static objects are, those of libraries
 * that are loaded on first use included. What is registered last runs first, so
 * this is called after such a use; ending twice does nothing. */
void end_file_systems_at_exit()
{
    std::atexit(fs::EnsureFinalized);
}

/* A library of Arrow's that lies beside the one we run with. */
[[maybe_unused]] std::string beside_arrow(const std::string &library)
{
    Dl_info arrow;
    if (::dladdr(reinterpret_cast<const void *>(&fs::EnsureFinalized), &arrow) == 0) return library;
    return join(parent(arrow.dli_fname), library);
}

/* Its delayed open makes a small file one PUT in place of three requests. */
void prepare_s3(Address &address)
{
#ifdef VERGER_ARROW_S3
    static const std::string library = beside_arrow(VERGER_ARROW_S3);
    static const arrow::Status loaded = fs::LoadFileSystemFactories(library.c_str());
    check(loaded, "load", library, VG_EUNSUPPORTED);
    if (address.query.find("allow_delayed_open=") == std::string::npos)
        address.query +=
            (address.query.empty() ? "?" : "&") + std::string("allow_delayed_open=true");
#else
    (void)address;
#endif
}

bool is_not_found(const arrow::Status &status)
{
    return arrow::internal::ErrnoFromStatus(status) == ENOENT;
}

class RemoteOutput final : public Output
{
  public:
    RemoteOutput(std::shared_ptr<fs::FileSystem> file_system, std::string path, std::string name,
                 bool is_atomic)
        : file_system_(std::move(file_system)), path_(std::move(path)), name_(std::move(name)),
          is_atomic_(is_atomic)
    {
        stream_ = value_of(file_system_->OpenOutputStream(path_), "write", name_);
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
        check(stream_->Close(), "write", name_);
        is_finished_ = true;
    }

  private:
    std::shared_ptr<fs::FileSystem> file_system_;
    std::string path_, name_;
    bool is_atomic_, is_finished_ = false;
    std::shared_ptr<arrow::io::OutputStream> stream_;
};

class RemoteStore final : public vg_store
{
  public:
    RemoteStore(std::shared_ptr<fs::FileSystem> file_system, std::string folder,
                std::string store_address)
        : file_system_(std::move(file_system)), folder_(std::move(folder))
    {
        address = std::move(store_address);
    }

    ~RemoteStore() override
    {
        end_file_systems_at_exit();
    }

    bool is_atomic() const override
    {
        return file_system_->type_name() != "hdfs";
    }

    void list(const std::string &path, const Visitor &visit) override
    {
        fs::FileSelector selector;
        selector.base_dir = join(folder_, path);
        selector.recursive = true;
        fs::FileInfoGenerator next = file_system_->GetFileInfoGenerator(selector);
        for (;;) {
            fs::FileInfoVector files = value_of(next().result(), "list", name(path));
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

    void stat(const std::string &path, vg_file *file) override
    {
        fs::FileInfo info =
            value_of(file_system_->GetFileInfo(join(folder_, path)), "find", name(path));
        if (info.type() == fs::FileType::NotFound) fail_system(ENOENT, "find", name(path));
        if (info.IsDirectory()) fail_system(EISDIR, "use", name(path));
        file->size = info.size();
        file->modified = microseconds(info.mtime());
    }

    void read(const std::string &path, int64_t, uint64_t max_size, vg_bytes *content) override
    {
        auto file = open_input(path);
        int64_t size = value_of(file->GetSize(), "read", name(path));
        if (static_cast<uint64_t>(size) > max_size)
            fail_limit(name(path), static_cast<uint64_t>(size), max_size);
        reserve(content, static_cast<size_t>(size));
        int64_t got = value_of(file->ReadAt(0, size, content->bytes), "read", name(path));
        content->size = static_cast<size_t>(got);
    }

    void write(const std::string &path, const void *data, size_t size) override
    {
        std::unique_ptr<Output> output = open_output(path);
        check(output->stream()->Write(data, static_cast<int64_t>(size)), "write", name(path));
        output->finish();
    }

    void rename(const std::string &from, const std::string &to) override
    {
        make_folders(to);
        check(file_system_->Move(join(folder_, from), join(folder_, to)), "rename", name(from));
    }

    void delete_file(const std::string &path) override
    {
        arrow::Status status = file_system_->DeleteFile(join(folder_, path));
        if (!is_not_found(status)) check(status, "delete", name(path));
    }

    void delete_tree(const std::string &path) override
    {
        std::string whole = join(folder_, path);
        fs::FileInfo info = value_of(file_system_->GetFileInfo(whole), "delete", name(path));
        if (info.IsFile()) return delete_file(path);
        if (!info.IsDirectory()) return;
        arrow::Status status = file_system_->DeleteDir(whole);
        if (!is_not_found(status)) check(status, "delete", name(path));
    }

    std::shared_ptr<arrow::io::RandomAccessFile> open_input(const std::string &path) override
    {
        return value_of(file_system_->OpenInputFile(join(folder_, path)), "read", name(path));
    }

    std::unique_ptr<Output> open_output(const std::string &path) override
    {
        make_folders(path);
        return std::make_unique<RemoteOutput>(file_system_, join(folder_, path), name(path),
                                              is_atomic());
    }

  private:
    static int64_t microseconds(fs::TimePoint time)
    {
        if (time == fs::kNoTime) return 0;
        return std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()).count();
    }

    std::string relative(const std::string &path) const
    {
        return folder_.empty() ? path : path.substr(folder_.size() + 1);
    }

    /* An object store has no folders to make. */
    void make_folders(const std::string &path)
    {
        std::string folder = parent(join(folder_, path));
        if (!is_atomic()) check(file_system_->CreateDir(folder), "make the folder of", name(path));
    }

    std::shared_ptr<fs::FileSystem> file_system_;
    std::string folder_;
};

} // namespace

std::unique_ptr<vg_store> verger::open_remote_store(const std::string &text)
{
    Address address = parse(text);
    std::string name = public_form(address);
    static const std::string_view known[] = {"s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs"};
    if (std::find(std::begin(known), std::end(known), address.scheme) == std::end(known))
        throw Failure{VG_EUNSUPPORTED, "unknown kind of address: " + printable(name) +
                                           ": give a local path, file://, s3://, gs://, abfs:// "
                                           "or hdfs://"};
    if (address.host.empty() && !address.scheme.ends_with("fs"))
        throw Failure{VG_EINVAL, "no bucket in the address " + printable(name) + ": write " +
                                     address.scheme + "://bucket/folder"};

    if (address.scheme == "s3") prepare_s3(address);
    std::string user = address.user.empty() ? "" : escaped(address.user, "/@") + "@";
    std::string folder;
    auto opened = fs::FileSystemFromUri(address.scheme + "://" + user + address.host +
                                            escaped(address.path) + address.query,
                                        &folder);
    end_file_systems_at_exit();
    check(without_secrets(opened.status(), address), "open", name, VG_EINVAL);
    return std::make_unique<RemoteStore>(*opened, without_trailing_slash(folder), name);
}
