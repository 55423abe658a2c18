/* SPDX-License-Identifier: BSD-3-Clause */
/* A listening Unix socket under a name. */
#include "os/listener.h"

#include "base/text.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define LOCK_SUFFIX ".lock"
/* Ours alone, for we hold the lock: what lies there is left over from a crash. */
#define TEMPORARY_SUFFIX ".new"
#define BACKLOG          128
/* A predecessor that was killed is gone within milliseconds; a server that lives on is not to be
 * bothered with a connection at every look. */
#define SOON_NS        (100 * HF_NS_PER_MS)
#define RETRY_NS       (5 * HF_NS_PER_MS)
#define RETRY_LATER_NS (100 * HF_NS_PER_MS)

#define MODE_BY_UMASK  ((mode_t)-1)

struct names {
    mode_t mode;
    char lock[HF_STREAM_PATH_SIZE + sizeof(LOCK_SUFFIX)];
    char temporary[HF_STREAM_PATH_SIZE];
};

static int make_names(struct names *names, const char *path, struct hf_error *error)
{
    int failed = hf_stream_check_path(path, error);
    if (failed < 0)
        return failed;
    const size_t limit = HF_STREAM_PATH_SIZE - sizeof(TEMPORARY_SUFFIX);
    if (strlen(path) > limit)
        return hf_error_set(error, ENAMETOOLONG,
                            "the socket path is %zu bytes long, %zu are possible (it is made as "
                            "PATH%s and renamed): %s",
                            strlen(path), limit, TEMPORARY_SUFFIX, path);
    snprintf(names->lock, sizeof(names->lock), "%s%s", path, LOCK_SUFFIX);
    snprintf(names->temporary, sizeof(names->temporary), "%s%s", path, TEMPORARY_SUFFIX);
    return 0;
}

static int refuse_live(int fd, const char *path, struct hf_error *error)
{
    struct hf_stream_peer peer = { 0 };

    if (fd >= 0)
        hf_stream_peer(fd, &peer);
    if (peer.pid > 0)
        return hf_error_set(error, EADDRINUSE, "%s is served by process %d", path, peer.pid);
    return hf_error_set(error, EADDRINUSE, "%s is served by another process", path);
}

/* Free to take = nothing there, or a socket that nobody serves. Our lock keeps our own kind away;
 * this finds the servers that do not know of it. */
static int check_free(const char *path, struct hf_error *error)
{
    struct stat status;

    if (lstat(path, &status) < 0)
        return errno == ENOENT
                   ? 0
                   : hf_error_set(error, errno, "cannot look at %s: %s", path, strerror(errno));
    if (!S_ISSOCK(status.st_mode))
        return hf_error_set(error, EEXIST, "%s exists and is not a socket: left alone", path);
    HF_AUTO_FD int fd = hf_stream_connect(path, error);
    if (fd == -ECONNREFUSED || fd == -ENOENT)
        return 0;
    /* EPROTOTYPE: a socket of another type, and alive. */
    if (fd >= 0 || fd == -EAGAIN || fd == -EPROTOTYPE)
        return refuse_live(fd, path, error);
    hf_error_prefix(error, "cannot find out who serves %s", path);
    return fd;
}

static int bind_temporary(int fd, const struct names *names, struct hf_error *error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *path = names->temporary;

    unlink(path);
    memcpy(address.sun_path, path, strlen(path));
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return hf_error_set(error, errno, "cannot make the socket %s: %s", path, strerror(errno));
    if (names->mode != MODE_BY_UMASK && chmod(path, names->mode) < 0)
        return hf_error_set(error, errno, "cannot set the mode of %s: %s", path, strerror(errno));
    return 0;
}

/* From listen() to the name: whoever sees the name can connect. */
static int open_for_business(struct hf_listener *listener, const char *temporary,
                             struct hf_error *error)
{
    struct stat status;

    if (listen(listener->fd, BACKLOG) < 0)
        return hf_error_set(error, errno, "cannot listen: %s", strerror(errno));
    listener->listening_ns = hf_clock_ns();
    if (lstat(temporary, &status) < 0 || rename(temporary, listener->path) < 0)
        return hf_error_set(error, errno, "cannot give %s its name: %s", temporary,
                            strerror(errno));
    listener->device = status.st_dev;
    listener->inode = status.st_ino;
    return 0;
}

