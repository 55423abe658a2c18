/* SPDX-License-Identifier: BSD-3-Clause */
/* Unix stream sockets that carry file descriptors. */
#include "os/stream.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

_Static_assert(sizeof(((struct sockaddr_un *)NULL)->sun_path) == HF_STREAM_PATH_SIZE,
               "HF_STREAM_PATH_SIZE is the size of sun_path");

/* Room for every fd that the kernel would pass: what does not fit would be lost silently. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * HF_STREAM_FDS_MAX)];
};

int hf_stream_check_path(const char *path, struct hf_error *error)
{
    size_t length = strlen(path);

    if (length == 0)
        return hf_error_set(error, EINVAL, "the socket path is empty");
    if (length >= HF_STREAM_PATH_SIZE)
        return hf_error_set(error, ENAMETOOLONG,
                            "the socket path is %zu bytes long, %d are possible: %s", length,
                            HF_STREAM_PATH_SIZE - 1, path);
    return 0;
}

static int socket_option(int socket_fd, int option)
{
    int value = 0;
    socklen_t size = sizeof(value);

    return getsockopt(socket_fd, SOL_SOCKET, option, &value, &size) < 0 ? -errno : value;
}

int hf_stream_prepare(int socket_fd, struct hf_error *error)
{
    struct sockaddr_un address;
    socklen_t size = sizeof(address);
    int domain = socket_option(socket_fd, SO_DOMAIN);

    if (domain < 0)
        return hf_error_set(error, -domain, "descriptor %d: %s", socket_fd, strerror(-domain));
    if (domain != AF_UNIX || socket_option(socket_fd, SO_TYPE) != SOCK_STREAM)
        return hf_error_set(error, EPROTOTYPE, "descriptor %d is no Unix stream socket", socket_fd);
    if (getpeername(socket_fd, (struct sockaddr *)&address, &size) < 0)
        return hf_error_set(error, errno, "descriptor %d is not connected: %s", socket_fd,
                            strerror(errno));
    int flags = fcntl(socket_fd, F_GETFL);
    if (flags < 0 || fcntl(socket_fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(socket_fd, F_SETFD, FD_CLOEXEC) < 0)
        return hf_error_set(error, errno, "descriptor %d: %s", socket_fd, strerror(errno));
    return 0;
}

int hf_stream_connect(const char *path, struct hf_error *error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int failed = hf_stream_check_path(path, error);
    if (failed < 0)
        return failed;
    memcpy(address.sun_path, path, strlen(path));
    HF_AUTO_FD int fd = hf_fd_lift(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd < 0)
        return hf_error_set(error, -fd, "cannot make a socket: %s", strerror(-fd));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return hf_fd_steal(&fd);
    /* unix(7): a full backlog is EAGAIN; EINPROGRESS is not known to happen, and means the same. */
    int code = errno == EINPROGRESS || errno == EINTR ? EAGAIN : errno;
    return hf_error_set(error, code, "cannot connect to %s: %s", path,
                        code == EAGAIN ? "its backlog is full" : strerror(code));
}

int hf_stream_pair(int fds[2])
{
    int pair[2];

    fds[0] = -1;
    fds[1] = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    HF_AUTO_FD int second = pair[1];
    HF_AUTO_FD int first = hf_fd_lift(pair[0]);
    if (first < 0)
        return first;
    int lifted = hf_fd_lift(hf_fd_steal(&second));
    if (lifted < 0)
        return lifted;
    fds[0] = hf_fd_steal(&first);
    fds[1] = lifted;
    return 0;
}

int hf_stream_peer(int socket_fd, struct hf_stream_peer *peer)
{
    struct ucred credentials;
    socklen_t size_bytes = sizeof(credentials);

    *peer = (struct hf_stream_peer){ 0 };
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size_bytes) < 0)
        return -errno;
    *peer = (struct hf_stream_peer){ .pid = credentials.pid,
                                     .uid = credentials.uid,
                                     .gid = credentials.gid };
    return 0;
}

static void attach_fds(struct msghdr *message, union control *control, const int *fds,
                       size_t fd_count)
{
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
}

ssize_t hf_stream_send(int socket_fd, const void *bytes, size_t size_bytes, const int *fds,
                       size_t fd_count)
{
    union control control = { 0 };
    /* sendmsg does not write through the pointer; POSIX just has no const here. */
    struct iovec piece = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = size_bytes };
    struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };

    /* Fds need a byte to travel with (unix(7)). */
    if (size_bytes == 0 || fd_count > HF_STREAM_FDS_MAX)
        return -EINVAL;
    if (fd_count > 0)
        attach_fds(&message, &control, fds, fd_count);
    ssize_t sent;
    do
        sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

/* A received fd becomes ours only above the standard streams. */
static void keep_fd(struct hf_stream_input *input, int fd)
{
    int lifted = hf_fd_lift(fd);

    if (lifted < 0)
        input->fds_truncated = true;
    else
        input->fds[input->fd_count++] = lifted;
}

static void keep_fds_of(struct hf_stream_input *input, const struct cmsghdr *header)
{
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
        keep_fd(input, fd);
    }
}

static void keep_all_fds(struct hf_stream_input *input, struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);

    while (header != NULL) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
            keep_fds_of(input, header);
        header = CMSG_NXTHDR(message, header);
    }
}

ssize_t hf_stream_receive(int socket_fd, void *buffer, size_t capacity,
                          struct hf_stream_input *input)
{
    union control control;
    struct iovec piece = { .iov_base = buffer, .iov_len = capacity };
    struct msghdr message = { .msg_iov = &piece,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = sizeof(control) };

    input->size_bytes = 0;
    input->fd_count = 0;
    input->fds_truncated = false;
    ssize_t got;
    do
        got = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    input->size_bytes = (size_t)got;
    input->fds_truncated = (message.msg_flags & MSG_CTRUNC) != 0;
    keep_all_fds(input, &message);
    return got;
}

void hf_stream_input_close(struct hf_stream_input *input)
{
    hf_fd_close_all(input->fds, (unsigned)input->fd_count);
    input->fd_count = 0;
}
