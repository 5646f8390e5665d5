/* Local folders, over POSIX: Arrow neither makes writes durable nor tells a file
 * from a FIFO before it opens one. Names are bytes and stay so. */
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <arrow/io/file.h>

#include <atomic>

#include "io/store.hpp"

using namespace verger;

namespace
{

class Descriptor
{
  public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor)
    {
    }
    Descriptor(Descriptor &&other) noexcept : descriptor_(other.release())
    {
    }
    Descriptor &operator=(Descriptor &&) = delete;
    ~Descriptor()
    {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    int get() const
    {
        return descriptor_;
    }
    int release()
    {
        return std::exchange(descriptor_, -1);
    }

  private:
    int descriptor_;
};

int64_t microseconds(const struct timespec &time)
{
    return int64_t{time.tv_sec} * 1000000 + time.tv_nsec / 1000;
}

/* Opening a FIFO could wait for ever and opening a device could do things, so the
 * type is looked at first, and again on what was opened. */
Descriptor open_to_read(const std::string &path, const std::string &name)
{
    struct stat info;
    auto check_regular = [&] {
        if (S_ISDIR(info.st_mode)) fail_system(EISDIR, "read", name);
        if (!S_ISREG(info.st_mode))
            throw Failure{VG_EIO, "cannot read " + printable(name) + ": it is not a regular file"};
    };
    if (::stat(path.c_str(), &info) != 0) fail_system(errno, "read", name);
    check_regular();
    Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (file.get() < 0 || ::fstat(file.get(), &info) != 0) fail_system(errno, "read", name);
    check_regular();
    return file;
}

/* File systems that cannot sync a folder say EINVAL: there the rename itself has
 * to do. */
void sync_folder(const std::string &folder, const std::string &name)
{
    Descriptor descriptor(
        ::open(folder.empty() ? "/" : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0)
        if (errno != EINVAL && errno != EACCES && errno != ENOTSUP)
            fail_system(errno, "make durable", name);
}

void make_folders(const std::string &folder)
{
    if (folder.empty()) return;
    int made = ::mkdir(folder.c_str(), 0777);
    if (made != 0 && errno == ENOENT) {
        make_folders(parent(folder));
        made = ::mkdir(folder.c_str(), 0777);
    }
    if (made == 0) return sync_folder(parent(folder), folder);

    int code = errno;
    struct stat info;
    if (code == EEXIST && ::stat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return;
    fail_system(code == EEXIST ? ENOTDIR : code, "make the folder", folder);
}

Descriptor open_to_write(const std::string &path, const std::string &name)
{
    make_folders(parent(path));
    struct stat info;
    if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
        throw Failure{VG_EINVAL, "cannot write " + printable(name) +
                                     ": a folder or another thing that is no file is in its place"};
    Descriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0666));
    if (file.get() < 0) fail_system(errno, "write", name);
    return file;
}

class LocalOutput final : public Output
{
  public:
    LocalOutput(std::string path, std::string name) : path_(std::move(path)), name_(std::move(name))
    {
        Descriptor descriptor = open_to_write(path_, name_);
        auto opened = arrow::io::FileOutputStream::Open(descriptor.get());
        if (!opened.ok()) ::unlink(path_.c_str());
        file_ = value_of(std::move(opened), "write", name_);
        descriptor.release();
        stream_ = file_;
    }

    ~LocalOutput() override
    {
        if (is_finished_) return;
        (void)file_->Close();
        ::unlink(path_.c_str());
    }

    const std::shared_ptr<arrow::io::OutputStream> &stream() const override
    {
        return stream_;
    }

    void finish() override
    {
        if (::fsync(file_->file_descriptor()) != 0) fail_system(errno, "write", name_);
        check(file_->Close(), "write", name_);
        sync_folder(parent(path_), name_);
        is_finished_ = true;
    }

  private:
    std::string path_, name_;
    std::shared_ptr<arrow::io::FileOutputStream> file_;
    std::shared_ptr<arrow::io::OutputStream> stream_;
    bool is_finished_ = false;
};

/* An flock(2) on a file, which the system ends with the process. */
class LocalLock final : public vg_store_lock
{
  public:
    LocalLock(std::string path, const std::string &name, const char *holder)
        : path_(std::move(path)), file_(open_locked(path_, name))
    {
        if (::ftruncate(file_.get(), 0) != 0 ||
            ::pwrite(file_.get(), holder, strlen(holder), 0) < 0)
            fail_system(errno, "write", name);
    }