static int make_socket(struct hf_listener *listener, const struct names *names,
                       struct hf_error *error)
{
    listener->fd = hf_fd_lift(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (listener->fd < 0)
        return hf_error_set(error, -listener->fd, "cannot make a socket: %s",
                            strerror(-listener->fd));
    int failed = bind_temporary(listener->fd, names, error);
    if (failed == 0)
        failed = open_for_business(listener, names->temporary, error);
    if (failed < 0)
        unlink(names->temporary);
    return failed;
}

static int try_once(struct hf_listener *listener, const struct names *names, struct hf_error *error)
{
    listener->lock_fd = hf_lock_file(names->lock, error);
    if (listener->lock_fd == -EAGAIN) {
        hf_error_prefix(error, "%s is served by another process", listener->path);
        return -EADDRINUSE;
    }
    if (listener->lock_fd < 0)
        return listener->lock_fd;
    int failed = check_free(listener->path, error);
    if (failed == 0)
        failed = make_socket(listener, names, error);
    if (failed < 0) {
        hf_fd_close(&listener->fd);
        hf_lock_file_done(names->lock, &listener->lock_fd);
    }
    return failed;
}

/* To find a lock taken costs nobody anything. */
static void pause_between(const struct hf_listener *listener, uint64_t waited_ns)
{
    bool soon = listener->lock_fd == -EAGAIN || waited_ns < SOON_NS;
    const struct timespec pause = { .tv_nsec = soon ? RETRY_NS : RETRY_LATER_NS };

    nanosleep(&pause, NULL);
}

int hf_listener_init_mode(struct hf_listener *listener, const char *path, mode_t mode,
                          uint64_t grace_ns, struct hf_error *error)
{
    uint64_t start_ns = hf_clock_ns();
    struct names names = { .mode = mode };

    *listener = (struct hf_listener){ .fd = -1, .lock_fd = -1 };
    int result = make_names(&names, path, error);
    if (result < 0)
        return result;
    memcpy(listener->path, path, strlen(path));
    result = try_once(listener, &names, NULL);
    while (result == -EADDRINUSE && hf_clock_ns() - start_ns < grace_ns) {
        pause_between(listener, hf_clock_ns() - start_ns);
        result = try_once(listener, &names, NULL);
    }
    /* Once more for the words: to find out who is in the way is slow. */
    if (result < 0)
        result = try_once(listener, &names, error);
    if (result < 0)
        *listener = (struct hf_listener){ .fd = -1, .lock_fd = -1 };
    else
        hf_error_clear(error); /* the probe of a stale socket left words there */
    return result;
}

int hf_listener_init(struct hf_listener *listener, const char *path, uint64_t grace_ns,
                     struct hf_error *error)
{
    return hf_listener_init_mode(listener, path, MODE_BY_UMASK, grace_ns, error);
}

static int check_listens(int fd, struct hf_error *error)
{
    int domain = 0;
    int listens = 0;
    socklen_t size_bytes = sizeof(int);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size_bytes) < 0 || domain != AF_UNIX)
        return hf_error_set(error, EINVAL, "fd %d is not a Unix socket", fd);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size_bytes) < 0 || listens == 0)
        return hf_error_set(error, EINVAL, "the socket on fd %d does not listen", fd);
    return 0;
}

int hf_listener_adopt(struct hf_listener *listener, int fd, struct hf_error *error)
{
    HF_AUTO_FD int taken = fd;

    *listener = (struct hf_listener){ .fd = -1, .lock_fd = -1 };
    int failed = check_listens(taken, error);
    if (failed < 0)
        return failed;
    taken = hf_fd_lift(hf_fd_steal(&taken));
    if (taken < 0)
        return hf_error_set(error, -taken, "cannot take fd %d: %s", fd, strerror(-taken));
    int flags = fcntl(taken, F_GETFL);
    if (flags < 0 || fcntl(taken, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(taken, F_SETFD, FD_CLOEXEC) < 0)
        return hf_error_set(error, errno, "cannot set up fd %d: %s", fd, strerror(errno));
    listener->fd = hf_fd_steal(&taken);
    listener->listening_ns = hf_clock_ns();
    return 0;
}

/* Somebody may have put another socket there since: that one is not ours. */
static void unlink_own(const struct hf_listener *listener)
{
    struct stat status;

    if (lstat(listener->path, &status) == 0 && status.st_dev == listener->device &&
        status.st_ino == listener->inode)
        unlink(listener->path);
}

void hf_listener_done(struct hf_listener *listener)
{
    char lock[HF_STREAM_PATH_SIZE + sizeof(LOCK_SUFFIX)];

    /* A zeroed one has fd 0, which the os layer never hands out. */
    if (listener == NULL || listener->fd < HF_FD_FIRST)
        return;
    if (listener->path[0] != '\0') {
        snprintf(lock, sizeof(lock), "%s%s", listener->path, LOCK_SUFFIX);
        unlink_own(listener);
        hf_lock_file_done(lock, &listener->lock_fd);
    }
    hf_fd_close(&listener->fd);
    *listener = (struct hf_listener){ .fd = -1, .lock_fd = -1 };
}

int hf_listener_accept(struct hf_listener *listener)
{
    int fd;

    do
        fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    return hf_fd_lift(fd);
}
