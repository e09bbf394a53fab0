/* Preloaded into the gateway by the tests: a disk that is slow, stuck or broken on demand.
 *
 * VG_FSYNC_DIR names a folder. While a file of this name is in it, fsync and fdatasync
 *   delay   first sleep for the milliseconds it holds,
 *   block   wait until the file is gone,
 *   eio     fail with EIO and sync nothing,
 *   enospc  fail with ENOSPC and sync nothing.
 * Each call adds one byte to `calls` on entry, and to `synced` once the real call has succeeded.
 *
 *   cc -shared -fPIC -o fsync.so fsync.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef int (*sync_call)(int);

static const char *flag(char *path, size_t size, const char *name)
{
    const char *folder = getenv("VG_FSYNC_DIR");
    if (folder == NULL || (size_t)snprintf(path, size, "%s/%s", folder, name) >= size)
        return NULL;
    return path;
}

static int is_set(const char *name)
{
    char path[4096];
    return flag(path, sizeof path, name) != NULL && access(path, F_OK) == 0;
}

static long milliseconds(const char *name)
{
    char path[4096], text[32] = {0};
    if (flag(path, sizeof path, name) == NULL)
        return 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    return length > 0 ? strtol(text, NULL, 10) : 0;
}

static void nap(long ms)
{
    struct timespec left = {ms / 1000, (ms % 1000) * 1000000L};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static void count(const char *name)
{
    char path[4096];
    if (flag(path, sizeof path, name) == NULL)
        return;
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0)
        return;
    if (write(file, ".", 1) != 1)
        perror("fsync.c: count");
    close(file);
}

static int guarded(const char *symbol, int fd)
{
    count("calls");
    long ms = milliseconds("delay");
    if (ms > 0)
        nap(ms);
    while (is_set("block"))
        nap(5);
    if (is_set("eio")) {
        errno = EIO;
        return -1;
    }
    if (is_set("enospc")) {
        errno = ENOSPC;
        return -1;
    }
    sync_call real = (sync_call)dlsym(RTLD_NEXT, symbol);
    int result = real(fd);
    if (result == 0)
        count("synced");
    return result;
}

int fsync(int fd)
{
    return guarded("fsync", fd);
}

int fdatasync(int fd)
{
    return guarded("fdatasync", fd);
}