    /* While it is held: who waits for it sees that the file is another one. */
    ~LocalLock() override
    {
        ::unlink(path_.c_str());
    }

  private:
    static Descriptor open_locked(const std::string &path, const std::string &name)
    {
        make_folders(parent(path));
        for (;;) {
            Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666));
            if (file.get() < 0) fail_system(errno, "write", name);
            if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
                if (errno == EWOULDBLOCK) throw Failure{VG_EEXIST, holder_of(file.get())};
                fail_system(errno, "lock", name);
            }
            struct stat locked, named;
            if (::fstat(file.get(), &locked) == 0 && ::stat(path.c_str(), &named) == 0 &&
                locked.st_ino == named.st_ino && locked.st_dev == named.st_dev)
                return file;
        }
    }

    static std::string holder_of(int file)
    {
        char text[256];
        ssize_t size = ::pread(file, text, sizeof text, 0);
        return size > 0 ? printable({text, static_cast<size_t>(size)}) : "another process";
    }

    std::string path_;
    Descriptor file_;
};

class LocalStore final : public vg_store
{
  public:
    LocalStore(std::string folder, std::string store_address) : folder_(std::move(folder))
    {
        address = std::move(store_address);
    }

    bool is_atomic() const override
    {
        return false;
    }

    void list(const std::string &path, const Visitor &visit) override;
    void stat(const std::string &path, vg_file *file) override;
    void read(const std::string &path, uint64_t max_size, vg_bytes *content) override;
    void write(const std::string &path, const void *data, size_t size) override;
    void rename(const std::string &from, const std::string &to) override;
    void delete_file(const std::string &path) override;
    void delete_tree(const std::string &path) override;

    std::shared_ptr<arrow::io::RandomAccessFile> open_input(const std::string &path) override
    {
        Descriptor descriptor = open_to_read(full(path), name(path));
        auto file = value_of(arrow::io::ReadableFile::Open(descriptor.get()), "read", name(path));
        descriptor.release();
        return file;
    }

    std::unique_ptr<Output> open_output(const std::string &path) override
    {
        return std::make_unique<LocalOutput>(full(path), name(path));
    }

    std::unique_ptr<vg_store_lock> lock(const std::string &path, const char *holder) override
    {
        return std::make_unique<LocalLock>(full(path), name(path), holder);
    }

  private:
    /* A folder and those it was reached through, so that a link back is seen. */
    struct Ancestor {
        dev_t device;
        ino_t inode;
        const Ancestor *above;
    };

    std::string full(const std::string &path) const
    {
        return path.empty() && folder_.empty() ? "/"
               : path.empty()                  ? folder_
                                               : folder_ + "/" + path;
    }

    void walk(const std::string &path, const Ancestor *above, const Visitor &visit);
    bool visit_entry(int folder, const std::string &path, const char *entry, const Visitor &visit);

    std::string folder_;
    std::atomic<unsigned> temporary_files_ = 0;
};

/* Returns whether the entry is a folder; all else is visited. */
bool LocalStore::visit_entry(int folder, const std::string &path, const char *entry,
                             const Visitor &visit)
{
    struct stat info;
    if (::fstatat(folder, entry, &info, 0) != 0) {
        /* A link that leads nowhere is visited, so that who reads it is told; an
         * entry that has gone since the folder was read is not. */
        int code = errno;
        if (::fstatat(folder, entry, &info, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) return false;
            fail_system(errno, "list", name(path));
        }
        if (!S_ISLNK(info.st_mode) && code != ENOENT) fail_system(code, "list", name(path));
        info.st_size = 0;
    }
    if (S_ISDIR(info.st_mode)) return true;
    visit({.path = path.c_str(), .size = info.st_size, .modified = microseconds(info.st_mtim)});
    return false;
}

