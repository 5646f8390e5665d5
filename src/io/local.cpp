/* Local folders, over POSIX: Arrow neither makes writes durable nor tells a file
 * from a FIFO before it opens one. Names are bytes and stay so. */
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <arrow/io/file.h>

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

/* Opening it opens what the descriptor has open already, whatever its name now is. */
std::string path_of(const Descriptor &opened)
{
    return "/proc/self/fd/" + std::to_string(opened.get());
}

/* What the descriptor's file is called now, links resolved, as /proc has it. */
std::string real_path(const Descriptor &opened, const std::string &name)
{
    std::error_code failure;
    auto target = std::filesystem::read_symlink(path_of(opened), failure);
    if (failure)
        throw Failure{VG_EIO, "cannot tell where " + printable(name) +
                                  " lies: /proc is needed for that, mount it"};
    return target.string();
}

/* A file that O_PATH only named, so that a FIFO was not waited for and a device not
 * touched, is opened after its type is known. */
Descriptor open_to_read(const Descriptor &named, const std::string &name)
{
    struct stat info;
    if (::fstat(named.get(), &info) != 0) fail_system(errno, "read", name);
    if (S_ISDIR(info.st_mode)) fail_system(EISDIR, "read", name);
    if (!S_ISREG(info.st_mode))
        throw Failure{VG_EIO, "cannot read " + printable(name) + ": it is not a regular file"};
    Descriptor file(::open(path_of(named).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (file.get() < 0) fail_system(errno, "read", name);
    return file;
}

/* File systems that cannot sync a folder say so in one of these ways: there the rename itself has
 * to do. */
void sync_folder(const std::string &folder, const std::string &name)
{
    Descriptor descriptor(
        ::open(folder.empty() ? "/" : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor.get() < 0 || ::fsync(descriptor.get()) != 0)
        if (errno != EINVAL && errno != EACCES && errno != ENOTSUP && errno != ENOSYS)
            fail_system(errno, "make durable", name);
}

/* One folder, in one that is there. */
void make_folder_in(const std::string &above, const std::string &folder, const std::string &name)
{
    if (::mkdir(folder.c_str(), 0777) == 0) return sync_folder(above, name);
    int code = errno;
    struct stat info;
    if (code == EEXIST && ::stat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return;
    fail_system(code == EEXIST ? ENOTDIR : code, "make the folder", name);
}

void make_folders(const std::string &folder)
{
    if (folder.empty()) return;
    std::string above = parent(folder);
    struct stat info;
    if (::stat(above.c_str(), &info) != 0 && errno == ENOENT) make_folders(above);
    make_folder_in(above, folder, folder);
}

/* An entry of a folder. The folder is held open, so that what is done to the entry is
 * done there, whoever renames or replaces a folder above it meanwhile. */
struct Place {
    Descriptor folder;
    std::string entry;

    std::string path() const
    {
        return path_of(folder) + "/" + entry;
    }
    void sync(const std::string &name) const
    {
        sync_folder(path_of(folder), name);
    }
};

/* Mounts of buckets can neither rename a file nor write it twice. */
[[noreturn]] void fail_keeping(int code, std::string_view action, const std::string &name)
{
    if (code == ENOSYS || code == EOPNOTSUPP || code == EINVAL)
        fail_with(VG_EUNSUPPORTED, action, name,
                  "this file system cannot rename or keep files as a disk does; if it is a bucket "
                  "that is mounted, give the bucket: s3://...");
    fail_system(code, action, name);
}

/* 0, or why ftruncate or fsync failed. EPERM of a file that was opened to be written is no matter
 * of permissions: the file system can't do it. */
int code_of(int result)
{
    if (result == 0) return 0;
    return errno == EPERM ? EOPNOTSUPP : errno;
}

std::string stamp_of(const struct stat &info)
{
    return std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec);
}

/* Another file system, one that has no such links, one link too many, or a file of somebody
 * else's (proc(5), protected_hardlinks). */
bool has_no_second_name(int code)
{
    constexpr int without[] = {EXDEV, EMLINK, EPERM, EACCES, ENOSYS, EOPNOTSUPP, EINVAL};
    return std::find(std::begin(without), std::end(without), code) != std::end(without);
}

/* Kernels and file systems that have no copy_file_range say one of these. */
bool must_go_through_memory(int code)
{
    constexpr int without[] = {EXDEV, ENOSYS, EOPNOTSUPP, EINVAL, EPERM, EBADF};
    return std::find(std::begin(without), std::end(without), code) != std::end(without);
}

void write_all(int to, const char *bytes, size_t size, const std::string &name)
{
    while (size > 0) {
        ssize_t written = ::write(to, bytes, size);
        if (written < 0 && errno != EINTR) fail_system(errno, "write", name);
        if (written < 0) continue;
        bytes += written;
        size -= static_cast<size_t>(written);
    }
}

void copy_bytes(int from, int to, const std::string &from_name, const std::string &to_name)
{
    constexpr size_t piece = 1 << 20;
    for (;;) {
        ssize_t copied = ::copy_file_range(from, nullptr, to, nullptr, size_t{1} << 30, 0);
        if (copied == 0) return;
        if (copied > 0 || errno == EINTR) continue;
        if (!must_go_through_memory(errno)) fail_system(errno, "write", to_name);
        break;
    }
    std::vector<char> bytes(piece);
    for (;;) {
        ssize_t got = ::read(from, bytes.data(), piece);
        if (got == 0) return;
        if (got < 0 && errno != EINTR) fail_system(errno, "read", from_name);
        if (got > 0) write_all(to, bytes.data(), static_cast<size_t>(got), to_name);
    }
}

class LocalOutput final : public Output
{
  public:
    LocalOutput(Place place, Descriptor file, std::string name)
        : place_(std::move(place)), name_(std::move(name))
    {
        auto opened = arrow::io::FileOutputStream::Open(file.get());
        if (!opened.ok()) ::unlink(place_.path().c_str());
        file_ = value_of(std::move(opened), "write", name_);
        file.release();
        stream_ = file_;
    }

    ~LocalOutput() override
    {
        if (is_finished_) return;
        (void)file_->Close();
        ::unlink(place_.path().c_str());
    }

    const std::shared_ptr<arrow::io::OutputStream> &stream() const override
    {
        return stream_;
    }

    int descriptor() const
    {
        return file_->file_descriptor();
    }

    void finish() override
    {
        int code = code_of(::fsync(file_->file_descriptor()));
        if (code != 0) fail_keeping(code, "write", name_);
        check(file_->Close(), "write", name_);
        place_.sync(name_);
        is_finished_ = true;
    }

  private:
    Place place_;
    std::string name_;
    std::shared_ptr<arrow::io::FileOutputStream> file_;
    std::shared_ptr<arrow::io::OutputStream> stream_;
    bool is_finished_ = false;
};

/* An flock(2) on a file, which the system ends with the process. */
class LocalLock final : public vg_store_lock
{
  public:
    LocalLock(Place place, const std::string &name, const char *holder)
        : place_(std::move(place)), file_(open_locked(place_.path(), name))
    {
        if (::pwrite(file_.get(), holder, strlen(holder), 0) < 0) {
            const int reason = errno;
            ::unlink(place_.path().c_str());
            fail_system(reason, "write", name);
        }
    }

    /* While it is held: who waits for it sees that the file is another one. */
    ~LocalLock() override
    {
        ::unlink(place_.path().c_str());
    }

  private:
    /* A new, empty file under the lock. A lock file is no link: following one would let
     * it empty another file. */
    static Descriptor open_locked(const std::string &path, const std::string &name)
    {
        const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
        const auto start = std::chrono::steady_clock::now();
        for (;;) {
            Descriptor file(::open(path.c_str(), flags, 0666));
            if (file.get() < 0) fail_system(errno, "write", name);
            if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
                if (errno == EINTR) continue;
                if (errno != EWOULDBLOCK) fail_lock(errno, name);
                refuse_to_share(file.get(), std::chrono::steady_clock::now() - start);
                continue;
            }
            struct stat locked, named;
            if (::fstat(file.get(), &locked) != 0 || ::stat(path.c_str(), &named) != 0 ||
                locked.st_ino != named.st_ino || locked.st_dev != named.st_dev)
                continue;
            if (locked.st_size == 0) return file;
            /* Left by a process that died: nobody shall read its name as the holder's. */
            if (::unlink(path.c_str()) != 0) fail_system(errno, "write", name);
        }
    }

    /* Lustre, NFS and FUSE without locks say one of these; 524 is the kernel's own ENOTSUPP,
     * which it ought not to let out. */
    [[noreturn]] static void fail_lock(int code, const std::string &name)
    {
        constexpr int without_locks[] = {ENOSYS, ENOLCK, EOPNOTSUPP, EINVAL, 524};
        for (int one : without_locks)
            if (one == code)
                fail_with(VG_EUNSUPPORTED, "lock", name, "the file system has no locks");
        fail_system(code, "lock", name);
    }

    /* A holder writes its name once it has the lock: an empty file is one that another
     * process is about to write, or to give up. Returns where it is worth looking again. */
    static void refuse_to_share(int file, std::chrono::steady_clock::duration waited)
    {
        constexpr std::chrono::seconds long_enough{5}; /* for a few bytes on a slow disk */
        char text[256];
        const ssize_t size = ::pread(file, text, sizeof text, 0);
        if (size > 0) throw Failure{VG_EEXIST, printable({text, static_cast<size_t>(size)})};
        if (waited > long_enough) throw Failure{VG_EEXIST, "another process"};
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }

    Place place_;
    Descriptor file_;
};

class LocalStore final : public vg_store
{
  public:
    LocalStore(std::string folder, std::string store_address, bool follow_links)
        : folder_(std::move(folder)), follow_links_(follow_links)
    {
        address = std::move(store_address);
    }

    bool is_atomic() const override
    {
        return false;
    }

    void list(const std::string &path, const Visitor &visit,
              const FolderVisitor &unlisted) override;
    void stat(const std::string &path, vg_file *file) override;
    void read(const std::string &path, int64_t size, uint64_t max_size, vg_bytes *content) override;
    void write(const std::string &path, const void *data, size_t size) override;
    std::string stamp(const std::string &path) override;
    void share(const std::string &from, const std::string &stamp, const std::string &to) override;
    void rename(const std::string &from, const std::string &to) override;
    void delete_file(const std::string &path) override;
    void delete_tree(const std::string &path) override;
    void try_out() override;

    std::shared_ptr<arrow::io::RandomAccessFile> open_input(const std::string &path) override
    {
        Descriptor descriptor = open_to_read(locate(path, "read"), name(path));
        auto file = value_of(arrow::io::ReadableFile::Open(descriptor.get()), "read", name(path));
        descriptor.release();
        return file;
    }

    std::unique_ptr<Output> open_output(const std::string &path) override
    {
        return open_to_write(path, name(path));
    }

    std::unique_ptr<vg_store_lock> lock(const std::string &path, const char *holder) override
    {
        return std::make_unique<LocalLock>(make_place(path), name(path), holder);
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

    void copy(const Descriptor &source, const std::string &from, const std::string &to);
    std::string hidden_name()
    {
        return "." + std::to_string(::getpid()) + "-" + std::to_string(temporary_files_++) +
               ".inprogress";
    }
    bool has(const Descriptor &opened, const std::string &path) const;
    void check_has(const Descriptor &opened, const std::string &path, const char *action) const;
    Descriptor locate(const std::string &path, const char *action) const;
    Descriptor make_folder(const std::string &path) const;
    Place place_of(const std::string &path, const char *action) const;
    Place make_place(const std::string &path) const;
    bool has_folder_of(const std::string &path) const;
    std::unique_ptr<LocalOutput> open_to_write(const std::string &path, const std::string &label);
    void walk(const std::string &path, const Ancestor *above, const Visitor &visit,
              const FolderVisitor &unlisted);
    bool visit_entry(int folder, const std::string &path, const char *entry, const Visitor &visit);

    std::string folder_;
    bool follow_links_;
    std::atomic<unsigned> temporary_files_ = 0;
};

/* Whether the file that was opened lies in the store. It is the descriptor that is
 * asked and not the name, so nobody can put a link in its place in between. */
bool LocalStore::has(const Descriptor &opened, const std::string &path) const
{
    if (follow_links_) return true;
    Descriptor root(::open(full("").c_str(), O_PATH | O_CLOEXEC));
    if (root.get() < 0) fail_system(errno, "find", name(""));
    std::string above = without_trailing_slash(real_path(root, name("")));
    std::string below = real_path(opened, name(path));
    return below.starts_with(above) && (below.size() == above.size() || below[above.size()] == '/');
}

void LocalStore::check_has(const Descriptor &opened, const std::string &path,
                           const char *action) const
{
    if (!has(opened, path))
        throw Failure{VG_EIO, "cannot " + std::string(action) + " " + printable(name(path)) +
                                  ": it is a symbolic link, or lies behind one, that leaves " +
                                  printable(name("")) + ": allow that with --follow-links"};
}

/* Names a file or folder of the store without opening it. */
Descriptor LocalStore::locate(const std::string &path, const char *action) const
{
    Descriptor named(::open(full(path).c_str(), O_PATH | O_CLOEXEC));
    if (named.get() < 0) fail_system(errno, action, name(path));
    check_has(named, path, action);
    return named;
}

/* Step by step, so that no folder is made behind a link that leaves the store. */
Descriptor LocalStore::make_folder(const std::string &path) const
{
    if (path.empty()) {
        make_folders(folder_);
        return locate("", "use the folder");
    }
    Place place = make_place(path);
    make_folder_in(path_of(place.folder), place.path(), name(path));
    Descriptor made(::open(place.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (made.get() < 0) fail_system(errno, "use the folder", name(path));
    check_has(made, path, "use the folder");
    return made;
}

Place LocalStore::place_of(const std::string &path, const char *action) const
{
    return {locate(parent(path), action), path.substr(path.rfind('/') + 1)};
}

Place LocalStore::make_place(const std::string &path) const
{
    return {make_folder(parent(path)), path.substr(path.rfind('/') + 1)};
}

/* A new file is made by O_EXCL, which follows no link; one that is there is emptied
 * only when it is known to lie in the store. `label` names it in messages. */
std::unique_ptr<LocalOutput> LocalStore::open_to_write(const std::string &path,
                                                       const std::string &label)
{
    Place place = make_place(path);
    const int flags = O_WRONLY | O_NONBLOCK | O_CLOEXEC;
    int descriptor = ::open(place.path().c_str(), flags | O_CREAT | O_EXCL, 0666);
    const bool is_new = descriptor >= 0;
    if (!is_new && errno == EEXIST) {
        struct stat info;
        if (::stat(place.path().c_str(), &info) == 0 && !S_ISREG(info.st_mode))
            throw Failure{VG_EINVAL,
                          "cannot write " + printable(label) +
                              ": a folder or something else that is not a file is in its place"};
        descriptor = ::open(place.path().c_str(), flags);
    }
    Descriptor file(descriptor);
    if (file.get() < 0) fail_system(errno, "write", label);
    check_has(file, path, "write");
    if (int code = code_of(::ftruncate(file.get(), 0)); code != 0) {
        if (is_new) ::unlink(place.path().c_str());
        fail_keeping(code, "write", label);
    }
    return std::make_unique<LocalOutput>(std::move(place), std::move(file), label);
}

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

void LocalStore::walk(const std::string &path, const Ancestor *above, const Visitor &visit,
                      const FolderVisitor &unlisted)
{
    struct Close {
        void operator()(DIR *folder) const
        {
            ::closedir(folder);
        }
    };
    Descriptor opened(::open(full(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct stat info;
    if (opened.get() < 0 || ::fstat(opened.get(), &info) != 0)
        fail_system(errno, "list", name(path));
    if (!has(opened, path)) return;
    for (const Ancestor *one = above; one != nullptr; one = one->above)
        if (one->device == info.st_dev && one->inode == info.st_ino) return;

    std::unique_ptr<DIR, Close> folder(::fdopendir(opened.get()));
    if (!folder) fail_system(errno, "list", name(path));
    opened.release();
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
    for (const std::string &one : folders) {
        try {
            walk(one, &self, visit, unlisted);
        } catch (const Failure &failure) {
            if (!unlisted || failure.status == VG_ESTORE) throw;
            unlisted(one, failure);
        }
    }
}

void LocalStore::list(const std::string &path, const Visitor &visit, const FolderVisitor &unlisted)
{
    struct stat info;
    if (::fstat(locate(path, "list").get(), &info) != 0) fail_system(errno, "list", name(path));
    if (!S_ISDIR(info.st_mode))
        throw Failure{VG_EINVAL,
                      "cannot list " + printable(name(path)) + ": it is a file, not a folder"};
    walk(path, nullptr, visit, unlisted);
}

void LocalStore::stat(const std::string &path, vg_file *file)
{
    struct stat info;
    if (::stat(full(path).c_str(), &info) != 0 && errno == ENOTDIR)
        fail_system(ENOENT, "find", name(path));
    if (::fstat(locate(path, "find").get(), &info) != 0) fail_system(errno, "find", name(path));
    if (S_ISDIR(info.st_mode)) fail_system(EISDIR, "use", name(path));
    file->size = info.st_size;
    file->modified = microseconds(info.st_mtim);
}

void LocalStore::read(const std::string &path, int64_t, uint64_t max_size, vg_bytes *content)
{
    Descriptor file = open_to_read(locate(path, "read"), name(path));
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
    std::string temporary = hidden_name();
    std::unique_ptr<LocalOutput> output = open_to_write(join(parent(path), temporary), name(path));
    check(output->stream()->Write(data, static_cast<int64_t>(size)), "write", name(path));
    output->finish();
    Place place = place_of(path, "write");
    std::string from = path_of(place.folder) + "/" + temporary;
    if (::rename(from.c_str(), place.path().c_str()) != 0) {
        int code = errno;
        ::unlink(from.c_str());
        fail_keeping(code, "write", name(path));
    }
    place.sync(name(path));
}

std::string LocalStore::stamp(const std::string &path)
{
    struct stat info;
    if (::fstat(locate(path, "find").get(), &info) != 0) fail_system(errno, "find", name(path));
    return stamp_of(info);
}

/* The name is given to the file that was looked at, whatever has that name now. The folder is not
 * synced, for that takes longer than all else: who goes on after a power cut looks at every file,
 * and the _SUCCESS that a folder gets in the end makes the names before it durable too. */
void LocalStore::share(const std::string &from, const std::string &stamp, const std::string &to)
{
    Descriptor source = locate(from, "read");
    struct stat info;
    if (::fstat(source.get(), &info) != 0) fail_system(errno, "read", name(from));
    if (stamp_of(info) != stamp)
        fail_with(VG_EFORMAT, "take", name(from), "it has been written to since");
    Place target = make_place(to);
    const std::string second = target.path();
    auto link = [&] {
        return ::linkat(AT_FDCWD, path_of(source).c_str(), AT_FDCWD, second.c_str(),
                        AT_SYMLINK_FOLLOW);
    };
    int code = link() == 0 ? 0 : errno;
    if (code == EEXIST) { /* left by a process that was killed */
        ::unlink(second.c_str());
        code = link() == 0 ? 0 : errno;
    }
    if (has_no_second_name(code)) return copy(source, from, to);
    if (code != 0) fail_system(code, "write", name(to));
}

/* Under a hidden name first. On btrfs, XFS and NFS 4.2 no byte is moved. */
void LocalStore::copy(const Descriptor &named, const std::string &from, const std::string &to)
{
    Descriptor source = open_to_read(named, name(from));
    const std::string hidden = join(parent(to), hidden_name());
    std::unique_ptr<LocalOutput> output = open_to_write(hidden, name(to));
    copy_bytes(source.get(), output->descriptor(), name(from), name(to));
    output->finish();
    rename(hidden, to);
}

void LocalStore::rename(const std::string &from, const std::string &to)
{
    Place source = place_of(from, "rename");
    struct stat info;
    if (::lstat(source.path().c_str(), &info) != 0) fail_system(errno, "rename", name(from));
    Place target = make_place(to);
    if (::rename(source.path().c_str(), target.path().c_str()) != 0)
        fail_keeping(errno, "write", name(to));
    target.sync(name(to));
    if (parent(from) != parent(to)) source.sync(name(from));
}

/* Whatever else is wrong is told by the first file that is written. The names are always the
 * same, so what a killed process left goes with the next one. */
void LocalStore::try_out()
{
    const std::string begun = full(".verger-try.inprogress"), ended = full(".verger-try");
    Descriptor file(::open(begun.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (file.get() < 0) return;
    int code = code_of(::ftruncate(file.get(), 0));
    if (code == 0) code = code_of(::fsync(file.get()));
    bool is_renamed = code == 0 && ::rename(begun.c_str(), ended.c_str()) == 0;
    if (code == 0 && !is_renamed && errno != EINVAL) code = errno;
    ::unlink(is_renamed ? ended.c_str() : begun.c_str());
    if (code == ENOSYS || code == EOPNOTSUPP || code == EINVAL)
        fail_keeping(code, "write to", name(""));
}

bool LocalStore::has_folder_of(const std::string &path) const
{
    struct stat info;
    return ::stat(full(parent(path)).c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

void LocalStore::delete_file(const std::string &path)
{
    if (!has_folder_of(path)) return;
    Place place = place_of(path, "delete");
    if (::unlink(place.path().c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return;
    fail_system(errno, "delete", name(path));
}

void LocalStore::delete_tree(const std::string &path)
{
    if (!has_folder_of(path)) return;
    std::error_code failure;
    std::filesystem::remove_all(place_of(path, "delete").path(), failure);
    if (failure && failure.value() != ENOENT && failure.value() != ENOTDIR)
        fail_system(failure.value(), "delete", name(path));
}

} // namespace

std::unique_ptr<vg_store> verger::open_local_store(std::string folder, std::string address,
                                                   bool follow_links)
{
    return std::make_unique<LocalStore>(std::move(folder), std::move(address), follow_links);
}
