/* Calls of the system on files below a folder, of which one fails, or all from one on; loaded by LD_PRELOAD.
 *
 * What is reached is what the C library is asked for by name: by Python, by libraries in Rust and C++. What the C
 * library calls within itself (fopen, fflush) is not, nor are writes to mapped memory. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READS = 1, CREATES = 2, WRITES = 4, SYNCS = 8, NAMES = 16, ALL = 31 };

static char below[PATH_MAX];
static long calls[ALL + 1], first;
static int error_number, is_lasting;

void fail_files(const char *folder, long at, int number, int lasting) {
    memset(calls, 0, sizeof calls);
    first = at;
    error_number = number;
    is_lasting = lasting;
    snprintf(below, sizeof below, "%s/", folder);
}

static int may_fail(int kind, int number) {
    switch (number) {
    case ENOSPC: return kind & (CREATES | WRITES | SYNCS | NAMES);
    case EACCES: return kind & (READS | CREATES | NAMES);
    default: return kind & ALL;
    }
}

/* How many calls there were that could fail with an error. */
long file_calls(int number) {
    long found = 0;
    for (int kind = 1; kind <= ALL; kind *= 2) found += may_fail(kind, number) ? calls[kind] : 0;
    return found;
}

static int fails(int kind, const char *path) {
    char whole[2 * PATH_MAX];
    if (!below[0] || !path) return 0;
    if (path[0] != '/') {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here)) return 0;
        snprintf(whole, sizeof whole, "%s/%s", here, path);
        path = whole;
    }
    if (strncmp(path, below, strlen(below))) return 0;
    __sync_add_and_fetch(&calls[kind], 1);
    if (!first || !may_fail(kind, error_number)) return 0;
    long now = __sync_add_and_fetch(&calls[0], 1);
    if (now < first || (now > first && !is_lasting)) return 0;
    errno = error_number;
    return 1;
}

static int fails_open(int kind, int file) {
    char link[64], path[PATH_MAX];
    if (!below[0] || file < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return fails(kind, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define KIND(flags) ((flags) & (O_CREAT | O_TRUNC) ? CREATES : (flags) & (O_WRONLY | O_RDWR) ? WRITES : READS)
#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); }

int open(const char *path, int flags, ...) { MODE(flags) return fails(KIND(flags), path) ? -1 : REAL(open)(path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags) return fails(KIND(flags), path) ? -1 : REAL(open64)(path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags) return fails(KIND(flags), path) ? -1 : REAL(openat)(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags) return fails(KIND(flags), path) ? -1 : REAL(openat64)(at, path, flags, mode); }
ssize_t write(int file, const void *data, size_t size) { return fails_open(WRITES, file) ? -1 : REAL(write)(file, data, size); }
ssize_t pwrite(int file, const void *data, size_t size, off_t at) { return fails_open(WRITES, file) ? -1 : REAL(pwrite)(file, data, size, at); }
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) { return fails_open(WRITES, file) ? -1 : REAL(pwrite64)(file, data, size, at); }
ssize_t writev(int file, const struct iovec *parts, int size) { return fails_open(WRITES, file) ? -1 : REAL(writev)(file, parts, size); }
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) { return fails_open(WRITES, out) ? -1 : REAL(copy_file_range)(in, from, out, to, size, flags); }
ssize_t sendfile(int out, int in, off_t *from, size_t size);
ssize_t sendfile(int out, int in, off_t *from, size_t size) { return fails_open(WRITES, out) ? -1 : REAL(sendfile)(out, in, from, size); }
ssize_t sendfile64(int out, int in, off64_t *from, size_t size);
ssize_t sendfile64(int out, int in, off64_t *from, size_t size) { return fails_open(WRITES, out) ? -1 : REAL(sendfile64)(out, in, from, size); }
int fsync(int file) { return fails_open(SYNCS, file) ? -1 : REAL(fsync)(file); }
int fdatasync(int file) { return fails_open(SYNCS, file) ? -1 : REAL(fdatasync)(file); }
int rename(const char *from, const char *to) { return fails(NAMES, to) ? -1 : REAL(rename)(from, to); }
int renameat(int in, const char *from, int out, const char *to) { return fails(NAMES, to) ? -1 : REAL(renameat)(in, from, out, to); }
int mkdir(const char *path, mode_t mode) { return fails(NAMES, path) ? -1 : REAL(mkdir)(path, mode); }
int symlink(const char *to, const char *path) { return fails(NAMES, path) ? -1 : REAL(symlink)(to, path); }