void LocalStore::walk(const std::string &path, const Ancestor *above, const Visitor &visit)
{
    struct Close {
        void operator()(DIR *folder) const
        {
            ::closedir(folder);
        }
    };
    std::unique_ptr<DIR, Close> folder(::opendir(full(path).c_str()));
    struct stat info;
    if (!folder || ::fstat(::dirfd(folder.get()), &info) != 0)
        fail_system(errno, "list", name(path));
    for (const Ancestor *one = above; one != nullptr; one = one->above)
        if (one->device == info.st_dev && one->inode == info.st_ino) return;

    std::vector<std::string> folders;
    const struct dirent *entry;
    while (errno = 0, (entry = ::readdir(folder.get())) != nullptr) {
        std::string_view entry_name = entry->d_name;
        if (entry_name == "." || entry_name == "..") continue;
        std::string entry_path = join(path, entry->d_name);
        if (visit_entry(::dirfd(folder.get()), entry_path, entry->d_name, visit))
            folders.push_back(std::move(entry_path));
    }
    if (errno != 0) fail_system(errno, "list", name(path));
    folder.reset();

    const Ancestor self = {info.st_dev, info.st_ino, above};
    for (const std::string &one : folders) walk(one, &self, visit);
}

void LocalStore::list(const std::string &path, const Visitor &visit)
{
    struct stat info;
    if (::stat(full(path).c_str(), &info) != 0) fail_system(errno, "list", name(path));
    if (!S_ISDIR(info.st_mode))
        throw Failure{VG_EINVAL,
                      "cannot list " + printable(name(path)) + ": it is a file, not a folder"};
    walk(path, nullptr, visit);
}

void LocalStore::stat(const std::string &path, vg_file *file)
{
    struct stat info;
    if (::stat(full(path).c_str(), &info) != 0)
        fail_system(errno == ENOTDIR ? ENOENT : errno, "find", name(path));
    if (S_ISDIR(info.st_mode)) fail_system(EISDIR, "use", name(path));
    file->size = info.st_size;
    file->modified = microseconds(info.st_mtim);
}

void LocalStore::read(const std::string &path, uint64_t max_size, vg_bytes *content)
{
    Descriptor file = open_to_read(full(path), name(path));
    struct stat info;
    if (::fstat(file.get(), &info) != 0) fail_system(errno, "read", name(path));
    size_t size = static_cast<size_t>(info.st_size);
    if (size > max_size) fail_limit(name(path), size, max_size);
    reserve(content, size);

    size_t done = 0;
    while (done < size) {
        ssize_t got = ::read(file.get(), content->bytes + done, size - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail_system(errno, "read", name(path));
        if (got == 0) break; /* it was cut while we read */
        done += static_cast<size_t>(got);
    }
    content->size = done;
}

/* Under a name of its own first, so that no reader sees half of it. */
void LocalStore::write(const std::string &path, const void *data, size_t size)
{
    std::string temporary =
        "." + std::to_string(::getpid()) + "-" + std::to_string(temporary_files_++) + ".inprogress";
    std::string from = full(join(parent(path), temporary)), to = full(path);
    LocalOutput output(from, name(path));
    check(output.stream()->Write(data, static_cast<int64_t>(size)), "write", name(path));
    output.finish();
    if (::rename(from.c_str(), to.c_str()) != 0) {
        int code = errno;
        ::unlink(from.c_str());
        fail_system(code, "write", name(path));
    }
    sync_folder(parent(to), name(path));
}

void LocalStore::rename(const std::string &from, const std::string &to)
{
    std::string source = full(from), target = full(to);
    struct stat info;
    if (::lstat(source.c_str(), &info) != 0) fail_system(errno, "rename", name(from));
    make_folders(parent(target));
    if (::rename(source.c_str(), target.c_str()) != 0) fail_system(errno, "write", name(to));
    sync_folder(parent(target), name(to));
    if (parent(source) != parent(target)) sync_folder(parent(source), name(from));
}

void LocalStore::delete_file(const std::string &path)
{
    if (::unlink(full(path).c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return;
    fail_system(errno, "delete", name(path));
}

void LocalStore::delete_tree(const std::string &path)
{
    std::error_code failure;
    std::filesystem::remove_all(full(path), failure);
    if (failure && failure.value() != ENOENT && failure.value() != ENOTDIR)
        fail_system(failure.value(), "delete", name(path));
}

} // namespace

std::unique_ptr<vg_store> verger::open_local_store(std::string folder, std::string address)
{
    return std::make_unique<LocalStore>(std::move(folder), std::move(address));
}
